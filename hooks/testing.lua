-- What specs get from require "stint.testing": scratch databases, the engine, the team's scripts.
-- `native` is what C brings (lib_testing.c). Loaded anew for each spec file.
local native = ...

local testing = {}

local function version_of(value, what)
  if math.type(value) == "integer" then
    return tostring(value)
  end
  if type(value) ~= "string" then
    error(("%s takes versions such as \"20260127120000\", not a %s"):format(what, type(value)), 3)
  end
  return value
end

-- apply(): all migrations; apply(version): all up to this one; apply { version, ... }: these alone,
-- in this order. How many were applied.
function testing.apply(versions)
  if versions == nil then
    return native.apply()
  end
  if type(versions) ~= "table" then
    return native.apply(version_of(versions, "apply"))
  end
  local count = 0
  for _, version in ipairs(versions) do
    count = count + native.apply(nil, version_of(version, "apply"))
  end
  return count
end

-- revert(): the newest one; revert(version): all that are newer; revert "0": everything.
function testing.revert(version)
  native.revert(version ~= nil and version_of(version, "revert") or nil)
end

local models = {}

-- A new, empty database in place of this file's present one, which is dropped. With a function, one
-- in which that has been called: it runs once, and each later database is a copy.
function testing.fresh(prepare)
  if prepare == nil then
    return native.fresh()
  end
  if type(prepare) ~= "function" then
    error(("fresh takes a function that prepares the database, not a %s"):format(type(prepare)), 2)
  end
  if not models[prepare] then
    native.fresh()
    prepare()
    models[prepare] = native.model()
  end
  native.fresh(models[prepare])
end

-- Several statements at once, without parameters.
testing.sql = native.sql

-- The days from 1970 to a date of the Gregorian calendar.
local function days(year, month, day)
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  return 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
end

local function seconds_of(text)
  local year, month, day, rest = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$"
  local hour, minute, second = "0", "0", "0"
  if rest and rest ~= "" then
    hour, minute, second = rest:match "^[ T](%d%d):(%d%d):?(%d*)Z?$"
  end
  if not year or not hour then
    error(('clock takes seconds since 1970 or a time in UTC such as "2026-01-27 12:00:00", not "%s"'):format(text), 3)
  end
  local at = days(tonumber(year), tonumber(month), tonumber(day)) * 86400
  return at + tonumber(hour) * 3600 + tonumber(minute) * 60 + (tonumber(second) or 0)
end

-- From now on this is what os.time and os.date of scripts answer, until the file's end or clock().
function testing.clock(time)
  if type(time) == "string" then
    time = seconds_of(time)
  end
  native.clock(time)
end

-- What hooks have handed to notify(event), in its order; nothing is started.
testing.notified = {}

function native.fakes.notify(event)
  table.insert(testing.notified, event)
end

local function path_of(name)
  local migration = name:match "^migrations/(.+)$"
  if migration then
    return native.migration(migration)
  end
  return ("%s/%s%s"):format(native.scripts, name, name:find "%.lua$" and "" or ".lua")
end

-- What a file declares, loaded as in a run: its fields, `kind` and `name`. Its functions can be
-- called with whatever a spec has: testing.db, or tables and functions of its own.
function testing.script(name)
  if type(name) ~= "string" then
    error('script takes the name of a file, such as "checks/orders_have_customers"', 2)
  end
  local script, kind = native.script(path_of(name))
  script.kind = kind
  script.name = name:match "([^/]+)$":gsub("%.lua$", "")
  return script
end

-- What require "lib.NAME" gives to scripts.
function testing.lib(name)
  return native.lib((name:gsub("^lib[./]", "")))
end

local function declared(kind, name)
  local script = testing.script(kind .. "s/" .. name)
  if script.kind ~= kind then
    error(("%ss/%s declares a %s"):format(kind, name, script.kind), 3)
  end
  return script
end

-- Asks the `run` of a policy of this name: "allow", "warn" or "deny", and why.
function testing.policy(name, plan, facts)
  local policy = testing.script("policies/" .. name)
  if policy.kind ~= "policy" or not policy.run then
    error(("policies/%s declares no policy with a run"):format(name), 2)
  end
  local answer = policy.run(plan or testing.plan(), facts or testing.facts())
  return answer and answer.verdict or "allow", answer and answer.text
end

-- Asks a check of this name: true, or false and why: the rows, or what the check says.
function testing.check(name, db)
  local check = declared("check", name)
  if check.test then
    return check.test(db or testing.db)
  end
  local rows = (db or testing.db):query(check.none)
  return #rows == 0, rows
end

local function is_told(hook, kind)
  local on = type(hook.on) == "table" and hook.on or { hook.on }
  for _, wanted in ipairs(on) do
    if wanted == kind then
      return true
    end
  end
  return false
end

-- Tells a hook of this name an event: a table with `event`, its kind, and its fields. True, unless
-- the hook is not told such events.
function testing.hook(name, event)
  local hook = declared("hook", name)
  if not is_told(hook, event.event) then
    return false
  end
  local told = { at = "2026-01-27T12:00:00.000Z" }
  for field, value in pairs(event) do
    told[field] = value
  end
  hook.run(told)
  return true
end

-- Fakes: what a spec gives, the rest as below, so that a rule or a function can be asked without a
-- database.
local function fake(what, all)
  return function(given)
    local value = {}
    for name, field in pairs(all) do
      value[name] = field
    end
    for name, field in pairs(given or {}) do
      if all[name] == nil then
        error(('testing.%s has no "%s"'):format(what, tostring(name)), 2)
      end
      value[name] = field
    end
    return value
  end
end

testing.facts = fake("facts", {
  environment = "production",
  server_version = 150000,
  replicas = 0,
  replica_lag = 0,
  long_transactions = {},
  search_path = { "public" },
  relations = {},
  functions = {},
  types = {},
  domains = {},
  extensions = {},
})

testing.health = fake("health", {
  replica_lag = 0,
  replica_lag_bytes = 0,
  slot_wal = 0,
  archive_backlog = 0,
  lock_waiters = 0,
  active_others = 0,
  cpu_pressure = 0,
  commit_latency = 0,
  requested_checkpoints = 0,
  dead_tuples = 0,
  horizon_held = 0,
  wraparound_vacuum = 0,
  wal_rate = 0,
})

testing.plan = fake("plan", { environment = "production", database = "app", pending = {}, skipped = {}, checks = {} })

-- What stint lint finds in a SQL text, by Stint's rules and all of the team's policies: a list of
-- findings, and the coverage. With facts: what is known of the database.
function testing.lint(sql, facts)
  if type(sql) ~= "string" then
    error(("lint takes a SQL text, not a %s"):format(type(sql)), 2)
  end
  local answer = native.lint(native.json.encode { sql = sql, facts = facts, environment = facts and facts.environment })
  return answer.findings, answer.coverage
end

testing.json = native.json

local later = { db = native.db, url = native.url }

return setmetatable(testing, {
  __index = function(_, name)
    if later[name] then
      return later[name]()
    end
    error(('stint.testing has no "%s"'):format(tostring(name)), 2)
  end,
})
