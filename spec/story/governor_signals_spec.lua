local cluster = require "spec.support.cluster"
local native = require "native"
local eventually = require "spec.support.eventually"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local process = native.process

local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"

local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, filler text DEFAULT repeat('x', 200));
INSERT INTO t SELECT g FROM generate_series(1, %d) g;
CREATE TABLE log (id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id %% 20 = 0 THEN PERFORM pg_sleep(0.001); END IF;
  INSERT INTO log VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
ANALYZE t;
]]

-- What takes its time.
local it_takes_long = long and it or function() end

local ONCE = [[SELECT (count(*) = count(DISTINCT id) AND count(*) = (SELECT count(*) FROM t WHERE n = 1))::text FROM log]]
local WHY = "SELECT coalesce(string_agg(throttled_by, ''), 'nothing') FROM stint.backfill"

-- A primary whose backfills are held up by what really happens to it.
describe("a backfill waits", function()
  local standby, rows
  local at = story.new()
  local sql = at.sql

  local function begin(fields, count)
    rows = count or 20000
    at.begin { [FILE] = ('backfill { table = "t", set = { n = "n + 1" }, target = "50ms", %s }\n'):format(fields) }
    sql(TABLE:format(rows))
  end

  local function up(env)
    at.env = env or {}
    local h = at.start("up", "--json")
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
    return h
  end

  -- What held it is gone, and it does batches again; the rest is left alone.
  local function assert_goes_on(h)
    session.wait_until(at.url, WHY, "nothing")
    local done = sql "SELECT count(*)::text FROM log"
    session.wait_until(at.url, ("SELECT (count(*) > %s OR count(*) = %d)::text FROM log"):format(done, rows), "true")
    h:kill "TERM"
    local r = h:wait()
    assert.is_true(r.code == 143 or r.code == 0, r.out .. r.err)
    assert.equal("true", sql(ONCE))
  end

  local function held_by(h, pattern)
    local why
    eventually(function()
      return ("%s, but %s: %s"):format(pattern, why, h:out() .. h:err())
    end, function()
      why = h:running() and sql(WHY) or "no more"
      return why:find(pattern) or why == "no more"
    end)
    assert.matches(pattern, why, h:out() .. h:err())
    return why
  end

  local function value(name)
    return tonumber(sql(("SELECT health #>> '{signals,%s,value}' FROM stint.backfill"):format(name)))
  end

  local function seen(name)
    local eye = "SELECT (health #>> '{signals,%s,was_seen}') FROM stint.backfill"
    session.wait_until(at.url, eye:format(name), "true")
  end

  local function under_way()
    session.wait_until(at.url, "SELECT (count(*) > 0)::text FROM stint.backfill_range WHERE rows_seen > 0", "true")
  end

  setup(function()
    at.pg = cluster.new {
      settings = {
        "wal_level=logical", "max_wal_senders=5", "max_replication_slots=5", "archive_mode=on", "archive_command='true'",
        "wal_keep_size=64MB", "max_slot_wal_keep_size=1GB", "autovacuum_freeze_max_age=100000", "max_wal_size=1GB",
      },
    }
    standby = at.pg:standby { "wal_receiver_status_interval=1" }
    session.wait_until(at.pg:url(), "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL", "1")
  end)

  -- The standby has replayed what there is.
  local function caught_up()
    standby:sql("postgres", "SELECT pg_wal_replay_resume()")
    session.wait_until(at.pg:url(), "SELECT (count(*) = 1)::text FROM pg_stat_replication WHERE pg_current_wal_lsn() - replay_lsn < 1000", "true")
  end

  describe("for a standby", function()
    before_each(caught_up)

    it("that replays too late, and lets it lag no further than a batch beyond that", function()
      begin 'throttle = { replica_lag_bytes = "3MB", replica_lag = false }'
      caught_up()
      standby:sql("postgres", "SELECT pg_wal_replay_pause()")
      local h = up()
      local why = held_by(h, "^replica_lag_bytes: [%d.]+ MB, limit 3 MB %(walreceiver%)")
      local lag = "SELECT pg_current_wal_lsn() - replay_lsn FROM pg_stat_replication"
      assert.is_true(tonumber(sql(lag)) < 6e6, why)
      local changed = sql "SELECT count(*) FROM log"
      process.pause(0.6)
      assert.equal(changed, sql "SELECT count(*) FROM log")
      standby:sql("postgres", "SELECT pg_wal_replay_resume()")
      assert_goes_on(h)
    end)

    it("whose replay is late in time", function()
      begin 'throttle = { replica_lag = "1s", replica_lag_bytes = false }'
      local h = up()
      under_way()
      standby:sql("postgres", "SELECT pg_wal_replay_pause()")
      held_by(h, "^replica_lag: [%d.]+s, limit 1.0s %(walreceiver%)")
      assert.is_true(value "replica_lag" >= 1)
      session.wait_until(at.url, "SELECT (max(replay_lag) > interval '2 s')::text FROM pg_stat_replication", "true")
      local late = "SELECT 10 * extract(epoch FROM max(replay_lag)) FROM pg_stat_replication"
      assert.is_true(value "replica_lag" <= tonumber(sql(late)) + 1, "foreseen further than anybody can")
      standby:sql("postgres", "SELECT pg_wal_replay_resume()")
      assert_goes_on(h)
      assert.is_true(tonumber(sql "SELECT held_ms FROM stint.backfill") > 0)
    end)

    it("but not for one that its role cannot see", function()
      begin('throttle = { replica_lag = "1s" }', 5000)
      sql(([[
        CREATE ROLE unseeing LOGIN;
        GRANT CREATE ON DATABASE %s TO unseeing; GRANT ALL ON SCHEMA public TO unseeing;
        ALTER TABLE t OWNER TO unseeing; ALTER TABLE log OWNER TO unseeing]]):format(at.name))
      local h = up { DATABASE_URL = (at.url:gsub("user=postgres", "user=unseeing")) }
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.matches("replica_lag cannot be seen here: GRANT pg_read_all_stats TO unseeing would show it", r.err, 1, true)
      assert.equal("1", sql "SELECT budget FROM stint.backfill")
    end)

    it("that was there and is gone, until it is back", function()
      begin ""
      local h = up()
      seen "replica_lag"
      standby:stop "fast"
      held_by(h, "^replica_lag: 1 of 1 that were there are gone")
      standby:start()
      assert_goes_on(h)
      assert.is_nil(h:out():find('"throttled_by":"dead_tuples', 1, true), "what is far from its limit holds nothing")
    end)

    it_takes_long("but not for one that was gone before it began, or that is given up", function()
      begin ""
      standby:stop "fast"
      local h = up()
      under_way()
      assert.equal("nothing", sql(WHY))
      assert_goes_on(h)
      standby:start()
      session.wait_until(at.pg:url(), "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming'", "1")
      begin ""
      h = up()
      seen "replica_lag"
      standby:stop "fast"
      held_by(h, "^replica_lag: ")
      local r = run({ "backfill", "pause", "1_fill" }, { cwd = at.dir, env = { DATABASE_URL = at.url } })
      assert.equal(0, r.code, r.err)
      assert.equal(0, run({ "backfill", "resume", "1_fill" }, { cwd = at.dir, env = { DATABASE_URL = at.url } }).code)
      assert_goes_on(h)
      standby:start()
    end)
  end)

  describe("for WAL", function()
    it("that a slot keeps because nobody reads it", function()
      begin 'throttle = { slot_wal = "2MB" }'
      sql "SELECT pg_create_physical_replication_slot('idle', true)"
      local h = up()
      held_by(h, "^slot_wal: [%d.]+ MB, limit 2 MB %(slot idle%)")
      sql "SELECT pg_drop_replication_slot('idle')"
      assert_goes_on(h)
    end)

    it("that is not archived, but not for the segment that is being written", function()
      begin('throttle = { archive_backlog = "1MB" }', 5000)
      sql "SELECT pg_switch_wal()"
      session.wait_until(at.url, "SELECT (last_archived_time > coalesce(last_failed_time, '-infinity'))::text FROM pg_stat_archiver", "true")
      sql "INSERT INTO log SELECT 0 FROM generate_series(1, 30000); DELETE FROM log"
      local h = up()
      seen "archive_backlog"
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.is_nil(r.out:find("archive_backlog", 1, true))
    end)

    it_takes_long("that is not archived", function()
      begin 'throttle = { archive_backlog = "20MB" }'
      at.pg:sql("postgres", "ALTER SYSTEM SET archive_command = 'false'")
      at.pg:sql("postgres", "SELECT pg_reload_conf()")
      for _ = 1, 3 do
        sql "INSERT INTO log SELECT 0; DELETE FROM log; SELECT pg_switch_wal()"
      end
      session.wait_until(at.url, "SELECT (failed_count > 0)::text FROM pg_stat_archiver", "true")
      local h = up()
      held_by(h, "^archive_backlog: [%d.]+ MB, limit 20 MB %(archiving fails since %d+:%d+:%d+Z%)")
      at.pg:sql("postgres", "ALTER SYSTEM RESET archive_command")
      at.pg:sql("postgres", "SELECT pg_reload_conf(), pg_switch_wal()")
      assert_goes_on(h)
    end)

    it("that is written much faster than it may be", function()
      begin 'throttle = { wal_rate = "100kB" }'
      local h = up()
      held_by(h, "^wal_rate: [%d.]+ [kM]B/s, limit 100 kB/s")
      assert_goes_on(h)
    end)

    it("that is written about as fast as it may be, by being slower", function()
      begin 'throttle = { wal_rate = "1MB" }'
      local h = up()
      session.wait_until(at.url, "SELECT (health ->> 'slowed_by' ~ '^wal_rate: .* [kM]B/s, limit 1.* MB/s')::text FROM stint.backfill", "true")
      assert_goes_on(h)
    end)
  end)

  describe("for dead rows", function()
    it("that a transaction keeps, and names it", function()
      begin 'throttle = { horizon_held = "1s" }'
      local old = session.open(at.url)
      old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1"
      local h = up()
      local why = held_by(h, "^horizon_held: [%d.]+s, limit 1.0s")
      assert.matches(("pid %d (no name, idle in transaction)"):format(old:pid()), why, 1, true)
      old:exec "COMMIT"
      assert_goes_on(h)
    end)

    it_takes_long("that a slot keeps, by the time that its xmin stays", function()
      begin 'throttle = { horizon_held = "1s" }'
      standby:sql("postgres", "ALTER SYSTEM SET hot_standby_feedback = on")
      standby:sql("postgres", "SELECT pg_reload_conf()")
      local old = session.open(standby:url(at.url:match "///([^?]+)"))
      session.wait_until(standby:url(), ("SELECT count(*)::text FROM pg_database WHERE datname = '%s'"):format(at.url:match "///([^?]+)"), "1")
      old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class"
      session.wait_until(at.url, "SELECT (count(backend_xmin) > 0)::text FROM pg_stat_replication", "true")
      local h = up()
      held_by(h, "^horizon_held: [%d.]+s, limit 1.0s %(the standby walreceiver%)")
      old:exec "COMMIT"
      standby:sql("postgres", "ALTER SYSTEM RESET hot_standby_feedback")
      standby:sql("postgres", "SELECT pg_reload_conf()")
      assert_goes_on(h)
    end)

    it("that are more than autovacuum lets be, until a vacuum", function()
      begin('throttle = { dead_tuples = 1 }', 30000)
      sql "ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0); ALTER TABLE t DISABLE TRIGGER note"
      sql "UPDATE t SET filler = filler WHERE id <= 25000; ALTER TABLE t ENABLE TRIGGER note"
      session.wait_until(at.url, "SELECT (n_dead_tup > 20000)::text FROM pg_stat_user_tables WHERE relname = 't'", "true")
      local h = up()
      held_by(h, "^dead_tuples: [%d.]+, limit 1 %(public.t, %d+ dead rows; VACUUM, where autovacuum is late%)")
      assert.equal("0", sql "SELECT count(*) FROM log")
      sql "VACUUM t"
      assert_goes_on(h)
    end)

    it("that are far from too many, and grows again beside them", function()
      begin('throttle = { dead_tuples = 5 }', 70000)
      caught_up()
      sql "ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0); ALTER TABLE t DISABLE TRIGGER note"
      sql "UPDATE t SET filler = filler WHERE id <= 57000; ALTER TABLE t ENABLE TRIGGER note"
      session.wait_until(at.url, "SELECT (n_dead_tup > 55000)::text FROM pg_stat_user_tables WHERE relname = 't'", "true")
      local h = up()
      session.wait_until(at.url, "SELECT (budget > 0.3 AND (health #>> '{signals,dead_tuples,load}')::float8 > 0.5)::text FROM stint.backfill", "true")
      assert_goes_on(h)
    end)

    it("that are vacuumed against wraparound", function()
      begin ""
      sql "CREATE TABLE burnt (i int)"
      sql [[DO $$ BEGIN
        FOR i IN 1..105 LOOP
          FOR k IN 1..1000 LOOP
            BEGIN INSERT INTO burnt VALUES (1); EXCEPTION WHEN OTHERS THEN NULL; END;
          END LOOP;
          COMMIT;
        END LOOP;
      END $$]]
      local vacuum = session.open(at.url)
      vacuum:exec "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 20"
      vacuum:send "VACUUM (FREEZE, DISABLE_PAGE_SKIPPING) t"
      session.wait_until(at.url, "SELECT count(*)::text FROM pg_stat_progress_vacuum WHERE relid = 't'::regclass", "1")
      local h = up()
      held_by(h, "^wraparound_vacuum: 1, limit 1 %(pid %d+%)")
      vacuum:cancel()
      assert.is_false(pcall(vacuum.wait, vacuum))
      assert_goes_on(h)
    end)
  end)
end)
