local cluster = require "spec.support.cluster"
local native = require "native"
local eventually = require "spec.support.eventually"
local oracle = require "spec.support.oracle"
local place = require "spec.support.place"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local ROWS = long and 100000 or 15000

describe("what is lost on the way", function()
  for name, form in pairs {
    ["an expression"] = 'set = { n = "n + 1" }',
    ["stripes of a function"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, stripes = 3',
  } do
    it("is an answer to a batch that is committed: it is neither done again nor left out: " .. name, function()
      local o = oracle.new { rows = ROWS, every = 50, takes = 0.002 }
      o.begin(nil, form)
      local folder = place.folder()
      local proxy = native.proxy.start(folder, o.pg.host)
      finally(function()
        process.signal(proxy, "KILL")
        process.wait(proxy, 5)
      end)
      o.env.DATABASE_URL = ("postgresql:///%s?host=%s&user=postgres"):format(o.name, folder)
      local h = o.start "up"
      local lost = 0
      for round = 1, 4 do
        o.under_way(round * ROWS // 8)
        place.write(folder .. "/cut", "taken")
        eventually("an answer that is lost", function()
          return not place.exists(folder .. "/cut") or not h:running()
        end)
        lost = lost + (place.exists(folder .. "/cut") and 0 or 1)
      end
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.is_true(lost >= 2, "only " .. lost .. " answers were lost")
      assert.equal(o.all, o.sql(oracle.ONCE))
    end)
  end

  it("is the end of the primary's work, where the standby that takes over lacks it: it is done again there, and nowhere else", function()
    local primary = cluster.new()
    local o = oracle.new { rows = ROWS, every = 50, takes = 0.002, target = "20ms" }
    o.pg = primary
    o.begin "throttle = { replica_lag = false, replica_lag_bytes = false }"
    local standby = primary:standby()
    finally(function()
      primary:stop()
      standby:stop()
    end)
    o.env.DATABASE_URL = ("postgresql:///%s?host=%s,%s&port=5432,5432&user=postgres&target_session_attrs=read-write"):format(
      o.name, primary.host, standby.host)
    local h = o.start "up"
    local there = standby:url(o.name)
    session.wait_until(there, ("SELECT (to_regclass('log') IS NOT NULL AND (SELECT count(*) FROM log) > %d)::text"):format(ROWS // 10), "true")
    standby:stop "fast"
    local batches = tonumber(o.sql("SELECT sum(batches) FROM stint.backfill_range"))
    session.wait_until(o.url, ("SELECT (sum(batches) >= %d)::text FROM stint.backfill_range"):format(batches + 3), "true")
    primary:stop "immediate"
    standby:start()
    assert.is_true(tonumber(standby:sql(there, "SELECT count(*) FROM log")) < ROWS)
    standby:promote()
    session.wait_until(there, ("SELECT (count(*) > %d)::text FROM log"):format(ROWS // 2), "true")
    primary:start()
    local left = o.sql("SELECT count(*) FROM log")
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(o.all, standby:sql(there, oracle.ONCE))
    assert.equal(left, o.sql("SELECT count(*) FROM log"))
  end)
end)
