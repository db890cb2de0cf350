-- Several runs of one project at once: one works, the others wait, and each file is applied once.
local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local run = require "spec.support.run"
local session = require "spec.support.session"

local LONG = os.getenv("STINT_LONG") ~= nil

local FILES = {
  ["1_log.sql"] = "CREATE TABLE log (what text);\nINSERT INTO log VALUES ('1');",
  ["2_parts.sql"] = "BEGIN;\nINSERT INTO log VALUES ('2');\nCOMMIT;\nBEGIN;\nINSERT INTO log VALUES ('3');\nCOMMIT;",
  ["3_index.sql"] = "INSERT INTO log VALUES ('4');\nCREATE INDEX CONCURRENTLY log_what ON log (what);\nINSERT INTO log VALUES ('5');",
  ["4_lua.lua"] = [[migration { up = function(db) db:exec "INSERT INTO log VALUES ('6')" end }]],
  ["5_rows.sql"] = "CREATE TABLE item (id int PRIMARY KEY, n int DEFAULT 0);\nINSERT INTO item SELECT g FROM generate_series(1, 3000) g;",
  ["6_backfill.lua"] = [[backfill { table = "item", set = { n = "n + 1" }, target = "5ms" }]],
}

local function project_of(files)
  local list = {}
  for name, text in pairs(files) do
    list["scripts/migrations/" .. name] = text
  end
  return run.project(list)
end

local function start(project, url, ...)
  return run.start({ "up", ... }, { cwd = project, env = { DATABASE_URL = url } })
end

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

-- Holds whatever a file locks with `SELECT pg_advisory_xact_lock(7)`.
local function gate(url)
  local s = session.open(url)
  s:exec "SELECT pg_advisory_lock(7)"
  return s
end

local AT_THE_GATE = [[
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))]]

local THROUGH_A_GATE = "-- stint: lock-timeout 30s\nSELECT pg_advisory_xact_lock(7);\n" .. FILES["1_log.sql"]

