-- A fleet as large as they come (STINT_LONG: 500 databases, 20 migrations in each), some of whose processes are killed.
local cluster = require "spec.support.cluster"
local fleet = require "spec.support.fleet"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local LONG = os.getenv "STINT_LONG" ~= nil
local TARGETS, FILES, JOBS = LONG and 500 or 20, LONG and 20 or 4, 8
local KILLED = { 2, TARGETS // 2, TARGETS - 1 }
local STOP = FILES // 2 -- the file that the killed ones are at
local MOST_MEMORY = 24 * 1024 -- KiB, of the process that leads the others
local AT_THE_GATE = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
  .. "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objid = 7 AND NOT l.granted"

describe("a large fleet", function()
  local pg, dir

  local function name(i)
    return ("tenant_%03d"):format(i)
  end

  local function stint(...)
    return run.start({ ... }, { cwd = dir, timeout = LONG and 900 or 60 })
  end

  local function total(out)
    return out:match "(%d+ targets: [^\n]*)\n"
  end

  -- Whoever comes to the gate in this database waits until it is closed.
  local function gate(i)
    local s = session.open(pg:url(name(i)))
    s:exec "SELECT pg_advisory_lock(7)"
    return s
  end

  local function files_of(pid)
    return #place.lines(("ls /proc/%d/fd"):format(pid))
  end

  setup(function()
    pg = cluster.new()
    local s = session.open(pg:url())
    for i = 1, TARGETS do
      s:exec(("CREATE DATABASE %s TEMPLATE template0"):format(name(i)))
    end
    s:close()
    local list = {}
    for i = 1, FILES do
      list[("scripts/migrations/%02d_file.sql"):format(i)] = ("CREATE TABLE t%d (n int);\n-- stint: down\nDROP TABLE t%d;\n"):format(i, i)
    end
    -- Each counts the sessions of all that are at work.
    list["scripts/migrations/01_file.sql"] = "CREATE TABLE seen AS SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE 'stint:%';"
    list[("scripts/migrations/%02d_file.sql"):format(STOP)] = "SELECT pg_advisory_xact_lock(7);\nCREATE TABLE gate (n int);"
    dir = run.project(list, ([[
[project]
environment = production
[production]
url = %s
targets = SELECT datname AS database FROM pg_database WHERE datname LIKE 'tenant\_%%' ORDER BY datname
jobs = %d
]]):format(pg:url(), JOBS))
  end)

  teardown(function()
    pg:stop()
  end)

  it("goes on past those that are killed, holds few sessions, files and little memory, and is completed by the next run", function()
    local held = {}
    for _, i in ipairs(KILLED) do
      held[i] = gate(i)
    end
    local head = stint "up"
    for _, i in ipairs(KILLED) do
      session.wait_until(pg:url(name(i)), AT_THE_GATE, "1", LONG and 600 or nil)
      assert.is_true(files_of(head.pid) <= 8 + 2 * JOBS, "open files: " .. files_of(head.pid))
      local memory = tonumber(place.read(("/proc/%d/status"):format(head.pid)):match "VmHWM:%s+(%d+)")
      assert.is_true(memory < MOST_MEMORY, "KiB: " .. memory)
      assert.is_true(native.process.signal(fleet.process_of(head, name(i)), "KILL"))
    end
    local r = head:wait()
    assert.equal(1, r.code, r.err)
    assert.equal(("%d targets: %d ok, 3 killed; %d applied"):format(TARGETS, TARGETS - 3, (TARGETS - 3) * FILES + 3 * (STOP - 1)), total(r.out))
    assert.matches("NEXT: stint up goes on with the 3 that are left\n", r.err, 1, true)
    local rows, names = fleet.table_of(r.out)
    for i = 1, TARGETS do
      assert.equal(name(i), names[i])
      assert.equal(held[i] and "killed" or "ok", rows[name(i)].state)
    end
    for i, s in pairs(held) do
      session.wait_until(pg:url(name(i)), AT_THE_GATE, "0")
      s:close()
    end

    r = stint("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal(("%d targets: %d ok; %d applied"):format(TARGETS, TARGETS, 3 * (FILES - STOP + 1)), total(r.out))
    r = stint("status"):wait()
    assert.equal(0, r.code, r.err)
    assert.matches("; 0 pending$", total(r.out))
    local most = 0
    for i = 1, TARGETS, LONG and 10 or 1 do
      most = math.max(most, tonumber(pg:sql(name(i), "SELECT n FROM seen")))
    end
    assert.is_true(most >= 2 and most <= 2 * JOBS + 1, "sessions at once: " .. most)
  end)
end)
