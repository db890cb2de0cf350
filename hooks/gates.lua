-- The gates that policies set before a run. gates.begin says what has to be found out, C finds it
-- out (gate.h), gates.judge says what follows from it. Every gate's opinion is in gate/*.lua, in the
-- order in which they are asked.
local native = ...

local list = native.use("gate/common").list
for _, part in ipairs { "past", "moment", "files" } do
  native.use("gate/" .. part)
end

local gates = {}

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
