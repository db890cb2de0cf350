-- Rolling back: as far as it came the ledger says so, and what is applied is what the database has.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local pg = cluster.get()

local CONFIG = [[
[development]
url = ${DATABASE_URL}
[production]
url = ${DATABASE_URL}
protected = yes
contacts = the night shift
]]

local ONE = "CREATE TABLE one (id int PRIMARY KEY, n int);\n"
  .. "INSERT INTO one SELECT g, 0 FROM generate_series(1, 3000) g;\n-- stint: down\nDROP TABLE one;\n"

describe("down", function()
  local url, project, db
  local at = story.new()
  local stint, write, says = at.stint, at.write, story.says

  local function options()
    return { cwd = project, env = { DATABASE_URL = url } }
  end

  local function events(...)
    local list = {}
    for line in stint(0, ..., "--json").out:gmatch "[^\n]+" do
      list[#list + 1] = json.decode(line)
    end
    return list
  end

  local function status()
    local list = {}
    for _, item in ipairs(json.decode(stint(0, "status", "--json").out).migrations) do
      list[item.version] = item
    end
    return list
  end

  local function states()
    local list = {}
    for version, item in pairs(status()) do
      list[version] = item.state
    end
    return list
  end

  local function exists(name)
    return db:value("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
  end

  local function says_not(text, r)
    assert.is_nil(r.err:find(text, 1, true), r.err)
  end

  before_each(function()
    url, project = at.begin({ ["scripts/migrations/1_one.sql"] = ONE }, CONFIG)
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  it("rolls back the newest, and up applies it again", function()
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\n")
    stint(0, "up")
    local r = stint(0, "down")
    assert.is_truthy(r.out:find("^rolled back  2_two  %(%d+ms%)\n1 rolled back in "), r.out)
    says("down: environment development, database ", r)
    says(", 1 to roll back\n", r)
    assert.is_false(exists "two")
    assert.is_true(exists "one")
    local two = status()["2"]
    assert.equal("rolled_back", two.state)
    assert.is_nil(two.applied_at)
    assert.equal("0", db:value "SELECT position FROM stint.migration WHERE id = '2'")
    local event = db:exec("SELECT * FROM stint.event WHERE kind = 'rolled_back'")
    assert.equal(1, #event)
    assert.equal("2", event[1].migration)
    assert.is_truthy(json.decode(event[1].facts).duration_ms)
    assert.equal("down ok 1", db:value "SELECT command || ' ' || outcome || ' ' || applied FROM stint.run ORDER BY id DESC LIMIT 1")

    stint(2, "status", "--check")
    stint(0, "up")
    assert.is_true(exists "two")
    assert.same({ ["1"] = "applied", ["2"] = "applied" }, states())
  end)

  it("rolls back as many as are wanted, newest first", function()
    for i = 2, 5 do
      write(i .. "_x.sql", ("CREATE TABLE x%d ();\n-- stint: down\nDROP TABLE x%d;\n"):format(i, i))
    end
    stint(0, "up")
    local r = stint(0, "down", "--count", "2")
    assert.same({ "5_x", "4_x" }, { r.out:match "rolled back  (%S+).*rolled back  (%S+)" })
    stint(0, "down", "--to", "scripts/migrations/2_x.sql")
    assert.same(
      { ["1"] = "applied", ["2"] = "applied", ["3"] = "rolled_back", ["4"] = "rolled_back", ["5"] = "rolled_back" },
      states()
    )
    assert.equal("nothing to roll back\n", stint(0, "down", "--to", "2").out)
    stint(0, "down", "--to", "0")
    assert.is_false(exists "one")
    assert.equal("nothing to roll back\n", stint(0, "down").out)
  end)

  it("tells its events", function()
    stint(0, "up")
    local list = events("down")
    local kinds = {}
    for i, event in ipairs(list) do
      kinds[i] = event.event
    end
    assert.same({ "run_started", "migration_started", "statement", "migration_rolled_back", "run_finished" }, kinds)
    assert.equal("down", list[1].command)
    assert.equal(1, list[1].to_roll_back)
    assert.equal("down", list[2].way)
    assert.equal("1_one", list[4].name)
    assert.equal(1, list[5].rolled_back)
  end)

  it("refuses words and counts that mean nothing", function()
    says("down takes no words: 3", stint(64, "down", "3"))
    says("--count takes a number from 1, not 0", stint(64, "down", "--count", "0"))
    says("--to and --count exclude each other", stint(64, "down", "--count", "1", "--to", "1"))
    says("there is no migration 7", stint(64, "down", "--to", "7"))
    says("--allow takes data-loss, not everything", (function()
      stint(0, "up")
      return stint(64, "down", "--allow", "everything")
    end)())
  end)

  it("says nothing of a database without a ledger", function()
    assert.equal("nothing to roll back\n", stint(0, "down").out)
    assert.is_nil(db:value "SELECT to_regnamespace('stint')")
  end)

  describe("a file without a way down", function()
    it("is refused before anything runs", function()
      write("2_two.sql", "CREATE TABLE two ();\n")
      write("3_three.sql", "CREATE TABLE three ();\n-- stint: down\nDROP TABLE three;\n")
      stint(0, "up")
      local r = stint(1, "down", "--count", "2")
      says("ERROR: 2_two has no way down\n  at scripts/migrations/2_two.sql\n", r)
      says('HINT: write it below a line "-- stint: down", or in a file 2_two.down.sql\n', r)
      says("STATE: nothing was rolled back\n", r)
      says("NEXT: or, when it was undone by hand: stint resolve 2 --rolled-back\n", r)
      assert.is_true(exists "three")
    end)

    it("says what its rollback directive says", function()
      write("2_two.sql", '-- stint: rollback "restore the dump of the night"\nCREATE TABLE two ();\n')
      stint(0, "up")
      says("DETAIL: its plan for going back: restore the dump of the night\n", stint(1, "down"))
    end)

    it("may be Lua", function()
      write("2_two.lua", "migration { up = function(db) end }")
      stint(0, "up")
      says("HINT: give migration {...} a field down = function(db) ... end\n", stint(1, "down"))
    end)

    it("may be a backfill", function()
      write("2_two.lua", 'backfill { table = "one", set = { n = "1" } }')
      stint(0, "up")
      says('HINT: give backfill {...} a field down = { COLUMN = "EXPRESSION" }\n', stint(1, "down"))
    end)
  end)

  it("takes a twin", function()
    write("2_two.sql", "CREATE TABLE two ();\n")
    write("2_two.down.sql", "DROP TABLE two;\n")
    stint(0, "up")
    stint(0, "down")
    assert.is_false(exists "two")
  end)

  it("calls a Lua migration's down in its transaction", function()
    write("2_two.lua", [[
migration {
  up = function(db) db:exec "CREATE TABLE two ()" end,
  down = function(db) db:exec "DROP TABLE two" end,
}
]])
    stint(0, "up")
    stint(0, "down")
    assert.is_false(exists "two")
    assert.equal("rolled_back", states()["2"])
    write("2_two.lua", [[
migration {
  up = function(db) db:exec "CREATE TABLE two ()" end,
  down = function(db) db:exec "DROP TABLE two"; error("not today") end,
}
]])
    stint(0, "up")
    local r = stint(6, "down")
    says("2_two: ", r)
    says("not today", r)
    says("STATE: nothing of this way down is left; 0 before it rolled back in this run\n", r)
    says("NEXT: mend its way down, then: stint down\n", r)
    assert.is_true(exists "two")
    assert.equal("applied", states()["2"])
  end)

  it("sets a backfill's columns back, in batches", function()
    write("2_fill.lua", 'backfill { table = "one", set = { n = "7" }, where = "n = 0", down = { n = "0" }, target = "5ms" }')
    stint(0, "up")
    assert.equal("3000", db:value "SELECT count(*) FROM one WHERE n = 7")
    local batches = 0
    for _, event in ipairs(events("down")) do
      batches = batches + (event.event == "batch" and 1 or 0)
    end
    assert.is_true(batches >= 3)
    assert.equal("3000", db:value "SELECT count(*) FROM one WHERE n = 0")
    assert.equal("0", db:value "SELECT count(*) FROM stint.backfill")
    assert.equal("rolled_back", states()["2"])
    stint(0, "up")
    assert.equal("3000", db:value "SELECT count(*) FROM one WHERE n = 7")
  end)

  it("leaves everything when a statement fails, and says where", function()
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\nDROP TABLE three;\n")
    stint(0, "up")
    local r = stint(6, "down", "--count", "2")
    says('ERROR: 2_two: table "three" does not exist (SQLSTATE 42P01)\n', r)
    says("  at scripts/migrations/2_two.sql:4:1\n     4 | DROP TABLE three;\n", r)
    says("STATE: nothing of this way down is left; 0 before it rolled back in this run\n", r)
    assert.is_true(exists "two")
    assert.same({ ["1"] = "applied", ["2"] = "applied" }, states())
    assert.equal("rollback_failed", db:value "SELECT kind FROM stint.event ORDER BY id DESC LIMIT 1")
    assert.is_nil(status()["2"].error)
  end)

  it("takes the disk's way down when it was changed, and says so", function()
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE nonsense;\n")
    stint(0, "up")
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\n")
    local r = stint(0, "down")
    says("scripts/migrations/2_two.sql: its way down was changed since it was applied; the one of now runs\n", r)
    assert.is_false(exists "two")
  end)

  it("takes the ledger's text when the file is gone", function()
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\n")
    write("3_three.sql", "CREATE TABLE three ();\n")
    write("3_three.down.sql", "DROP TABLE three;\n")
    write("4_four.lua", 'migration { up = function() end, down = function(db) db:exec "CREATE TABLE undone ()" end }')
    write("5_fill.lua", 'backfill { table = "one", set = { n = "7" }, down = { n = "8" } }')
    stint(0, "up")
    for _, name in ipairs { "2_two.sql", "3_three.sql", "3_three.down.sql", "4_four.lua", "5_fill.lua" } do
      place.remove(project .. "/scripts/migrations/" .. name)
    end
    stint(0, "down", "--to", "1")
    assert.is_false(exists "two")
    assert.is_false(exists "three")
    assert.is_true(exists "undone")
    assert.equal("3000", db:value "SELECT count(*) FROM one WHERE n = 8")
    assert.same({ ["1"] = "applied" }, states())
  end)

  describe("statement by statement", function()
    local PARTS = [[
CREATE TABLE two (id int, name text);
-- stint: down
BEGIN;
ALTER TABLE two DROP COLUMN name;
COMMIT;
DROP INDEX CONCURRENTLY IF EXISTS two_id;
SELECT 1 / (count(*) - 1) FROM gate;
DROP TABLE two;
]]

    local function half()
      write("2_two.sql", PARTS)
      stint(0, "up")
      db:exec "CREATE TABLE gate (); CREATE INDEX two_id ON two (id); INSERT INTO gate DEFAULT VALUES"
      local r = stint(7, "down")
      says("2_two: division by zero", r)
      says("STATE: 4 of 6 statements of its way down are done, statement 5 failed\n", r)
      says("NEXT: mend its way down from statement 5 on, then: stint down goes on there\n", r)
    end

    it("stands where it failed, is partial, and goes on there", function()
      half()
      local two = status()["2"]
      assert.equal("partial", two.state)
      assert.is_true(two.rolling_back)
      assert.equal(4, two.position)
      assert.equal(6, two.statements)
      assert.is_truthy(stint(0, "status").out:find("being rolled back (stint down goes on): 4 of 6 statements", 1, true))
      stint(2, "status", "--check")

      local r = stint(7, "up")
      says("ERROR: 2_two is being rolled back\n", r)
      says("STATE: 4 of 6 statements of its way down are done\n", r)
      says("NEXT: stint down goes on there; then stint up applies it again\n", r)
      stint(7, "plan")

      db:exec "INSERT INTO gate DEFAULT VALUES"
      assert.is_truthy(stint(0, "down").out:find "1 rolled back")
      assert.is_false(exists "two")
      assert.same({ ["1"] = "applied", ["2"] = "rolled_back" }, states())
      stint(0, "up")
      assert.is_true(exists "two")
    end)

    it("may be edited from there on, and not before", function()
      half()
      write("2_two.sql", (PARTS:gsub("DROP COLUMN name", "DROP COLUMN id")))
      local r = stint(4, "down")
      says("one of its first 4 statements was changed after they were run", r)
      write("2_two.sql", (PARTS:gsub("SELECT [^;]*;\n", "")))
      says("was edited behind statement 4; going on with the new text", stint(0, "down"))
      assert.is_false(exists "two")
    end)

    it("goes on from the ledger's text when the file is gone", function()
      half()
      place.remove(project .. "/scripts/migrations/2_two.sql")
      assert.equal("partial", status()["2"].state)
      db:exec "INSERT INTO gate DEFAULT VALUES"
      stint(0, "down")
      assert.is_false(exists "two")
    end)

    it("is applied as before when its first statement fails", function()
      write("2_two.sql", "CREATE TABLE two (id int);\n-- stint: down\nDROP INDEX CONCURRENTLY two_id;\nDROP TABLE two;\n")
      stint(0, "up")
      says("STATE: nothing of this way down is left", stint(6, "down"))
      assert.same({ ["1"] = "applied", ["2"] = "applied" }, states())
      assert.equal("nothing to do: all migrations are applied\n", stint(0, "up").out)
      assert.equal("1", db:value "SELECT position FROM stint.migration WHERE id = '2'")
      db:exec "CREATE INDEX two_id ON two (id)"
      stint(0, "down")
      assert.is_false(exists "two")
    end)

    it("can be settled by hand when nobody can tell", function()
      write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\nCALL half();\n")
      db:exec [[CREATE PROCEDURE half() LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM 1 / 0; END $$]]
      stint(0, "up")
      local r = stint(7, "down")
      says("STATE: 1 of 2 statements of its way down are done; statement 2 (CALL) failed", r)
      says("stint resolve 2 --statement-done 2 | --statement-again 2", r)
      stint(7, "down")
      stint(0, "resolve", "2", "--statement-again", "2")
      db:exec [[CREATE OR REPLACE PROCEDURE half() LANGUAGE plpgsql AS $$ BEGIN COMMIT; RAISE 'no'; END $$]]
      stint(7, "down")
      stint(0, "resolve", "2", "--statement-done", "2")
      assert.same({ ["1"] = "applied", ["2"] = "rolled_back" }, states())
      stint(0, "up")
      assert.is_true(exists "two")
    end)
  end)

  it("goes on wherever it was killed, and does each statement once", function()
    local text = { "CREATE TABLE log (n int);\n-- stint: down\n-- stint: no-transaction\n" }
    for n = 1, 12 do
      text[#text + 1] = n % 4 == 0 and "VACUUM log;\n" or ("INSERT INTO log SELECT %d FROM pg_sleep(0.004);\n"):format(n)
    end
    write("2_log.sql", table.concat(text))
    write("3_fill.lua", 'backfill { table = "one", set = { n = "0" }, down = { n = "n + 1" }, target = "1ms" }')
    local slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.00003); RETURN new; END $$;"
      .. "CREATE TRIGGER slow BEFORE UPDATE ON one FOR EACH ROW EXECUTE FUNCTION slow()"
    stint(0, "up")
    db:exec(slow)
    local kills = 0
    for moment = 1, 40 do
      local h = run.start({ "down", "--to", "1", "--run-lock-wait", "20s" }, options())
      local until_then = native.process.seconds() + 0.012 * moment
      while h:running() and native.process.seconds() < until_then do
        native.process.pause(0.001)
      end
      if not h:kill("KILL") then
        assert.equal(0, h:wait().code, h:wait().err)
        break
      end
      h:wait()
      kills = kills + 1
    end
    stint(0, "down", "--to", "1")
    assert.is_true(kills > 3)
    assert.equal("1,2,3,5,6,7,9,10,11", db:value "SELECT string_agg(n::text, ',' ORDER BY n) FROM log")
    assert.equal("3000", db:value "SELECT count(*) FROM one WHERE n = 1")
    assert.same({ ["1"] = "applied", ["2"] = "rolled_back", ["3"] = "rolled_back" }, states())
  end)

  it("is done once by two runs at the same time", function()
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nSELECT pg_sleep(0.3);\nDROP TABLE two;\n")
    stint(0, "up")
    local a = run.start({ "down", "--to", "1" }, options())
    local b = run.start({ "down", "--to", "1" }, options())
    assert.equal(0, a:wait().code, a:err())
    assert.equal(0, b:wait().code, b:err())
    assert.equal("1", db:value "SELECT count(*) FROM stint.event WHERE kind = 'rolled_back'")
    assert.is_true(exists "one")
  end)

  it("refuses while a file is half applied", function()
    write("2_two.sql", "-- stint: no-transaction\nCREATE TABLE two ();\nSELECT 1 / 0;\n-- stint: down\nDROP TABLE two;\n")
    stint(7, "up")
    local r = stint(7, "down")
    says("ERROR: 2_two is partly applied\n", r)
    says("NEXT: let it end first: stint up; or, when it was undone by hand: stint resolve 2 --rolled-back\n", r)
    assert.is_true(exists "one")
  end)

  it("keeps a role that the way down has SET from the ledger", function()
    db:exec "DO $$ BEGIN CREATE ROLE stint_nobody; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\nSET ROLE stint_nobody;\nSET search_path = pg_temp;\n")
    stint(0, "up")
    stint(0, "down", "--count", "2")
    assert.same({ ["1"] = "rolled_back", ["2"] = "rolled_back" }, states())
  end)

  it("has repeatable files applied again, which it may have taken along", function()
    place.make(project .. "/scripts/repeatable")
    place.write(project .. "/scripts/repeatable/v.sql", "CREATE OR REPLACE VIEW v AS SELECT * FROM one;\n")
    write("1_one.sql", (ONE:gsub("DROP TABLE one", "DROP TABLE one CASCADE")))
    stint(0, "up")
    stint(0, "down")
    assert.equal("pending", states()["repeatable/v"])
    stint(0, "up")
    assert.equal("3000", db:value "SELECT count(*) FROM v")
  end)

  describe("in a protected environment", function()
    before_each(function()
      write("2_two.sql", "CREATE TABLE two (a int);\n-- stint: down\nALTER TABLE two ALTER a DROP NOT NULL;\n")
      write("3_three.sql", "CREATE TABLE three (a int);\n-- stint: down\nDROP TABLE three;\n")
      write("4_four.sql", "CREATE INDEX four ON one (n);\n-- stint: down\nDROP INDEX four;\n")
      stint(0, "up", "-e", "production")
    end)

    it("wants to be confirmed", function()
      local r = stint(5, "down", "-e", "production")
      says("ERROR: production is a protected environment: a rollback there wants to be confirmed\n", r)
      says("STATE: nothing was run\n", r)
      says("NEXT: stint down -e production --confirm production\n", r)
      says_not("data-loss", r)
      assert.is_true(exists "four")
      says("--confirm says staging, but this is production", stint(5, "down", "-e", "production", "--confirm", "staging"))
      stint(0, "down", "-e", "production", "--confirm", "production")
      assert.is_false(exists "four")
    end)

    it("wants a word where data is dropped", function()
      local r = stint(5, "down", "--count", "2", "-e", "production", "--confirm", "production")
      says("ERROR: a rollback would drop data in production, a protected environment\n", r)
      says("scripts/migrations/3_three.sql:3: DROP TABLE three", r)
      says("NEXT: stint down --count 2 -e production --confirm production --allow data-loss\n", r)
      assert.is_true(exists "four")
      stint(0, "down", "--count", "2", "-e", "production", "--confirm", "production", "--allow", "data-loss")
      assert.is_false(exists "three")
    end)

    it("takes Lua for what may drop data", function()
      write("5_five.lua", "migration { up = function() end, down = function() end }")
      stint(0, "up", "-e", "production")
      local r = stint(5, "down", "-e", "production", "--confirm", "production")
      says("scripts/migrations/5_five.lua:1: a function (may)", r)
      stint(0, "down", "-e", "production", "--confirm", "production", "--allow", "data-loss")
    end)
  end)
end)

describe("redo", function()
  local url, project, db

  local function write(name, text)
    place.write(project .. "/scripts/migrations/" .. name, text)
  end

  local function stint(code, ...)
    local r = run({ ... }, { cwd = project, env = { DATABASE_URL = url } })
    assert.equal(code, r.code, r.err)
    return r
  end

  before_each(function()
    url = pg:database()
    project = run.project({ ["scripts/migrations/1_one.sql"] = ONE }, CONFIG)
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  it("rolls the newest back and applies it as it is now", function()
    stint(0, "up")
    write("1_one.sql", "CREATE TABLE one (other int);\n-- stint: down\nDROP TABLE one;\n")
    write("2_later.sql", "CREATE TABLE later ();\n")
    local r = stint(0, "redo")
    assert.is_truthy(r.out:find "^rolled back  1_one .*applied  1_one")
    assert.equal("other", db:value "SELECT attname FROM pg_attribute WHERE attrelid = 'one'::regclass AND attnum = 1")
    assert.equal("f", db:value "SELECT to_regclass('later') IS NOT NULL")
  end)

  it("does nothing when the file could not be applied again", function()
    stint(0, "up")
    write("2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\n")
    stint(0, "up")
    write("1_one.sql", "CREATE TABLE one (other int);\n")
    local r = stint(4, "redo")
    assert.is_truthy(r.err:find("1_one.sql was edited after it was applied", 1, true))
    assert.equal("t", db:value "SELECT to_regclass('two') IS NOT NULL")
    write("1_one.sql", ONE)
    write("2_two.sql", "CREATE TABLE two ('\n-- stint: down\nDROP TABLE two;\n")
    stint(78, "redo")
    assert.equal("t", db:value "SELECT to_regclass('two') IS NOT NULL")
  end)

  it("says so when there is nothing", function()
    assert.equal("nothing to roll back\n", stint(0, "redo").out)
  end)
end)
