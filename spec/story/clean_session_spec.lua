-- Every file starts with a clean session: nothing that an earlier one left in it is there.
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("the next file", function()
  local url, db
  local has = story.has

  local at = story.new()
  local write = at.write

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  -- One column of a query, in one line.
  local function column(sql)
    local list = {}
    for i, row in ipairs(db:exec(sql)) do
      list[i] = row[1] or "NULL"
    end
    return table.concat(list, " ")
  end

  before_each(function()
    url = at.begin { ["scripts/migrations/README"] = "" }
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  local SEEN = [[
SELECT name || '=' || setting AS setting FROM pg_settings
WHERE name IN ('search_path', 'work_mem', 'lock_timeout', 'statement_timeout', 'DateStyle', 'standard_conforming_strings',
  'default_transaction_isolation', 'default_transaction_read_only', 'row_security', 'session_replication_role', 'TimeZone',
  'client_encoding', 'check_function_bodies', 'default_tablespace', 'idle_in_transaction_session_timeout')
UNION ALL SELECT 'my.own=' || coalesce(current_setting('my.own', true), '')
UNION ALL SELECT 'user=' || current_user || '/' || session_user]]

  it("has the settings of the first", function()
    db:exec "DO $$ BEGIN CREATE ROLE clerk; EXCEPTION WHEN duplicate_object THEN END $$"
    write("1_first.sql", "CREATE TABLE first AS " .. SEEN .. ";\n")
    write(
      "2_spoil.sql",
      [[
SET search_path = pg_catalog;
SET work_mem = '1MB';
SET lock_timeout = '1h';
SET statement_timeout = '2h';
SET DateStyle = 'German';
SET standard_conforming_strings = off;
SET default_transaction_isolation = 'serializable';
SET row_security = off;
SET session_replication_role = replica;
SET TimeZone = 'Asia/Tokyo';
SET check_function_bodies = off;
SET idle_in_transaction_session_timeout = 0;
SET my.own = 'left';
SET client_encoding = 'SQL_ASCII';
SET SESSION AUTHORIZATION clerk;
]]
    )
    write("3_next.sql", "CREATE TABLE next AS " .. SEEN .. ";\n")
    up(0)
    assert.equal("", column "SELECT setting FROM next EXCEPT SELECT setting FROM first")
    assert.equal("17", db:value "SELECT count(*) FROM next")
    assert.equal("t", db:value "SELECT bool_and(setting NOT LIKE '%left%') FROM next")
  end)

  it("has them after a file of several transactions, and after Lua", function()
    write("1_first.sql", "CREATE TABLE first AS " .. SEEN .. ";\n")
    write("2_spoil.sql", "SET work_mem = '1MB';\nBEGIN;\nSET search_path = pg_catalog;\nCOMMIT;\nVACUUM;\nSET default_transaction_read_only = on;\n")
    write("3_next.sql", "CREATE TABLE next AS " .. SEEN .. ";\n")
    write("4_lua.lua", 'migration { up = function(db) db:exec "SET work_mem = \'1MB\'" db:exec "SET search_path = pg_catalog" end }\n')
    write("5_last.sql", "CREATE TABLE last AS " .. SEEN .. ";\n")
    write("6_each.sql", "-- stint: no-transaction\nSET work_mem = '1MB';\n")
    write("7_each.sql", "-- stint: no-transaction\nCREATE TABLE each AS " .. SEEN .. ";\n")
    up(0)
    for _, name in ipairs { "next", "last", "each" } do
      assert.equal("", column(("SELECT setting FROM %s EXCEPT SELECT setting FROM first"):format(name)))
    end
  end)

  it("finds no prepared statements, cursors, listeners, temporary tables, sequence values", function()
    write(
      "1_leave.sql",
      [[
CREATE SEQUENCE numbers;
SELECT nextval('numbers');
PREPARE left_over AS SELECT 1;
LISTEN left_over;
CREATE TEMP TABLE left_over (id int);
DECLARE left_over CURSOR WITH HOLD FOR SELECT generate_series(1, 3);
]]
    )
    write(
      "2_look.sql",
      [[
CREATE TABLE seen AS
SELECT (SELECT count(*) FROM pg_prepared_statements) AS prepared, (SELECT count(*) FROM pg_cursors WHERE is_holdable) AS cursors,
       (SELECT count(*) FROM pg_listening_channels()) AS channels, to_regclass('left_over') IS NULL AS clean;
DO $$ BEGIN
  PERFORM lastval();
  RAISE 'lastval is left';
EXCEPTION WHEN object_not_in_prerequisite_state THEN NULL;
END $$;
PREPARE left_over AS SELECT 2;
DECLARE left_over CURSOR WITH HOLD FOR SELECT 4;
CREATE TEMP TABLE left_over (id int);
]]
    )
    write("3_again.sql", "CREATE TEMP TABLE left_over (id int);\nPREPARE left_over AS SELECT 3;\n")
    up(0)
    local row = db:exec("SELECT * FROM seen")[1]
    assert.same({ "0", "0", "0", "t" }, { row.prepared, row.cursors, row.channels, row.clean })
  end)

  it("finds no session advisory locks but the run's own", function()
    write(
      "1_leave.sql",
      "SELECT pg_advisory_lock(1), pg_advisory_lock(-1), pg_advisory_lock(9000000000), pg_advisory_lock(-2, 3), pg_advisory_lock(4, -5), pg_advisory_lock(1);\n"
        .. "SELECT pg_advisory_lock_shared(77);\n"
    )
    write(
      "2_look.sql",
      "CREATE TABLE seen AS SELECT classid, objid, objsubid, mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n"
    )
    up(0)
    local rows = db:exec "SELECT * FROM seen"
    assert.equal(1, #rows)
    assert.same({ "1937008750", "2" }, { rows[1].classid, rows[1].objsubid })
  end)

  it("finds the run lock held, whatever an earlier one unlocked", function()
    write("1_unlock.sql", "SELECT pg_advisory_unlock_all();\n")
    write("2_look.sql", "CREATE TABLE seen AS SELECT classid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n")
    write("3_discard.sql", "SET my.own = '1';\nDISCARD ALL;\n")
    write("4_look.sql", "CREATE TABLE later AS SELECT classid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();\n")
    up(0)
    assert.equal("1937008750", column "SELECT classid FROM seen")
    assert.equal("1937008750", column "SELECT classid FROM later")
  end)

  it("is not harmed by a cleared search_path, nor is the ledger", function()
    write(
      "1_dump.sql",
      [[
SET statement_timeout = 0;
SET lock_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
SET default_tablespace = '';
CREATE TABLE public.dumped (id integer);
]]
    )
    write("2_plain.sql", "CREATE TABLE plain ();\nINSERT INTO dumped VALUES (1);\n")
    write("3_dump.sql", "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.again ();\nVACUUM public.again;\n")
    write("4_plain.sql", "-- stint: no-transaction\nCREATE TABLE more ();\n")
    up(0)
    assert.equal("again dumped more plain", column "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")
    assert.equal("4", db:value "SELECT count(*) FROM stint.migration WHERE state = 'applied' AND duration_ms IS NOT NULL")
    assert.equal("ok 4", db:value "SELECT outcome || ' ' || applied FROM stint.run")
  end)

  it("is not harmed by a path on which the ledger's own names mean something else", function()
    db:exec [[
CREATE SCHEMA trap;
CREATE FUNCTION trap.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';
CREATE FUNCTION trap.count(bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint';
CREATE FUNCTION trap.lie(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.lie);
CREATE TABLE trap.migration (id text);]]
    write("1_trap.sql", "SET search_path = trap, pg_catalog, public;\nCREATE TABLE public.one ();\n")
    write(
      "2_trap.sql",
      "SET search_path = trap, pg_catalog, public;\nCREATE TABLE public.two ();\nVACUUM public.two;\nCREATE TABLE public.three ();\n"
    )
    write("3_plain.sql", "CREATE TABLE four ();\n")
    up(0)
    assert.equal("applied applied applied", column "SELECT state FROM stint.migration")
    assert.equal("0", db:value "SELECT count(*) FROM trap.migration")
    assert.equal("3", db:value "SELECT count(*) FROM stint.migration WHERE applied_at IS NOT NULL")
  end)

  it("is not harmed by what an earlier one failed with", function()
    write("1_bad.sql", "SET search_path = pg_catalog;\nSET default_transaction_read_only = on;\nSELECT nix;\n")
    up(6)
    assert.equal("1", db:value "SELECT count(*) FROM stint.event")
    write("1_bad.sql", "-- stint: no-transaction\nSET search_path = pg_catalog;\nSET default_transaction_isolation = serializable;\nSELECT nix;\n")
    local r = up(7)
    assert.is_nil(r.err:find("WARNING", 1, true), r.err)
    assert.equal("failed", db:value "SELECT outcome FROM stint.run ORDER BY id DESC LIMIT 1")
  end)

  it("does not have the timeouts that directives gave another", function()
    local look = "INSERT INTO seen VALUES (current_setting('lock_timeout') || ' ' || current_setting('statement_timeout'));\n"
    write("1_plain.sql", "CREATE TABLE seen (n int GENERATED ALWAYS AS IDENTITY, a text);\n" .. look:gsub("seen", "seen (a)"))
    look = look:gsub("seen", "seen (a)")
    write("2_patient.sql", "-- stint: lock-timeout 7s\n-- stint: statement-timeout 1h\n" .. look)
    write("3_plain.sql", look)
    write("4_patient.sql", "-- stint: no-transaction\n-- stint: statement-timeout 90min\n" .. look .. look)
    write("5_plain.sql", look)
    up(0)
    local seen = {}
    for i, row in ipairs(db:exec "SELECT a FROM seen ORDER BY n") do
      seen[i] = row.a
    end
    local plain = seen[1]
    local patient = plain:match "^%S+" .. " 90min"
    assert.same({ plain, "7s 1h", plain, patient, patient, plain }, seen)
  end)

  it("has its own timeouts honoured", function()
    write("1_slow.sql", "-- stint: statement-timeout 100ms\nCREATE TABLE slow ();\nSELECT pg_sleep(30);\n")
    local r = up(6)
    has("canceling statement due to statement timeout (SQLSTATE 57014)", r.err)
    has("at scripts/migrations/1_slow.sql:3:1\n", r.err)
    assert.equal("0", db:value "SELECT count(*) FROM pg_class WHERE relname = 'slow'")
  end)

  it("may SET LOCAL for itself: that ends with its transaction", function()
    write("1_first.sql", "SHOW work_mem;\nCREATE TABLE first AS SELECT current_setting('work_mem') AS w;\n")
    write("2_local.sql", "SET LOCAL work_mem = '1MB';\nCREATE TABLE here AS SELECT current_setting('work_mem') AS w;\n")
    write("3_next.sql", "CREATE TABLE next AS SELECT current_setting('work_mem') AS w;\n")
    write(
      "4_own.sql",
      "BEGIN;\nSET LOCAL work_mem = '2MB';\nCREATE TABLE own AS SELECT current_setting('work_mem') AS w;\nCOMMIT;\n"
        .. "CREATE TABLE own_next AS SELECT current_setting('work_mem') AS w;\n"
    )
    up(0)
    local normal = db:value "SELECT w FROM first"
    assert.equal("1MB", db:value "SELECT w FROM here")
    assert.equal(normal, db:value "SELECT w FROM next")
    assert.equal("2MB", db:value "SELECT w FROM own")
    assert.equal(normal, db:value "SELECT w FROM own_next")
  end)
end)
