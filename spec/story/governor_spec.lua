local native = require "native"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local process = native.process

local FILE = "scripts/migrations/1_fill.lua"

-- Each batch writes down when it began; a row in a hundred takes a moment.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO t SELECT g FROM generate_series(1, %d) g;
CREATE TABLE log (id bigint, at timestamptz DEFAULT statement_timestamp());
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id %% 100 = 0 THEN PERFORM pg_sleep(0.002); END IF;
  INSERT INTO log VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
ANALYZE t;
]]

local ONCE = "SELECT (SELECT count(*) FROM t WHERE n = 1) || ' ' || (SELECT count(*) FROM log) || ' ' || (SELECT count(DISTINCT id) FROM log)"
local WHY = "SELECT coalesce(string_agg(throttled_by, ''), 'nothing') FROM stint.backfill"

describe("a backfill that is governed", function()
  local rows
  local at = story.new()
  local sql = at.sql

  local function begin(fields, count)
    rows = count or 5000
    at.begin { [FILE] = ('backfill { table = "t", set = { n = "n + 1" }, target = "50ms", %s }\n'):format(fields or "") }
    sql(TABLE:format(rows))
  end

  local function up(env)
    at.env = env or {}
    return at.start("up", "--json")
  end

  local function assert_done(h)
    local r = h:wait()
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal(("%d %d %d"):format(rows, rows, rows), sql(ONCE))
    return r
  end

  -- The event says why, and the ledger too.
  local function held_by(h, pattern)
    local why = eventually("that it is throttled", function()
      local ended = not h:running()
      return h:out():match '"event":"throttled"[^\n]*"throttled_by":"([^"]*)"' or ended and "never: " .. h:out() .. h:err()
    end)
    assert.matches(pattern, why)
    assert.matches(pattern, sql(WHY))
    return why
  end

  -- Nothing is done while it is held.
  local function assert_rests(seconds)
    local before = sql "SELECT count(*) FROM log"
    process.pause(seconds or 0.6)
    assert.equal(before, sql "SELECT count(*) FROM log")
  end

  local function stop(h)
    h:kill "TERM"
    return h:wait()
  end

  local function under_way()
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
    session.wait_until(at.url, "SELECT (count(*) > 0)::text FROM stint.backfill_range WHERE rows_seen > 0", "true")
  end

  describe("by a function", function()
    it("rests as long as the function says, and shows why", function()
      begin [[throttle = (function()
        local calls = 0
        return function(health)
          calls = calls + 1
          if calls < 4 then return "100ms", ("call %d: %g waiters"):format(calls, health.lock_waiters) end
        end
      end)()]]
      local h = up()
      local r = assert_done(h)
      assert.matches('"throttled_by":"throttle: call 1: 0 waiters"', r.out, 1, true)
      assert.equal("nothing", sql(WHY))
      assert.is_true(tonumber(sql "SELECT held_ms FROM stint.backfill") >= 300)
      assert.equal("0", sql "SELECT count(*) FROM log WHERE at < (SELECT started_at + interval '300 ms' FROM stint.backfill)")
    end)

    it("does not go on where the function fails", function()
      begin "throttle = function(health) return health.nothing.more end"
      local h = up()
      held_by(h, "^throttle: .*1_fill.lua:1: attempt to index a nil value")
      assert_rests()
      assert.equal(143, stop(h).code)
      assert.equal("0", sql "SELECT count(*) FROM log")
    end)

    it("does not go on where the function gives no pause", function()
      begin "throttle = function() return 'soon' end"
      local h = up()
      held_by(h, "^throttle: .*1_fill.lua:1: it must give a pause")
      stop(h)
    end)
  end)

  describe("within a window", function()
    local function window(opens, closes, zone)
      local text = sql(([[SELECT format('window = { from = "%%s", to = "%%s", zone = "%s" }',
        ((clock_timestamp() + interval '%s') AT TIME ZONE '%s')::time(0), ((clock_timestamp() + interval '%s') AT TIME ZONE '%s')::time(0))]])
        :format(zone, opens, zone, closes, zone))
      place.write(at.dir .. "/" .. FILE, ('backfill { table = "t", set = { n = "n + 1" }, target = "50ms", %s }\n'):format(text))
    end

    it("does nothing before it opens", function()
      begin()
      window("2 hours", "3 hours", "Asia/Kolkata")
      local h = up()
      held_by(h, "^window: opens at %d+:%d+:%d+ Asia/Kolkata$")
      assert_rests()
      assert.equal(143, stop(h).code)
      assert.equal("0", sql "SELECT count(*) FROM log")
    end)

    it("works while it is open, over midnight too", function()
      begin()
      window("-23 hours", "30 minutes", "America/New_York")
      assert_done(up())
    end)

    it("begins no batch after it has closed", function()
      local closes, h
      -- It must have begun before the window closes: on a busy machine that takes a longer one.
      for _, seconds in ipairs { 3, 10, 40 } do
        begin("", 60000)
        sql [[CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN IF NEW.id % 10 = 0 THEN PERFORM pg_sleep(0.001); END IF; INSERT INTO log VALUES (NEW.id); RETURN NEW; END $$]]
        window("-1 hour", seconds .. " seconds", "Europe/Berlin")
        closes = place.read(at.dir .. "/" .. FILE):match 'to = "([^"]+)"'
        h = up()
        held_by(h, "^window: ")
        if sql "SELECT count(*) FROM log" ~= "0" then
          break
        end
        stop(h)
      end
      assert_rests()
      assert.are_not.equal("0", sql "SELECT count(*) FROM log")
      assert.equal("0", sql(("SELECT count(*) FROM log WHERE (at AT TIME ZONE 'Europe/Berlin')::time >= '%s'"):format(closes)))
      assert.equal(143, stop(h).code)
    end)

    it("is refused where it is none", function()
      begin 'window = { from = "22:00", to = "6 am", zone = "Europe/Atlantis" }'
      local r = up():wait()
      assert.equal(78, r.code, r.err)
      assert.matches(FILE .. ':1: backfill.window.to must be a time of day such as "22:00", not "6 am"', r.err, 1, true)
      begin 'window = { from = "22:00", to = "06:00", zone = "Europe/Atlantis" }'
      assert.matches('window: time zone "Europe/Atlantis" not recognized', up():wait().err, 1, true)
      begin 'throttle = { replica_lag_bytes = "much" }'
      r = up():wait()
      assert.matches('replica_lag_bytes is not a size: "much"', r.err, 1, true)
    end)
  end)

  describe("by sessions that wait for it", function()
    -- It has looked at two that wait long enough to count, and its next verdict is due.
    local SEEN = [[SELECT (count(*) > 0)::text FROM pg_stat_activity s,
        (SELECT count(*) AS n, max(query_start) AS last FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()) w
      WHERE s.datname = current_database() AND s.application_name LIKE 'stint:%' AND s.query LIKE '%lock_waiters%' AND s.state = 'idle'
        AND w.n = 2 AND s.query_start > w.last + interval '1500 ms']]

    it("rests, and goes on with smaller batches", function()
      begin('throttle = { lock_waiters = 2 }', 3000)
      sql [[CREATE OR REPLACE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          WHILE NEW.id = 900 AND NOT pg_try_advisory_xact_lock(7) LOOP PERFORM pg_sleep(0.01); END LOOP;
          INSERT INTO log VALUES (NEW.id);
          RETURN NEW;
        END $$]]
      local waiters, holder = {}, session.open(at.url)
      holder:exec "SELECT pg_advisory_lock(7)"
      local h = up()
      session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "1")
      for i = 1, 2 do
        waiters[i] = session.open(at.url)
        waiters[i]:send(("SELECT 1 FROM t WHERE id = %d FOR UPDATE"):format(i))
      end
      session.wait_until(at.url, SEEN, "true")
      holder:exec "SELECT pg_advisory_unlock(7)"
      local why = held_by(h, "^lock_waiters: 2, limit 2")
      assert.matches("pid %d+", why)
      for _, waiter in ipairs(waiters) do
        waiter:wait()
      end
      assert_done(h)
    end)
  end)

  describe("in what it may take", function()
    it("slows down for others", function()
      begin("throttle = { active_others = 2 }", 100000)
      local others = {}
      for i = 1, 6 do
        others[i] = session.open(at.url)
        others[i]:send "SELECT pg_sleep(60)"
      end
      local h = up()
      under_way()
      session.wait_until(at.url, "SELECT (budget < 0.9)::text FROM stint.backfill", "true")
      assert.equal("nothing", sql(WHY))
      for _, other in ipairs(others) do
        other:cancel()
      end
      stop(h)
    end)

    describe("where processors are scarce", function()
      local is_measured = io.open("/proc/pressure/cpu") ~= nil
      local _, processors = place.read("/proc/cpuinfo"):gsub("processor%s*:", "")
      local others = {}

      local function keep_processors_busy()
        for i = 1, 4 * processors do
          others[i] = session.open(at.url)
          others[i]:send "DO $$ BEGIN LOOP END LOOP; END $$"
        end
      end

      local function leave()
        for _, other in ipairs(others) do
          other:cancel()
        end
        others = {}
      end

      it("slows down for others, and says so, and grows again without them", function()
        begin("throttle = { cpu_pressure = 40 }", 300000)
        finally(leave)
        local h = up()
        under_way()
        if not is_measured then
          eventually("that it cannot be seen", function()
            return h:err():find("cpu_pressure cannot be seen here: the server's system does not measure it", 1, true)
          end)
          return stop(h)
        end
        keep_processors_busy()
        session.wait_until(at.url, "SELECT (budget < 0.2)::text FROM stint.backfill", "true")
        assert.equal("nothing", sql(WHY))
        assert.matches("slowed down to 1%d%%: cpu_pressure: %d+%%, limit 40%%", at.stint(0, "backfill", "status").out)
        local state = at.stint(0, "backfill", "status", "--json").out
        assert.matches('"slowed_by":"cpu_pressure: ', state)
        assert.matches('"budget":0.1', state)
        leave()
        session.wait_until(at.url, "SELECT (budget > 0.11)::text FROM stint.backfill", "true")
        stop(h)
      end)

      -- What the server reads of its system's measure.
      local function system_says(body)
        sql(([[
          CREATE SEQUENCE looks;
          ALTER FUNCTION pg_catalog.pg_read_file(text, bigint, bigint, boolean) RENAME TO pg_read_file_before;
          CREATE FUNCTION pg_catalog.pg_read_file(text, bigint, bigint, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN %s; END $$]])
          :format(body))
      end

      it("takes no leap of the measure for more than all of the time", function()
        begin("throttle = { cpu_pressure = 40 }", 300000)
        system_says "RETURN format('some avg10=0.00 total=%s', nextval('looks') * 1000000000000)"
        others[1] = session.open(at.url)
        others[1]:send "DO $$ BEGIN LOOP END LOOP; END $$"
        finally(leave)
        local h = up()
        under_way()
        session.wait_until(at.url, "SELECT (budget < 0.2)::text FROM stint.backfill", "true")
        assert.matches("^cpu_pressure: [1-9]?%d?%d%%, limit 40%%$", sql "SELECT health ->> 'slowed_by' FROM stint.backfill")
        stop(h)
      end)

      it("asks once where the system does not let it be read", function()
        begin("throttle = { cpu_pressure = 40 }, workers = 1", 300000)
        system_says "PERFORM nextval('looks'); RAISE EXCEPTION 'could not read the file: Operation not supported' USING ERRCODE = 'XX000'"
        local h = up()
        under_way()
        session.wait_until(at.url, "SELECT ((health #>> '{signals,active_others,looks}')::float8 >= 4)::text FROM stint.backfill", "true")
        assert.equal("2", sql "SELECT last_value FROM looks") -- in one statement with all others, and alone
        local r = stop(h)
        assert.matches("cpu_pressure cannot be seen here: could not read the file: Operation not supported", r.err, 1, true)
      end)

      it("does not wait for itself, nor where others only wait", function()
        begin("throttle = { cpu_pressure = 1 }, workers = " .. 4 * processors, 60000)
        others[1] = session.open(at.url)
        others[1]:send "SELECT pg_sleep(60)"
        finally(leave)
        assert_done(up())
        assert.equal("1", sql "SELECT budget FROM stint.backfill")
      end)
    end)

    local function assert_slowed_by(signal)
      session.wait_until(at.url, ("SELECT ((health #>> '{signals,%s,load}')::float8 > 0.8 AND budget < 1)::text FROM stint.backfill"):format(signal), "true")
    end

    it("slows down for checkpoints that WAL forces", function()
      begin("throttle = { commit_latency = false, requested_checkpoints = 1 }", 100000)
      local h = up()
      under_way()
      sql(("CHECKPOINT;"):rep(5))
      assert_slowed_by "requested_checkpoints"
      stop(h)
    end)

    it("slows down for slow commits", function()
      begin('throttle = { commit_latency = "5ms" }', 20000)
      at.pg:sql("postgres", "ALTER SYSTEM SET fsync = on")
      at.pg:sql("postgres", "SELECT pg_reload_conf()")
      finally(function()
        at.pg:sql("postgres", "ALTER SYSTEM RESET fsync")
        at.pg:sql("postgres", "SELECT pg_reload_conf()")
      end)
      for setting, value in pairs { commit_delay = 20000, commit_siblings = 0 } do
        sql(("ALTER DATABASE %s SET %s = %d"):format(at.url:match "///([^?]+)", setting, value))
      end
      local h = up()
      under_way()
      assert_slowed_by "commit_latency"
      stop(h)
    end)

    it("is looked after by one worker for all", function()
      begin("workers = 3", 30000)
      local since = process.seconds()
      assert_done(up())
      local looks = tonumber(sql "SELECT (health #>> '{signals,lock_waiters,looks}')::float8::int FROM stint.backfill")
      assert.is_true(looks >= 1 and looks <= process.seconds() - since + 2, looks .. " looks")
    end)
  end)

  describe("by what its role may see", function()
    local function as_app(fields, count)
      begin(fields, count)
      local name = at.url:match "///([^?]+)"
      sql(([[
        DO $$ BEGIN CREATE ROLE governed LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
        REVOKE pg_read_all_stats FROM governed;
        GRANT CREATE ON DATABASE %s TO governed; GRANT ALL ON SCHEMA public TO governed;
        ALTER TABLE t OWNER TO governed; ALTER TABLE log OWNER TO governed]]):format(name))
      return { DATABASE_URL = (at.url:gsub("user=postgres", "user=governed")) }
    end

    it("says once what cannot be seen, and goes on", function()
      local r = assert_done(up(as_app "throttle = { cpu_pressure = 40 }"))
      local _, count = r.err:gsub("active_others cannot be seen here: GRANT pg_read_all_stats TO governed would show it", "")
      assert.equal(1, count, r.err)
      assert.is_nil(sql("SELECT health #>> '{signals,active_others,value}' FROM stint.backfill"):match "%d")
      assert.equal("0", sql "SELECT health #>> '{signals,lock_waiters,value}' FROM stint.backfill")
      local _, files = r.err:gsub("cpu_pressure cannot be seen here: it is in a file of the server, as a superuser sees it", "")
      assert.equal(1, files, r.err)
    end)

    it("does not go on when it could see, and can no more", function()
      local env = as_app("", 100000)
      sql "GRANT pg_read_all_stats TO governed"
      local h = up(env)
      under_way()
      session.wait_until(at.url, "SELECT (health #>> '{signals,active_others,was_seen}') FROM stint.backfill", "true")
      sql "REVOKE pg_read_all_stats FROM governed"
      held_by(h, "^active_others: could be seen before and now it cannot$")
      sql "GRANT pg_read_all_stats TO governed"
      session.wait_until(at.url, WHY, "nothing")
      stop(h)
    end)
  end)
end)
