local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local session = require "spec.support.session"
local story = require "spec.support.story"

local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"

-- 3,000 rows; every change of a row is counted in `seen`. Row 2500 waits for the advisory lock 7.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, d int NOT NULL DEFAULT 1);
INSERT INTO t SELECT g FROM generate_series(1, 3000) g;
CREATE TABLE seen (id bigint, xid bigint DEFAULT txid_current());
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id = 2500 THEN PERFORM pg_advisory_xact_lock(7); END IF;
  INSERT INTO seen VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
]]

local COUNT_ONCE = [[SELECT (SELECT count(*) FROM t WHERE n = 1) || ' of ' || (SELECT count(*) FROM t)
  || ', ' || (SELECT count(*) FROM seen) || ' changes of ' || (SELECT count(DISTINCT id) FROM seen)]]
local ALL_ONCE = "3000 of 3000, 3000 changes of 3000"

local WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
local POSITION = "SELECT coalesce(position[1], '-') || ' ' || rows_seen || ' ' || batches FROM stint.backfill_range"
local STATE = "SELECT string_agg(DISTINCT state, ',') FROM stint.backfill"

local PLUS_ONE = 'backfill { table = "t", set = { n = "n + 1" } }\n'

local function field(line, name)
  return line:match('"' .. name .. '":"?([^",}]*)')
end

