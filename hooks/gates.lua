-- The gates that policies set before a run. gates.begin says what has to be found out, C finds it
-- out (gate.h), gates.judge says what follows from it. Every gate's opinion is here.
--
-- A gate is { name, on = { phase = true }, wants = function(value, wants), judge = function(value,
-- ask) }. A judge answers nothing (it lets the run pass), or { text, details = { ... }, next = {
-- ... }, level = "warn" }. `ask`: environment, command, plan, found, facts, findings, effects.
local native = ...

local calendar = native.use("calendar")
local verdict = native.use("verdict")

local gates = {}

local function seconds(text)
  return native.duration(text) / 1000
end

local function say(format, ...)
  return format:format(...)
end

-- "2 files", "1 file"
local function some(count, word)
  return say("%d %s%s", count, word, count == 1 and "" or "s")
end

-- The longest two units of a time: "3d 4h".
local function span(time)
  local units = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } }
  local words, rest = {}, math.floor(time)
  for _, unit in ipairs(units) do
    local count = rest // unit[2]
    if #words < 2 and (count > 0 or (unit[2] == 1 and #words == 0)) then
      words[#words + 1] = count .. unit[1]
    end
    rest = rest % unit[2]
  end
  return table.concat(words, " ")
end

local function environments_of(value)
  return type(value) == "table" and value.environment or value
end

local everywhere = { up = true, down = true, seed = true, restore = true }
local upwards = { up = true }
local writing = { up = true, down = true, seed = true }

local list = {}

local function gate(name, on, wants, judge)
  list[#list + 1] = { name = name, on = on, wants = wants, judge = judge }
end

-- What each pending file lacks: { "NAME why", ... }.
local function lacking(ask, why)
  local details = {}
  for _, file in ipairs(ask.plan.pending) do
    local text = why(file)
    if text then
      details[#details + 1] = file.name .. " " .. text
    end
  end
  return details
end

local function promote(ask, from)
  return say("stint promote %s --from %s, then stint deploy -e %s --release FILE", ask.environment, from, ask.environment)
end

local states = {
  baselined = "is only marked as applied there",
  rolled_back = "was rolled back there",
}

gate("applied_on", upwards, function(value, wants)
  wants.applied_on[environments_of(value)] = true
end, function(value, ask)
  local from = environments_of(value)
  local soak = type(value) == "table" and value.soak and seconds(value.soak)
  local there = ask.found.applied_on[from]
  if there.problem then
    return {
      say("%s cannot be asked whether the same text was applied there: %s", from, there.problem),
      next = { promote(ask, from) },
    }
  end
  local young = 0
  local details = lacking(ask, function(file)
    local row = there.files[file.id]
    if not row or row.state == "rolled_back" then
      return row and states.rolled_back or "never ran there"
    elseif row.state ~= "applied" then
      return states[row.state] or "is not finished there"
    elseif row.tokens ~= file.tokens then
      return "was another text when it ran there"
    elseif soak and row.age < soak then
      young = young + 1
      return say("was applied there %s ago, and has to wait for %s", span(row.age), span(soak - row.age))
    end
  end)
  if #details == 0 then
    return
  end
  return {
    say("%s not proven on %s%s", some(#details, "file"), from, there.release and " by " .. there.release or ""),
    details = details,
    next = { young < #details and say("stint deploy -e %s", from) or say("stint status -e %s shows since when", from) },
  }
end)

gate("backup", writing, function(_, wants)
  wants.backup = true
end, function(value, ask)
  local newest
  for _, one in ipairs(ask.found.backup or {}) do
    if one.proved or not value.proved then
      newest = newest or one
    end
  end
  if newest and newest.age <= seconds(value.max_age) then
    return
  end
  local what = value.proved and "proven backup" or "backup"
  return {
    newest and say("the last %s is %s old, and may be %s", what, span(newest.age), value.max_age)
      or say("there is no %s of %s", what, ask.environment),
    next = { say("stint backup -e %s%s", ask.environment, value.proved and " --prove" or "") },
  }
end)

-- What a command has done with exactly these texts, and written into this ledger (proof.h).
local function proof(name, word, command)
  gate(name, upwards, function(value, wants)
    wants.proofs[name] = value and true or nil
  end, function(value, ask)
    local most = type(value) == "table" and value.max_age
    local ages = ask.found.proofs and ask.found.proofs[name] or {}
    local details = value and lacking(ask, function(file)
      local age = ages[file.id]
      if not age then
        return say("has not been %s as it is now", word)
      elseif most and age > seconds(most) then
        return say("was %s %s ago, and that may be %s", word, span(age), most)
      end
    end) or {}
    if #details == 0 then
      return
    end
    local next_steps = { say("%s -e %s", command, ask.environment) }
    if not ask.found.proofs then
      table.insert(next_steps, 1, "its owner makes the ledger first, where that is entered: stint doctor --grants shows the SQL")
    end
    return { say("%s not %s", some(#details, "file"), word), details = details, next = next_steps }
  end)
end

proof("rehearsed", "rehearsed", "stint plan --rehearse")
proof("verified", "verified", "stint verify")

local function approvals_of(value)
  value = type(value) == "table" and value or { count = value }
  return { count = value.count or 1, roles = value.roles, not_author = value.not_author == true }
end

local function approvals_key(value)
  local roles = {}
  table.move(value.roles or {}, 1, #(value.roles or {}), 1, roles)
  table.sort(roles)
  return say("%s %s", value.not_author, table.concat(roles, ","))
end

local function tell_approvals(file, wanted)
  local words = {}
  for _, one in ipairs(file.given) do
    words[#words + 1] = one.refused and say("%s's does not count: %s", one.by, one.refused) or "by " .. one.by
  end
  return say("has %d of %d approvals%s", file.valid, wanted.count, #words > 0 and " (" .. table.concat(words, "; ") .. ")" or "")
end

gate("approvals", upwards, function(value, wants)
  local wanted = approvals_of(value)
  local key = approvals_key(wanted)
  wants.approvals[key] = wants.approvals[key]
    or { key = key, roles = native.json.list(wanted.roles or {}), not_author = wanted.not_author }
end, function(value, ask)
  local wanted = approvals_of(value)
  local found = ask.found.approvals[approvals_key(wanted)]
  local versions, next_steps, why = {}, {}, nil
  local details = lacking(ask, function(file)
    local its = found and found[file.id] or { valid = 0, given = {} }
    if its.valid >= wanted.count then
      return
    end
    why = why or its.refused
    if its.next then
      next_steps[1] = its.next
    end
    versions[#versions + 1] = file.kind == "repeatable" and file.name or file.version
    return its.refused and say("has no approval that can count: %s", its.refused) or tell_approvals(its, wanted)
  end)
  if #details == 0 then
    return
  end
  local by = wanted.roles and " by " .. table.concat(wanted.roles, " or ") or ""
  local other = wanted.not_author and ", not the author" or ""
  if not why then
    next_steps[#next_steps + 1] = say("stint approve %s -e %s", table.concat(versions, " "), ask.environment)
  end
  return {
    say("%s without the %s%s%s that %s wants", some(#details, "file"), some(wanted.count, "approval"), by, other, ask.environment),
    details = details,
    next = next_steps,
  }
end)

gate("window", everywhere, function(value, wants, policy)
  wants.windows[#wants.windows + 1] = calendar.read(value, policy)
end, function(_, ask, policy)
  local now = ask.found.windows[policy.path]
  if not now then
    return { "the database is not there, and its clock decides" }
  elseif now.is_open then
    return
  end
  return {
    now.frozen and say("frozen %s: it is %s", now.frozen, now.at) or say("closed: it is %s", now.at),
    next = { now.opens and "it opens " .. now.opens or "it does not open any more" },
  }
end)

gate("reversible", upwards, function() end, function(value, ask)
  local details = value and lacking(ask, function(file)
    return not file.reversible and "has no way back" or nil
  end) or {}
  if #details == 0 then
    return
  end
  return {
    say("%s without a way back", some(#details, "file")),
    details = details,
    next = { "write it below a line -- stint: down; where none is possible, the plan for it: -- stint: rollback \"TEXT\"" },
  }
end)

gate("max_duration", upwards, function(_, wants)
  wants.durations = true
end, function(value, ask)
  local took, unknown = 0, {}
  for _, file in ipairs(ask.plan.pending) do
    local longest
    for _, there in pairs(ask.found.applied_on) do
      local row = there.files and there.files[file.id]
      if row and row.tokens == file.tokens and row.duration_ms and row.duration_ms >= 0 then
        longest = math.max(longest or 0, row.duration_ms)
      end
    end
    took = took + (longest or 0)
    unknown[#unknown + 1] = not longest and file.name .. " has not run anywhere that is known" or nil
  end
  if #unknown > 0 then
    return {
      "how long the run takes is not known",
      details = unknown,
      next = { "applied_on in the policy names the environment whose ledger knows: stint deploy -e there" },
    }
  elseif took / 1000 > seconds(value) then
    return { say("the same files took %s where they ran before, and may take %s", span(took / 1000), value) }
  end
end)

gate("max_rows_locked", upwards, function(_, wants)
  wants.judge = true
end, function(value, ask)
  local details = {}
  for _, one in ipairs(ask.effects.locked) do
    if not one.rows or one.rows > value then
      details[#details + 1] = say("%s:%d: %s on %s, %s", one.file, one.line, one.mode, one.relation,
        one.rows and some(one.rows, "row") or "whose rows nobody has counted (ANALYZE does)")
    end
  end
  if #details == 0 then
    return
  end
  return {
    say("more than %s locked against reading or writing while work is done", some(value, "row")),
    details = details,
    next = { "a way that locks less: stint lint shows it" },
  }
end)

gate("data_loss", upwards, function(_, wants)
  wants.judge = true
end, function(value, ask)
  local details = {}
  for _, one in ipairs(value ~= "allow" and ask.effects.lost or {}) do
    details[#details + 1] = say("%s:%d: the %s %s", one.file, one.line, one.kind, one.name)
  end
  if #details == 0 then
    return
  end
  return {
    "data would be lost",
    details = details,
    next = { "say that it is meant, above the statement: -- stint: allow data-loss OBJECT reason=\"...\"" },
    level = value,
  }
end)

gate("downtime", upwards, function() end, function(value, ask)
  local details = value ~= "allow" and lacking(ask, function(file)
    return file.downtime and "says: " .. file.downtime
  end) or {}
  if #details == 0 then
    return
  end
  return { say("%s with downtime", some(#details, "file")), details = details, level = value }
end)

gate("order", upwards, function() end, function(value, ask)
  local details = value ~= "allow" and lacking(ask, function(file)
    return file.state == "out_of_order" and "is older than the newest applied migration" or nil
  end) or {}
  if #details == 0 then
    return
  end
  return {
    say("%s out of order", some(#details, "file")),
    details = details,
    next = { "give it a new version" },
    level = value == "warn" and "warn" or "deny",
  }
end)

gate("replica_lag", writing, function(_, wants)
  wants.replicas = true
end, function(value, ask)
  local seen = ask.found.replicas
  if not seen then
    return -- the database is not there yet
  end
  local grant = { say("GRANT pg_read_all_stats TO %s", seen.role) }
  if seen.count > 0 and not seen.lag then
    return { say("%s, and %s may not see how far behind", some(seen.count, "replica"), seen.role), next = grant }
  elseif seen.lag and seen.lag > seconds(value) then
    return {
      say("a replica (%s) is %s behind, and may be %s", seen.who, span(seen.lag), value),
      next = { "wait until it has caught up: stint doctor shows the replicas" },
    }
  elseif seen.problem then
    return { say("how far replicas are behind cannot be seen: %s", seen.problem), next = grant, level = "warn" }
  elseif seen.count == 0 and not seen.sees then
    return { say("no replica is seen, but %s does not see all", seen.role), next = grant, level = "warn" }
  end
end)

local function answer_of(own, ask, policy)
  local ok, answer = pcall(own, ask.plan, ask.facts or {})
  if ok then
    ok, answer = pcall(verdict.list, answer)
  end
  if not ok then
    return { say("the function failed: %s", tostring(answer)), next = { "mend " .. policy.path } }
  end
  local level, texts = "warn", {}
  for _, one in ipairs(answer) do
    level = one.verdict == "deny" and "deny" or level
    texts[#texts + 1] = one.text
  end
  if #texts > 0 then
    return { table.concat(texts, "; "), level = level }
  end
end

gate("run", writing, function(_, wants)
  wants.judge = true
end, answer_of)

-- What the rules say: C brings those errors that refuse here (review.h).
gate("rules", upwards, function() end, function(_, ask)
  if #ask.errors > 0 then
    return {
      some(#ask.errors, "error") .. " by the rules",
      details = ask.errors,
      next = { "mend it; or say why not, above the statement: -- stint: allow RULE reason=\"...\"" },
    }
  end
end)

gates.names = {}
for i, one in ipairs(list) do
  gates.names[i] = one.name
end

local phases = {
  up = { "up" },
  deploy = { "up" },
  plan = { "up" },
  down = { "down" },
  redo = { "down", "up" },
  seed = { "seed" },
  restore = { "restore" },
}

-- Those of the policies that are for this command: { gate, value, policy = { path, line } }.
local now

local function is_for(one, command)
  for _, phase in ipairs(phases[command]) do
    if one.on[phase] then
      return true
    end
  end
  return false
end

local function demands_of(paths, command)
  local demands = {}
  for _, path in ipairs(paths) do
    local declaration = native.declared[path]
    for _, one in ipairs(list) do
      local value = declaration.fields[one.name]
      if value ~= nil and is_for(one, command) then
        demands[#demands + 1] = { gate = one, value = value, policy = { path = path, line = declaration.line } }
      end
    end
  end
  return demands
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- { command, policies = { path... } }: what must be found out; demands: how many there are.
function gates.begin(with)
  local wants = { applied_on = {}, approvals = {}, proofs = {}, windows = {}, backup = false, replicas = false, facts = false, judge = false }
  now = demands_of(with.policies, with.command)
  for _, one in ipairs(now) do
    one.gate.wants(one.value, wants, one.policy)
  end
  local kinds = {}
  for _, key in ipairs(sorted(wants.approvals)) do
    kinds[#kinds + 1] = wants.approvals[key]
  end
  return {
    demands = #now,
    applied_on = native.json.list(sorted(wants.applied_on)),
    approvals = native.json.list(kinds),
    windows = native.json.list(wants.windows),
    proofs = native.json.list(sorted(wants.proofs)),
    backup = wants.backup,
    replicas = wants.replicas,
    facts = wants.facts or wants.judge,
    judge = wants.judge,
  }
end

-- Who may lift this gate: the roles that every policy which demands it names; nil where one names
-- none.
local function lifters(name)
  local all = {}
  for _, one in ipairs(now) do
    if one.gate.name == name then
      local declaration = native.declared[one.policy.path]
      local named = (declaration and declaration.fields.override or {})[name]
      if not named then
        return nil
      end
      all[#all + 1] = native.json.list(type(named) == "table" and named or { named })
    end
  end
  return all
end

local function demanded(name)
  for _, one in ipairs(now) do
    if one.gate.name == name then
      return true
    end
  end
  return false
end

-- { name }: { known, nearest, demanded, roles = { { role... }... } or null }
function gates.override(with)
  local known = false
  for _, name in ipairs(gates.names) do
    known = known or name == with.name
  end
  return {
    known = known,
    nearest = native.nearest(with.name, gates.names) or native.json.null,
    demanded = demanded(with.name),
    roles = lifters(with.name) and native.json.list(lifters(with.name)) or native.json.null,
  }
end

local answers = { deny = "refused", warn = "warned" }

-- Rules refuse whether a policy speaks of them or not.
local function with_rules(demands, errors)
  if #errors > 0 and not demanded "rules" then
    for _, one in ipairs(list) do
      if one.name == "rules" then
        demands[#demands + 1] = { gate = one, value = {}, policy = { path = "the rules that come with Stint" } }
      end
    end
  end
  return demands
end

-- Asks every gate: { environment, command, plan, found, facts, findings, effects, errors }.
function gates.judge(ask)
  local said = {}
  ask.plan.findings = ask.findings or {}
  for i, one in ipairs(with_rules(now, ask.errors)) do
    local no = one.gate.judge(one.value, ask, one.policy)
    said[i] = {
      gate = one.gate.name,
      policy = one.policy.path,
      state = no and answers[no.level or "deny"] or "passed",
      message = no and no[1] or native.json.null,
      details = native.json.list(no and no.details or {}),
      next = native.json.list(no and no.next or {}),
    }
  end
  return native.json.list(said)
end

return gates
