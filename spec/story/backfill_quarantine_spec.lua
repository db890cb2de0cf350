local story = require "spec.support.story"

local FILE = "scripts/migrations/1_fill.lua"

-- Rows whose d is 0 fail; every change is written down.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, d int NOT NULL DEFAULT 1, CHECK (n < 5));
INSERT INTO t SELECT g FROM generate_series(1, 6000) g;
UPDATE t SET d = 0 WHERE id IN (%s);
CREATE TABLE log (id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION note();
]]

describe("the quarantine", function()
  local at = story.new()
  local sql = at.sql

  local function begin(bad, text)
    at.begin { [FILE] = text or 'backfill { table = "t", set = { n = "n + 1 / d" } }\n' }
    sql(TABLE:format(bad))
  end

  local function up(...)
    return at.run("up", ...)
  end

  local KEYS = "SELECT string_agg(key[1], ',' ORDER BY key[1]::bigint) FROM stint.backfill_quarantine"

  for name, bad in pairs {
    ["the first and the last"] = "1,6000",
    ["two neighbours"] = "2500,2501",
    ["many, here and there"] = "7,8,9,999,1000,1001,3456,5999",
  } do
    it("holds exactly the rows that fail: " .. name, function()
      begin(bad)
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.equal(bad, sql(KEYS))
      local count = select(2, bad:gsub("%d+", ""))
      assert.equal(("%d %d"):format(6000 - count, 6000 - count), sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM log) FROM t")
      assert.is_true(tonumber(sql "SELECT sum(batches) FROM stint.backfill_range") < 40 + 25 * count)
      sql "UPDATE t SET d = 1"
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("6000 6000 6000 0", sql [[SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM log)
        || ' ' || (SELECT rows_late + (SELECT sum(rows_changed) FROM stint.backfill_range) FROM stint.backfill)
        || ' ' || (SELECT count(*) FROM stint.backfill_quarantine) FROM t]])
    end)
  end

  it("holds one row in a hundred, and all others are done", function()
    begin("SELECT g * 100 FROM generate_series(1, 60) g", 'backfill { table = "t", set = { n = "n + 1 / d" } }\n')
    local r = up()
    assert.equal(7, r.code, r.err)
    assert.equal("60 5940 5940", sql [[SELECT (SELECT count(*) FROM stint.backfill_quarantine) || ' ' || count(*) FILTER (WHERE n = 1)
      || ' ' || (SELECT count(*) FROM log) FROM t]])
    assert.equal("t", sql "SELECT bool_and(key[1]::int % 100 = 0) FROM stint.backfill_quarantine")
  end)

  it("stops everything when more rows fail than max_quarantine, and keeps the position", function()
    begin("100,200,300,400", 'backfill { table = "t", set = { n = "n + 1 / d" }, max_quarantine = 2 }\n')
    local r = up()
    assert.equal(7, r.code, r.err)
    assert.matches("more rows fail than max_quarantine = 2", r.err, 1, true)
    assert.equal("300", sql "SELECT position[1] FROM stint.backfill_range")
    assert.equal("297 297", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM log) FROM t")
    sql "UPDATE t SET d = 1"
    assert.equal(0, up().code)
    assert.equal("6000 6000", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM log) FROM t")
  end)

  it("names the first rows that fail, not each of a thousand; and with 0 none may fail", function()
    begin("0", 'backfill { table = "t", transform = function() error "no" end, max_quarantine = 0 }\n')
    local r = up()
    assert.equal(7, r.code, r.err)
    assert.matches("more rows fail than max_quarantine = 0", r.err, 1, true)
    assert.equal(10, select(2, r.err:gsub(": row {", "")))
    assert.matches("1_fill: more rows fail; all of them are in stint.backfill_quarantine\n", r.err, 1, true)
  end)

  it("takes what a constraint or a trigger refuses", function()
    begin("0", 'backfill { table = "t", set = { n = "CASE id WHEN 50 THEN 9 ELSE n + 1 END" } }\n')
    sql [[CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 60 THEN RAISE ''not this one''; END IF; RETURN NEW; END';
      CREATE TRIGGER no BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION no()]]
    local r = up()
    assert.equal(7, r.code, r.err)
    assert.equal("50 23514, 60 P0001", sql "SELECT string_agg(key[1] || ' ' || sqlstate, ', ' ORDER BY key[1]::int) FROM stint.backfill_quarantine")
    assert.equal("5998", sql "SELECT count(*) FROM t WHERE n = 1")
    r = at.run("backfill", "status")
    assert.matches("2 rows failed and are in the quarantine", r.out, 1, true)
    assert.matches("\n    key {60}: not this one (SQLSTATE P0001)\n", r.out, 1, true)
    assert.matches("\n    key {50}: new row for relation", r.out, 1, true)
  end)

  it("takes a row that alone is slower than statement_timeout, after smaller and smaller batches", function()
    begin("0")
    sql [[CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 5000 THEN PERFORM pg_sleep(5); END IF; RETURN NEW; END';
      CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()]]
    local r = up("--statement-timeout", "300ms")
    assert.equal(7, r.code, r.err)
    assert.equal("5000 57014", sql "SELECT key[1] || ' ' || sqlstate FROM stint.backfill_quarantine")
    assert.equal("5999", sql "SELECT count(*) FROM t WHERE n = 1")
  end)

  it("says nothing but sizes are wrong where rows are wide and time is short", function()
    begin "0"
    sql "CREATE TABLE w (id int PRIMARY KEY, big text, n int DEFAULT 0); INSERT INTO w SELECT g, repeat(md5(g::text), 30000) FROM generate_series(1, 60) g"
    at.dir = at.project { [FILE] = 'backfill { table = "w", set = { n = "n + length(big)" } }\n' }
    local r = up("--statement-timeout", "100ms")
    assert.equal(0, r.code, r.err)
    assert.equal("60", sql "SELECT count(*) FROM w WHERE n = 960000")
  end)
end)