-- The events of one kind, as a list of lines.
local function events(text, kind)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    if line:find('"event":"' .. kind .. '"', 1, true) then
      list[#list + 1] = line
    end
  end
  return list
end

describe("a backfill", function()
  local at = story.new()
  local start, stint, sql = at.start, at.run, at.sql

  local function write(text, name)
    at.write(name or FILE, text)
  end

  local function begin(build, text)
    at.begin { [FILE] = text or PLUS_ONE }
    sql(build)
  end

  local function up(...)
    return stint("up", ...)
  end

  local function assert_done(r)
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal("applied", sql "SELECT string_agg(DISTINCT state, ',') FROM stint.migration")
    assert.equal("finished", sql(STATE))
  end

  it("changes each row once, each batch in a transaction of its own", function()
    begin(TABLE)
    local r = up "--json"
    assert_done(r)
    assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    local batches = #events(r.out, "batch")
    assert.is_true(batches >= 2)
    assert.equal(tostring(batches), sql "SELECT count(DISTINCT xid) FROM seen")
    assert.equal(tostring(batches), sql "SELECT count(DISTINCT xmin::text) FROM t")
    assert.equal(tostring(batches), sql "SELECT batches FROM stint.backfill_range")
    assert.equal("1_fill 1", sql "SELECT name || ' ' || version FROM stint.migration")
    r = up()
    assert.equal(0, r.code)
    assert.equal(ALL_ONCE, sql(COUNT_ONCE))
  end)

  it("tells each batch with the fields that are promised", function()
    begin(TABLE)
    local r = up "--json"
    assert_done(r)
    local done, rows = 0, 0
    for _, line in ipairs(events(r.out, "batch")) do
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d", field(line, "at"))
      assert.equal("1", field(line, "version"))
      assert.equal("1_fill", field(line, "name"))
      assert.equal("3000", field(line, "rows_total"))
      assert.is_true(tonumber(field(line, "rows_done")) > done)
      done = tonumber(field(line, "rows_done"))
      rows = rows + tonumber(field(line, "rows"))
      assert.is_true(tonumber(field(line, "rows_per_second")) >= 0)
      assert.is_true(tonumber(field(line, "batch_size")) >= 1)
      assert.is_truthy(tonumber(field(line, "eta_seconds")))
    end
    assert.equal(3000, done)
    assert.equal(3000, rows)
    assert.equal("3000", field(events(r.out, "backfill_finished")[1], "rows"))
    local order = {}
    for kind in r.out:gmatch '"event":"([%w_]+)"' do
      if order[#order] ~= kind then
        order[#order + 1] = kind
      end
    end
    assert.same({
      "run_started",
      "migration_started",
      "batch",
      "backfill_finished",
      "migration_applied",
      "run_finished",
    }, order)
  end)

  it("takes larger batches while they are quick", function()
    begin(
      "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g FROM generate_series(1, 60000) g",
      'backfill { table = "t", set = { n = "1" }, target = "30s" }\n'
    )
    local r = up "--json"
    assert_done(r)
    local before = 1000
    for _, line in ipairs(events(r.out, "batch")) do
      local size = tonumber(field(line, "batch_size"))
      assert.is_true(size <= before * 1.5 + 1 and size <= 20000, ("%d after %d"):format(size, before))
      before = size
    end
    assert.is_true(before >= 5000, "grew to " .. before)
    assert.equal("60000", sql "SELECT count(*) FROM t WHERE n = 1")
  end)

  it("takes smaller batches while they are slow", function()
    begin(
      [[CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g FROM generate_series(1, 2500) g;
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.0005); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()]],
      'backfill { table = "t", set = { n = "1" }, target = "50ms" }\n'
    )
    local r = up "--json"
    assert_done(r)
    local list = events(r.out, "batch")
    assert.equal("1000", field(list[1], "rows"))
    assert.is_true(#list > 5)
    assert.is_true(tonumber(field(list[3], "rows")) <= 500)
  end)

  describe("that is interrupted", function()
    local holder

    -- Its batch with row 2500 waits; the ones before it are committed.
    local function in_the_middle(...)
      begin(TABLE)
      holder = session.open(at.url)
      holder:exec "SELECT pg_advisory_lock(7)"
      local h = start("up", "--lock-timeout", "40s", ...)
      session.wait_until(at.url, WAITS, "1")
      return h
    end

    local function let_go()
      holder:exec "SELECT pg_advisory_unlock(7)"
    end

    it("goes on behind the last batch after kill -9, and no row is changed twice", function()
      for _ = 1, long and 20 or 2 do
        local h = in_the_middle()
        h:kill "KILL"
        assert.equal(9, h:wait().signal)
        session.wait_until(at.url, WAITS, "0")
        local position = sql(POSITION)
        assert.matches("^%d+ %d+ %d+$", position)
        assert.equal(position:match "^%d+", sql "SELECT count(*) FROM t WHERE n = 1")
        local r = stint("status", "--json")
        assert.equal("backfilling", field(r.out, "state"))
        let_go()
        r = up()
        assert_done(r)
        assert.matches("going on after", r.err, 1, true)
        assert.equal(ALL_ONCE, sql(COUNT_ONCE))
      end
    end)

    it("ends after its batch at Ctrl-C, and keeps its position", function()
      local h = in_the_middle()
      local before = sql(POSITION)
      h:kill "INT"
      let_go()
      local r = h:wait()
      assert.equal(130, r.code, r.err)
      assert.matches("STATE: %d+ of about %d+ rows are walked", r.err)
      assert.matches("NEXT: stint up goes on there", r.err, 1, true)
      assert.are_not.equal(before, sql(POSITION))
      local done = sql "SELECT rows_seen FROM stint.backfill_range"
      assert.equal(done, sql "SELECT count(*) FROM t WHERE n = 1")
      assert_done(up())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)

    it("ends at once at the second Ctrl-C, and loses nothing", function()
      local h = in_the_middle()
      h:kill "INT"
      h:kill "INT"
      eventually("an end", function()
        return not h:kill "INT"
      end)
      assert.equal(130, h:wait().code)
      let_go()
      assert_done(up())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)

    it("goes on by itself after its session is lost in a crash of the server", function()
      local private = cluster.new()
      local shared = at.pg
      at.pg = private
      finally(function()
        at.pg = shared
        private:stop()
      end)
      local h = in_the_middle()
      at.pg:restart "immediate"
      assert_done(h:wait())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)

    it("keeps a second up waiting, and is not done twice", function()
      local h = in_the_middle()
      local r = up("--run-lock-wait", "100ms")
      assert.equal(3, r.code, r.err)
      assert.matches("stint:up", r.err, 1, true)
      local second = start "up"
      let_go()
      assert_done(h:wait())
      assert.equal(0, second:wait().code)
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)

    it("refuses to go on with another declaration, until it is accepted", function()
      local h = in_the_middle()
      h:kill "INT"
      let_go()
      assert.equal(130, h:wait().code)
      local before = tonumber(sql "SELECT count(*) FROM t WHERE n = 1")
      write 'backfill { table = "t", set = { n = "n + 10" } }\n'
      local r = up()
      assert.equal(4, r.code, r.err)
      assert.matches("was changed since this backfill began", r.err, 1, true)
      assert.matches("stint resolve 1 --accept-change", r.err, 1, true)
      assert.equal(tostring(before), sql "SELECT count(*) FROM t WHERE n > 0")
      r = stint("resolve", "1", "--accept-change")
      assert.equal(0, r.code, r.err)
      assert_done(up())
      assert.equal(("%d 0 %d"):format(before, 3000 - before),
        sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n = 0) || ' ' || count(*) FILTER (WHERE n = 10) FROM t")
    end)

    it("says so when its table is gone", function()
      local h = in_the_middle()
      h:kill "INT"
      let_go()
      assert.equal(130, h:wait().code)
      sql "DROP TABLE t"
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("there is no table t", r.err, 1, true)
      assert.matches(FILE .. ":1", r.err, 1, true)
    end)

    it("rests and goes on as the ledger wishes", function()
      local h = in_the_middle "--json"
      sql "UPDATE stint.backfill SET desired = 'pause'"
      let_go()
      eventually("that it is throttled", function()
        return events(h:out(), "throttled")[1]
      end)
      assert.is_true(h:running())
      assert.equal("paused", field(events(h:out(), "throttled")[1], "throttled_by"))
      local rests = sql(POSITION)
      assert.are_not.equal("3000", rests:match "^%d+")
      sql "UPDATE stint.backfill SET desired = 'run'"
      assert_done(h:wait())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)
  end)

  describe("that meets somebody else's lock", function()
    it("leaves the row for later, goes on with the others, and comes back to it", function()
      begin(TABLE)
      local holder = session.open(at.url)
      holder:exec "BEGIN; UPDATE t SET d = 2 WHERE id = 1800"
      local h = start("up", "--json", "--lock-timeout", "150ms")
      eventually("eight times that it is blocked", function()
        return events(h:out(), "blocked")[8]
      end)
      assert.matches("lock timeout", events(h:out(), "retry")[1], 1, true)
      assert.equal("3000 {1800} locked", sql "SELECT rows_seen || ' ' || key::text || ' ' || reason FROM stint.backfill_range, stint.backfill_residue")
      assert.equal("2999", sql "SELECT count(*) FROM t WHERE n = 1")
      assert.matches("pid %d+", field(events(h:out(), "blocked")[8], "by") or h:err())
      holder:exec "COMMIT"
      assert_done(h:wait())
      assert.equal("3000 3000 2", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) || ' ' || max(d) FROM t")
    end)

    it("does the same for a transform, and for a `where` about tables that are called as parts of our statements", function()
      for _, change in ipairs {
        "transform = function(row) return { n = row.n + 1 } end",
        'set = { n = "n + 1" }',
      } do
        begin(
          TABLE .. "CREATE TABLE changed AS SELECT id FROM t; CREATE TABLE nothing AS TABLE changed",
          ('backfill { table = "t", where = "n = 0 AND id IN (SELECT id FROM changed) AND id IN (SELECT id FROM nothing)", %s }\n'):format(change)
        )
        local holder = session.open(at.url)
        holder:exec "BEGIN; SELECT FROM t WHERE id = 1800 FOR UPDATE"
        local h = start("up", "--lock-timeout", "150ms")
        session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_residue') IS NOT NULL)::text", "true")
        session.wait_until(at.url, "SELECT string_agg(key::text, ' ') FROM stint.backfill_residue", "{1800}")
        holder:exec "COMMIT"
        assert_done(h:wait())
        assert.equal(ALL_ONCE, sql(COUNT_ONCE))
      end
    end)

    it("has begun nothing when the whole table is locked", function()
      begin(TABLE)
      local holder = session.open(at.url)
      holder:exec "BEGIN; LOCK TABLE t"
      local r = up("--lock-timeout", "100ms")
      assert.equal(8, r.code, r.err)
      assert.equal("0", sql "SELECT count(*) FROM stint.backfill")
      holder:exec "COMMIT"
      assert_done(up())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
    end)

    it("loses a deadlock and does its batch again", function()
      begin(TABLE)
      local _, name = at.url:match "(///)([^?]+)"
      sql(("ALTER DATABASE %s SET deadlock_timeout = '1500ms'"):format(name))
      local other = session.open(at.url)
      other:exec "SET deadlock_timeout = '1h'; BEGIN; UPDATE t SET d = 2 WHERE id = 900"
      local h = start("up", "--json", "--lock-timeout", "40s")
      session.wait_until(at.url, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND locktype = 'transactionid'", "1")
      other:send "UPDATE t SET d = 2 WHERE id = 1"
      other:wait()
      other:exec "COMMIT"
      local r = h:wait()
      assert_done(r)
      assert.matches("deadlock detected", events(r.out, "retry")[1], 1, true)
      assert.equal("3000 2", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE d = 2) FROM t")
    end)

    it("shows where it is every few seconds without a terminal", function()
      begin(TABLE)
      local holder = session.open(at.url)
      holder:exec "BEGIN; UPDATE t SET d = 2 WHERE id = 1800"
      local h = start("up", "--lock-timeout", "100ms")
      h:says "ETA"
      holder:exec "COMMIT"
      local r = h:wait()
      assert_done(r)
      assert.matches("1_fill: %[[#.]+%] +%d+%%  [%d,]+ of ~3,000 rows  ETA %S+  [%d,]+ rows/s  batch [%d,]+", r.err)
      assert.matches("1_fill: trying again: canceling statement due to lock timeout", r.err, 1, true)
      assert.matches("1_fill: 3,000 rows changed in ", r.err, 1, true)
      assert.is_nil(r.err:find("\r", 1, true))
      assert.is_nil(r.err:find("\27", 1, true))
    end)
  end)

  describe("walks", function()
    -- name, columns of the key, expressions for the row with number g
    local keys = {
      { "bigints, negative and far apart", "k bigint", "(g - 1250) * 7000000000000000" },
      { "ints", "k int", "g * 3" },
      { "uuids", "k uuid", "md5(g::text)::uuid" },
      { "texts", "k text", "md5(g::text)" },
      { "texts with quotes, braces, commas, line ends and nothing at all", "k text",
        [[CASE g WHEN 1 THEN '' WHEN 2 THEN 'NULL' WHEN 3 THEN ' ' ELSE chr(30 + g % 100) || E'\\"{,''}\n' || g END]] },
      { "texts of every script", "k text", "chr(150 + g * 5)" },
      { "padded characters", "k character(9)", "left(md5(g::text), g % 5 + 3) || g % 10", "loose" },
      { "numerics", "k numeric", "(g - 1000)::numeric / 7" },
      { "floats", "k float8", "(g - 1000)::float8 / 7" },
      { "reals", "k real", "((g - 1000)::float8 / 7)::real" },
      { "dates", "k date", "date '0044-03-15 BC' + g * 300" },
      { "times with microseconds", "k timestamptz", "timestamptz '2026-03-29 00:30+00' + g * interval '7.000001 minutes'" },
      { "bytes", "k bytea", "decode(md5(g::text), 'hex')" },
      { "networks", "k inet", "inet '10.0.0.0' + g" },
      { "two columns", "a int, b text", "g / 100, (g % 100)::text" },
      { "three columns of three types", "a date, b uuid, c int", "date '2026-01-01' + g / 500, md5((g / 5)::text)::uuid, g % 5" },
    }

    it("every key that an index can hold, to the last row", function()
      local build, files = { "CREATE SCHEMA IF NOT EXISTS public" }, {}
      for i, key in ipairs(keys) do
        local names = key[2]:gsub("(%w+) [^,]+", "%1")
        build[#build + 1] = ("CREATE TABLE t%d (%s, n int NOT NULL DEFAULT 0, PRIMARY KEY (%s))"):format(i, key[2], names)
        build[#build + 1] = ("INSERT INTO t%d SELECT %s FROM generate_series(1, 2500) g ON CONFLICT DO NOTHING"):format(i, key[3])
        files[("scripts/migrations/%02d_t.lua"):format(i)] = ('backfill { table = "t%d", set = { n = "n + 1" } }\n'):format(i)
      end
      at.begin(files)
      sql(table.concat(build, ";\n"))
      local r = up()
      assert.equal(0, r.code, r.err)
      for i, key in ipairs(keys) do
        local rows = sql(("SELECT count(*) FROM t%d"):format(i))
        assert.is_true(key[4] and tonumber(rows) > 1000 or rows == "2500", key[1] .. ": " .. rows)
        assert.equal(rows, sql(("SELECT count(*) FROM t%d WHERE n = 1"):format(i)), key[1])
        assert.equal(rows .. " t", sql(([[SELECT r.rows_seen || ' ' || CASE WHEN r.batches > 1 THEN 't' ELSE 'f' END
          FROM stint.backfill_range r JOIN stint.backfill b ON b.id = r.backfill WHERE b.name = '%02d_t']]):format(i)), key[1])
      end
    end)

    it("texts in the order of their column's collation", function()
      begin(
        [[CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        CREATE TABLE t (k text COLLATE "und-x-icu" PRIMARY KEY, n int NOT NULL DEFAULT 0);
        INSERT INTO t SELECT chr(CASE g % 2 WHEN 0 THEN 65 ELSE 97 END + g / 2 % 26) || g FROM generate_series(1, 3000) g;
        CREATE TABLE u (k text COLLATE loose PRIMARY KEY, n int NOT NULL DEFAULT 0);
        INSERT INTO u SELECT k FROM t]]
      )
      write('backfill { table = "u", set = { n = "n + 1" } }\n', "scripts/migrations/2_u.lua")
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
      assert.equal("3000", sql "SELECT count(*) FROM u WHERE n = 1")
      assert.equal("t", sql "SELECT bool_and(batches > 1) FROM stint.backfill_range")
    end)

    it("tables and columns whatever they are called, in any schema", function()
      begin(
        [[CREATE SCHEMA "Sales; DROP";
        CREATE TABLE "Sales; DROP"."Order ""Lines""" ("Id" int PRIMARY KEY, "Full Name" text, "select" int);
        INSERT INTO "Sales; DROP"."Order ""Lines""" SELECT g FROM generate_series(1, 2500) g]],
        [[backfill {
  table = '"Sales; DROP"."Order ""Lines"""',
  set = { ["Full Name"] = "'no ' || \"Id\"", select = "2 * t.\"Id\"" },
  where = '"Full Name" IS NULL',
}
]]
      )
      assert_done(up())
      assert.equal("2500", sql [[SELECT count(*) FROM "Sales; DROP"."Order ""Lines""" WHERE "Full Name" = 'no ' || "Id" AND "select" = 2 * "Id"]])
    end)

    it("a table whose columns have our own names", function()
      begin(
        [[CREATE TABLE t (id int PRIMARY KEY, k1 int DEFAULT 0, p1 int, u1 int, h1 int, cur int, nxt int, position int, state text, last int);
        INSERT INTO t SELECT g FROM generate_series(1, 2500) g]],
        'backfill { table = "t", set = { k1 = "k1 + 1", position = "id", state = "\'x\'", cur = "id", nxt = "cur" } }\n'
      )
      assert_done(up())
      assert.equal("2500", sql "SELECT count(*) FROM t WHERE k1 = 1 AND position = id AND state = 'x' AND cur = id AND nxt IS NULL")
    end)

    it("a table beside others that have our own names", function()
      begin(
        [[CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO t SELECT g FROM generate_series(1, 2500) g;
        CREATE TABLE ctl AS SELECT 1 AS one; CREATE TABLE cur AS SELECT g AS stripe FROM generate_series(1, 2500, 2) g;
        CREATE TABLE nxt AS TABLE ctl; CREATE TABLE seen AS TABLE ctl; CREATE TABLE free AS TABLE ctl; CREATE TABLE mine AS TABLE ctl]],
        [[backfill { table = "t", where = "n = 0 AND id IN (SELECT stripe FROM cur)",
          set = { n = "(SELECT ctl.one + nxt.one + seen.one + free.one + mine.one FROM ctl, nxt, seen, free, mine)" } }]]
      )
      assert_done(up())
      assert.equal("1250", sql "SELECT count(*) FROM t WHERE n = 5 AND id % 2 = 1")
    end)

    it("a partitioned table", function()
      begin [[CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0) PARTITION BY HASH (id);
        CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO t SELECT g FROM generate_series(1, 2500) g]]
      assert_done(up())
      assert.equal("2500", sql "SELECT count(*) FROM t WHERE n = 1")
    end)

    it("an empty table, and one with a single row", function()
      begin "CREATE TABLE t (id int PRIMARY KEY, n int DEFAULT 0); CREATE TABLE one (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO one VALUES (-5)"
      write('backfill { table = "one", set = { n = "n + 1" } }\n', "scripts/migrations/2_one.lua")
      assert_done(up())
      assert.equal("1", sql "SELECT sum(n) FROM one")
    end)

    it("only the rows that `where` means, which may be none", function()
      begin(TABLE, 'backfill { table = "t", set = { n = "n + 1" }, where = "d = 2 OR d = 3" }\n')
      sql "UPDATE t SET d = 2 WHERE id % 3 = 0; DELETE FROM seen"
      write('backfill { table = "t", set = { n = "n + 1" }, where = "d = 9" }\n', "scripts/migrations/2_none.lua")
      local r = up()
      assert_done(r)
      assert.matches("2_none: 0 rows changed", r.err, 1, true)
      assert.equal("1000 1000", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM seen) FROM t")
    end)

    it("the unique index that `key` names, where there is no primary key", function()
      begin(
        [[CREATE TABLE t (a int NOT NULL, b text NOT NULL, n int NOT NULL DEFAULT 0);
        INSERT INTO t SELECT g / 10, (g % 10)::text FROM generate_series(1, 2500) g;
        CREATE UNIQUE INDEX t_b_a ON t (b, a) INCLUDE (n)]],
        'backfill { table = "t", key = { "b", "a" }, set = { n = "n + 1" } }\n'
      )
      assert_done(up())
      assert.equal("2500", sql "SELECT count(*) FROM t WHERE n = 1")
      assert.equal("{b,a}", sql "SELECT key FROM stint.backfill")
    end)
  end)

  describe("that cannot begin", function()
    local function refused(build, text, ...)
      begin(build, text)
      local r = up()
      assert.equal(6, r.code, r.err)
      for _, wanted in ipairs { ... } do
        assert.matches(wanted, r.err, 1, true)
      end
      assert.equal("0 0", sql "SELECT (SELECT count(*) FROM stint.migration) || ' ' || (SELECT count(*) FROM stint.backfill)")
      local status = stint("status", "--json")
      assert.equal("failed", field(status.out, "state"))
    end

    it("names what to do about a missing key", function()
      refused("CREATE TABLE t (id int, n int)", PLUS_ONE, "public.t has no primary key", FILE .. ":1", "key = {...}")
      refused("CREATE TABLE t (id int PRIMARY KEY, n int)", 'backfill { table = "t", key = "n", set = { n = "1" } }\n',
        "no unique index over just the columns of `key`", FILE .. ":1")
      refused("CREATE TABLE t (id int UNIQUE, n int)", 'backfill { table = "t", key = "id", set = { n = "1" } }\n',
        "may be NULL", "without NULLs")
    end)

    it("says that the table is none, or not there", function()
      refused("SELECT", PLUS_ONE, "there is no table t", FILE .. ":1")
      refused("CREATE VIEW t AS SELECT 1 AS id, 2 AS n", PLUS_ONE, "is not a table", FILE .. ":1")
    end)

    it("finds a mistake in its SQL before anything is begun, so that it can be mended", function()
      refused(TABLE, 'backfill { table = "t", set = { n = "nn + 1" } }\n', 'column "nn" does not exist', FILE)
      write(PLUS_ONE)
      assert_done(up())
      assert.equal(ALL_ONCE, sql(COUNT_ONCE))
      refused(TABLE, 'backfill { table = "t", set = { m = "1" } }\n', 'column "m"', FILE)
      refused(TABLE, 'backfill { table = "t", set = { n = "1" }, where = "n = = 2" }\n', "syntax error", FILE)
      refused(TABLE, 'backfill { table = "t", set = { n = "1" }, verify = "SELECT count(*) FROM tt" }\n', '"tt" does not exist', FILE)
    end)

    it("names a field that it does not know", function()
      begin(TABLE, 'backfill {\n  table = "t",\n  sets = { n = "1" },\n}\n')
      local r = up()
      assert.equal(78, r.code, r.err)
      assert.matches('backfill has no field "sets", did you mean "set"?', r.err, 1, true)
      assert.matches(FILE .. ":1", r.err, 1, true)
    end)
  end)

  it("puts a row that fails aside, and tries it again when it is mended", function()
    begin(TABLE, 'backfill { table = "t", set = { n = "n + 1 / d" } }\n')
    sql "ALTER TABLE t DISABLE TRIGGER note; UPDATE t SET d = 0 WHERE id = 2000; ALTER TABLE t ENABLE TRIGGER note"
    for _ = 1, 2 do
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("1 row of public.t failed", r.err, 1, true)
      assert.matches("key {2000}: division by zero (SQLSTATE 22012)", r.err, 1, true)
      assert.matches("STATE: all other rows are done, 2999 changed", r.err, 1, true)
      assert.matches("stint up tries them again", r.err, 1, true)
      assert.equal("{2000} 22012", sql "SELECT key::text || ' ' || sqlstate FROM stint.backfill_quarantine")
      assert.equal("failed", sql(STATE))
    end
    sql "ALTER TABLE t DISABLE TRIGGER note; UPDATE t SET d = 1 WHERE id = 2000; ALTER TABLE t ENABLE TRIGGER note"
    assert_done(up())
    assert.equal(ALL_ONCE, sql(COUNT_ONCE))
  end)

  it("counts as finished only when verify says so", function()
    begin(
      TABLE,
      [[backfill { table = "t", set = { n = "n + 1" }, where = "d = 1", verify = "SELECT count(*) FROM t WHERE n = 0" }]]
    )
    sql "ALTER TABLE t DISABLE TRIGGER note; UPDATE t SET d = 5 WHERE id IN (7, 2999); ALTER TABLE t ENABLE TRIGGER note"
    for _ = 1, 2 do
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("verify answers 2 instead of 0", r.err, 1, true)
      assert.matches("DETAIL: SELECT count(*) FROM t WHERE n = 0", r.err, 1, true)
      assert.equal("backfilling", sql "SELECT state FROM stint.migration")
    end
    sql "UPDATE t SET n = 1 WHERE n = 0"
    assert_done(up())
    assert.equal(ALL_ONCE, sql(COUNT_ONCE))
  end)

  it("runs on as one long walk while rows come in behind its end", function()
    begin(TABLE)
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("up", "--lock-timeout", "40s")
    session.wait_until(at.url, WAITS, "1")
    sql "INSERT INTO t SELECT g FROM generate_series(5001, 6000) g"
    holder:exec "SELECT pg_advisory_unlock(7)"
    assert_done(h:wait())
    assert.equal("3000 1000", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n = 0 AND id > 5000) FROM t")
  end)
end)
