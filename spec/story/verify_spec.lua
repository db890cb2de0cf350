-- stint verify: each migration up, down and up again on a scratch database.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local session = require "spec.support.session"
local story = require "spec.support.story"

local USERS = [[
CREATE TABLE users (id int PRIMARY KEY, email text);
GRANT SELECT ON users TO PUBLIC;
-- stint: down
DROP TABLE users;
]]

describe("verify", function()
  local at = story.new { NO_COLOR = "1" }
  local write, stint = at.write, at.stint
  local config

  local function results(...)
    local list = {}
    for _, one in ipairs(json.decode(at.run("verify", "--json", ...).out).migrations) do
      list[#list + 1] = one.name .. " " .. one.result
    end
    return table.concat(list, ", ")
  end

  setup(function()
    at.pg = cluster.get()
    config = ("[project]\nscratch = %s\n[development]\nurl = ${DATABASE_URL}\n"):format(at.pg:url())
  end)

  before_each(function()
    at.begin({ ["1_users.sql"] = USERS }, config)
  end)

  after_each(function()
    assert.equal(
      "0",
      at.pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint\\_scratch%'")
    )
  end)

  it("is content with ways down that undo what the ways up did, of every kind", function()
    write("2_view.sql", [[
      CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad', 'ok');
      CREATE FUNCTION app.twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
      CREATE VIEW app.mails AS SELECT email FROM users; COMMENT ON VIEW app.mails IS 'who';
      ALTER TABLE users ADD COLUMN mood app.mood DEFAULT 'ok', ADD CONSTRAINT has_mail CHECK (email LIKE '%@%');
-- stint: down
      ALTER TABLE users DROP COLUMN mood, DROP CONSTRAINT has_mail; DROP SCHEMA app CASCADE;
    ]])
    write(
      "3_index.sql",
      "CREATE INDEX CONCURRENTLY users_email ON users (email);\n-- stint: down\n"
        .. "DROP INDEX CONCURRENTLY users_email;\n"
    )
    write("4_lua.lua", [[
      migration { up = function(db) db:exec "CREATE TABLE l ()" end, down = function(db) db:exec "DROP TABLE l" end }
    ]])
    write(
      "5_fill.lua",
      'backfill { table = "users", set = { email = "\'a@b\'" }, where = "email IS NULL", down = { email = "NULL" } }\n'
    )
    write("6_one_way.sql", "CREATE TABLE one_way ();\n")
    write("scripts/repeatable/mails.sql", "CREATE OR REPLACE VIEW all_mails AS SELECT email FROM users;\n")
    local r = stint(0, "verify")
    assert.matches("on an empty database (PostgreSQL ", r.out, 1, true)
    assert.matches(
      "6 applied; 5 with a way down, 5 of them up, down and up again; 1 without: verified\n",
      r.out,
      1,
      true
    )
    assert.equal("", r.err)
  end)

  it("shows what a way down leaves, and what it takes too much, file by file", function()
    write("2_age.sql", "ALTER TABLE users ADD COLUMN age int;\nCREATE INDEX mails ON users (email);\n"
      .. "-- stint: down\nALTER TABLE users DROP COLUMN age;\n")
    write(
      "3_name.sql",
      "ALTER TABLE users ADD COLUMN name text;\n-- stint: down\nALTER TABLE users DROP COLUMN name;\n"
    )
    write("4_rights.sql", "ALTER TABLE users ALTER COLUMN email SET NOT NULL;\n"
      .. "-- stint: down\nALTER TABLE users ALTER COLUMN email DROP NOT NULL; REVOKE ALL ON users FROM PUBLIC;\n")
    local r = stint(2, "verify")
    assert.matches(
      "scripts/migrations/2_age.sql: after its way down the schema is not what it was before\n"
        .. "  added index public.mails\n",
      r.out,
      1,
      true
    )
    assert.matches(
      "scripts/migrations/4_rights.sql: after its way down the schema is not what it was before\n"
        .. "  changed table public.users\n",
      r.out,
      1,
      true
    )
    assert.matches("\n    - granted =r/", r.out, 1, true)
    assert.matches("4 with a way down, 2 of them up, down and up again\n", r.out, 1, true)
    assert.equal("1_users verified, 2_age differs, 3_name verified, 4_rights differs", results())
  end)

  it("names the place where a way down fails", function()
    write(
      "2_age.sql",
      "ALTER TABLE users ADD COLUMN age int;\n-- stint: down\n\nALTER TABLE users DROP COLUMN ages;\n"
    )
    write(
      "3_lua.lua",
      'migration {\n  up = function() end,\n  down = function(db)\n    db:exec "DROP TABLE nothing"\n  end,\n}\n'
    )
    local r = stint(2, "verify")
    assert.matches(
      'scripts/migrations/2_age.sql:4: its way down fails: 2_age: column "ages" of relation "users" does not exist',
      r.out,
      1,
      true
    )
    assert.matches(
      'scripts/migrations/3_lua.lua: its way down fails: 3_lua: scripts/migrations/3_lua.lua:4: ',
      r.out,
      1,
      true
    )
    assert.equal("1_users verified, 2_age fails, 3_lua fails", results())
  end)

  it("sees a second way up that does not do what the first did", function()
    write("2_once.sql", [[
      CREATE SEQUENCE IF NOT EXISTS times;
      DO $$ BEGIN IF to_regclass('done') IS NULL THEN CREATE TABLE odd (); END IF; END $$;
-- stint: down
      DROP TABLE IF EXISTS odd; DROP SEQUENCE times;
    ]])
    write("3_odd.sql", [[
      DO $$ BEGIN IF current_setting('stint.twice', true) IS NULL
        THEN CREATE TABLE first (); ELSE CREATE TABLE second (); END IF; END $$;
-- stint: down
      DROP TABLE first;
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET stint.twice = 1', current_database()); END $$;
    ]])
    local r = stint(2, "verify")
    assert.matches("scripts/migrations/3_odd.sql: after its second way up the schema is not what it was after the first\n"
      .. "  removed table public.first\n  added table public.second\n", r.out, 1, true)
    assert.equal("1_users verified, 2_once verified, 3_odd differs", results())
  end)

  it("is stopped by a way up that fails", function()
    write("2_bad.sql", "CREATE TABLE good ();\nSELECT 1/0;\n")
    local r = stint(6, "verify")
    assert.matches("2_bad: division by zero", r.err, 1, true)
    assert.matches("scripts/migrations/2_bad.sql:2", r.err, 1, true)
    assert.matches("on an empty database of the scratch server, which is gone; nothing was run here", r.err, 1, true)
    assert.matches("then: stint verify", r.err, 1, true)
  end)

  it("leaves nothing when it is stopped", function()
    write("2_long.sql", "SELECT pg_sleep(60);\n")
    local h = at.start "verify"
    session.wait_until(at.pg:url(), [[
      SELECT count(*)::text FROM pg_stat_activity WHERE datname LIKE 'stint\_scratch%' AND query LIKE '%pg_sleep(60)%'
        AND state = 'active' AND wait_event = 'PgSleep']], "1")
    h:kill "INT"
    assert.equal(130, h:wait().code)
  end)

  it("asks neither rules nor checks nor hooks of the team, and touches no database of theirs", function()
    write("scripts/policies/no.lua", 'policy { statement = function() return deny "never" end }\n')
    write("scripts/checks/no.lua", 'check { about = "never", when = "after", none = "SELECT 1" }\n')
    write("scripts/hooks/loud.lua", 'hook { on = { "run_started" }, run = function() log.info "loud" end }\n')
    local r = stint(0, "verify", "-v")
    assert.not_matches("loud", r.err, 1, true)
    assert.matches("pending", stint(0, "status").out, 1, true)
  end)

  it("with --pending begins with what the database has", function()
    stint(0, "up")
    write("1_users.sql", USERS .. "-- a word\n")
    write(
      "2_age.sql",
      "ALTER TABLE users ADD COLUMN age int;\n-- stint: down\nALTER TABLE users DROP COLUMN age;\n"
    )
    local r = stint(0, "verify", "--pending")
    assert.matches("on an empty copy of the schema (PostgreSQL ", r.out, 1, true)
    assert.matches("1 applied; 1 with a way down, 1 of them up, down and up again: verified\n", r.out, 1, true)
  end)

  it("with --pending goes on where a file stands that is partly applied", function()
    stint(0, "up")
    write("2_half.sql", "-- stint: no-transaction\nCREATE TABLE half (n int);\nSELECT 1/0;\n-- stint: down\nDROP TABLE half;\n")
    stint(7, "up")
    local r = stint(6, "verify", "--pending")
    story.says("2_half: division by zero", r)
    write("2_half.sql", "-- stint: no-transaction\nCREATE TABLE half (n int);\nALTER TABLE half ADD m int;\n"
      .. "-- stint: down\nDROP TABLE half;\n")
    write("3_next.sql", "CREATE INDEX half_m ON half (m);\n-- stint: down\nDROP INDEX half_m;\n")
    r = stint(0, "verify", "--pending")
    story.has("scripts/migrations/2_half.sql: applied up to statement 1 of 2: tried from there on\n", r.out)
    story.has("2 applied; 2 with a way down, 2 of them up, down and up again: verified\n", r.out)
    story.has("exactly these texts are verified (2 pending)\n", r.out)
    assert.equal("applied up to statement 1 of 2", json.decode(stint(0, "verify", "--pending", "--json").out).migrations[1].begun)
    write("2_half.sql", "-- stint: no-transaction\nCREATE TABLE half (o int);\nSELECT 1;\n")
    story.says("one of its first 1 statements was changed", stint(4, "verify", "--pending"))
    stint(4, "up")
  end)

  it("with --pending begins a backfill anew that is under way", function()
    write("./config.ini", config .. "backfills = detached\n")
    stint(0, "up")
    at.sql "INSERT INTO users SELECT generate_series(1, 10)"
    write("2_fill.lua", [[
      backfill { table = "users", set = { email = "'a@b'" }, where = "email IS NULL", writes = "trigger",
        finally = { not_null = "email" }, down = { email = "NULL" } }
    ]])
    write("3_next.sql", "ALTER TABLE users ADD n int;\n-- stint: down\nALTER TABLE users DROP n;\n")
    stint(0, "up", "--to", "2")
    local r = stint(0, "verify", "--pending")
    story.has("scripts/migrations/2_fill.lua: a backfill under way: tried from there on\n", r.out)
    story.has("2 applied; 2 with a way down, 2 of them up, down and up again: verified\n", r.out)
  end)

  it("with --pending leaves alone what is newer than a late file, and is refused in the middle of a rollback", function()
    write("3_late.sql", "CREATE TABLE late (n int);\n-- stint: down\n-- stint: no-transaction\nDROP TABLE late;\nSELECT 1/0;\n")
    stint(0, "up")
    write("2_age.sql", "ALTER TABLE users ADD COLUMN age int;\n-- stint: down\nALTER TABLE users DROP COLUMN age;\n")
    assert.equal("2_age verified", results "--pending")
    stint(7, "down")
    story.says("3_late is being rolled back", stint(7, "verify", "--pending"))
  end)

  it("does not mind the schema that a run makes", function()
    write("./config.ini", config .. "schema = app\n")
    stint(0, "verify")
  end)

  it("is for each target of a fleet, and entered in its ledger", function()
    write("./config.ini", config .. "targets = schema:a, schema:b\n")
    stint(0, "up")
    write(
      "2_age.sql",
      "ALTER TABLE users ADD COLUMN age int;\n-- stint: down\nALTER TABLE users DROP COLUMN age;\n"
    )
    local r = stint(0, "verify")
    assert.matches("2 targets: 2 ok; 0 differences\n", r.out, 1, true)
    assert.equal("1 1", at.sql("SELECT concat_ws(' ', (SELECT count(*) FROM stint_a.event WHERE kind = 'verified'),"
      .. "(SELECT count(*) FROM stint_b.event WHERE kind = 'verified'))"))
    write("2_age.sql", "ALTER TABLE users ADD COLUMN age int;\n-- stint: down\nSELECT 1;\n")
    assert.matches("2 targets: 2 different; 2 differences\n", stint(2, "verify").out, 1, true)
  end)

  it("has nothing to verify where there are no files", function()
    os.remove(at.dir .. "/scripts/migrations/1_users.sql")
    assert.matches(": nothing to verify\n", stint(0, "verify").out, 1, true)
  end)
end)
