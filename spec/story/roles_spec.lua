-- What `doctor --grants` prints is enough for each role, and no more.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local NAMES = { "--migrator", "ci", "--worker", "crew", "--reader", "eye", "--approver", "anna" }

describe("roles", function()
  local pg, url, project

  local function as(role)
    return (url:gsub("user=postgres", "user=" .. role))
  end

  local function write(name, text)
    local path = project .. "/scripts/" .. name
    place.make(path:match "^(.*)/")
    place.write(path, text)
  end

  local function stint(role, ...)
    return run({ ... }, { cwd = project, env = { STINT_URL = as(role) } })
  end

  local function works(role, ...)
    local r = stint(role, ...)
    assert.equal(0, r.code, role .. " " .. table.concat({ ... }, " ") .. "\n" .. r.out .. r.err)
    return r
  end

  local function look(...)
    local r = stint("postgres", "doctor", "--grants", ...)
    assert.is_truthy(r.code == 0 or r.code == 1, r.err)
    return r
  end

  -- As who is to own the ledger; what needs more (roles, the database) is there already.
  local function grant(...)
    local r = look(...)
    pg:sql(url, r.out)
    r = look(...)
    assert.equal(0, r.code, r.out)
    return r
  end

  local function refused(role, sql)
    local ok, message = pcall(pg.sql, pg, as(role), sql)
    assert.is_false(ok, role .. ": " .. sql)
    assert.matches("permission denied", message, 1, true)
  end

  setup(function()
    pg = cluster.new()
    for _, role in ipairs { "keeper", "ci", "crew", "eye", "anna" } do
      pg:sql("postgres", ("CREATE ROLE %s LOGIN"):format(role))
    end
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(function()
    url = pg:database()
    project = run.project({}, "[development]\nurl = local:\n")
    write("migrations/1_base.sql", "CREATE TABLE base (n int PRIMARY KEY, v text);\nINSERT INTO base SELECT generate_series(1, 50);\n")
  end)

  it("are made from nothing, and the script is all that it takes", function()
    local r = look()
    assert.equal(1, r.code)
    assert.matches("CREATE TABLE stint.approval", r.out, 1, true)
    assert.matches("CREATE ROLE stint_migrator NOLOGIN; -- missing\n", r.out, 1, true)
    assert.equal("f", pg:sql(url, "SELECT to_regnamespace('stint') IS NOT NULL"))
    pg:sql(url, r.out)
    r = look()
    assert.equal(0, r.code, r.out)
    assert.is_nil(r.out:find("missing", 1, true))
    assert.is_nil(r.out:find("CREATE ROLE", 1, true))
    assert.matches("\n-- approver, stint_approver: approve\n", r.out, 1, true)
    assert.matches("\nCOMMIT;\n-- 0 wrong\n", r.out, 1, true)
    pg:sql(url, "GRANT stint_migrator TO ci; GRANT stint_reader TO eye")
    works("ci", "up")
    assert.matches("applied", works("eye", "status").out, 1, true)
    pg:sql(url, "REVOKE stint_migrator FROM ci; REVOKE stint_reader FROM eye")
  end)

  it("are named by options, and told as JSON", function()
    local whole = json.decode(look("--json", table.unpack(NAMES)).out)
    assert.matches("GRANT INSERT (run, migration, kind, who, message, facts) ON stint.event TO crew; -- missing", whole.sql, 1, true)
    local checks = {}
    for _, check in ipairs(whole.checks) do
      checks[check.name .. ": " .. check.message] = check
    end
    local one = checks["approver: anna may not call stint.approve"]
    assert.same({ "wrong", "GRANT EXECUTE ON FUNCTION stint.approve(text, text, text, text, text, text, text) TO anna" }, { one.level, one.mend })
    assert.equal("note", checks["worker: crew does not see what other roles do: who blocks it, how far replicas are"].level)
    local r = stint("postgres", "doctor", "--worker", "crew")
    assert.equal(64, r.code)
    assert.matches("--worker goes with --grants", r.err, 1, true)
    r = stint("eye", "doctor", "--grants", table.unpack(NAMES))
    assert.equal(1, r.code, r.err)
    grant("--ledger-schema", 'odd "schema"', table.unpack(NAMES))
    works("ci", "up", "--ledger-schema", 'odd "schema"')
  end)

  it("have lines for every table of the ledger", function()
    grant(table.unpack(NAMES))
    local unwritten = pg:sql(url, [[SELECT string_agg(relname, ',') FROM pg_class WHERE relnamespace = 'stint'::regnamespace AND relkind = 'r'
      AND NOT has_table_privilege('ci', oid, 'INSERT, UPDATE, DELETE') AND NOT has_any_column_privilege('ci', oid, 'INSERT, UPDATE')]])
    assert.equal("approval", unwritten, "a table without a line in engine/sql/grants.sql")
  end)

  it("let the migrator do all its work on a ledger that is not its own", function()
    grant(table.unpack(NAMES))
    local more = "ALTER TABLE base ADD COLUMN w text;\nCREATE INDEX CONCURRENTLY base_v ON base (v);\n"
    write("migrations/2_more.sql", more .. "-- stint: down\nALTER TABLE base DROP COLUMN w;\n")
    write("migrations/3_own.sql", "BEGIN;\nCREATE TABLE own (n int);\nCOMMIT;\n-- stint: down\nDROP TABLE own;\n")
    write("migrations/4_lua.lua", 'migration { up = function(db) db:exec "CREATE TABLE l (n int)" end, down = function(db) db:exec "DROP TABLE l" end }\n')
    write(
      "migrations/5_fill.lua",
      'backfill { table = "base", set = { v = "n::text" }, writes = "trigger", workers = 2, finally = { not_null = "v" }, down = { v = "0" } }\n'
    )
    write("repeatable/seen.sql", "CREATE OR REPLACE VIEW seen AS SELECT n FROM base;\n")
    write("seeds/development.sql", "INSERT INTO own VALUES (1);\n")
    write("checks/some.lua", 'check { about = "x", when = "after", none = "SELECT 1 WHERE false" }\n')
    works("ci", "up")
    assert.equal("50", pg:sql(url, "SELECT count(*) FROM base WHERE v = n::text"))
    works("ci", "status", "--check")
    works("ci", "seed")
    works("ci", "lock", "show")
    works("ci", "backup")
    works("ci", "down")
    works("ci", "up")
    works("ci", "down", "--count", "2")
    works("ci", "up")
    write("repeatable/seen.sql", "CREATE OR REPLACE VIEW seen AS SELECT n, v FROM base;\n")
    write("migrations/6_bad.sql", "SELECT 1 / 0;\n")
    local r = stint("ci", "deploy")
    assert.equal(6, r.code, r.err)
    works("ci", "resolve", "6", "--applied")
    works("ci", "up")
    works("ci", "resolve", "6", "--rolled-back")
    write("migrations/6_bad.sql", "SELECT 1;\n")
    works("ci", "deploy")
    write("migrations/3_own.sql", "BEGIN;\nCREATE TABLE own (m int);\nCOMMIT;\n")
    works("ci", "resolve", "3", "--accept-change")
    local doctor = json.decode(stint("ci", "doctor", "--json").out)
    for _, check in ipairs(doctor.checks) do
      assert.not_equal("wrong", check.level, check.name .. ": " .. check.message)
    end
    assert.equal("ci", pg:sql(url, "SELECT string_agg(DISTINCT role, ',') FROM (SELECT role FROM stint.event UNION ALL SELECT role FROM stint.run) x"))
    -- what is protected is marked in the ledger
    place.write(project .. "/config.ini", "[development]\nurl = local:\nprotected = yes\n")
    write("migrations/7_last.sql", "SELECT 1;\n")
    works("ci", "up")
    assert.equal("development", pg:sql(url, "SELECT protected FROM stint.ledger"))
  end)

  it("let the worker do batches, and nothing else", function()
    write("migrations/2_fill.lua", 'backfill { table = "base", set = { v = "n::text" }, writes = "app" }\n')
    grant(table.unpack(NAMES))
    local r = stint("ci", "up", "--backfills", "detached")
    assert.is_truthy(r.code == 0 or r.code == 2, r.err)
    r = look(table.unpack(NAMES))
    assert.matches("GRANT SELECT, UPDATE ON base TO crew; -- missing\n", r.out, 1, true)
    grant(table.unpack(NAMES))
    works("crew", "status")
    works("crew", "backfill", "pause", "2_fill")
    works("crew", "backfill", "resume", "2_fill")
    r = works("crew", "work", "--workers", "2")
    assert.matches("2: all its batches are done, and this role may not end it", r.err, 1, true)
    assert.equal("50", pg:sql(url, "SELECT count(*) FROM base WHERE v = n::text"))
    works("ci", "up", "--backfills", "detached")
    works("ci", "status", "--check")
    write("migrations/3_fails.lua", 'backfill { table = "base", set = { w = "100 / (n - 7)" }, writes = "app" }\n')
    pg:sql(url, "ALTER TABLE base ADD COLUMN w int")
    stint("ci", "up", "--backfills", "detached")
    grant(table.unpack(NAMES))
    stint("crew", "work")
    assert.equal("49", pg:sql(url, "SELECT count(*) FROM base WHERE w IS NOT NULL"))
    r = stint("ci", "up")
    assert.equal(7, r.code, r.err)
    assert.equal("7", pg:sql(url, "SELECT string_agg(key[1], ',') FROM stint.backfill_quarantine"))
    r = stint("crew", "up")
    assert.is_truthy(r.code ~= 0)
    assert.matches("permission denied", r.err, 1, true)
    refused("crew", "INSERT INTO stint.migration SELECT * FROM stint.migration")
    refused("crew", "UPDATE stint.migration SET state = 'applied'")
    refused("crew", "DELETE FROM stint.run")
  end)

  it("let the reader read, and the approver approve", function()
    grant(table.unpack(NAMES))
    works("eye", "status")
    works("eye", "plan")
    works("eye", "approve")
    local r = stint("eye", "approve", "1")
    assert.equal(5, r.code)
    works("anna", "approve", "1")
    works("anna", "status")
    for _, role in ipairs { "eye", "anna" } do
      r = stint(role, "up")
      assert.is_truthy(r.code ~= 0)
      assert.matches("permission denied", r.err, 1, true)
      refused(role, "INSERT INTO stint.run (command, environment, who, program) VALUES ('x', 'x', 'x', 'x')")
    end
    assert.equal("1 0", pg:sql(url, "SELECT (SELECT count(*) FROM stint.approval) || ' ' || (SELECT count(*) FROM stint.migration)"))
  end)

  it("cannot change what is written down for the audit", function()
    grant(table.unpack(NAMES))
    works("ci", "up")
    works("ci", "resolve", "1", "--rolled-back")
    works("anna", "approve", "1")
    local before = pg:sql(url, "SELECT e, a FROM stint.event e, stint.approval a")
    for _, role in ipairs { "ci", "crew", "eye", "anna" } do
      for _, name in ipairs { "event", "approval" } do
        refused(role, ("UPDATE stint.%s SET who = 'x'"):format(name))
        refused(role, ("DELETE FROM stint.%s"):format(name))
        refused(role, ("TRUNCATE stint.%s"):format(name))
      end
      refused(role, "INSERT INTO stint.event (kind, who, role) VALUES ('seed', 'x', 'anna')")
      refused(role, "INSERT INTO stint.event (kind, who, at) VALUES ('seed', 'x', now() - interval '1 day')")
      refused(role, "INSERT INTO stint.approval (migration) VALUES ('1')")
      refused(role, "UPDATE stint.run SET role = 'anna'")
    end
    assert.equal(before, pg:sql(url, "SELECT e, a FROM stint.event e, stint.approval a"))
  end)

  it("are found with too much, and the script takes it away", function()
    grant(table.unpack(NAMES))
    local function found(give, message, mend)
      pg:sql(url, give)
      local r = look(table.unpack(NAMES))
      assert.equal(1, r.code)
      assert.matches(("%s; -- too much: %s\n"):format(mend, message), r.out, 1, true)
      grant(table.unpack(NAMES))
    end
    found("GRANT UPDATE ON stint.event TO ci", "ci may UPDATE on stint.event", "REVOKE UPDATE ON stint.event FROM ci")
    found("GRANT UPDATE (who) ON stint.event TO crew", "crew may UPDATE (who) on stint.event", "REVOKE UPDATE (who) ON stint.event FROM crew")
    found("GRANT INSERT (role) ON stint.run TO ci", "ci may INSERT (role) on stint.run", "REVOKE INSERT (role) ON stint.run FROM ci")
    found("GRANT DELETE ON stint.run TO PUBLIC", "eye may DELETE on stint.run, as everybody", "REVOKE DELETE ON stint.run FROM PUBLIC")
    found("GRANT CREATE ON SCHEMA stint TO anna", "anna may CREATE on SCHEMA stint", "REVOKE CREATE ON SCHEMA stint FROM anna")
    local call = "FUNCTION stint.approve(text, text, text, text, text, text, text)"
    found(("GRANT EXECUTE ON %s TO ci"):format(call), "ci may EXECUTE on " .. call, ("REVOKE EXECUTE ON %s FROM ci"):format(call))
    found("GRANT postgres TO crew", "crew can become postgres, who owns the ledger", "REVOKE postgres FROM crew")
    found("GRANT ci TO crew", "crew may INSERT on stint.migration, as ci", "REVOKE ci FROM crew")
    found("ALTER ROLE crew SUPERUSER", "crew is a superuser, for whom no grant counts", "ALTER ROLE crew NOSUPERUSER")
    found("ALTER ROLE ci CREATEROLE", "ci has CREATEROLE, and before PostgreSQL 16 can become anybody by it", "ALTER ROLE ci NOCREATEROLE")
    -- one role of two parts needs what both need
    grant("--migrator", "ci", "--worker", "ci", "--reader", "eye", "--approver", "anna")
  end)

  it("take a ledger over that the migrator has made itself", function()
    pg:sql(url, "GRANT CREATE ON DATABASE " .. url:match "///([^?]+)" .. " TO ci; GRANT CREATE ON SCHEMA public TO ci")
    works("ci", "up")
    local r = look(table.unpack(NAMES))
    assert.matches("-- ci owns the ledger: --owner ROLE gives it to another\n", r.out, 1, true)
    grant("--owner", "keeper", table.unpack(NAMES))
    refused("ci", "UPDATE stint.event SET who = 'x'")
    refused("ci", "SELECT stint.approve('1', 'c', 't', 'development', 'x')")
    write("migrations/2_more.sql", "ALTER TABLE base ADD COLUMN w text;\n")
    works("anna", "approve", "2")
    works("ci", "up")
    assert.equal("keeper", pg:sql(url, [[SELECT string_agg(DISTINCT pg_get_userbyid(o), ',') FROM (
      SELECT relowner FROM pg_class WHERE relnamespace = 'stint'::regnamespace AND relkind IN ('r', 'S', 'i') UNION ALL
      SELECT nspowner FROM pg_namespace WHERE nspname = 'stint' UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = 'stint'::regnamespace) x (o)]]))
  end)
end)
