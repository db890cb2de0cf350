-- A file that does not fit in one transaction runs in several, each with its position: every part
-- is applied once, and what fails is named and gone on with.
local json = require "dkjson"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("a file of several transactions", function()
  local url, project, db
  local at = story.new()
  local write, says = at.write, story.says

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  local function status(version)
    local r = run({ "status", "--json" }, { cwd = project, env = { DATABASE_URL = url } })
    for _, item in ipairs(json.decode(r.out).migrations) do
      if item.version == version then
        return item
      end
    end
  end

  -- One column of a query, in one line.
  local function column(sql)
    local list = {}
    for i, row in ipairs(db:exec(sql)) do
      list[i] = row[1]
    end
    return table.concat(list, " ")
  end

  local function exists(name)
    return db:value("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
  end

  before_each(function()
    url, project = at.begin { ["scripts/migrations/README"] = "" }
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  describe("with its own BEGIN and COMMIT", function()
    it("keeps its borders, chains and isolation levels", function()
      write(
        "1_own.sql",
        [[
CREATE TABLE seen (n int, isolation text DEFAULT current_setting('transaction_isolation'));
BEGIN;
INSERT INTO seen VALUES (1);
INSERT INTO seen VALUES (1);
COMMIT AND CHAIN;
INSERT INTO seen VALUES (2);
COMMIT WORK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO seen VALUES (3);
COMMIT AND CHAIN;
INSERT INTO seen VALUES (4);
END;
START TRANSACTION;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
INSERT INTO seen VALUES (5);
COMMIT;
INSERT INTO seen VALUES (6);
]]
      )
      up(0)
      assert.equal(
        "1 read committed/1 read committed/2 read committed/3 serializable/4 serializable/5 repeatable read/6 read committed",
        db:value "SELECT string_agg(n || ' ' || isolation, '/' ORDER BY n) FROM seen"
      )
      assert.equal("1", db:value "SELECT count(DISTINCT xmin::text) FROM seen WHERE n = 1")
      assert.equal("6", db:value "SELECT count(DISTINCT xmin::text) FROM seen")
      assert.equal("applied", status("1").state)
      assert.equal("17", db:value "SELECT position FROM stint.migration")
    end)

    it("leaves nothing of what it rolls back, and goes on behind it", function()
      write(
        "1_back.sql",
        "CREATE TABLE t (n int);\nBEGIN;\nINSERT INTO t VALUES (1);\nCREATE TABLE gone ();\nROLLBACK;\nINSERT INTO t VALUES (2);\nABORT;\n"
      )
      up(0)
      assert.equal("2", column "SELECT n FROM t")
      assert.is_false(exists "gone")
      assert.equal("7", db:value "SELECT position FROM stint.migration")
    end)

    it("writes its position inside of each transaction", function()
      local head = "BEGIN;\nCREATE TABLE t (n int);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\n"
      write(
        "1_own.sql",
        head .. "BEGIN;\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (1/0);\nCOMMIT;\nINSERT INTO t VALUES (3);\n"
      )
      local r = up(7)
      says("ERROR: 1_own: division by zero (SQLSTATE 22012)\n  at scripts/migrations/1_own.sql:9:1\n", r)
      says("STATE: 6 of 11 statements are applied, statement 9 failed\n", r)
      says("NEXT: mend the file from statement 7 on, then: stint up goes on there\n", r)
      assert.equal("1", column "SELECT n FROM t")
      local item = status "1"
      assert.same({ "partial", 6, 11 }, { item.state, item.position, item.statements })
      assert.matches("division by zero", item.error)
      assert.equal("t", db:value "SELECT (SELECT xmin FROM t) = (SELECT xmin FROM stint.migration)")

      write(
        "1_own.sql",
        head .. "INSERT INTO t VALUES (20);\nINSERT INTO t VALUES (3);\n"
      )
      r = up(0)
      says("1_own: was edited behind statement 6; going on with the new text\n", r)
      says("1_own: going on after statement 6 of 8\n", r)
      assert.equal("1 3 20", column "SELECT n FROM t ORDER BY n")
      assert.equal("applied", status("1").state)
      assert.is_nil(status("1").error)
      assert.equal("t", db:value "SELECT text LIKE '%VALUES (20)%' FROM stint.migration")
    end)

    it("goes on with its chain, and its modes, where a part of it failed", function()
      local head = [[
CREATE TABLE t (n int, modes text DEFAULT current_setting('transaction_isolation') || current_setting('transaction_deferrable'));
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET TRANSACTION DEFERRABLE;
INSERT INTO t VALUES (1);
COMMIT AND CHAIN;
]]
      write("1_chain.sql", head .. "INSERT INTO t VALUES (2);\nCOMMIT AND CHAIN;\nINSERT INTO t VALUES (1/0);\nCOMMIT;\n")
      says("at scripts/migrations/1_chain.sql:8:1\n", up(7))
      write("1_chain.sql", head .. "INSERT INTO t VALUES (2);\nCOMMIT AND CHAIN;\nINSERT INTO t VALUES (3);\nCOMMIT;\n")
      up(0)
      assert.equal(
        "1serializableon 2serializableon 3serializableon",
        db:value "SELECT string_agg(n || modes, ' ' ORDER BY n) FROM t"
      )
    end)

    it("may fail at one of its COMMITs", function()
      write(
        "1_own.sql",
        "CREATE TABLE t (n int PRIMARY KEY, m int REFERENCES t DEFERRABLE INITIALLY DEFERRED);\nBEGIN;\nINSERT INTO t VALUES (1, 2);\nCOMMIT;\nSELECT 1;\n"
      )
      local r = up(7)
      says("ERROR: 1_own: at the end of the transaction: insert or update on table", r)
      says("STATE: 1 of 5 statements are applied, what begins with statement 2 failed\n", r)
      assert.equal("", column "SELECT n FROM t")
    end)
  end)

  it("sets the isolation level where SET TRANSACTION comes first, and fails where it does not", function()
    write("1_t.sql", "CREATE TABLE t (isolation text);")
    write("2_first.sql", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nINSERT INTO t VALUES (current_setting('transaction_isolation'));")
    write("3_late.sql", "INSERT INTO t VALUES ('late');\nSET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nSELECT 1;")
    local r = up(6)
    says("SET TRANSACTION ISOLATION LEVEL must be called before any query (SQLSTATE 25001)\n", r)
    says("at scripts/migrations/3_late.sql:2:1\n", r)
    assert.equal("serializable", column "SELECT isolation FROM t")
  end)

  describe("statement by statement", function()
    it("has each statement in a transaction of its own", function()
      write(
        "1_each.sql",
        "-- stint: no-transaction\nCREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nVACUUM t;\nINSERT INTO t VALUES (3);\n"
      )
      up(0)
      assert.equal("3", db:value "SELECT count(DISTINCT xmin::text) FROM t")
      assert.equal("5", db:value "SELECT position FROM stint.migration")
    end)

    it("names the statement that failed, and goes on there once it is mended", function()
      local head = "-- stint: no-transaction\nCREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\n"
      write("1_each.sql", head .. "  INSERT INTO t\n  VALUES (nix);\nINSERT INTO t VALUES (3);\n")
      write("2_next.sql", "CREATE TABLE next ();")
      local r = up(7)
      says('ERROR: 1_each: column "nix" does not exist (SQLSTATE 42703)\n', r)
      says("at scripts/migrations/1_each.sql:5:11\n     5 |   VALUES (nix);\n       |           ^\n", r)
      says("STATE: 2 of 4 statements are applied, statement 3 failed\n", r)
      assert.equal("partial", status("1").state)
      assert.is_false(exists "next")
      up(7)
      assert.equal("1", column "SELECT n FROM t")

      write("1_each.sql", head .. "  INSERT INTO t\n  VALUES (2);\nINSERT INTO t VALUES (3);\nINSERT INTO t VALUES (4);\n")
      up(0)
      assert.equal("1 2 3 4", column "SELECT n FROM t ORDER BY n")
      assert.is_true(exists "next")
      assert.same({ "applied", "applied" }, { status("1").state, status("2").state })
    end)

    it("is refused when its applied part was edited, not when only its looks were", function()
      write("1_each.sql", "-- stint: no-transaction\nCREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nSELECT nix;\n")
      up(7)
      for _, edited in ipairs {
        "-- stint: no-transaction\nCREATE TABLE t (n int);\nINSERT INTO t VALUES (10);\nSELECT 1;\n",
        "-- stint: no-transaction\nCREATE TABLE t (n int);\nSELECT 1;\n",
        "-- stint: no-transaction\nCREATE TABLE t (n int);\n",
        "CREATE TABLE t (n int);\nINSERT INTO t VALUES (1);\nSELECT 1;\n",
      } do
        write("1_each.sql", edited)
        local r = up(4)
        says("ERROR: scripts/migrations/1_each.sql: one of its first 2 statements was changed after they were applied\n", r)
        local looked = run({ "status", "--check" }, { cwd = project, env = { DATABASE_URL = url } })
        assert.equal(4, looked.code, looked.err)
        assert.matches("edited before statement 3", looked.out, 1, true)
        assert.equal("partial", status("1").state)
        assert.equal(4, run({ "plan" }, { cwd = project, env = { DATABASE_URL = url } }).code)
        says("stint resolve 1 --accept-change\n", r)
        assert.equal("1", column "SELECT n FROM t")
      end
      write(
        "1_each.sql",
        "-- stint:   no-transaction\r\nCREATE TABLE t\n  (n int) ;;  /* why */\nINSERT INTO t VALUES (1);\nSELECT 1;\n"
      )
      up(0)
      assert.equal("1", column "SELECT n FROM t")
    end)

    it("is refused when the data of an applied COPY were edited", function()
      local text = "-- stint: no-transaction\nCREATE TABLE t (n int);\nCOPY t FROM stdin;\n1\n\\.\nSELECT nix;\n"
      write("1_each.sql", text)
      up(7)
      write("1_each.sql", (text:gsub("\n1\n", "\n2\n"):gsub("nix", "1")))
      says("one of its first 2 statements was changed after they were applied", up(4))
      write("1_each.sql", (text:gsub("nix", "1")))
      up(0)
      assert.equal("1", column "SELECT n FROM t")
    end)

    it("runs again as nothing but pending when its first statement failed", function()
      write("1_each.sql", "-- stint: no-transaction\nSELECT nix;\nSELECT 1;\n")
      says("STATE: rolled back: nothing of this file is left", up(6))
      assert.equal("failed", status("1").state)
      assert.equal("0", db:value "SELECT count(*) FROM stint.migration")
      write("1_each.sql", "SELECT 1;\n")
      up(0)
    end)
  end)

  it("finds the settings of its applied part made again", function()
    db:exec "DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN END $$"
    local head = [[
-- stint: no-transaction
CREATE SCHEMA w AUTHORIZATION clerk;
SET search_path = w;
SET work_mem = '7MB';
SELECT pg_catalog.set_config('my.word', 'héllo; --', false);
PREPARE one AS SELECT 41 + $1 AS n;
BEGIN;
SET work_mem = '9MB';
ROLLBACK;
SET LOCAL work_mem = '11MB';
SET ROLE clerk;
CREATE TABLE seen AS SELECT current_user::text AS text;
]]
    write("1_set.sql", head .. "SELECT nix;\n")
    up(7)
    write("1_set.sql", head .. [[
INSERT INTO seen VALUES (current_user), (current_setting('search_path')), (current_setting('work_mem')),
  (current_setting('my.word'));
CREATE TABLE more AS EXECUTE one(1);
]])
    up(0)
    assert.equal("clerk clerk w 7MB héllo; --", column "SELECT text FROM w.seen")
    assert.equal("42", db:value "SELECT n FROM w.more")
    assert.equal("clerk", db:value "SELECT tableowner FROM pg_tables WHERE tablename = 'more'")
  end)

  it("forgets on resume what its applied part discarded", function()
    write("1_set.sql", "SET work_mem = '7MB';\nDISCARD ALL;\nSET my.word = 'x';\nSELECT nix;\n")
    up(7)
    write("1_set.sql", "SET work_mem = '7MB';\nDISCARD ALL;\nSET my.word = 'x';\nCREATE TABLE t AS SELECT current_setting('work_mem') AS a;")
    up(0)
    assert.are_not.equal("7MB", db:value "SELECT a FROM t")
  end)

  it("may SET a ROLE that has no rights in the ledger", function()
    db:exec "DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN END $$"
    db:exec "CREATE SCHEMA w AUTHORIZATION clerk"
    write("1_one.sql", "SET ROLE clerk;\nCREATE TABLE w.one AS SELECT current_user::text AS who;\n")
    local head = "BEGIN; SET ROLE clerk; CREATE TABLE w.two AS SELECT current_user::text AS who; COMMIT;\nCREATE TABLE w.three ();\n"
    write("2_own.sql", head .. "SELECT nix;\n")
    local r = up(7)
    assert.is_nil(r.err:find("WARNING", 1, true), r.err)
    assert.matches("nix", status("2").error)
    assert.equal("failed", db:value "SELECT outcome FROM stint.run ORDER BY id DESC LIMIT 1")
    write("2_own.sql", head .. "VACUUM w.two;\nSET SESSION AUTHORIZATION clerk;\nCREATE TABLE w.four ();\n")
    r = up(0)
    assert.is_nil(r.err:find("WARNING", 1, true), r.err)
    assert.equal("four one three two", column "SELECT tablename FROM pg_tables WHERE tableowner = 'clerk' AND schemaname = 'w' ORDER BY 1")
    assert.equal("ok 1", db:value "SELECT outcome || ' ' || applied FROM stint.run ORDER BY id DESC LIMIT 1")
    write("3_back.sql", "CREATE TABLE back AS SELECT current_user::text AS who;")
    up(0)
    assert.equal("postgres", db:value "SELECT who FROM back")
  end)

  it("adds a value to an enum and uses it", function()
    write("1_enum.sql", "CREATE TYPE mood AS ENUM ('sad');\nALTER TYPE mood ADD VALUE 'ok';\nCREATE TABLE people (mood mood);")
    write("2_add.sql", "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO people VALUES ('happy');\nSELECT nix;\n")
    says("STATE: 2 of 3 statements are applied, statement 3 failed\n", up(7))
    write("2_add.sql", "ALTER TYPE mood ADD VALUE 'happy';\nINSERT INTO people VALUES ('happy');\nINSERT INTO people VALUES ('ok');\n")
    up(0)
    assert.equal("ok happy", column "SELECT mood FROM people ORDER BY 1")
  end)

  it("has the rows of each COPY in their places", function()
    local text = [[
CREATE TABLE t (n int, s text);
COPY t FROM stdin;
1	a;b
2	it's -- $$
\.
INSERT INTO t VALUES (3, 'c');
COPY t (s, n) FROM stdin WITH (FORMAT csv);
"d ""4""",4
\.
COPY t FROM stdin;
\.
INSERT INTO t VALUES (5, 'e');
]]
    local wanted = 'a;b it\'s -- $$ c d "4" e'
    write("1_copy.sql", text)
    up(0)
    assert.equal(wanted, column "SELECT s FROM t ORDER BY n")
    db:exec "DROP TABLE t"
    write("2_copy.sql", "-- stint: no-transaction\n" .. text .. "VACUUM t;\n")
    up(0)
    assert.equal(wanted, column "SELECT s FROM t ORDER BY n")
    assert.equal("7", db:value "SELECT position FROM stint.migration WHERE version = '2'")
    db:exec "DROP TABLE t"
    write("3_copy.sql", "BEGIN;\n" .. text .. "COMMIT;\nSELECT 1;\n")
    up(0)
    assert.equal(wanted, column "SELECT s FROM t ORDER BY n")
  end)

  describe("with a statement that ends transactions itself", function()
    before_each(function()
      db:exec [[
CREATE TABLE t (n int);
CREATE PROCEDURE two(a int) LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (a); COMMIT; INSERT INTO t VALUES (a + 1 / (100 - a)); COMMIT; END $$]]
    end)

    it("runs it alone, once, and the rest around it", function()
      write("1_call.sql", "INSERT INTO t VALUES (1);\nCALL two(10);\nINSERT INTO t VALUES (2);\nDO $$ BEGIN INSERT INTO t VALUES (3); COMMIT; END $$;\n")
      local r = up(0, "-v")
      says("1_call: statement 2 (CALL) ends transactions itself: the file runs statement by statement", r)
      assert.equal("1 2 3 10 10", column "SELECT n FROM t ORDER BY n")
      assert.equal("4", db:value "SELECT position FROM stint.migration")
      up(0)
      assert.equal("5", db:value "SELECT count(*) FROM t")
    end)

    it("says so when it fails after a part of its work: its intent stays until somebody has looked", function()
      write("1_call.sql", "CALL two(100);\nINSERT INTO t VALUES (2);\n")
      local r = up(7)
      says("ERROR: 1_call: division by zero (SQLSTATE 22012)\n  at scripts/migrations/1_call.sql:1:1\n", r)
      says("STATE: 0 of 2 statements are applied; statement 1 (CALL) failed, and what it had committed before is there\n", r)
      says("NEXT: look, then say which it is: stint resolve 1 --statement-done 1 | --statement-again 1\n", r)
      assert.equal("100", column "SELECT n FROM t")
      assert.matches("division by zero", status("1").error)
      says("statement 1 (CALL) may or may not have run", up(7))
      assert.equal("100", column "SELECT n FROM t")

      db:exec "TRUNCATE t"
      write("1_call.sql", "CALL two(10);\nINSERT INTO t VALUES (2);\n")
      assert.equal(0, run({ "resolve", "1", "--statement-again", "1" }, { cwd = project, env = { DATABASE_URL = url } }).code)
      up(0)
      assert.equal("2 10 10", column "SELECT n FROM t ORDER BY n")
    end)

    it("asks nothing when it was refused before it began", function()
      write("1_call.sql", "CALL two(10);\nINSERT INTO t VALUES (2);\nCALL two(nix);\n")
      says("STATE: 2 of 3 statements are applied, statement 3 failed\n", up(7))
      write("1_call.sql", "CALL two(10);\nINSERT INTO t VALUES (2);\nCALL two(20);\n")
      up(0)
      assert.equal("2 10 10 20 20", column "SELECT n FROM t ORDER BY n")
    end)
  end)

  it("may be empty, or hold comments only", function()
    write("1_empty.sql", "")
    write("2_comment.sql", "-- nothing\n/* at all */\n")
    write("3_semicolons.sql", ";;\n;")
    write("4_directive.sql", "-- stint: no-transaction\n")
    write("5_commit.sql", "COMMIT;\n")
    write("6_down.sql", "-- stint: down\nDROP TABLE x;\n")
    up(0)
    assert.equal("applied applied applied applied applied applied", column "SELECT state FROM stint.migration")
    assert.matches("nothing to do", up(0).out, 1, true)
  end)
end)
