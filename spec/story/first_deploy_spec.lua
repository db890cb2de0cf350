-- The first run in a database: whoever is refused leaves no trace in it.
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

local FILE = "scripts/migrations/1_users.sql"
local UP = "CREATE TABLE users (id int PRIMARY KEY, note text);\n"
local CONFIG = "[project]\nenvironment = production\n[production]\n"
local OBJECTS = [[
SELECT concat_ws(' ', (SELECT string_agg(nspname, ' ' ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_'),
  (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_trigger))
]]

describe("a first run that is refused", function()
  local pg, project, url, before

  local function write(path, text)
    place.make((project .. "/" .. path):match "^(.*)/")
    place.write(project .. "/" .. path, text)
  end

  local function policy(fields)
    write("scripts/policies/production.lua", ("policy { environments = { 'production' }, %s }\n"):format(fields))
  end

  local function stint(...)
    return run({ ... }, { cwd = project })
  end

  local function refuses(text, ...)
    local r = stint(...)
    assert.equal(5, r.code, r.out .. r.err)
    assert.matches(text, r.err, 1, true)
    assert.equal(before, pg:sql(url, OBJECTS))
  end

  before_each(function()
    pg = cluster.get()
    url = pg:database()
    before = pg:sql(url, OBJECTS)
    project = run.project({}, CONFIG .. "protected = yes\nurl = " .. url .. "\n")
    write(FILE, UP)
  end)

  it("by a gate, a rule, a check or the plan's hash leaves nothing, and then begins with its first file", function()
    policy "reversible = true"
    refuses("the gate reversible", "deploy")
    refuses("the gate reversible", "up")
    pg:sql(url, "CREATE TABLE notes (id int)")
    before = pg:sql(url, OBJECTS)
    policy "rules = { ['index-not-concurrent'] = 'deny' }"
    write(FILE, "CREATE INDEX n ON notes (id);\n")
    refuses("index-not-concurrent", "deploy")
    write(FILE, UP)
    write("scripts/checks/no.lua", 'check { about = "never", when = "before", test = function() return false, "not today" end }\n')
    refuses("not today", "deploy")
    place.remove(project .. "/scripts/checks/no.lua")
    refuses("plan", "deploy", "--plan", ("0"):rep(64))

    local r = stint("deploy", "--plan", stint("plan").out:match "%x%x%x%x%x%x%x%x%x%x%x%x+")
    assert.equal(0, r.code, r.err)
    assert.equal("1_users applied", pg:sql(url, "SELECT name || ' ' || state FROM stint.migration"))
  end)

  it("is refused by a record that lacks it, or by a file that cannot be read", function()
    write("config.ini", place.read(project .. "/config.ini") .. "release_key = a secret of more than thirty-two characters\n")
    write("record.json", "{}")
    refuses("record.json", "deploy", "--release", "record.json")
    write("scripts/migrations/2_more.sql", "-- stint: whatever\nCREATE TABLE more ();\n")
    local r = stint "deploy"
    assert.equal(78, r.code, r.err)
    assert.equal(before, pg:sql(url, OBJECTS))
  end)

  it("makes no schema of its search_path either", function()
    write("config.ini", CONFIG .. "url = " .. url .. "\nschema = shop\n")
    policy "reversible = true"
    refuses("the gate reversible", "deploy")
    assert.equal(0, stint("up").code)
    assert.equal("shop", pg:sql(url, "SELECT schemaname FROM pg_tables WHERE tablename = 'users'"))
  end)

  it("leaves a seed's database as it is", function()
    write("scripts/seeds/production.sql", "SELECT 1;\n")
    local r = stint("seed")
    assert.equal(5, r.code, r.err)
    assert.equal(before, pg:sql(url, OBJECTS))
    policy "run = function(plan) if plan.command == 'seed' then return deny 'not yet' end end"
    refuses("not yet", "seed", "--confirm", "production")
    policy "reversible = true"
    assert.equal(0, stint("seed", "--confirm", "production").code)
    assert.equal("1", pg:sql(url, "SELECT count(*) FROM stint.event WHERE kind = 'seed'"))
  end)

  it("leaves one trace: who tried to override a gate without the right to", function()
    policy "reversible = true, override = { reversible = 'nobody_at_all' }"
    local r = stint("deploy", "--override", "reversible", "--reason", "hurry")
    assert.equal(5, r.code, r.err)
    assert.equal("override_refused hurry", pg:sql(url, "SELECT kind || ' ' || message FROM stint.event"))
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM pg_class WHERE relname = 'users'"))
  end)

  it("is told how the ledger for an approval comes to be", function()
    policy "approvals = { count = 1 }"
    refuses("the gate approvals", "deploy")
    local r = stint("approve", "1")
    assert.equal(4, r.code, r.err)
    assert.matches("stint doctor --grants shows the SQL", r.err, 1, true)
  end)
end)
