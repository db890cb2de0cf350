local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/1_fill.lua"

describe("the keys of a backfill", function()
  local at = story.new()
  local sql = at.sql

  local function begin(build, text)
    at.begin { [FILE] = text or 'backfill { table = "t", set = { n = "n + 1" }, workers = 2 }\n' }
    sql(build)
  end

  local function up(...)
    return at.run("up", ...)
  end

  local function assert_once(rows)
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal(("%d %d"):format(rows, rows), sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT sum(rows_changed) FROM stint.backfill_range) FROM t")
  end

  -- columns of the key, expressions for the row with number g
  for name, key in pairs {
    ["smallints"] = { "k smallint", "g - 3000" },
    ["bigints with one hole of 10^15, and crowds"] = { "k bigint", "CASE WHEN g < 5500 THEN g ELSE 1000000000000000 + g * 7 END" },
    ["uuids"] = { "k uuid", "md5(g::text)::uuid" },
    ["texts"] = { "k text", "md5(g::text)" },
    ["timestamps with infinities"] = { "k timestamptz",
      "CASE g WHEN 1 THEN '-infinity' WHEN 2 THEN 'infinity' ELSE timestamptz '2026-01-01' + g * interval '17 s' END" },
    ["numerics with NaN"] = { "k numeric", "CASE g WHEN 5 THEN 'NaN' ELSE g / 3.0 END" },
    ["floats with NaN, infinities and -0"] = { "k float8",
      "CASE g WHEN 1 THEN 'NaN' WHEN 2 THEN 'Infinity' WHEN 3 THEN '-Infinity' WHEN 4 THEN '-0' ELSE g / 3.0 - 1000.5 END" },
    ["an enum and a number"] = { "k mood, b int", "(ARRAY['sad', 'ok', 'happy']::mood[])[g % 3 + 1], g" },
    ["four columns of four types"] = { 'a date, "B" text, c uuid, d smallint',
      "date '2026-01-01' + g / 2000, (g / 500)::text, md5((g / 10)::text)::uuid, g % 10" },
  } do
    it("may be " .. name .. ", cut into ranges of about as many rows", function()
      local names = key[1]:gsub('("?%w+"?) [^,]+', "%1")
      begin(([[CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy'); CREATE TABLE t (%s, n int NOT NULL DEFAULT 0, PRIMARY KEY (%s));
        INSERT INTO t SELECT %s FROM generate_series(1, 6000) g; ANALYZE t]]):format(
        key[1], names, key[2]))
      assert_once(6000)
      assert.is_true(tonumber(sql "SELECT count(*) FROM stint.backfill_range WHERE rows_seen > 0") >= (key[1]:find "," and 2 or 8))
      if not key[1]:find "," then
        assert.is_true(tonumber(sql "SELECT max(rows_seen) FROM stint.backfill_range") < 1500)
      end
    end)
  end

  it("are those of the same rows when they come back from Lua, whatever their text is", function()
    begin([[CREATE TABLE t (a char(4), b boolean, "C" text COLLATE "C", d timestamptz, e smallint, n int NOT NULL DEFAULT 0, PRIMARY KEY (a, b, "C", d, e));
      INSERT INTO t SELECT 'a' || g % 7, g % 2 = 0, CASE WHEN g % 5 = 0 THEN '"}\\,{ NULL' || g % 3 ELSE '' END,
        '2026-01-01'::timestamptz + g * interval '17 s', g FROM generate_series(1, 3000) g; ANALYZE t]],
      'backfill { table = "t", columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, workers = 2 }\n')
    assert_once(3000)
  end)

  it("are walked in each partition, three levels down", function()
    begin [[CREATE TABLE t (id int, at date, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY HASH (id);
      CREATE TABLE t1a PARTITION OF t1 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE t1b PARTITION OF t1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      CREATE TABLE t2 PARTITION OF t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
      CREATE TABLE "T ""3""" PARTITION OF t DEFAULT;
      CREATE TABLE t4 PARTITION OF t FOR VALUES FROM ('2027-01-01') TO ('2027-02-01');
      INSERT INTO t SELECT g, date '2026-01-01' + g % 100 FROM generate_series(1, 6000) g; ANALYZE t]]
    assert_once(6000)
    assert.equal('"T ""3""",t1a,t1b,t2,t4', sql "SELECT string_agg(DISTINCT leaf::regclass::text, ',' ORDER BY leaf::regclass::text) FROM stint.backfill_range")
  end)

  it("of partitions that come and go meanwhile: none is left out, and what is gone is nobody's business", function()
    begin([[CREATE TABLE t (id int, p int, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
      CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2); CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3);
      INSERT INTO t SELECT g, g % 3 + 1 FROM generate_series(1, 9000) g; ANALYZE t;
      CREATE TABLE t4 (LIKE t INCLUDING ALL); INSERT INTO t4 SELECT g, 4 FROM generate_series(1, 2000) g;
      CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 2500 THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END';
      CREATE TRIGGER wait AFTER UPDATE ON t1 FOR EACH ROW EXECUTE FUNCTION wait();
      CREATE TRIGGER wait AFTER UPDATE ON t2 FOR EACH ROW EXECUTE FUNCTION wait()]], 'backfill { table = "t", set = { n = "n + 1" } }\n')
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = at.start("up", "--lock-timeout", "40s")
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
    sql "ALTER TABLE t ATTACH PARTITION t4 FOR VALUES IN (4)"
    sql "ALTER TABLE t DETACH PARTITION t3"
    sql "DROP TABLE t3"
    holder:exec "SELECT pg_advisory_unlock(7)"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("8000 8000", sql "SELECT count(*) || ' ' || count(*) FILTER (WHERE n = 1) FROM t")
  end)

  it("are counted where `where` means one row in a hundred thousand: no batch takes long for it", function()
    begin([[CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0); INSERT INTO t SELECT g FROM generate_series(1, 100000) g; ANALYZE t]],
      'backfill { table = "t", set = { n = "n + 1" }, where = "id = 77777" }\n')
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("1 100000 t", sql [[SELECT (SELECT sum(n) FROM t) || ' ' || sum(rows_seen)
      || ' ' || CASE WHEN sum(batches) >= 5 THEN 't' END FROM stint.backfill_range]])
  end)

  it("must be in an index in their own order, else each batch would read all", function()
    begin([[CREATE TABLE t (k text COLLATE "und-x-icu" NOT NULL, n int NOT NULL DEFAULT 0); CREATE UNIQUE INDEX ON t (k COLLATE "C");
      INSERT INTO t SELECT g::text FROM generate_series(1, 5000) g; ANALYZE t]], 'backfill { table = "t", key = "k", set = { n = "n + 1" } }\n')
    local r = up()
    assert.equal(6, r.code, r.err)
    assert.matches("each batch would read the whole of public.t", r.err, 1, true)
    assert.equal("0", sql "SELECT sum(n) FROM t")
  end)

  it("are not changed without a `where`: rows that move on would be met again", function()
    begin("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT g FROM generate_series(1, 100) g",
      'backfill { table = "t", set = { id = "id + 1000" } }\n')
    local r = up()
    assert.equal(6, r.code, r.err)
    assert.matches("id is part of the key: rows that it moves would be met again", r.err, 1, true)
    assert.equal("100", sql "SELECT max(id) FROM t")
  end)

  it("stay right when a row moves to another partition by the change itself", function()
    begin([[CREATE TABLE t (id int, p int, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
      CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);
      INSERT INTO t SELECT g, 1 FROM generate_series(1, 3000) g; ANALYZE t]], 'backfill { table = "t", set = { p = "2", n = "n + 1" }, where = "p = 1" }\n')
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("3000", sql "SELECT count(*) FROM t2 WHERE n = 1")
  end)

  it("are found in a text's own collation, whatever the session's settings are", function()
    begin [[CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE TABLE t (k text COLLATE loose, at timestamptz, n int NOT NULL DEFAULT 0, PRIMARY KEY (k, at));
      INSERT INTO t SELECT chr(65 + g % 57 % 26) || g % 300,
        timestamptz '2026-03-29 00:30+00' + g * interval '13.000001 s' FROM generate_series(1, 5000) g; ANALYZE t]]
    local name = at.url:match "///([^?]+)"
    sql(("ALTER DATABASE %s SET DateStyle = 'German'; ALTER DATABASE %s SET TimeZone = 'Pacific/Chatham'"):format(name, name))
    assert_once(5000)
  end)
end)
