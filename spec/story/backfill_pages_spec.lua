local eventually = require "spec.support.eventually"
local session = require "spec.support.session"
local story = require "spec.support.story"

local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"

describe("a walk page by page", function()
  local at = story.new()
  local start, sql = at.start, at.sql

  local function begin(build, text)
    at.begin { [FILE] = text }
    sql(build)
  end

  local function up(...)
    return start("up", ...):wait()
  end

  -- Every change of a row is written down. At the beginning done is NULL everywhere.
  local TABLE = [[CREATE TABLE t (id uuid PRIMARY KEY, n int NOT NULL DEFAULT 0, done bool, app int NOT NULL DEFAULT 0, pad text DEFAULT repeat('x', %d));
    INSERT INTO t SELECT md5(g::text)::uuid FROM generate_series(1, %d) g; ANALYZE t]]
  local LOG = [[; CREATE TABLE log (id uuid); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
      IF left(NEW.id::text, 2) = ''00'' THEN PERFORM pg_sleep(0.005); END IF; INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
      CREATE TRIGGER note AFTER UPDATE OF done ON t FOR EACH ROW EXECUTE FUNCTION note()]]
  local PAGES = 'backfill { table = "t", set = { n = "n + 1", done = "true" }, where = "done IS NULL", walk = "page", %s }\n'
  local ONCE = "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) || ' ' || count(DISTINCT id) FROM log) FROM t"

  it("changes each row once, however many workers there are", function()
    begin(TABLE:format(80, 30000) .. LOG, PAGES:format 'target = "20ms", workers = 2, stripes = 4')
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("30000 30000 30000", sql(ONCE))
    assert.equal("page", sql "SELECT walk FROM stint.backfill")
    assert.equal("t", sql "SELECT count(*) > 1 FROM stint.backfill_range WHERE rows_changed > 0")
    assert.equal("30000", sql "SELECT (SELECT sum(rows_changed) FROM stint.backfill_range) + rows_late FROM stint.backfill")
  end)

  it("is killed with -9 at any moment, while the application moves rows under its feet", function()
    begin(TABLE:format(80, 30000) .. LOG, PAGES:format 'target = "10ms", stripes = 4')
    local app = session.open(at.url)
    for round = 1, long and 20 or 4 do
      local h = start "up"
      session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
      eventually("as many changes", function()
        app:exec "UPDATE t SET app = app + 1 WHERE id IN (SELECT id FROM t TABLESAMPLE SYSTEM (2) LIMIT 50)"
        return tonumber(app:value "SELECT count(*) FROM log") > round * 1000
      end)
      h:kill "KILL"
      h:wait()
    end
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("30000 30000 30000", sql(ONCE))
    assert.equal("0", sql "SELECT count(*) FROM stint.backfill_residue")
  end)

  it("finds the row at fault, and the rows that others hold", function()
    begin(TABLE:format(80, 20000) .. LOG,
      [[backfill { table = "t", set = { n = "n + 1 / (ascii(id::text) - ascii(id::text) + CASE WHEN id = md5('7777')::uuid THEN 0 ELSE 1 END)", done = "true" },
        where = "done IS NULL", walk = "page", stripes = 4, target = "20ms" }]])
    local holder = session.open(at.url)
    holder:exec "BEGIN; SELECT FROM t WHERE id IN (md5('77')::uuid, md5('15000')::uuid) FOR UPDATE"
    local h = start "up"
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_residue') IS NOT NULL)::text", "true")
    session.wait_until(at.url, "SELECT count(*) FROM stint.backfill_residue", "2")
    holder:exec "COMMIT"
    local r = h:wait()
    assert.equal(7, r.code, r.err)
    assert.equal("19999 19999 19999", sql(ONCE))
    assert.equal("t", sql "SELECT key[1]::uuid = md5('7777')::uuid FROM stint.backfill_quarantine")
    assert.matches("row {" .. sql "SELECT md5('7777')::uuid" .. "} fails", r.err, 1, true)
  end)

  it("finds what came to pages behind it", function()
    begin(TABLE:format(80, 5000) .. [[; CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
        IF OLD.id = md5(''4990'')::uuid AND NEW.done THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END';
        CREATE TRIGGER wait AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION wait()]], PAGES:format "stripes = 1")
    sql "DELETE FROM t WHERE ctid < '(5,0)'"
    sql "VACUUM t"
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("up", "--lock-timeout", "40s")
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
    -- into the room on the first pages, which the walk has left behind
    sql "UPDATE t SET app = 1 WHERE id IN (md5('4900')::uuid, md5('4901')::uuid); INSERT INTO t (id) VALUES (md5('new')::uuid)"
    holder:exec "SELECT pg_advisory_unlock(7)"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0 2", sql "SELECT count(*) FILTER (WHERE n <> 1) || ' ' || count(*) FILTER (WHERE app = 1) FROM t")
  end)

  it("goes on along the key when the change turns out to leave `where` true", function()
    begin(TABLE:format(80, 20000), [[backfill { table = "t", set = { n = "n + 1", done = "CASE WHEN app = 0 THEN true END" }, where = "done IS NULL",
      walk = "page", writes = "app" }]])
    sql "UPDATE t SET app = 1 WHERE ctid > '(200,0)' AND ctid < '(202,0)'"
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.matches("the change leaves `where` true for some rows: going on along the key", r.err, 1, true)
    assert.equal("20000 key", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT walk FROM stint.backfill) FROM t")
  end)

  it("is refused where it could change rows twice, and says why", function()
    for fields, why in pairs {
      ['set = { n = "n + 1" }'] = "there is no `where` that the change could make false",
      ['set = { n = "n + 1" }, where = "done IS NULL"'] = "the change leaves `where` true",
      ['set = { n = "n + 1" }, where = "n < 100"'] = "the change leaves `where` true",
      ['transform = function() end, where = "n = 0"'] = "only what `set` does can be told beforehand",
    } do
      begin(TABLE:format(0, 100), ('backfill { table = "t", %s, walk = "page" }\n'):format(fields))
      local r = up()
      assert.equal(6, r.code, r.err)
      assert.matches('walk = "page" could change rows twice: ' .. why, r.err, 1, true)
      assert.equal("0", sql "SELECT sum(n) FROM t")
    end
  end)

  it("goes on in a later run, though all that it meets then leaves `where` true", function()
    begin(TABLE:format(80, 20000), [[backfill { table = "t", set = { n = "n + 1", done = "CASE WHEN app = 0 THEN true END" }, where = "done IS NULL",
      walk = "page", writes = "app", verify = "SELECT count(*) FROM t WHERE app = 2" }]])
    sql "UPDATE t SET app = CASE WHEN ctid < '(250,0)' THEN 1 ELSE 2 END WHERE ctid > '(200,0)'"
    sql "VACUUM FULL t"
    assert.equal(7, up().code)
    sql "UPDATE t SET app = 1 WHERE app = 2"
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("20000 key", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT walk FROM stint.backfill) FROM t")
  end)

  it("is chosen for random keys, more rows than the buffers hold, and a change that makes `where` false", function()
    begin(TABLE:format(250, 130000), 'backfill { table = "t", set = { n = "n + 1", done = "true" }, where = "done IS NULL" }\n')
    local first = at.dir
    for fields, why in pairs {
      ['set = { n = "n + 1" }'] = "along the key: the key's order is not the table's",
      ['set = { n = "n + 1" }, where = "n > -1"'] = "along the key: the key's order is not the table's",
      ['set = { n = "n + 1", done = "false" }, where = "done"'] = "along the key: the key's order is not the table's",
      ['set = { done = "true" }, where = "done IS NULL", walk = "key"'] = "along the key: the key's order is not the table's",
      ['set = { id = "id", done = "true" }, where = "done IS NULL"'] = "along the key: a column that changes is in an index",
    } do
      at.dir = at.project { [FILE] = ('backfill { table = "t", %s }\n'):format(fields) }
      assert.matches(why, start("plan"):wait().out, 1, true)
    end
    at.dir = first
    assert.matches("page by page in windows of 12 stripes: its key is random, it is larger than the server's buffers, and the change makes `where` false",
      start("plan"):wait().out, 1, true)
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("130000 page 12", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT walk || ' ' || stripes FROM stint.backfill) FROM t")
  end)

  it("goes from partition to partition", function()
    begin([[CREATE TABLE t (id uuid PRIMARY KEY, n int NOT NULL DEFAULT 0, done bool) PARTITION BY HASH (id);
      CREATE TABLE t0 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO t SELECT md5(g::text)::uuid FROM generate_series(1, 5000) g; ANALYZE t]], PAGES:format "workers = 2")
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("5000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("t0,t1", sql "SELECT string_agg(DISTINCT leaf::regclass::text, ',' ORDER BY leaf::regclass::text) FROM stint.backfill_range")
  end)
end)
