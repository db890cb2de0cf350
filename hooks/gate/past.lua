-- Gates that ask what was done before: elsewhere, with this text, by whom.
local native = ...

local common = native.use("gate/common")

local gate, lacking, say, seconds, some, span = common.gate, common.lacking, common.say, common.seconds, common.some, common.span

local upwards = common.upwards

local function environments_of(value)
  return type(value) == "table" and value.environment or value
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

gate("backup", common.writing, function(_, wants)
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
    wants.proofs[name] = value and true or wants.proofs[name]
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

gate("max_duration", upwards, function() end, function(value, ask)
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
