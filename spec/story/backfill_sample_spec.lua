local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/1_fill.lua"

local TABLE = [[CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL DEFAULT 0, note text, d int DEFAULT 1, pad text DEFAULT repeat('x', 80),
    twice int GENERATED ALWAYS AS (id * 2) STORED, serial bigint GENERATED ALWAYS AS IDENTITY);
  INSERT INTO t (id) SELECT g FROM generate_series(1, 120000) g;
  CREATE INDEX ON t (note); ANALYZE t;
  CREATE TABLE log (id int);
  CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
  CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()]]

describe("a backfill tried on a sample", function()
  local at = story.new()
  local sql = at.sql

  local function begin(build, fields)
    at.begin { [FILE] = ('backfill { table = "t", %s }\n'):format(fields) }
    sql(build)
  end

  local function start(...)
    return at.start("backfill", ...)
  end

  local function estimate(...)
    local r = start("--json", ...):wait()
    assert.equal(0, r.code, r.err)
    return function(name)
      return tonumber(r.out:match('"' .. name .. '":([%d.e+-]+)')) or r.out:match('"' .. name .. '":"(.-)"[,}]')
    end
  end

  local COPIES = "SELECT count(*) FROM pg_class WHERE relname LIKE 'sample%' OR relname LIKE 'backfill%'"

  it("says what all rows would take, changes none of them, and leaves nothing behind", function()
    begin(TABLE, 'set = { n = "n + 1" }')
    local r = start("1_fill", "--sample", "5000"):wait()
    assert.equal(0, r.code, r.err)
    assert.matches("1_fill: tried on a copy of 5,000 of about 120,000 rows of public.t, 5,000 of them changed", r.out, 1, true)
    assert.matches("along the key in windows of 8 stripes", r.out, 1, true)
    assert.matches("rate  [%d,]+ rows/s by one worker: %S+ for all rows", r.out)
    assert.matches("not counted: 1 trigger of the table", r.out, 1, true)
    assert.equal("0 0", sql "SELECT sum(n) || ' ' || (SELECT count(*) FROM log) FROM t")
    assert.equal("0", sql(COPIES))
  end)

  it("is not far from what it really takes", function()
    begin(TABLE:gsub("CREATE TRIGGER.*", ""), 'set = { n = "n + 1", note = "id::text" }')
    local of = estimate("1", "--sample", "20000")
    local function sizes()
      local said = sql "SELECT pg_current_wal_insert_lsn() - '0/0' || ' ' || pg_table_size('t') || ' ' || pg_indexes_size('t')"
      local wal, table_bytes, index_bytes = said:match "(%d+) (%d+) (%d+)"
      return tonumber(wal), tonumber(table_bytes), tonumber(index_bytes)
    end
    sql "VACUUM t"
    local wal, heap, index = sizes()
    at.stint(0, "up")
    local wal_then, heap_then, index_then = sizes()
    local function close(wanted, got, share, what)
      assert.is_true(math.abs(got - wanted) <= share * wanted, ("%s: %d said, %d it was"):format(what, got, wanted))
    end
    close(wal_then - wal, of "wal_bytes", 0.25, "WAL")
    close(heap_then - heap, of "table_growth_bytes", 0.25, "table")
    close(index_then - index, of "index_growth_bytes", 0.5, "index")
    assert.equal(120000, of "rows_total")
    assert.is_true(of "rows_per_second" > 0 and of "duration_seconds" > 0)
  end)

  it("takes its rows from all over the table, and from every partition", function()
    begin([[CREATE TABLE t (id int, p int, n int NOT NULL DEFAULT 0, PRIMARY KEY (id, p)) PARTITION BY LIST (p);
      CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2); CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3);
      INSERT INTO t SELECT g, CASE WHEN g % 10 = 0 THEN 2 ELSE 1 END FROM generate_series(1, 40000) g; ANALYZE t;
      CREATE TABLE seen (id int, p int);
      CREATE FUNCTION see(id int, p int) RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO public.seen VALUES ($1, $2); SELECT 1']],
      'set = { n = "see(id, p)" }')
    local of = estimate("1", "--sample", "4000")
    assert.is_true(of "rows_sampled" > 3000 and of "rows_sampled" < 4500, of "rows_sampled")
    assert.equal("t t t", sql [[SELECT concat_ws(' ', bool_or(id < 2000), bool_or(id > 38000), count(*) FILTER (WHERE p = 2) BETWEEN 200 AND 800) FROM seen]])
    assert.equal("0", sql "SELECT sum(n) FROM t")
  end)

  it("tells that rows fail, of a function in Lua, too", function()
    begin(TABLE, 'columns = { "id", "n" }, transform = function(row) if row.id % 1000 == 7 then error "bad luck" end return { n = row.n + 1 } end')
    local of = estimate("1", "--sample", "10000")
    assert.is_true(of "rows_failing" > 0)
    assert.matches("bad luck", of "first_failure", 1, true)
    begin(TABLE, 'set = { n = "1 / (d - 1)" }, max_quarantine = 3')
    of = estimate("1", "--sample", "3000")
    assert.equal(4, of "rows_failing")
    assert.matches("division by zero", of "first_failure", 1, true)
    assert.equal("0", sql "SELECT sum(n) FROM t")
  end)

  it("drops its copy when it is stopped or fails, and what a killed one has left", function()
    begin(TABLE .. [[; CREATE FUNCTION slow(n int) RETURNS int LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN n + 1; END']], 'set = { n = "slow(n)" }, target = "20s"')
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("1", "--sample", "2000")
    session.wait_until(at.url, [[SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]], "1")
    h:kill "KILL"
    h:wait()
    assert.equal("1", sql "SELECT count(*) FROM pg_class WHERE relname LIKE 'sample%' AND relkind = 'r'")
    holder:exec "SELECT pg_advisory_unlock(7)"
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'stint:%'", "0")
    place.write(at.dir .. "/" .. FILE, 'backfill { table = "t", set = { n = "n + 1" } }\n')
    estimate("1", "--sample", "1000")
    assert.equal("0", sql(COPIES))
  end)

  it("says what it cannot try", function()
    begin(TABLE, 'batch = "DELETE FROM t WHERE id > :lo AND id <= :hi"')
    local function refused(code, text, ...)
      local r = start(...):wait()
      assert.equal(code, r.code, r.err)
      assert.matches(text, r.err, 1, true)
    end
    refused(1, "a `batch` of your own names the tables that it changes: it cannot be tried on a copy", "1", "--sample", "10")
    assert.equal("120000", sql "SELECT count(*) FROM t")
    refused(64, "there is no migration 1_filk", "1_filk", "--sample", "10")
    refused(64, "did you mean 1_fill", "1_filk", "--sample", "10")
    refused(64, "--sample takes a number from 1 to 10000000, not many", "1", "--sample", "many")
    refused(64, "--sample takes one name", "--sample", "10")
    place.write(at.dir .. "/scripts/migrations/2_b.sql", "SELECT 1;\n")
    refused(1, "declares no backfill", "2", "--sample", "10")
  end)
end)
