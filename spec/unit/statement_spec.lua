local statement = require("native").statement

local CONFIG = 78

local function cut(sql)
  local statements, failure = statement.cut(sql)
  return assert(statements, failure and failure.message)
end

local function texts(sql)
  local out = {}
  for i, s in ipairs(cut(sql)) do
    out[i] = s.text
  end
  return out
end

local function only(sql)
  local statements = cut(sql)
  assert.equal(1, #statements, sql)
  return statements[1]
end

local function failure_of(sql, call, ...)
  local result, failure = (call or statement.cut)(sql, ...)
  assert.is_nil(result, sql)
  assert.equal(CONFIG, failure.kind)
  assert.equal("x.sql", failure.file)
  return failure
end

local function place(failure)
  return failure.line .. ":" .. failure.column
end

local function seconds(work, ...)
  local least = math.huge
  for _ = 1, 3 do
    local start = os.clock()
    work(...)
    least = math.min(least, os.clock() - start)
  end
  return least
end

describe("statement_cut", function()
  it("cuts at semicolons and leaves out comments, blanks and empty statements", function()
    assert.same({ "a", "b /* x */ c", "d" }, texts(";; a ; -- it's\n b /* x */ c /* y */;;\n-- z\nd -- end"))
    assert.same({}, texts(" -- nothing\n ; /* ; */ ;"))
    assert.same({}, texts(""))
  end)

  it("keeps semicolons within strings, names, dollar quotes and comments", function()
    local sql = [[select 'a;', "b;", $$c;$$, $x$ $$;$$ $x$, E'\';' /* ; */, 1]]
    assert.same({ sql, "next" }, texts(sql .. ";next"))
  end)

  it("keeps the semicolons of a rule's parentheses", function()
    local rule = "CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO a VALUES (1); DELETE FROM b)"
    assert.same({ rule, "select 1" }, texts(rule .. "; select 1;"))
  end)

  it("keeps the body of BEGIN ATOMIC, with CASE in it", function()
    local head = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql "
    local body = "begin Atomic select case when (case a when 1 then true end) then case 1 when 1 then 2 end end; select 1; end"
    assert.same({ head .. body, "select 2" }, texts(head .. body .. "; select 2;"))
    assert.same({ "create procedure p() begin atomic end", "x" }, texts("create procedure p() begin atomic end; x"))
  end)

  it("takes a column called end within such a body for a name", function()
    local sql = 'create function f() begin atomic select 1 as end, t.end, t.case, "end" from t; select 2; end'
    assert.same({ sql, "x" }, texts(sql .. ";x"))
  end)

  it("is not confused by the word atomic elsewhere", function()
    assert.same({ "create table atomic (begin int)", "select atomic" }, texts("create table atomic (begin int); select atomic;"))
    assert.same({ "begin", "select atomic_x", "end" }, texts("begin; select atomic_x; end;"))
    assert.same({ "begin atomic", "select 1", "end" }, texts("begin atomic; select 1; end;"))
    assert.same({ "create function f() as $$ begin atomic $$", "x" }, texts("create function f() as $$ begin atomic $$; x"))
    assert.same({ "create table f (begin atomic)", "x" }, texts("create table f (begin atomic); x"))
  end)

  it("says where each statement begins, and cuts any range of a text", function()
    local statements = cut("\xef\xbb\xbfselect 1; select 'ä'; select 2;\r\n  select 3;\r select 4")
    local places = {}
    for i, s in ipairs(statements) do
      places[i] = s.line .. ":" .. s.column
    end
    assert.same({ "1:1", "1:11", "1:23", "2:3", "3:2" }, places)
    local sql = "a;\nb; c;\nd"
    local part = statement.cut(sql, 3, 8)
    assert.same({ "b", "c" }, { part[1].text, part[2].text })
    assert.equal(2, part[1].line)
    assert.is_nil(part[3])
  end)

  describe("COPY FROM STDIN", function()
    it("has its data cut out", function()
      local statements = cut("COPY t (a, b) FROM stdin;\n1\tit's;\n\\N\t$$\n\\.\nselect 1;")
      assert.equal("COPY t (a, b) FROM stdin", statements[1].text)
      assert.is_true(statements[1].copies_in)
      assert.equal("1\tit's;\n\\N\t$$\n", statements[1].data)
      assert.equal("select 1", statements[2].text)
      assert.equal(5, statements[2].line)
    end)

    it("ends with the line \\. only, whatever the line ends", function()
      local statements = cut("copy t from STDIN with (format csv);\r\n\\.x\r\nx\\.\r\n\\.\r\nb")
      assert.equal("\\.x\r\nx\\.\r\n", statements[1].data)
      assert.equal("b", statements[2].text)
      assert.equal(5, statements[2].line)
    end)

    it("may have no data, or no end, and comments behind it", function()
      local statements = cut("copy a from stdin; -- rows\n\\.\ncopy b from stdin;\n1\n2")
      assert.equal("", statements[1].data)
      assert.equal("1\n2", statements[2].data)
      assert.is_nil(cut("copy a from stdin")[1].data)
      assert.is_true(cut("copy a from stdin")[1].copies_in)
    end)

    it("is told from other COPY", function()
      assert.is_false(only("copy t to stdout;").copies_in)
      assert.is_false(only("copy (select 1 from stdin) to stdout;").copies_in)
      assert.is_false(only("copy t from 'stdin';").copies_in)
      assert.is_false(only("select a from stdin;").copies_in)
    end)

    it("is refused with something behind it in its line", function()
      local failure = failure_of("copy a from stdin; select 1;\n1\n\\.\n")
      assert.equal("1:20", place(failure))
      assert.matches("next line", failure.message)
    end)
  end)

  describe("psql's lines", function()
    it("are skipped where they change nothing", function()
      assert.same({ "a", "b" }, texts("\\restrict x'y\n\\set ON_ERROR_STOP on\n\\set VERBOSITY terse\na;\n\\echo it's\n"
        .. "\\timing\n\\pset pager off\nb;\n\\unrestrict xy\n\\qecho\n\\warn x\n"))
    end)

    it("are refused with their place and what to write", function()
      for line, hint in pairs {
        ["\\i other.sql"] = "statements of that file",
        ["\\copy t from 'x'"] = "COPY ... FROM STDIN",
        ["\\connect other"] = "environment",
        ["\\set name value"] = "variables",
        ["\\set ON_ERROR_STOP off"] = "variables",
        ["\\set AUTOCOMMIT off"] = "variables",
        ["\\if :x"] = "DO block",
        ["\\."] = "no COPY",
        ["\\! rm x"] = "no programs",
        ["\\frobnicate"] = "psql",
        ["\\echo a \\\\ select 1"] = "psql",
      } do
        local failure = failure_of("select 1;\n " .. line .. "\nselect 2;")
        assert.equal("2:2", place(failure))
        assert.matches(hint, failure.hint, 1, true)
        assert.equal(" " .. line, failure.source)
      end
    end)

    it("are refused within a statement", function()
      local failure = failure_of("select 1\n \\gset x_\n")
      assert.equal("2:2", place(failure))
      assert.matches("\\gset", failure.message, 1, true)
      failure_of("select 1 \\echo x\n;")
    end)
  end)

  it("refuses what never ends, with the place of its beginning", function()
    for open, message in pairs {
      ["'a"] = "string", ["E'a\\';"] = "string", ['"a'] = "quoted name", ['U&"a'] = "quoted name",
      ["U&'a\""] = "string", ["$body$ a; $$"] = "$body$", ["/* /* */ a;"] = "comment",
    } do
      local failure = failure_of("select 1;\nselect ä " .. open .. "\n;")
      assert.equal("2:10", place(failure))
      assert.matches(message, failure.message, 1, true)
    end
  end)

  it("refuses a NUL with its own place", function()
    assert.equal("2:9", place(failure_of("select 1;\nselect '\0';")))
  end)

  it("cuts 20,000 statements in one line in linear time", function()
    local function line(n) return ("insert into t values (1, 'ä');"):rep(n) end
    local once, twice = line(20000), line(40000)
    assert.equal(20000, statement.count(once))
    local ratio = (seconds(statement.count, twice) + 0.001) / (seconds(statement.count, once) + 0.001)
    assert.is_true(ratio < 4, "takes " .. ratio .. " times as long when doubled")
  end)

  it("cuts many COPY with quotes in their data in linear time", function()
    local function copies(n) return ("copy t from stdin;\n'$$/*\n\\.\n"):rep(n) end
    local once, twice = copies(20000), copies(40000)
    assert.equal(20000, statement.count(once))
    local ratio = (seconds(statement.count, twice) + 0.001) / (seconds(statement.count, once) + 0.001)
    assert.is_true(ratio < 4, "takes " .. ratio .. " times as long when doubled")
  end)
end)

describe("a statement's kind", function()
  local function kinds(expected, list)
    for _, sql in ipairs(list) do
      assert.equal(expected, only(sql).kind, sql)
    end
  end

  it("is begin, commit or rollback", function()
    kinds("begin", { "BEGIN", "begin work", "Start Transaction isolation level serializable", "/* x */ begin transaction read only" })
    kinds("commit", { "commit", "END", "end transaction", "commit work and chain" })
    kinds("rollback", { "rollback", "ABORT", "abort work", "rollback and no chain" })
    assert.is_true(only("commit and chain").chain)
    assert.is_true(only("rollback transaction and chain").chain)
    assert.is_false(only("commit and no chain").chain)
  end)

  it("is plain for savepoints, CALL, DO and everything a transaction holds", function()
    kinds("plain", {
      "savepoint a", "release a", "rollback to a", "rollback work to savepoint a", "call p()", "do $$begin commit; end$$",
      "create table vacuum_x (a int)", "create index on t (a)", "drop index a, b", "reindex table t", "reindex (concurrently off) table t",
      "cluster t using i", "cluster (verbose) t", "alter table t detach partition p", "alter table t detach partition p finalize",
      "refresh materialized view concurrently v", "alter database d set work_mem = 1", "alter subscription s disable",
      "set local a = 1", "set transaction read only", "set constraints all deferred", "prepare transaction 'x'", "analyze t",
      "select set_config('a', 'b', true)", "select set_config('a', 'b', false), f()", "select set_config('a', f(), false)",
      "select 'create index concurrently'", '"vacuum"', "alter type t add value 'x'", "(select 1)",
    })
  end)

  it("is session for what changes the session alone", function()
    kinds("session", {
      "set search_path = a", "set session authorization x", "set role r", "set session characteristics as transaction read only",
      "set session a = 1", "set time zone 'UTC'", "reset all", "reset role", "prepare q as select 1", "deallocate all", "listen x",
      "unlisten *", "load 'auto_explain'", "discard temp", "discard plans", "select pg_catalog.set_config('search_path', '', false)",
      "SELECT set_config('a', 'b', FALSE)",
    })
  end)

  it("knows what must come before any query of its transaction", function()
    for _, sql in ipairs {
      "set transaction isolation level serializable", "set local transaction read only", "set session transaction read only",
      "set local transaction_isolation to 'serializable'", "set transaction_read_only = on",
    } do
      assert.is_true(only(sql).sets_transaction, sql)
    end
    assert.is_false(only("set session characteristics as transaction read only").sets_transaction)
  end)

  it("is solo for what no transaction can hold", function()
    for sql, solo in pairs {
      ["create index concurrently i on t (a)"] = "create_index",
      ["drop index concurrently if exists s.i"] = "drop_index",
      ["reindex index concurrently i"] = "repeat",
      ["reindex (verbose) table concurrently t"] = "repeat",
      ["reindex (verbose, concurrently) table t"] = "repeat",
      ["reindex (concurrently true) index i"] = "repeat",
      ["reindex schema s"] = "repeat",
      ["reindex (verbose) database d"] = "repeat",
      ["reindex system d"] = "repeat",
      ["vacuum"] = "repeat",
      ["vacuum (analyze) t"] = "repeat",
      ["cluster"] = "repeat",
      ["cluster verbose"] = "repeat",
      ["cluster (verbose)"] = "repeat",
      ["create database d owner x"] = "create_database",
      ["drop database if exists d with (force)"] = "drop_database",
      ["alter database d set tablespace x"] = "repeat",
      ["create tablespace x location '/y'"] = "create_tablespace",
      ["drop tablespace if exists x"] = "drop_tablespace",
      ["alter system set work_mem = '1MB'"] = "repeat",
      ["alter table if exists only s.t * detach partition s.p concurrently"] = "detach_partition",
      ["create subscription s connection 'x' publication p"] = "create_subscription",
      ["drop subscription if exists s"] = "drop_subscription",
      ["alter subscription s refresh publication"] = "repeat",
      ["alter subscription s set publication p"] = "repeat",
      ["alter subscription s add publication p"] = "unknown",
      ["discard all"] = "repeat",
      ["commit prepared 'x'"] = "prepared",
      ["rollback prepared 'x'"] = "prepared",
    } do
      local s = only(sql)
      assert.equal("solo", s.kind, sql)
      assert.equal(solo, s.solo, sql)
    end
  end)

  it("comes with the object and the table, as written", function()
    local function names(sql)
      local s = only(sql)
      return { s.object or "-", s.table or "-" }
    end
    assert.same({ "i", "t" }, names("create index concurrently i on t (a)"))
    assert.same({ '"I x"', 'public."T"' }, names('CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I x" ON ONLY public . /* y */ "T" USING btree (a)'))
    assert.same({ "-", "s.t" }, names("create index concurrently on s.t (a)"))
    assert.same({ "concurrently_x", "t" }, names("create index concurrently_x on t (a)"))
    assert.same({ "s.i", "-" }, names("drop index concurrently if exists s.i cascade"))
    assert.same({ "-", "-" }, names("drop index concurrently a, b"))
    assert.same({ "p", "t" }, names("alter table t detach partition p concurrently"))
    assert.same({ '"D"', "-" }, names('create database "D"'))
    assert.same({ "it's", "-" }, names("commit prepared 'it''s'"))
    assert.is_true(only("create index concurrently if not exists i on t (a)").if_not_exists)
    assert.is_false(only("create index concurrently i on t (a)").if_not_exists)
  end)

  it("says what it is, for people", function()
    for sql, words in pairs {
      ["create or replace temp view v as select 1"] = "CREATE VIEW",
      ["create unique index i on t (a)"] = "CREATE INDEX",
      ["create unique index concurrently i on t (a)"] = "CREATE INDEX CONCURRENTLY",
      ["create unlogged table t ()"] = "CREATE TABLE",
      ["drop materialized view v"] = "DROP MATERIALIZED VIEW",
      ["alter text search configuration c add mapping for x with y"] = "ALTER TEXT SEARCH CONFIGURATION",
      ["alter default privileges grant select on tables to x"] = "ALTER DEFAULT PRIVILEGES",
      ["refresh materialized view concurrently v"] = "REFRESH MATERIALIZED VIEW",
      ["insert into t values (1)"] = "INSERT",
      ["with x as (select 1) select * from x"] = "WITH",
      ["(select 1)"] = "SELECT",
      ["end"] = "COMMIT",
    } do
      assert.equal(words, only(sql).words, sql)
    end
  end)
end)

describe("statement_parts", function()
  local function parts(sql, one_by_one)
    local list, failure = statement.parts(sql, one_by_one)
    return assert(list, failure and failure.message)
  end

  it("is one transaction where that will do, even for nothing", function()
    assert.same({ "transaction 1-3" }, parts("create table t (); set a = 1; insert into t default values;"))
    assert.same({ "transaction 1-0" }, parts("-- nothing"))
    assert.same({ "transaction 1-0" }, parts("-- nothing", true))
  end)

  it("is one by one around a statement that no transaction holds", function()
    assert.same({ "transaction 1-1", "solo 2-2", "transaction 3-3", "transaction 4-4" },
      parts("create table t (a int); create index concurrently i on t (a); select 1; select 2;"))
    assert.same({ "transaction 1-1", "transaction 2-2" }, parts("select 1; select 2", true))
  end)

  it("keeps the file's own transactions", function()
    assert.same({ "own 1-3", "transaction 4-4", "own 5-7" }, parts("begin; a; commit; b; start transaction; c; end;"))
    assert.same({ "rolled_back 1-3", "transaction 4-4" }, parts("begin; a; rollback; b"))
    assert.same({ "own 1-5" }, parts("begin; savepoint x; begin; rollback to x; commit"))
  end)

  it("goes on after COMMIT AND CHAIN", function()
    assert.same({ "own 1-3", "rolled_back 4-5", "own 6-7", "transaction 8-8" },
      parts("begin; a; commit and chain; b; rollback and chain; c; commit; d"))
    assert.equal("1:11", place(failure_of("begin; a; commit and chain;", statement.parts)))
  end)

  it("puts a COMMIT that ends nothing beside another statement, and never to an own transaction", function()
    assert.same({ "transaction 1-2", "transaction 3-3" }, parts("a; commit; b"))
    assert.same({ "transaction 1-3", "transaction 4-4" }, parts("commit; a; commit; b"))
    assert.same({ "transaction 1-3", "transaction 4-4" }, parts("commit; rollback; a; b"))
    assert.same({ "own 1-2", "transaction 3-3" }, parts("begin; commit; commit;"))
    assert.same({ "transaction 1-1", "solo 2-2", "transaction 3-3" }, parts("commit; vacuum; commit"))
  end)

  it("sets an added enum value apart, unless the text made the type before", function()
    assert.same({ "transaction 1-1", "transaction 2-2" }, parts("alter type mood add value 'x'; select 1"))
    assert.same({ "transaction 1-2" }, parts([[create type public."mood" as enum (); alter type Mood add value if not exists 'x']]))
    assert.same({ "transaction 1-1", "transaction 2-2" }, parts("create type other as enum (); alter type mood add value 'x'"))
    assert.same({ "transaction 1-1" }, parts("alter type mood rename value 'a' to 'b'"))
  end)

  it("refuses a transaction that never ends", function()
    local failure = failure_of("select 1;\n begin; select 2;", statement.parts)
    assert.equal("2:2", place(failure))
    assert.matches("never ended", failure.message)
    assert.matches("COMMIT", failure.hint)
  end)

  it("refuses within the file's own transaction what none can hold", function()
    local failure = failure_of("begin;\ncreate index concurrently i on t (a);\ncommit;", statement.parts)
    assert.equal("2:1", place(failure))
    assert.matches("CREATE INDEX CONCURRENTLY", failure.message)
  end)

  it("refuses PREPARE TRANSACTION", function()
    local failure = failure_of("begin; prepare transaction 'x';", statement.parts)
    assert.equal("1:8", place(failure))
    assert.matches("ledger entry", failure.message)
  end)
end)

describe("statement_tokens", function()
  local tokens = statement.tokens

  it("does not see comments, white space, line ends, a BOM, empty statements or the last semicolon", function()
    local plain = tokens("create table t (a int);\nselect 'x\ny', $$\n$$")
    for _, sql in ipairs {
      "create  table\tt(a int) ;\n\n-- it's\nselect 'x\ny',/* ; */$$\n$$;",
      "\xef\xbb\xbfcreate table t (a int);\r\nselect 'x\r\ny', $$\r\n$$\r\n",
      ";;create table t (a int);;\rselect 'x\ry', $$\r$$;\\echo hello",
    } do
      assert.equal(plain, tokens(sql))
    end
  end)

  it("sees everything else", function()
    local plain = tokens("select a, 'b'")
    for _, sql in ipairs { "select A, 'b'", "select a, 'b '", "select a 'b'", "select a; 'b'", "select a, b", "selecta, 'b'" } do
      assert.are_not.equal(plain, tokens(sql), sql)
    end
    assert.are_not.equal(tokens("a; b"), tokens("a b"))
    assert.equal(tokens("a=-1"), tokens("a = -1"))
  end)

  it("sees directives, each run of their blanks as one", function()
    assert.are_not.equal(tokens("a;"), tokens("-- stint: no-transaction\na;"))
    assert.equal(tokens("-- stint: lock-timeout 5s\na;"), tokens("--   stint:  lock-timeout \t 5s  \r\na"))
    assert.are_not.equal(tokens("-- stint: lock-timeout 5s\na;"), tokens("-- stint: lock-timeout 6s\na;"))
    assert.equal(tokens("a;"), tokens("/* -- stint: lock-timeout 5s */ a;"))
  end)

  it("sees the data of COPY byte by byte, but for its line ends", function()
    local plain = tokens("copy t from stdin;\n1\t2\n\\.\n")
    assert.equal(plain, tokens("copy t from stdin; -- rows\r\n1\t2\r\n\\.\r\n"))
    assert.are_not.equal(plain, tokens("copy t from stdin;\n1 2\n\\.\n"))
    assert.are_not.equal(plain, tokens("copy t from stdin;\n1\t2 -- x\n\\.\n"))
    assert.equal(tokens("copy t from stdin;\n-- stint: x\n\\."), tokens("copy t from stdin;\n-- stint: x\n\\.\n"))
  end)
end)
