-- What no transaction can hold has its intent written before and its outcome after: whenever the
-- run dies, the next one finds out what became of the statement.
local json = require "dkjson"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("a statement that no transaction can hold", function()
  local url, name, project, db
  local at = story.new()
  local stint, write, says = at.run, at.write, story.says

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  -- Version 2 as status --json has it.
  local function second()
    for _, item in ipairs(json.decode(stint("status", "--json").out).migrations) do
      if item.version == "2" then
        return item
      end
    end
  end

  -- "t_a_idx valid, t_b_idx invalid" of a table
  local function indexes(of)
    return db:value(
      "SELECT coalesce(string_agg(i || CASE WHEN indisvalid THEN ' valid' ELSE ' invalid' END, ', ' ORDER BY i), '')"
        .. (" FROM (SELECT *, indexrelid::regclass::text AS i FROM pg_index) x WHERE indrelid = '%s'::regclass"):format(of or "t")
    )
  end

  local function oid(index)
    return db:value(("SELECT to_regclass('%s')::oid"):format(index))
  end

  -- Version 2 is as a run leaves it that dies in its statement `k`.
  local function forget_outcome(k, facts)
    db:exec(
      ("UPDATE stint.migration SET applied_at = NULL, state = 'partial', position = %d, intent = %d, intent_facts = %s"):format(
        k - 1,
        k,
        facts and "'" .. facts .. "'" or "NULL"
      ) .. " WHERE version = '2'"
    )
  end

  local function spoil(index)
    db:exec(("UPDATE pg_index SET indisvalid = false WHERE indexrelid = '%s'::regclass"):format(index))
  end

  -- Starts `up`, waits until `sql` is true, kills it, waits until its session is gone.
  local function kill_up_when(sql)
    local handle = run.start({ "up" }, { cwd = project, env = { DATABASE_URL = url } })
    session.wait_until(url, "SELECT " .. sql, "t")
    handle:kill "KILL"
    assert.equal(9, handle:wait().signal)
    session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint:up'", "0")
  end

  before_each(function()
    url, project, name = at.begin {
      ["scripts/migrations/1_t.sql"] = "CREATE TABLE t (a int, b int);\nINSERT INTO t VALUES (1, 1), (1, 2);\n",
    }
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  describe("CREATE INDEX CONCURRENTLY", function()
    it("that fails leaves nothing behind", function()
      write("2_index.sql", "CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);\n")
      local r = up(6)
      says('ERROR: 2_index: could not create unique index "t_a" (SQLSTATE 23505)\n  at scripts/migrations/2_index.sql:1:1\n', r)
      says("DETAIL: Key (a)=(1) is duplicated.\n", r)
      says("STATE: rolled back: nothing of this file is left; 1 before it applied in this run\n", r)
      assert.equal("", indexes())
      assert.equal("failed", second().state)
      assert.equal("0", db:value "SELECT count(*) FROM stint.migration WHERE version = '2'")

      db:exec "DELETE FROM t WHERE b = 2"
      up(0)
      assert.equal("t_a valid", indexes())
      assert.equal("applied", second().state)
    end)

    it("that fails in the middle of a file leaves the rest before it", function()
      write("2_index.sql", "CREATE INDEX t_b ON t (b);\nCREATE UNIQUE INDEX CONCURRENTLY ON t (a);\nSELECT 1;\n")
      local r = up(7)
      says("STATE: 1 of 3 statements are applied, statement 2 failed\n", r)
      assert.equal("t_b valid", indexes())
      assert.is_nil(db:value "SELECT intent FROM stint.migration WHERE version = '2'")
      db:exec "DELETE FROM t WHERE b = 2"
      up(0)
      assert.equal("t_a_idx valid, t_b valid", indexes())
    end)

    it("meets the names that it means, whatever the file before it has SET", function()
      up(0)
      db:exec "DELETE FROM t WHERE b = 2; CREATE SCHEMA other; CREATE TABLE other.t (a int)"
      db:exec "CREATE UNIQUE INDEX t_a ON t (a)"
      spoil "t_a"
      write("2_before.sql", "SET search_path = other;\n")
      write("3_index.sql", "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\n")
      up(0)
      assert.equal("t_a valid", indexes())
    end)

    it("takes its intent back under our own role, whatever role the file has SET", function()
      up(0)
      db:exec "DROP ROLE IF EXISTS stint_solo_nobody; CREATE ROLE stint_solo_nobody; ALTER TABLE t OWNER TO stint_solo_nobody"
      db:exec "GRANT CREATE ON SCHEMA public TO stint_solo_nobody"
      write("2_index.sql", "SET ROLE stint_solo_nobody;\nCREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);\n")
      local r = up(7)
      assert.is_nil(r.err:find("the ledger still says", 1, true), r.err)
      assert.is_nil(db:value "SELECT intent FROM stint.migration WHERE version = '2'")
      assert.equal("", indexes())
    end)

    it("drops what a failed build left without a lock_timeout of its own", function()
      up(0)
      db:exec "DELETE FROM t WHERE b = 2; CREATE INDEX t_a ON t (a)"
      spoil "t_a"
      local held = session.open(url)
      held:exec "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE"
      write("2_index.sql", "CREATE INDEX CONCURRENTLY t_a ON t (a);\n")
      local handle = run.start({ "up", "--lock-timeout", "100ms" }, { cwd = project, env = { DATABASE_URL = url } })
      session.wait_until(
        url,
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'DROP INDEX CONCURRENTLY%' "
          .. "AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > '300ms'",
        "1"
      )
      held:exec "COMMIT"
      held:close()
      local r = handle:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("t_a valid", indexes())
    end)

    it("has its place in the file", function()
      write("2_index.sql", "CREATE INDEX CONCURRENTLY t_a\n  ON t (a, größe);\n")
      local r = up(6)
      says('ERROR: 2_index: column "größe" does not exist (SQLSTATE 42703)\n', r)
      says("at scripts/migrations/2_index.sql:1:1\n", r)
      write("2_index.sql", "CREATE INDEX CONCURRENTLY t_a\n  ON t (a) größe;\n")
      says('at scripts/migrations/2_index.sql:2:12\n     2 |   ON t (a) größe;\n       |            ^\n', up(6))
    end)

    it("drops and rebuilds an invalid index of its name, IF NOT EXISTS notwithstanding", function()
      up(0)
      assert.is_truthy(db:refused "CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a)")
      assert.is_truthy(db:refused [[CREATE UNIQUE INDEX CONCURRENTLY "T b" ON t (a)]])
      assert.equal('"T b" invalid, t_a invalid', indexes())
      db:exec "DELETE FROM t WHERE b = 2"
      write("2_index.sql", 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a);\nCREATE INDEX CONCURRENTLY "T b" ON t (b);\n')
      local r = up(0)
      says("2_index: dropping the invalid index t_a that a failed build left\n", r)
      says('2_index: dropping the invalid index "T b" that a failed build left\n', r)
      assert.equal('"T b" valid, t_a valid', indexes())
    end)

    it("leaves a valid index of its name to PostgreSQL's own answer", function()
      db:exec "CREATE TABLE u (a int); CREATE INDEX u_a ON u (a)"
      local before = oid "u_a"
      write("2_index.sql", "CREATE INDEX CONCURRENTLY u_a ON u (a);\n")
      says('relation "u_a" already exists (SQLSTATE 42P07)', up(6))
      write("2_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS u_a ON u (a);\n")
      up(0)
      assert.equal(before, oid "u_a")
    end)

    it("touches no index of its name on another table", function()
      db:exec "CREATE TABLE u (a int); CREATE INDEX u_a ON u (a)"
      spoil "u_a"
      write("2_index.sql", "CREATE INDEX CONCURRENTLY u_a ON t (a);\n")
      says('relation "u_a" already exists', up(6))
      assert.equal("u_a invalid", indexes "u")
    end)

    it("looks for its index in its table's schema, not along the search_path", function()
      db:exec "CREATE SCHEMA s; CREATE TABLE s.t (a int); CREATE TABLE u (a int); CREATE INDEX one ON u (a)"
      write("2_index.sql", "CREATE INDEX CONCURRENTLY one ON s.t (a);\n")
      spoil "one"
      up(0)
      assert.equal("one invalid", indexes "u")
      assert.equal("s.one valid", indexes "s.t")

      forget_outcome(1)
      db:exec "DROP INDEX s.one; UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'one'::regclass"
      up(0)
      assert.equal("s.one valid", indexes "s.t")
    end)

    it("waits for a session that builds the very index", function()
      up(0)
      local holder, builder = session.open(url), session.open(url)
      holder:exec "BEGIN; INSERT INTO t VALUES (3, 3)"
      builder:send "CREATE INDEX CONCURRENTLY t_b ON t (b)"
      assert.is_true(builder:waiting())
      local before = oid "t_b"
      write("2_index.sql", "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_b ON t (b);\n")
      local handle = run.start({ "up" }, { cwd = project, env = { DATABASE_URL = url } })
      session.wait_until(
        url,
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint:up' AND query LIKE '%create_index%'",
        "t"
      )
      holder:exec "COMMIT"
      builder:wait()
      local r = handle:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("t_b valid", indexes())
      assert.equal(before, oid "t_b")
      holder:close()
      builder:close()
    end)

    describe("whose run died before the outcome was written", function()
      local before

      before_each(function()
        write("2_index.sql", "SELECT 1;\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_b ON t (b);\nINSERT INTO t VALUES (2, 3);\n")
        up(0)
        before = oid "t_b"
        forget_outcome(2)
        db:exec "DELETE FROM t WHERE b = 3"
        assert.same({ "partial", 1, 3 }, { second().state, second().position, second().statements })
        assert.matches("1 of 3 statements, one may or may not have run", stint("status").out, 1, true)
      end)

      after_each(function()
        assert.equal("t_b valid", indexes())
        assert.equal("1", db:value "SELECT count(*) FROM t WHERE b = 3")
        local row = db:exec("SELECT state, position, intent FROM stint.migration WHERE version = '2'")[1]
        assert.same({ "applied", "3" }, { row.state, row.position, row.intent })
      end)

      it("is done when the index is valid", function()
        says("2_index: statement 2 (CREATE INDEX CONCURRENTLY): done\n", up(0, "-v"))
        assert.equal(before, oid "t_b")
      end)

      it("drops the index and builds it again when it is invalid", function()
        spoil "t_b"
        says("2_index: dropping the invalid index t_b that a failed build left\n", up(0))
        assert.are_not.equal(before, oid "t_b")
      end)

      it("builds the index when it is not there", function()
        db:exec "DROP INDEX t_b"
        says("2_index: statement 2 (CREATE INDEX CONCURRENTLY): again\n", up(0, "-v"))
      end)
    end)

    describe("without a name, whose run died", function()
      local facts

      before_each(function()
        db:exec "CREATE TABLE u (a int, b int); CREATE INDEX u_old ON u (a)"
        facts = "{" .. oid "u_old" .. "}"
        write("2_index.sql", "CREATE INDEX CONCURRENTLY ON u (a);\n")
        up(0)
        assert.equal("u_a_idx valid, u_old valid", indexes "u")
        forget_outcome(1, facts)
      end)

      after_each(function()
        assert.equal("u_a_idx valid, u_old valid", indexes "u")
        assert.equal("applied", second().state)
      end)

      it("is done when the table has a new valid index", function()
        local before = oid "u_a_idx"
        up(0)
        assert.equal(before, oid "u_a_idx")
      end)

      it("drops what is new and invalid, and nothing else", function()
        spoil "u_a_idx"
        up(0)
        assert.equal(facts, "{" .. oid "u_old" .. "}")
      end)

      it("is run again when nothing is new", function()
        db:exec "DROP INDEX u_a_idx"
        up(0)
      end)
    end)

    it("survives kill -9: the wreck is cleared away and the index built", function()
      up(0)
      local holder = session.open(url)
      holder:exec "BEGIN; INSERT INTO t VALUES (3, 3)"
      write("2_index.sql", "CREATE TABLE once ();\nCREATE INDEX CONCURRENTLY t_b ON t (b);\nINSERT INTO t VALUES (4, 4);\n")
      kill_up_when "EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('t_b'))"
      assert.equal("t_b invalid", indexes())
      local row = db:exec("SELECT state, position, intent FROM stint.migration WHERE version = '2'")[1]
      assert.same({ "partial", "1", "2" }, { row.state, row.position, row.intent })
      holder:exec "ROLLBACK"
      holder:close()
      up(0)
      assert.equal("t_b valid", indexes())
      assert.equal("1", db:value "SELECT count(*) FROM t WHERE b = 4")
    end)
  end)

  it("is run in its order with the others of its kind", function()
    db:exec "CREATE TABLE u (a int PRIMARY KEY)"
    write(
      "2_all.sql",
      ([[
CREATE INDEX CONCURRENTLY t_a ON t (a);
REINDEX INDEX CONCURRENTLY t_a;
REINDEX (CONCURRENTLY, VERBOSE) TABLE t;
VACUUM (ANALYZE) t;
CLUSTER;
DROP INDEX CONCURRENTLY t_a;
DROP INDEX CONCURRENTLY IF EXISTS t_never;
CREATE DATABASE %s_two;
DROP DATABASE %s_two;
]]):format(name, name)
    )
    up(0)
    assert.equal("", indexes())
    assert.equal("9", db:value "SELECT position FROM stint.migration WHERE version = '2'")
  end)

  it("is repeated where that is harmless: VACUUM, REINDEX", function()
    write("2_again.sql", "CREATE INDEX t_a ON t (a);\nREINDEX TABLE CONCURRENTLY t;\nVACUUM t;\nSELECT 1;\n")
    up(0)
    for k = 2, 3 do
      forget_outcome(k)
      says(("2_again: going on after statement %d of 4\n"):format(k - 1), up(0))
      assert.equal("applied", second().state)
      assert.equal("t_a valid", indexes())
    end
  end)

  it("REINDEX CONCURRENTLY leaves no invalid index of an earlier try behind", function()
    write("2_again.sql", "CREATE INDEX t_a ON t (a);\nREINDEX INDEX CONCURRENTLY t_a;\nSELECT 1;\n")
    up(0)
    forget_outcome(2)
    db:exec "CREATE INDEX t_a_ccnew ON t (a); UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_a_ccnew'::regclass"
    says("dropping the invalid index t_a_ccnew", up(0))
    assert.equal("t_a valid", indexes())
  end)

  it("DROP INDEX CONCURRENTLY is done when the index is gone, else run again", function()
    write("2_drop.sql", "CREATE INDEX t_a ON t (a);\nDROP INDEX CONCURRENTLY t_a;\n")
    up(0)
    forget_outcome(2)
    up(0)
    assert.equal("applied", second().state)
    db:exec "CREATE INDEX t_a ON t (a)"
    forget_outcome(2)
    up(0)
    assert.equal("", indexes())
  end)

  it("CREATE DATABASE is done when the database is there", function()
    write("2_database.sql", ('CREATE DATABASE "%s_Two";\nCREATE DATABASE %s_THREE;\n'):format(name, name:upper()))
    up(0)
    for k = 1, 2 do
      forget_outcome(k)
      if k == 1 then
        db:exec(("DROP DATABASE %s_three"):format(name))
      end
      up(0)
      assert.equal("applied", second().state)
    end
    forget_outcome(2)
    db:exec(("DROP DATABASE %s_three"):format(name))
    up(0)
    assert.equal(
      "2",
      db:value(("SELECT count(*) FROM pg_database WHERE datname IN ('%s_Two', '%s_three')"):format(name, name))
    )
  end)

  describe("DETACH PARTITION CONCURRENTLY", function()
    local holder

    local function inherits()
      return db:value [[
SELECT string_agg(inhrelid::regclass || CASE WHEN inhdetachpending THEN ' pending' ELSE '' END, ', ' ORDER BY inhrelid::regclass::text)
FROM pg_inherits WHERE inhparent = 'p'::regclass]]
    end

    before_each(function()
      db:exec [[
CREATE TABLE p (a int) PARTITION BY LIST (a);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)]]
      write("2_detach.sql", "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n")
      holder = session.open(url)
      up(0, "--to", "1")
    end)

    after_each(function()
      holder:close()
      assert.equal("p2", inherits())
      assert.equal("applied", second().state)
    end)

    it("detaches", function()
      up(0)
    end)

    it("is done when the partition is detached already, else run again", function()
      up(0)
      forget_outcome(1)
      up(0)
      db:exec "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1)"
      forget_outcome(1)
      up(0)
    end)

    it("is finalized when its run was killed half way", function()
      holder:exec "BEGIN; SELECT * FROM p"
      kill_up_when "EXISTS (SELECT FROM pg_inherits WHERE inhdetachpending)"
      assert.equal("p1 pending, p2", inherits())
      holder:exec "COMMIT"
      up(0)
    end)

    it("is finalized when it failed half way", function()
      holder:exec "BEGIN; SELECT * FROM p"
      local handle = run.start({ "up" }, { cwd = project, env = { DATABASE_URL = url } })
      session.wait_until(url, "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhdetachpending)", "t")
      db:exec "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'stint:up'"
      assert.are_not.equal(0, handle:wait().code)
      assert.equal("p1 pending, p2", inherits())
      holder:exec "COMMIT"
      up(0)
    end)
  end)

  describe("of which nobody can tell whether it ran", function()
    before_each(function()
      -- hangs after its COMMIT, but only the first time
      db:exec [[
CREATE PROCEDURE work() LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO t VALUES (7, 7);
  COMMIT;
  IF (SELECT count(*) FROM t WHERE a = 7) = 1 THEN PERFORM pg_sleep(300); END IF;
END $$]]
      write("2_call.sql", "INSERT INTO t VALUES (5, 5);\nCALL work();\nINSERT INTO t VALUES (6, 6);\n")
      up(0, "--to", "1")
      kill_up_when "EXISTS (SELECT FROM t WHERE a = 7)"
    end)

    local function numbers()
      return db:value "SELECT string_agg(a::text, ' ' ORDER BY a) FROM t WHERE a > 4"
    end

    it("stops the next run with 7, which names it and the ways out", function()
      for _ = 1, 2 do
        local r = up(7)
        says("ERROR: 2_call: statement 2 (CALL) may or may not have run\n", r)
        says("  at scripts/migrations/2_call.sql:2:1\n     2 | CALL work();\n       | ^\n", r)
        says("STATE: 1 of 3 statements are applied\n", r)
        says("NEXT: look, then say which it is: stint resolve 2 --statement-done 2 | --statement-again 2\n", r)
        assert.equal("5 7", numbers())
        assert.equal("partial", second().state)
      end
    end)

    it("is not run again after --statement-done", function()
      local r = stint("resolve", "2", "--statement-done", "1")
      assert.equal(64, r.code)
      says("statement 1 is not the one in doubt", r)
      r = stint("resolve", "2", "--statement-done", "2")
      assert.equal(0, r.code, r.err)
      assert.equal("2_call: the statement counts as done\n", r.out)
      up(0)
      assert.equal("5 6 7", numbers())
      assert.equal("applied", second().state)
    end)

    it("is run again after --statement-again", function()
      local r = stint("resolve", "2_call", "--statement-again", "2")
      assert.equal(0, r.code, r.err)
      up(0)
      assert.equal("5 6 7 7", numbers())
      assert.equal("applied", second().state)
      assert.equal(
        "resolve_statement-again 2",
        db:value "SELECT kind || ' ' || message FROM stint.event WHERE kind LIKE 'resolve%'"
      )
    end)
  end)
end)