describe("two runs at once", function()
  local pg = cluster.get()

  local function assert_once(url)
    local s = session.open(url)
    assert.equal("1,2,3,4,5,6", s:value "SELECT string_agg(what, ',' ORDER BY what) FROM log")
    assert.equal("3000", s:value "SELECT count(*) FILTER (WHERE n = 1) FROM item")
    assert.equal("t", s:value "SELECT indisvalid FROM pg_index WHERE indexrelid = 'log_what'::regclass")
    assert.equal("6", s:value "SELECT count(*) FROM stint.migration WHERE state = 'applied'")
    assert.equal("0", s:value "SELECT count(*) FROM stint.run WHERE outcome IS DISTINCT FROM 'ok'")
    s:close()
  end

  local function together(number, url, project)
    local handles, applied, idle = {}, 0, 0
    for i = 1, number do
      handles[i] = start(project, url)
    end
    for _, handle in ipairs(handles) do
      local r = handle:wait()
      assert.equal(0, r.code, r.err)
      applied = applied + count(r.out, "applied  %d_")
      idle = idle + count(r.out, "nothing to do")
    end
    assert.equal(6, applied)
    assert.equal(number - 1, idle)
    assert_once(url)
  end

  it("apply each file once, whoever comes first", function()
    local project = project_of(FILES)
    for _ = 1, LONG and 60 or 10 do
      together(2, pg:database(), project)
    end
  end)

  it("apply each file once when there are eight", function()
    local project = project_of(FILES)
    for _ = 1, LONG and 20 or 3 do
      together(8, pg:database(), project)
    end
  end)

  it("make a missing database once", function()
    local project = project_of(FILES)
    for i = 1, LONG and 20 or 3 do
      local name = ("missing_%d_%d"):format(math.random(0, 999999), i)
      together(4, pg:url(name), project)
    end
  end)

  it("do not disturb each other: the second says that it waits, then finds nothing to do", function()
    local url = pg:database()
    local files = { ["1_log.sql"] = THROUGH_A_GATE }
    local project = project_of(files)
    local held = gate(url)
    local first = start(project, url)
    session.wait_until(url, AT_THE_GATE, "t")
    local second = start(project, url)
    second:says "waiting for the run lock, held by pid "
    assert.matches("stint:up", second:err(), 1, true)
    assert.is_true(first:running())
    held:close()
    local a, b = first:wait(), second:wait()
    assert.equal(0, a.code, a.err)
    assert.equal(0, b.code, b.err)
    assert.matches("applied  1_log", a.out, 1, true)
    assert.equal("nothing to do: all migrations are applied\n", b.out)
    local s = session.open(url)
    assert.equal("1", s:value "SELECT count(*) FROM log")
    assert.equal("1", s:value "SELECT count(*) FROM stint.run")
    s:close()
  end)

  it("tell a program that one waits: by whom, and on what", function()
    local url = pg:database()
    local project = project_of { ["1_log.sql"] = THROUGH_A_GATE }
    local held = gate(url)
    local first = start(project, url)
    session.wait_until(url, AT_THE_GATE, "t")
    local s = session.open(url)
    local pid = s:value "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"
    s:close()
    local second = start(project, url, "--json")
    eventually("the event", function()
      return second:out():find('"event":"blocked"', 1, true) or not second:running()
    end)
    held:close()
    assert.equal(0, first:wait().code)
    local r = second:wait()
    assert.equal(0, r.code, r.err)
    local line = r.out:match '[^\n]*"event":"blocked"[^\n]*'
    assert.matches('"on":"run lock"', line, 1, true)
    assert.matches('"pid":' .. pid, line, 1, true)
    assert.matches('"event":"run_finished"', r.out, 1, true)
  end)

  it("end with 3 where one may not wait, naming who holds the lock", function()
    local url = pg:database()
    local project = project_of { ["1_log.sql"] = THROUGH_A_GATE }
    local held = gate(url)
    local first = start(project, url)
    session.wait_until(url, AT_THE_GATE, "t")
    local s = session.open(url)
    local pid = s:value "SELECT pid FROM pg_stat_activity WHERE application_name = 'stint:up' AND datname = current_database()"
    s:close()
    for _, words in ipairs { { "--run-lock-wait", "0s" }, { "--run-lock-wait=100ms" } } do
      local r = start(project, url, table.unpack(words)):wait()
      assert.equal(3, r.code, r.err)
      assert.equal("", r.out)
      assert.matches("the run lock is held by pid " .. pid .. " (stint:up, role postgres from local, since ", r.err, 1, true)
      assert.matches("stint lock show", r.err, 1, true)
    end
    local r = start(project, url, "--run-lock-wait", "0s", "--json"):wait()
    assert.equal(3, r.code)
    assert.matches('{"error":{"code":3,"message":"another run is at work: the run lock is held by pid ' .. pid, r.out, 1, true)
    assert.is_true(first:running())
    held:close()
    assert.equal(0, first:wait().code)
    assert.equal(0, start(project, url, "--run-lock-wait", "0s"):wait().code)
  end)

  it("wait in a way that lets CREATE INDEX CONCURRENTLY come to its end", function()
    local url = pg:database()
    local project = project_of(FILES)
    local r = start(project, url, "--to", "2"):wait()
    assert.equal(0, r.code, r.err)
    -- an old snapshot, which the index has to wait for
    local old = session.open(url)
    old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM log"
    local first = start(project, url)
    local building = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query ~ '^CREATE INDEX CONCURRENTLY' "
      .. "AND datname = current_database() AND wait_event_type = 'Lock' %s)"
    session.wait_until(url, building:format "", "t")
    local seconds = {}
    for i = 1, 3 do
      seconds[i] = start(project, url)
    end
    for _, second in ipairs(seconds) do
      second:says "waiting for the run lock"
    end
    -- the server looks for deadlocks after one second of waiting
    session.wait_until(url, building:format "AND now() - query_start > '2 s'", "t")
    assert.is_true(first:running())
    old:close()
    r = first:wait()
    assert.equal(0, r.code, r.err)
    for _, second in ipairs(seconds) do
      local s = second:wait()
      assert.equal(0, s.code, s.err)
      assert.equal("nothing to do: all migrations are applied\n", s.out)
    end
    assert_once(url)
  end)

  it("go on with what a killed one has left, without being asked", function()
    local url = pg:database()
    local files = { ["1_log.sql"] = FILES["1_log.sql"], ["2_gate.sql"] = "-- stint: lock-timeout 30s\n"
      .. "BEGIN;\nINSERT INTO log VALUES ('2');\nCOMMIT;\nBEGIN;\nSELECT pg_advisory_xact_lock(7);\nINSERT INTO log VALUES ('3');\nCOMMIT;" }
    local project = project_of(files)
    local held = gate(url)
    local first = start(project, url)
    session.wait_until(url, AT_THE_GATE, "t")
    local second = start(project, url)
    second:says "waiting for the run lock"
    first:kill()
    assert.equal(9, first:wait().signal)
    second:says "2_gate: going on after statement 3 of 7"
    held:close()
    local r = second:wait()
    assert.equal(0, r.code, r.err)
    local s = session.open(url)
    assert.equal("1,2,3", s:value "SELECT string_agg(what, ',' ORDER BY what) FROM log")
    s:close()
  end)
end)
