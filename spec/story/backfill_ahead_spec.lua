local cluster = require "spec.support.cluster"
local native = require "native"
local oracle = require "spec.support.oracle"
local place = require "spec.support.place"
local session = require "spec.support.session"

local process = native.process

-- Batches of a thousand rows to begin with: 1 to 1000, 1001 to 2000, and the third one from 2001 on is in Lua's hands while
-- the server is held in the second.
local o = oracle.new { rows = 3000, every = 100000, takes = 0, target = "10s" }
local CHANGE = [[columns = { "id", "n" }, transform = function(row)
  if row.id == 2001 then log.warn "the third" end
  return { n = row.n + 1 }
end]]

describe("a batch of a transform that is read early", function()
  local begin, start, sql = o.begin, o.start, o.sql

  -- It is, and the one before it is not written yet. What is given lets that happen.
  local function ahead()
    o.pg = cluster.get()
    begin("stripes = 1", CHANGE)
    local let_go = o.hold()
    local h = start "up"
    h:says "the third"
    assert.equal("1000", sql "SELECT count(*) FROM log")
    return h, let_go
  end

  -- The second is written, and the worker does not know yet.
  local function stopped()
    local h, let_go = ahead()
    h:kill "STOP"
    let_go()
    session.wait_until(o.url, "SELECT (count(*) = 2000)::text FROM log", "true")
    return h
  end

  local function assert_done(h)
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(o.all, sql(oracle.ONCE))
  end

  it("is in Lua's hands while the server writes the one before", function()
    local h, let_go = ahead()
    let_go()
    assert_done(h)
    assert.equal("0", sql "SELECT rows_late FROM stint.backfill")
  end)

  it("leaves a row that the application changes meanwhile as it is, for later", function()
    local h, let_go = ahead()
    sql "UPDATE t SET n = 100 WHERE id IN (2001, 2500); DELETE FROM t WHERE id = 2400"
    let_go()
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("2997 2 2999", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n = 101) || ' ' || count(*) FROM t")
    assert.equal("2997 2 0", sql [[SELECT sum(rows_changed) || ' ' || (SELECT rows_late FROM stint.backfill) || ' '
      || (SELECT count(*) FROM stint.backfill_residue) FROM stint.backfill_range]])
  end)

  it("is dropped where the range is somebody else's by then", function()
    local h = stopped()
    sql "UPDATE stint.backfill_range SET lease_until = clock_timestamp() - interval '1 s'"
    local other = start("work"):wait()
    assert.equal(0, other.code, other.err)
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n = 0")
    h:kill "CONT"
    assert_done(h)
  end)

  it("is dropped where half of it was taken away", function()
    local h = stopped()
    local other = start "work"
    session.wait_until(o.url, "SELECT (count(*) > 1)::text FROM stint.backfill_range", "true")
    h:kill "CONT"
    assert.equal(0, other:wait().code)
    assert_done(h)
  end)

  it("is dropped when it is paused before its turn comes, and read again", function()
    local h = stopped()
    assert.equal(0, start("backfill", "pause", "fill"):wait().code)
    h:kill "CONT"
    session.wait_until(o.url, "SELECT (throttled_by = 'paused')::text FROM stint.backfill", "true")
    sql "UPDATE t SET n = 100 WHERE id = 2500"
    assert.equal("2001", sql "SELECT count(*) FROM log")
    assert.equal(0, start("backfill", "resume", "fill"):wait().code)
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("2999 1 0", sql [[SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n = 101)
      || ' ' || (SELECT rows_late FROM stint.backfill) FROM t]])
  end)

  it("is not written by a worker that is told to end", function()
    local h = stopped()
    h:kill "TERM"
    h:kill "CONT"
    assert.equal(143, h:wait().code)
    assert.equal("2000 2000", sql "SELECT count(*) || ' ' || (SELECT rows_changed FROM stint.backfill_range) FROM log")
    assert_done(start "up")
  end)

  it("is gone with kill -9, and comes again once", function()
    local h = stopped()
    h:kill "KILL"
    h:wait()
    assert.equal("2000 2000", sql "SELECT count(*) || ' ' || (SELECT rows_changed FROM stint.backfill_range) FROM log")
    assert_done(start "up")
  end)

  it("is small, however wide its rows turn out to be", function()
    o.pg = cluster.get()
    o.place(o.project { [oracle.FILE] = [[backfill { table = "w", columns = { "a" }, stripes = 1, transform = function(row)
      return { b = row.a .. row.a }
    end }]] })
    sql [[CREATE TABLE w (id int PRIMARY KEY, a text, b text);
      INSERT INTO w SELECT g, repeat(md5(g::text), CASE WHEN g < 1500 THEN 1 WHEN g % 10 = 7 THEN 12000 ELSE 40 END)
        FROM generate_series(1, 2000) g; ANALYZE w]]
    local h, peak = start "up", 0
    while h:running() do
      local ok, status = pcall(place.read, ("/proc/%d/status"):format(h.pid))
      peak = ok and tonumber(status:match "VmHWM:%s*(%d+)") or peak
      process.pause(0.002)
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("2000", sql "SELECT count(*) FROM w WHERE b = a || a")
    if os.getenv "STINT_BUILD" ~= "build/asan" then
      assert.is_true(peak < (24 + 3 * 16 + 1) * 1024, peak .. " kB")
    end
  end)
end)
