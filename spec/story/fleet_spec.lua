local cluster = require "spec.support.cluster"
local run = require "spec.support.run"
local session = require "spec.support.session"

local LONG = os.getenv "STINT_LONG" ~= nil
local TARGETS = LONG and 500 or 12
local FILES = LONG and 20 or 3

local CONFIG = [[
[project]
environment = production
[production]
url = ${DATABASE_URL}
targets = %s
]]

local function files(count)
  local list = {}
  for i = 1, count do
    list[("scripts/migrations/%d_file.sql"):format(i)] = ("CREATE TABLE t%d (n int);"):format(i)
  end
  return list
end

-- The rows of the table that a fleet's run prints: name -> { state, count, exit }; and the names in their order.
local function table_of(out)
  local rows, names = {}, {}
  for line in out:gmatch "[^\n]+" do
    local name, state, count, code = line:match "^(%S+)  (%S+)%s+(%S+)%s+(%S+)$"
    if name and name ~= "target" then
      rows[name] = { state = state, count = count, exit = code }
      names[#names + 1] = name
    end
  end
  return rows, names
end

describe("a fleet", function()
  local pg, url, prefix, dir

  local function name(i)
    return ("%s_%03d"):format(prefix, i)
  end

  local function start(words, env)
    env = env or {}
    env.DATABASE_URL = url
    return run.start(words, { cwd = dir, env = env, timeout = 600 })
  end

  local function stint(...)
    return start({ ... }):wait()
  end

  -- An admin database, and `count` others whose names are in its table `tenant`.
  local function tenants(count)
    url, prefix = pg:database()
    local s = session.open(url)
    s:exec "CREATE TABLE tenant (number int, name text)"
    s:exec(("INSERT INTO tenant SELECT g, '%s_' || lpad(g::text, 3, '0') FROM generate_series(1, %d) g"):format(prefix, count))
    for i = 1, count do
      s:exec("CREATE DATABASE " .. name(i))
    end
    s:close()
  end

  setup(function()
    pg = cluster.get()
  end)

  it("applies to every database what is pending there, a bounded number at once", function()
    tenants(TARGETS)
    local list = files(FILES)
    -- Each counts the sessions of all that are at work.
    list["scripts/migrations/1_file.sql"] = "CREATE TABLE seen AS SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'stint:%';"
    dir = run.project(list, CONFIG:format "SELECT name AS database FROM tenant ORDER BY number")
    local r = stint("up", "--jobs", "3")
    assert.equal(0, r.code, r.err .. r.out)
    local rows, names = table_of(r.out)
    assert.equal(TARGETS, #names)
    for i = 1, TARGETS do
      assert.equal(name(i), names[i])
      assert.same({ state = "ok", count = tostring(FILES), exit = "0" }, rows[name(i)])
    end
    assert.matches(("%d targets: %d ok; %d applied\n"):format(TARGETS, TARGETS, TARGETS * FILES), r.out, 1, true)
    local most = 0
    for i = 1, TARGETS do
      most = math.max(most, tonumber(pg:sql(name(i), "SELECT n FROM seen")))
    end
    assert.is_true(most >= 2 and most <= 6, "sessions at once: " .. most)

    r = stint "status"
    assert.equal(0, r.code, r.err)
    assert.matches("; 0 pending\n", r.out, 1, true)
  end)
end)
