local cluster = require "spec.support.cluster"
local native = require "native"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"
local ROWS = long and 100000 or 15000

local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO t SELECT g FROM generate_series(1, %d) g;
CREATE TABLE log (id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id %% 50 = 0 THEN PERFORM pg_sleep(0.002); END IF;
  INSERT INTO log VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
ANALYZE t;
]]
local ONCE = [[SELECT (SELECT count(*) FROM t WHERE n = 1) || ' ' || (SELECT count(*) FROM log) || ' ' || (SELECT count(DISTINCT id) FROM log)
  || ' ' || (SELECT sum(rows_changed) FROM stint.backfill_range) + (SELECT rows_late FROM stint.backfill)]]
local ALL = ("%d %d %d %d"):format(ROWS, ROWS, ROWS, ROWS)

describe("what is lost on the way", function()
  for name, form in pairs {
    ["an expression"] = 'set = { n = "n + 1" }',
    ["stripes of a function"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, stripes = 3',
  } do
    it("is an answer to a batch that is committed: it is neither done again nor left out: " .. name, function()
      local pg = cluster.get()
      local url, database = pg:database()
      pg:sql(url, TABLE:format(ROWS))
      local folder = place.folder()
      local proxy = native.proxy.start(folder, pg.host)
      finally(function()
        process.signal(proxy, "KILL")
        process.wait(proxy, 5)
      end)
      local dir = run.project { [FILE] = ('backfill { table = "t", %s, target = "30ms" }\n'):format(form) }
      local through = ("postgresql:///%s?host=%s&user=postgres"):format(database, folder)
      local h = run.start({ "up" }, { cwd = dir, env = { DATABASE_URL = through }, timeout = 120 })
      local lost = 0
      for round = 1, 4 do
        session.wait_until(url, ("SELECT (to_regclass('log') IS NOT NULL AND (SELECT count(*) FROM log) > %d)::text"):format(round * ROWS // 8), "true")
        place.write(folder .. "/cut", "taken")
        eventually("an answer that is lost", function()
          return not place.exists(folder .. "/cut") or not h:running()
        end)
        lost = lost + (place.exists(folder .. "/cut") and 0 or 1)
      end
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.is_true(lost >= 2, "only " .. lost .. " answers were lost")
      assert.equal(ALL, pg:sql(url, ONCE))
    end)
  end

  it("is the end of the primary's work, where the standby that takes over lacks it: it is done again there, and nowhere else", function()
    local primary = cluster.new()
    local url, database = primary:database()
    primary:sql(url, TABLE:format(ROWS))
    local standby = primary:standby()
    finally(function()
      primary:stop()
      standby:stop()
    end)
    local dir = run.project { [FILE] = 'backfill { table = "t", set = { n = "n + 1" }, target = "20ms",\n'
      .. 'throttle = { replica_lag = false, replica_lag_bytes = false } }\n' }
    local both = ("postgresql:///%s?host=%s,%s&port=5432,5432&user=postgres&target_session_attrs=read-write"):format(database, primary.host, standby.host)
    local h = run.start({ "up" }, { cwd = dir, env = { DATABASE_URL = both }, timeout = 120 })
    local there = standby:url(database)
    session.wait_until(there, ("SELECT (to_regclass('log') IS NOT NULL AND (SELECT count(*) FROM log) > %d)::text"):format(ROWS // 10), "true")
    standby:stop "fast"
    local batches = tonumber(primary:sql(url, "SELECT sum(batches) FROM stint.backfill_range"))
    session.wait_until(url, ("SELECT (sum(batches) >= %d)::text FROM stint.backfill_range"):format(batches + 3), "true")
    primary:stop "immediate"
    standby:start()
    assert.is_true(tonumber(standby:sql(there, "SELECT count(*) FROM log")) < ROWS)
    standby:promote()
    session.wait_until(there, ("SELECT (count(*) > %d)::text FROM log"):format(ROWS // 2), "true")
    primary:start()
    local left = primary:sql(url, "SELECT count(*) FROM log")
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, standby:sql(there, ONCE))
    assert.equal(left, primary:sql(url, "SELECT count(*) FROM log"))
  end)
end)
