-- stint drift: what changed in a database outside Stint since its last run.
local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local story = require "spec.support.story"

local it_takes_long = os.getenv "STINT_LONG" and it or function() end

-- An object of every kind, and the way down.
local OBJECTS = place.read "spec/support/objects.sql"
local LITTLE = OBJECTS:match "%-%- stint: down\n(.*)"

local USERS = "CREATE TABLE users (id int PRIMARY KEY, email text);\nCREATE VIEW mails AS SELECT email FROM users;\n"
  .. "-- stint: down\nDROP VIEW mails; DROP TABLE users;\n"

local PROTECTED = "[project]\nenvironment = production\n[production]\nurl = ${DATABASE_URL}\nprotected = yes\n"

describe("drift", function()
  local at = story.new { NO_COLOR = "1" }
  local write, stint, sql = at.write, at.stint, at.sql

  local function differences()
    local list = {}
    for _, one in ipairs(json.decode(at.run("drift", "--json").out).differences) do
      list[#list + 1] = ("%s %s %s"):format(one.change, one.kind, one.name)
    end
    return list
  end

  before_each(function()
    at.begin({ ["1_users.sql"] = USERS }, PROTECTED)
  end)

  it("is none after a run, whatever that did", function()
    write("2_fill.lua", [[
      backfill { table = "users", set = { email = "'x'" }, where = "email IS NULL", finally = { not_null = "email" } }
    ]])
    write(
      "3_index.sql",
      "CREATE INDEX CONCURRENTLY users_email ON users (email);\n-- stint: down\nDROP INDEX users_email;\n"
    )
    stint(0, "deploy")
    local r = stint(0, "drift")
    assert.matches("^nothing changed outside Stint since %d+%-%d+%-%d+T%S+Z %(stint deploy, run 1%)\n$", r.out)
    stint(0, "down", "--confirm", "production")
    assert.matches("(stint down, run 2)", stint(0, "drift").out, 1, true)
    write(
      "4_half.sql",
      "-- stint: no-transaction\nCREATE TABLE fine (a int PRIMARY KEY);\nSELECT 1/0;\n"
    )
    stint(7, "deploy")
    assert.matches("(stint deploy, run 3)", stint(0, "drift").out, 1, true)
    write("4_half.sql", "-- stint: no-transaction\nCREATE TABLE fine (a int PRIMARY KEY);\n")
    stint(0, "deploy")
    stint(0, "deploy")
    assert.matches("(stint deploy, run 4)", stint(0, "drift").out, 1, true)
  end)

  it("is none while a detached backfill is under way, nor when workers have ended it", function()
    write("./config.ini", PROTECTED .. "backfills = detached\n")
    stint(0, "deploy")
    sql("INSERT INTO users SELECT generate_series(1, 10)")
    write("2_fill.lua", [[
      backfill { table = "users", set = { email = "'x'" }, where = "email IS NULL", writes = "trigger",
        finally = { not_null = "email" } }
    ]])
    stint(0, "deploy")
    assert.same({}, differences())
    stint(0, "work")
    assert.equal(
      "t",
      sql("SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'email'")
    )
    assert.same({}, differences())
  end)

  it("is not about schemas that others look after", function()
    sql("CREATE SCHEMA auth; CREATE TABLE auth.sessions (n int)")
    write("./config.ini", PROTECTED .. "keep_schemas = auth, storage\n")
    stint(0, "deploy")
    sql("ALTER TABLE auth.sessions ADD m int; CREATE SCHEMA storage; CREATE INDEX by_hand ON users (email)")
    assert.same({ "added index public.by_hand" }, differences())
  end)

  it("shows what was added, removed and changed, object by object", function()
    stint(0, "deploy")
    sql([[
      CREATE INDEX by_hand ON users (email);
      CREATE SCHEMA more; CREATE TABLE more.t (a int PRIMARY KEY, b int);
      CREATE FUNCTION more.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
      CREATE OR REPLACE VIEW mails AS SELECT email FROM users WHERE id > 0;
      ALTER TABLE users ALTER COLUMN email SET DEFAULT 'x', ADD CHECK (id > 0);
      GRANT SELECT ON users TO PUBLIC; COMMENT ON TABLE users IS 'all of them';
    ]])
    assert.same({
      "added schema more", "added function more.f()", "added table more.t", "added index public.by_hand",
      "changed view public.mails", "changed table public.users", "changed column public.users.email",
      "added constraint public.users.users_id_check",
    }, differences())
    local r = stint(2, "drift")
    assert.matches("changed column public.users.email\n    - text\n    + text DEFAULT 'x'::text\n", r.out, 1, true)
    assert.matches("    + granted =r/postgres", r.out, 1, true)
    assert.matches("8 objects changed outside Stint since ", r.out, 1, true)
    sql("DROP TABLE users CASCADE; DROP SCHEMA more CASCADE")
    assert.same({ "removed view public.mails", "removed table public.users" }, differences())
  end)

  it("does not count what extensions bring, other ledgers, rows and what is undone again", function()
    stint(0, "deploy")
    sql([[
      INSERT INTO users VALUES (1, 'a@b'); CREATE SEQUENCE s; DROP SEQUENCE s; ANALYZE users;
      GRANT SELECT ON users TO PUBLIC; REVOKE SELECT ON users FROM PUBLIC;
      ALTER TABLE users ADD COLUMN gone int; ALTER TABLE users DROP COLUMN gone;
    ]])
    local other = run.project(
      { ["scripts/migrations/1_o.sql"] = "SELECT 1;\n" },
      ("[project]\nledger_schema = other\n[development]\nurl = %s\n"):format(at.url)
    )
    local r = run({ "up" }, { cwd = other })
    assert.equal(0, r.code, r.err)
    assert.same({}, differences())
    if sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'") == "1" then
      sql("CREATE EXTENSION citext")
      assert.same({ "added extension citext" }, differences())
    end
  end)

  it("is accepted by --save, which the ledger keeps", function()
    stint(0, "deploy")
    sql("CREATE TABLE by_hand (a int)")
    stint(2, "drift")
    local r = stint(0, "drift", "--save")
    assert.matches("1 differences accepted", r.err, 1, true)
    assert.matches("^nothing changed outside Stint since %S+ %(accepted by %S+%)\n$", r.out)
    stint(0, "drift")
    assert.equal(
      '{"differences": ["added table public.by_hand"]}',
      sql("SELECT facts FROM stint.event WHERE kind = 'drift_accepted'")
    )
    sql("DROP TABLE by_hand")
    assert.same({ "removed table public.by_hand" }, differences())
  end)

  it("is known where it is protected, or with drift = yes", function()
    write("./config.ini", (PROTECTED:gsub("protected = yes\n", "")))
    local r = stint(1, "drift")
    assert.matches("there is no ledger in " .. at.name .. ": nothing was ever applied", r.err, 1, true)
    stint(0, "up")
    r = stint(1, "drift")
    assert.matches("the ledger does not say what production was after the last run", r.err, 1, true)
    assert.matches("stint drift --save", r.err, 1, true)
    write("./config.ini", (PROTECTED:gsub("protected = yes\n", "drift = yes\n")))
    stint(0, "redo")
    stint(0, "drift")
    assert.equal("1", sql("SELECT count(*) FROM stint.catalog"))
  end)

  -- What is changed by hand, and how drift tells it.
  local BY_HAND = "DROP VIEW mails; CREATE INDEX by_hand ON users (email); ALTER TABLE users ALTER email TYPE varchar, ADD n int"
  local FOUND = {
    "added index public.by_hand", "removed view public.mails", "changed column public.users.email", "added column public.users.n",
  }

  local function deploys(code, name, text)
    write(name, text)
    return stint(code, "deploy")
  end

  it("is told by a run that finds it, and stays until it is accepted", function()
    stint(0, "deploy")
    sql(BY_HAND)
    assert.same(FOUND, differences())
    local r = deploys(0, "2_orders.sql", "CREATE TABLE orders (id int PRIMARY KEY);\n-- stint: down\nDROP TABLE orders;")
    story.says("WARNING: 4 objects changed outside Stint since ", r)
    story.says(" (stint deploy, run 1): " .. table.concat(FOUND, ", ") .. "; stint drift shows", r)
    assert.same(
      { differences = FOUND },
      json.decode(sql "SELECT facts FROM stint.event WHERE kind = 'drift_found' AND run = 2")
    )
    assert.same(FOUND, differences())
    assert.matches("since %S+ %(stint deploy, run 1%)\n$", stint(2, "drift").out)
    stint(0, "down", "--confirm", "production", "--allow", "data-loss")
    assert.same(FOUND, differences())
    stint(0, "drift", "--save")
    r = stint(0, "deploy")
    assert.not_matches("outside Stint", r.err)
    assert.same({}, differences())
  end)

  it("stays beside a run that fails, and what that one left is none", function()
    stint(0, "deploy")
    sql(BY_HAND)
    deploys(6, "2_none.sql", "CREATE TABLE orders (id int PRIMARY KEY); SELECT 1/0;")
    assert.same(FOUND, differences())
    deploys(7, "2_none.sql", "-- stint: no-transaction\nCREATE TABLE orders (id int);\nSELECT 1/0;")
    assert.same(FOUND, differences())
  end)

  it("is no more what a run removes, mends or makes anew", function()
    stint(0, "deploy")
    sql("DROP VIEW mails; CREATE TABLE gone (a int); CREATE TABLE stays (a int); ALTER TABLE users ALTER email TYPE varchar")
    deploys(0, "2_mend.sql", [[
      -- stint: allow drop-table gone reason="nobody needs it"
      DROP TABLE gone;
      ALTER TABLE stays ADD b int;
      ALTER TABLE users ALTER email TYPE text;
      CREATE VIEW mails AS SELECT id FROM users;
    ]])
    assert.same({ "added table public.stays" }, differences())
  end)

  it("may be what a run did that was killed, and says so", function()
    local doubt = "run 2 did not keep what it left: what it changed is among this"
    stint(0, "deploy")
    write("2_orders.sql", "CREATE TABLE orders (id int PRIMARY KEY);")
    write("3_long.sql", "SELECT pg_sleep(600);")
    local going = at.start "deploy"
    eventually("a statement that lasts", function()
      return sql "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'" == "1"
    end)
    going:kill()
    assert.same({ "added table public.orders" }, differences())
    story.says(doubt, stint(2, "drift"))
    story.says(doubt, deploys(0, "3_long.sql", "SELECT 1;"))
    story.says(doubt, stint(2, "drift"))
    assert.equal(2, json.decode(stint(2, "drift", "--json").out).untold_run)
    stint(0, "drift", "--save")
    assert.equal("", stint(0, "drift").err)
  end)

  it("is what differs from the backup, after a restore", function()
    write("./config.ini", "[project]\ndrift = yes\n[development]\nurl = ${DATABASE_URL}\n")
    stint(0, "up")
    local backup = json.decode(stint(0, "backup", "--json").out)
    deploys(0, "2_orders.sql", "CREATE TABLE orders (id int PRIMARY KEY);")
    stint(0, "restore", backup.file)
    assert.equal("nothing changed outside Stint since ", stint(0, "drift").out:match "^.-since ")
    sql "CREATE TABLE by_hand (a int)"
    assert.equal("", stint(2, "drift").err)
    assert.same({ "added table public.by_hand" }, differences())
  end)

  it("says that another server's words may differ", function()
    stint(0, "deploy")
    sql("UPDATE stint.catalog SET server = 120004")
    assert.matches(
      "it was kept by PostgreSQL 12, and this is 1%d, which may word definitions otherwise",
      stint(0, "drift").err
    )
  end)

  local function of_every_kind(server)
    local own = server:database()
    local dir = run.project({ ["scripts/migrations/1_much.sql"] = OBJECTS },
      ("[project]\nscratch = %s\n[development]\nurl = %s\ndrift = yes\n"):format(server:url(), own))
    local function answer(code, ...)
      local r = run({ ... }, { cwd = dir })
      assert.equal(code, r.code, r.out .. r.err)
      return json.decode(r.out)
    end
    assert.equal(1, answer(0, "verify", "--json").verified)
    assert.equal(0, run({ "up" }, { cwd = dir }).code)
    assert.same({}, answer(0, "drift", "--json").differences)
    server:sql(own, LITTLE)
    local kinds = {}
    for _, one in ipairs(answer(2, "drift", "--json").differences) do
      assert.equal("removed", one.change)
      kinds[one.kind] = true
    end
    local all = "aggregate,cast,collation,default privileges,domain,event trigger,foreign table,function,index,"
      .. "materialized view,operator,procedure,publication,schema,sequence,server,statistics,table,"
      .. "text search configuration,type,view"
    for kind in all:gmatch "[^,]+" do
      assert.is_true(kinds[kind], kind)
    end
  end

  it("sees objects of every kind", function()
    of_every_kind(at.pg)
  end)

  it_takes_long("sees them on every other version too", function()
    for _, bin in pairs(cluster.other_versions()) do
      local server = cluster.new { bin = bin }
      of_every_kind(server)
      server:stop()
    end
  end)

  it("is asked of each target of a fleet, of its own schema alone", function()
    local list = "targets = SELECT n AS schema FROM unnest('{a,b,c}'::text[]) n\n"
    write("./config.ini", PROTECTED .. list)
    sql("CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA c")
    stint(0, "deploy")
    local r = stint(0, "drift")
    assert.matches("3 targets: 3 ok; 0 differences\n", r.out, 1, true)
    sql("CREATE TABLE b.by_hand (); CREATE INDEX by_hand_i ON b.users (email)")
    r = stint(2, "drift")
    assert.matches("\nb +different +2 +2\n", r.out)
    assert.matches("3 targets: 2 ok, 1 different; 2 differences\n", r.out, 1, true)
    local whole = json.decode(stint(2, "drift", "--json").out)
    assert.same({ 2, "different" }, { whole.differences, whole.targets[2].state })
    local first = whole.targets[2].result.differences[1]
    assert.same({ "added", "table", "b.by_hand" }, { first.change, first.kind, first.name })
    stint(0, "drift", "--save")
    assert.matches("3 targets: 3 ok; 0 differences\n", stint(0, "drift").out, 1, true)
    assert.matches("3 targets: 3 ok; 0 pending\n", stint(0, "status").out, 1, true)
  end)
end)
