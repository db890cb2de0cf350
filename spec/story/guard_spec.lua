-- What the plan says of a statement is held to: by what the server announces before it works.
local place = require "spec.support.place"
local story = require "spec.support.story"

local CONFIG = [[
[project]
environment = production
[production]
url = ${DATABASE_URL}
protected = yes
]]

describe("guard", function()
  local at = story.new()
  local stint, write, sql = at.stint, at.write, at.sql

  local function type_of(column)
    return sql(("SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = '%s'"):format(column))
  end

  before_each(function()
    at.begin({ ["1_one.sql"] = "SELECT 1;" }, CONFIG)
    sql [[CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p SELECT g FROM generate_series(1, 100) g;
      CREATE TABLE t (id int PRIMARY KEY, a int, b text, p int); INSERT INTO t SELECT g, g, g, g FROM generate_series(1, 100) g]]
  end)

  -- Dynamic SQL: nobody can read it before it runs.
  local function hidden(text)
    return ("DO $do$ BEGIN EXECUTE concat($x$%s$x$, ''); END $do$;\n"):format(text)
  end

  for what, change in pairs {
    ["rewrite the table t"] = "ALTER TABLE t ALTER COLUMN a TYPE bigint",
    ["read all of the table t"] = "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    ["build an index of the table t"] = "CREATE INDEX ON t (a)",
    ["check every row for the foreign key"] = "ALTER TABLE t ADD FOREIGN KEY (p) REFERENCES p",
  } do
    it("cancels dynamic SQL before it can " .. what, function()
      write("1_one.sql", "ALTER TABLE t ADD COLUMN c int;\n" .. hidden(change))
      local r = stint(6, "deploy")
      assert.matches("cancelled by the guard: it was about to " .. what, r.err, 1, true)
      assert.matches("scripts/migrations/1_one.sql:2", r.err, 1, true)
      assert.matches("rolled back: nothing of this file is left", r.err, 1, true)
      assert.matches("stint: allow guard", r.err, 1, true)
      assert.equal("integer|0|0", sql([[SELECT format_type(atttypid, -1),
        (SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'c'),
        (SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND NOT indisprimary) FROM pg_attribute
        WHERE attrelid = 't'::regclass AND attname = 'a']]))
    end)
  end

  it("cancels what a Lua migration decides when it runs", function()
    os.remove(at.dir .. "/scripts/migrations/1_one.sql")
    write("1_one.lua", [[migration { up = function(db)
      local kind = db:value "SELECT 'bigint'"
      db:exec("ALTER TABLE t ALTER COLUMN a TYPE " .. kind)
    end }]])
    assert.matches("it was about to rewrite the table t", stint(6, "deploy").err, 1, true)
    assert.equal("integer", type_of "a")
  end)

  it("lets through what is waived, or planned", function()
    write("1_one.sql", '-- stint: allow guard reason="a small table"\n' .. hidden "ALTER TABLE t ALTER COLUMN a TYPE bigint"
      .. 'CREATE TABLE n (id int PRIMARY KEY, t int REFERENCES t, x text);\nINSERT INTO n SELECT g, g FROM generate_series(1, 9) g;\n'
      .. "ALTER TABLE n ALTER COLUMN x TYPE int USING 1;\n")
    stint(0, "deploy")
    assert.equal("bigint", type_of "a")
  end)

  it("lets through what is done to a table that is new", function()
    local new = hidden [[CREATE TABLE n (id int PRIMARY KEY, a text UNIQUE); INSERT INTO n SELECT 1;
      ALTER TABLE n ALTER id TYPE bigint; CREATE INDEX ON n (id)]]
    write("1_one.sql", new .. hidden "CREATE TEMP TABLE temp_n (a int PRIMARY KEY); ALTER TABLE temp_n ALTER a TYPE bigint")
    stint(0, "deploy")
  end)

  it("warns, or is off, where config.ini says so", function()
    write("1_one.sql", hidden "ALTER TABLE t ALTER COLUMN a TYPE bigint")
    place.write(at.dir .. "/config.ini", CONFIG .. "guard = warn\n")
    assert.matches("guard: it was about to rewrite the table t", stint(0, "deploy").err, 1, true)
    write("2_two.sql", hidden "ALTER TABLE t ALTER COLUMN a TYPE int")
    place.write(at.dir .. "/config.ini", CONFIG .. "guard = off\n")
    assert.is_nil(stint(0, "deploy").err:find("guard", 1, true))
    place.write(at.dir .. "/config.ini", CONFIG:gsub("protected = yes\n", ""))
    write("3_three.sql", hidden "ALTER TABLE t ALTER COLUMN a TYPE bigint")
    stint(0, "deploy")
    place.write(at.dir .. "/config.ini", CONFIG:gsub("protected = yes\n", "") .. "guard = on\n")
    write("4_four.sql", hidden "ALTER TABLE t ALTER COLUMN a TYPE int")
    stint(6, "deploy")
  end)

  it("cancels the rewrite of 1.5 million rows before it has run for 50 ms #long", function()
    if not os.getenv("STINT_LONG") then
      return pending "STINT_LONG=1"
    end
    sql("CREATE TABLE big AS SELECT g AS id, g AS a, repeat('x', 50) AS b FROM generate_series(1, 1500000) g")
    write("1_one.sql", [[DO $do$ DECLARE since timestamptz := clock_timestamp(); BEGIN
      EXECUTE concat('ALTER TABLE big ALTER COLUMN a TYPE bigint', '');
      EXCEPTION WHEN query_canceled THEN RAISE 'after % ms', (extract(epoch FROM clock_timestamp() - since) * 1000)::int;
    END $do$;]])
    local r = stint(6, "deploy")
    assert.is_true(tonumber(r.err:match "DETAIL: after (%d+) ms") < 50, r.err)
  end)

  it("ends a lock against readers that lasts too long", function()
    place.write(at.dir .. "/config.ini", CONFIG .. "exclusive_hold = 300ms\n")
    write("1_one.sql", "ALTER TABLE t ADD COLUMN c int;\n" .. hidden "SELECT pg_sleep(30)")
    local r = stint(6, "deploy")
    assert.matches("t locked against readers for longer than 300ms (exclusive_hold)", r.err, 1, true)
    assert.equal("", type_of "c")
  end)

  it("never cancels what only changes the catalog", function()
    sql([[CREATE TYPE mood AS ENUM ('a'); ALTER TABLE t ADD CHECK (a > 0) NOT VALID; CREATE VIEW v AS SELECT * FROM t;
      CREATE TABLE parted (id int) PARTITION BY RANGE (id); CREATE TABLE part1 (id int); CREATE INDEX t_b ON t (b);
      CREATE TABLE w (x varchar(10), n numeric(10, 2), nn int NOT NULL); INSERT INTO w VALUES ('a', 1, 1)]])
    local list = {
      "ALTER TABLE t ADD COLUMN c1 int", "ALTER TABLE t ADD COLUMN c2 int DEFAULT 7 NOT NULL", "ALTER TABLE t ADD COLUMN c3 timestamptz DEFAULT now()",
      "ALTER TABLE w ALTER COLUMN x TYPE varchar(20)", "ALTER TABLE w ALTER COLUMN x TYPE text", "ALTER TABLE w ALTER COLUMN n TYPE numeric(12, 2)",
      "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1", "ALTER TABLE t ALTER COLUMN a DROP DEFAULT", "ALTER TABLE t ALTER COLUMN a SET STATISTICS 50",
      "ALTER TABLE t ADD CONSTRAINT k CHECK (p > 0) NOT VALID", "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (p) REFERENCES p NOT VALID",
      "ALTER TABLE t DROP CONSTRAINT k", "ALTER TABLE t DROP CONSTRAINT f", "ALTER TABLE w ALTER COLUMN nn DROP NOT NULL",
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t SET (fillfactor = 90)", "ALTER TABLE t RENAME COLUMN b TO bb",
      "ALTER TABLE t RENAME TO tt", "ALTER TABLE tt RENAME TO t", "ALTER INDEX t_b RENAME TO t_bb", "DROP INDEX t_bb",
      "CREATE TRIGGER s BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", "ALTER TABLE t DISABLE TRIGGER s",
      "COMMENT ON TABLE t IS 'x'", "GRANT SELECT ON t TO PUBLIC", "CREATE INDEX ON ONLY parted (id)", "CREATE SEQUENCE sq", "DROP VIEW v",
      "ALTER TABLE t ALTER COLUMN bb SET STORAGE EXTERNAL", "ALTER TABLE t REPLICA IDENTITY FULL", "ALTER TABLE t SET LOGGED",
      "CREATE TABLE part2 PARTITION OF parted FOR VALUES FROM (1) TO (2)", "DROP TABLE part2",
    }
    write("1_one.sql", table.concat(list, ";\n"))
    place.write(at.dir .. "/config.ini", CONFIG:gsub("protected = yes\n", "guard = on\n")) -- the rules have their own opinion
    stint(0, "deploy")
  end)
end)
