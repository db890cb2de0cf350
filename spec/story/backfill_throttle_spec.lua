local cluster = require "spec.support.cluster"
local native = require "native"
local eventually = require "spec.support.eventually"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

local FILE = "scripts/migrations/1_fill.lua"
local long = os.getenv "STINT_LONG"
local ROWS = long and 20000 or 8000

local TABLE = [[CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, pad text DEFAULT repeat('x', 200));
  INSERT INTO t SELECT g FROM generate_series(1, %d) g;
  CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id %% 100 = 0 THEN PERFORM pg_sleep(0.02); END IF; RETURN NEW; END';
  CREATE TRIGGER slow AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow(); ANALYZE t]]

-- What holds a backfill up is real here: a standby, a slot, an archiver, an old transaction.
describe("a backfill whose database is not well", function()
  local pg, url

  setup(function()
    pg = cluster.new { settings = { archive_mode = "on", archive_command = "true", wal_keep_size = "1GB" } }
  end)

  local function begin(limit, more)
    url = pg:database()
    pg:sql(url, TABLE:format(ROWS) .. (more or ""))
    local dir = run.project { [FILE] = ('backfill { table = "t", set = { n = "n + 1" }, target = "50ms", throttle = { %s } }\n'):format(limit) }
    return run.start({ "up", "--json" }, { cwd = dir, env = { DATABASE_URL = url } })
  end

  local function why(h)
    return eventually("that it is throttled", function()
      local ended = not h:running()
      return h:out():match '"event":"throttled"[^\n]*"throttled_by":"([^"]*)"' or ended and "never: " .. h:out() .. h:err()
    end)
  end

  -- It is held up for that reason, does nothing, and goes on when it is mended.
  local function assert_held(h, reason, mend)
    assert.matches(reason, why(h))
    session.wait_until(url, [[SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()
      AND state = 'active']], "0")
    local done = pg:sql(url, "SELECT count(*) FROM t WHERE n = 1")
    process.pause(0.5)
    assert.equal(done, pg:sql(url, "SELECT count(*) FROM t WHERE n = 1"))
    assert.is_true(tonumber(done) < ROWS)
    mend()
    local r = h:wait()
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal(tostring(ROWS), pg:sql(url, "SELECT count(*) FROM t WHERE n = 1"))
  end

  it("waits for a standby that does not keep up, and lets it be behind by its budget and little more", function()
    local standby = pg:standby()
    finally(function()
      standby:stop()
    end)
    session.wait_until(pg:url(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
    local h = begin 'replica_lag_bytes = "2MB", replica_lag = false'
    session.wait_until(url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
    standby:sql(standby:url(), "SELECT pg_wal_replay_pause()")
    assert_held(h, "replica_lag_bytes", function()
      local behind = tonumber(pg:sql(url, "SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication"))
      assert.is_true(behind > 2e6 and behind < 8e6, behind)
      standby:sql(standby:url(), "SELECT pg_wal_replay_resume()")
    end)
  end)

  it("waits for a slot that nobody reads, and names it", function()
    pg:sql("postgres", "SELECT pg_create_physical_replication_slot('stuck', true)")
    assert_held(begin 'slot_wal = "1MB"', "slot_wal.*stuck", function()
      pg:sql("postgres", "SELECT pg_drop_replication_slot('stuck')")
    end)
  end)

  if long then
    it("waits for an archiver that fails", function()
      pg:sql("postgres", "ALTER SYSTEM SET archive_command = 'false'")
      pg:sql("postgres", "SELECT pg_reload_conf()")
      -- the segment that is written is never archived: the limit must be more than one
      pg:sql("postgres", "SELECT pg_switch_wal()")
      pg:sql("postgres", "CREATE TABLE filler ()")
      pg:sql("postgres", "SELECT pg_switch_wal()")
      assert_held(begin 'archive_backlog = "20MB"', "archive_backlog.*archiving fails", function()
        pg:sql("postgres", "ALTER SYSTEM SET archive_command = 'true'")
        pg:sql("postgres", "SELECT pg_reload_conf()")
      end)
    end)

    it("waits for an old transaction that keeps dead rows, and names its session", function()
      local old
      local h = begin 'horizon_held = "1s"'
      session.wait_until(url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
      old = session.open(url)
      old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t"
      assert_held(h, "horizon_held.*" .. old:pid(), function()
        old:exec "COMMIT"
      end)
    end)
  end

  it("says once what a role without rights cannot see, instead of taking it for well", function()
    local standby = pg:standby()
    finally(function()
      standby:stop()
    end)
    session.wait_until(pg:url(), "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
    pg:sql("postgres", "CREATE ROLE plain LOGIN")
    url = pg:database()
    pg:sql(url, "GRANT ALL ON SCHEMA public TO plain")
    pg:sql(url, ("GRANT CREATE ON DATABASE %s TO plain"):format((url:match "///([^?]+)")))
    local own = url:gsub("user=postgres", "user=plain")
    pg:sql(own, TABLE:format(1000))
    local dir = run.project { [FILE] = 'backfill { table = "t", set = { n = "n + 1" } }\n' }
    local r = run({ "up" }, { cwd = dir, env = { DATABASE_URL = own } })
    assert.equal(0, r.code, r.err)
    assert.equal(1, select(2, r.err:gsub("replica_lag cannot be seen here: GRANT pg_read_all_stats TO plain", "")), r.err)
  end)
end)
