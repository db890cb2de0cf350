-- Repeatable files: what they make is what they say now.
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("a repeatable file", function()
  local url, project, db
  local at = story.new()
  local stint, says = at.stint, story.says

  local function write(name, text)
    place.write(project .. "/scripts/" .. name, text)
  end

  local function options()
    return { cwd = project, env = { DATABASE_URL = url } }
  end

  local function status()
    local list = {}
    for _, item in ipairs(json.decode(stint(0, "status", "--json").out).migrations) do
      list[#list + 1] = item
      list[item.name] = item
    end
    return list
  end

  local function applied(r)
    local list = {}
    for name in r.out:gmatch "applied  (%S+)" do
      list[#list + 1] = name
    end
    return table.concat(list, " ")
  end

  local function answer()
    return db:value "SELECT * FROM answer"
  end

  before_each(function()
    url, project = at.begin {
      ["scripts/migrations/1_one.sql"] = "CREATE TABLE one (id int);\n",
      ["scripts/repeatable/b_answer.sql"] = "CREATE OR REPLACE VIEW answer AS SELECT f() AS n;\n",
      ["scripts/repeatable/a_f.sql"] = "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\n",
    }
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  it("comes after all migrations, by name", function()
    write("migrations/2_two.sql", "CREATE TABLE two ();\n")
    assert.equal("1_one 2_two repeatable/a_f repeatable/b_answer", applied(stint(0, "up")))
    assert.equal("1", answer())
    local list = status()
    assert.equal("repeatable/b_answer", list[4].name)
    assert.equal("repeatable", list[4].kind)
    assert.equal("applied", list[4].state)
    assert.equal("nothing to do: all migrations are applied\n", stint(0, "up").out)
  end)

  it("is applied again when its tokens change, and only then", function()
    stint(0, "up")
    write("repeatable/a_f.sql", "-- a comment\nCREATE OR REPLACE FUNCTION f()\n  RETURNS int LANGUAGE sql AS 'SELECT 1';\n")
    assert.equal("applied", status()["repeatable/a_f"].state)
    assert.equal("", applied(stint(0, "up")))

    write("repeatable/a_f.sql", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';\n")
    local list = status()
    assert.equal("pending", list["repeatable/a_f"].state)
    assert.equal("applied", list["repeatable/b_answer"].state)
    stint(2, "status", "--check")
    assert.is_truthy(stint(0, "plan").out:find("scripts/repeatable/a_f.sql (repeatable)\n", 1, true))
    local plan = json.decode(stint(0, "plan", "--json").out)
    assert.equal("repeatable", plan.pending[1].kind)
    assert.is_truthy(plan.pending[1].statements[1].sql:find "SELECT 2")

    assert.equal("repeatable/a_f", applied(stint(0, "up")))
    assert.equal("2", answer())
    assert.equal("2", db:value "SELECT count(*) FROM stint.migration WHERE kind = 'repeatable' AND duration_ms >= 0")
    assert.equal("t", db:value "SELECT text LIKE '%SELECT 2%' AND position = 1 FROM stint.migration WHERE id = 'repeatable/a_f'")
  end)

  it("leaves what it was when the new text fails", function()
    stint(0, "up")
    write("repeatable/a_f.sql", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 2';\nSELECT 1 / 0;\n")
    local r = stint(6, "up")
    says("ERROR: repeatable/a_f: division by zero (SQLSTATE 22012)\n  at scripts/repeatable/a_f.sql:2:1\n", r)
    says("NEXT: mend the file, then: stint up\n", r)
    assert.equal("1", answer())
    local item = status()["repeatable/a_f"]
    assert.equal("failed", item.state)
    assert.equal("division by zero (SQLSTATE 22012)", item.error)
    write("repeatable/a_f.sql", "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 3';\n")
    stint(0, "up")
    assert.equal("3", answer())
    assert.equal("applied", status()["repeatable/a_f"].state)
  end)

  it("that is gone is missing, and nothing more", function()
    stint(0, "up")
    place.remove(project .. "/scripts/repeatable/b_answer.sql")
    assert.equal("missing", status()["repeatable/b_answer"].state)
    stint(0, "status", "--check")
    write("migrations/2_two.sql", "CREATE TABLE two ();\n")
    assert.equal("2_two", applied(stint(0, "up")))
  end)

  it("is left out by --to and --count, and by down", function()
    write("migrations/2_two.sql", "CREATE TABLE two ();\n-- stint: down\nDROP TABLE two;\n")
    assert.equal("1_one", applied(stint(0, "up", "--count", "1")))
    assert.equal("2_two", applied(stint(0, "up", "--to", "2")))
    assert.equal("repeatable/a_f repeatable/b_answer", applied(stint(0, "up")))
    assert.is_truthy(stint(0, "down").out:find "^rolled back  2_two")
    says("is repeatable: it has no version to go back to", stint(64, "down", "--to", "repeatable/a_f"))
  end)

  it("does not make a migration late", function()
    stint(0, "up")
    write("migrations/2_two.sql", "CREATE TABLE two ();\n")
    assert.equal("pending", status()["2_two"].state)
    stint(0, "up")
  end)

  it("is one transaction and has no way down", function()
    write("repeatable/c.sql", "CREATE INDEX CONCURRENTLY i ON one (id);\n")
    local r = stint(78, "up")
    says("ERROR: a repeatable file is one transaction, which cannot hold this\n  at scripts/repeatable/c.sql:1:1\n", r)
    says("STATE: nothing was run\n", r)
    write("repeatable/c.sql", "SELECT 1;\n-- stint: down\nSELECT 2;\n")
    says("a repeatable file has no way down", stint(78, "up"))
    write("repeatable/c.sql", "-- stint: no-transaction\nSELECT 1;\n")
    says("a repeatable file always runs in a transaction", stint(78, "up"))
    place.remove(project .. "/scripts/repeatable/c.sql")
    write("repeatable/c.down.sql", "SELECT 1;\n")
    says("scripts/repeatable/c.down.sql: a repeatable file has no way down", stint(78, "up"))
  end)

  it("may be for some environments only", function()
    write("repeatable/c.sql", "-- stint: environments production\nSELECT 1 / 0;\n")
    assert.equal("1_one repeatable/a_f repeatable/b_answer", applied(stint(0, "up")))
  end)

  it("is applied once by two runs at the same time", function()
    stint(0, "up")
    db:exec "CREATE TABLE log (n int)"
    write("repeatable/a_f.sql", "SELECT pg_sleep(0.2);\nINSERT INTO log VALUES (1);\n")
    local a, b = run.start({ "up" }, options()), run.start({ "up" }, options())
    assert.equal(0, a:wait().code, a:err())
    assert.equal(0, b:wait().code, b:err())
    assert.equal("1", db:value "SELECT count(*) FROM log")
  end)

  it("is fenced by what was applied last", function()
    stint(0, "up")
    db:exec "CREATE TABLE log (n int)"
    write("repeatable/a_f.sql", "INSERT INTO log VALUES (1);\n")
    -- another run, without the lock, that is at the same file
    db:exec "BEGIN; UPDATE stint.migration SET tokens = 'other' WHERE id = 'repeatable/a_f'"
    local h = run.start({ "up", "--lock-timeout", "5s" }, options())
    session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()", "1")
    db:exec "COMMIT"
    assert.equal(0, h:wait().code, h:err())
    assert.equal("1", db:value "SELECT count(*) FROM log")
  end)
end)
