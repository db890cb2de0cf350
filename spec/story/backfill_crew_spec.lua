local native = require "native"
local eventually = require "spec.support.eventually"
local oracle = require "spec.support.oracle"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local o = oracle.new { rows = long and 200000 or 20000, every = 50, takes = 0.002 }
local ALL, ONCE = o.all, oracle.ONCE
local WORKERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:work' AND datname = current_database()"

describe("a crew", function()
  local begin, start, sql, under_way = o.begin, o.start, o.sql, o.under_way

  -- The process of a worker that is at it, for those who want to harm it.
  local function a_worker(h)
    local children = ("/proc/%d/task/%d/children"):format(h.pid, h.pid)
    local found
    eventually("a worker at it", function()
      local file = io.open(children)
      found = file and file:read("n")
      if file then
        file:close()
      end
      return found or not h:running()
    end)
    return found
  end

  it("shares the rows out among its workers, and changes each once", function()
    begin "workers = 2"
    local h = start("up", "--json")
    session.wait_until(o.url, WORKERS, "2")
    local r = h:wait()
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal(ALL, sql(ONCE))
    assert.is_true(tonumber(sql "SELECT count(*) FROM stint.backfill_range") >= 8)
    session.wait_until(o.url, WORKERS, "0")
    assert.matches('"workers":2', r.out, 1, true)
  end)

  it("replaces workers that die, at whatever moment", function()
    begin "workers = 2"
    local h = start "up"
    local batches = "SELECT coalesce(sum(batches), 0) FROM stint.backfill_range"
    for _ = 1, long and 20 or 4 do
      local pid, done = a_worker(h), tonumber(sql(batches))
      if pid then
        process.signal(pid, "KILL")
        eventually("another batch", function()
          return not h:running() or tonumber(sql(batches)) > done
        end)
      end
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.matches("another takes its place", r.err, 1, true)
    assert.equal(ALL, sql(ONCE))
  end)

  it("is no more when its head is killed, and goes on with the next run", function()
    begin "workers = 2"
    local h = start "up"
    session.wait_until(o.url, WORKERS, "2")
    h:kill "KILL"
    assert.equal(9, h:wait().signal)
    session.wait_until(o.url, WORKERS, "0")
    local r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)

  it("ends its batches at SIGTERM, and keeps its positions", function()
    begin "workers = 2"
    local h = start "up"
    session.wait_until(o.url, WORKERS, "2")
    h:kill "TERM"
    local r = h:wait()
    assert.equal(143, r.code, r.err)
    session.wait_until(o.url, WORKERS, "0")
    local done = sql "SELECT sum(rows_changed) FROM stint.backfill_range"
    assert.equal(done, sql "SELECT count(*) FROM log")
    r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)

  it("takes in workers by hand, from another folder, who take over half of what is left", function()
    begin()
    local let_go = o.hold()
    local h = start "up"
    under_way()
    o.dir = o.folder()
    local other = start "work"
    session.wait_until(o.url, "SELECT (count(DISTINCT pid) > 1)::text FROM stint.backfill_range", "true")
    let_go()
    local joined = other:wait()
    assert.equal(0, joined.code, joined.err)
    assert.matches("worked on 1 backfill", joined.out, 1, true)
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)

  it("refuses a worker with another text", function()
    begin()
    local let_go = o.hold()
    local h = start "up"
    under_way()
    o.dir = o.folder(nil, 'set = { n = "n + 2" }')
    local r = start("work"):wait()
    let_go()
    assert.equal(4, r.code, r.err)
    assert.matches("differs from the text that this backfill runs with", r.err, 1, true)
    assert.equal(0, h:wait().code)
    assert.equal(ALL, sql(ONCE))
  end)

  it("has nothing to do where no backfill is under way, or no ledger", function()
    begin()
    assert.equal("nothing to do: no backfill is under way\n", start("work"):wait().out)
    assert.equal(0, start("up"):wait().code)
    assert.equal("nothing to do: no backfill is under way\n", start("work"):wait().out)
  end)

  it("ends a worker when its time is up", function()
    begin()
    local let_go = o.hold()
    local h = start "up"
    under_way()
    local other = start("work", "--max-time", "200ms"):wait()
    let_go()
    assert.equal(0, other.code, other.err)
    assert.equal(0, h:wait().code)
    assert.equal(ALL, sql(ONCE))
  end)

  it("lets a worker that was asleep for too long change nothing", function()
    begin()
    local h = start "up"
    under_way()
    h:kill "STOP"
    sql "UPDATE stint.backfill_range SET lease_until = clock_timestamp() - interval '1 s'"
    local other = start("work"):wait()
    assert.equal(0, other.code, other.err)
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n = 0")
    h:kill "CONT"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)

  it("tells why its workers fail, and stops", function()
    begin "workers = 2"
    local h = start "up"
    under_way()
    sql "ALTER TABLE t RENAME COLUMN n TO m"
    local r = h:wait()
    assert.equal(7, r.code, r.err)
    assert.matches('1_fill: column "n" does not exist', r.err, 1, true)
    sql "ALTER TABLE t RENAME COLUMN m TO n"
    r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)
end)
