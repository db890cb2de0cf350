-- stint test: the team's specs, with databases of their own and the scripts in their sandbox.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"

local pg = cluster.get()

local CONFIG = "[project]\nscratch = ${SCRATCH}\nlua_time = 3s\n[development]\n[variables]\nwho = bob\n"

local USERS = [[
CREATE TABLE users (id int PRIMARY KEY, name text, full_name text);
-- stint: down
DROP TABLE users;
]]

local HEAD = 'local testing = require "stint.testing"\n'

describe("stint test", function()
  local project

  local function stint(...)
    return run({ "test", ... }, { cwd = project, env = { SCRATCH = pg:url() } })
  end

  local function write(name, text)
    place.make(project .. "/scripts/" .. name:match "^(.*)/")
    place.write(project .. "/scripts/" .. name, text)
  end

  local function says(text, said)
    assert.is_truthy(said:find(text, 1, true), ("%q is not in:\n%s"):format(text, said))
  end

  -- A spec file of one spec: what it asserts must hold.
  local function holds(body)
    write("spec/it_spec.lua", HEAD .. 'it("holds", function()\n' .. body .. "\nend)\n")
    local r = stint()
    assert.equal(0, r.code, r.out .. r.err)
    assert.is_truthy(r.out:find "\n1 passed, 0 failed\n$")
    return r
  end

  before_each(function()
    project = run.project({
      ["scripts/migrations/1_users.sql"] = USERS,
      ["scripts/migrations/2_fill.lua"] = 'backfill { table = "users", set = { full_name = "upper(name)" }, where = "full_name IS NULL" }\n',
      ["scripts/migrations/3_dated.lua"] = [[
migration { up = function(db) db:exec("INSERT INTO users VALUES (9, $1)", os.date "!%Y-%m-%d") end }
]],
    }, CONFIG)
  end)

  describe("as a command", function()
    it("counts, names what failed and where, and ends with 1", function()
      write("spec/a_spec.lua", [[
describe("sums", function()
  it("are right", function() assert.equal(2, 1 + 1) end)
  it("are wrong", function()
    assert.equal(3, 1 + 1)
  end)
  pending "are not thought of"
end)
]])
      write("spec/deep/b_spec.lua", 'it("b", function() end)')
      write("spec/helper.lua", "error 'no spec'")
      local r = stint()
      assert.equal(1, r.code, r.err)
      says("FAIL  scripts/spec/a_spec.lua  (1 passed, 1 failed, 1 pending, ", r.out)
      says("  FAILED   scripts/spec/a_spec.lua:3: sums are wrong\n", r.out)
      says("    scripts/spec/a_spec.lua:4: Expected objects to be equal.\n", r.out)
      says("  pending  scripts/spec/a_spec.lua:6: sums are not thought of\n", r.out)
      says("ok    scripts/spec/deep/b_spec.lua  (1 passed, ", r.out)
      assert.is_truthy(r.out:find "\n2 passed, 1 failed\n$")
      says("  passed   scripts/spec/a_spec.lua:2: sums are right\n", stint("-v").out)
    end)

    it("takes files, folders and a pattern", function()
      write("spec/a_spec.lua", 'it("one", function() end)\nit("two", function() end)')
      write("spec/b_spec.lua", 'it("three", function() end)')
      says("\n2 passed, 0 failed\n", stint("scripts/spec/a_spec.lua").out)
      says("\n1 passed, 0 failed\n", stint("--filter", "^t.o$").out)
      says("\n3 passed, 0 failed\n", stint("scripts/spec").out)
      local r = stint "scripts/spec/c_spec.lua"
      assert.equal(64, r.code)
      says("ERROR: there is no scripts/spec/c_spec.lua\n", r.err)
    end)

    it("counts a file that does not load, and goes on", function()
      write("spec/a_spec.lua", "it(")
      write("spec/b_spec.lua", 'error "not today"')
      write("spec/c_spec.lua", 'before_each(function() error "never" end)\nit("c", function() end)')
      write("spec/d_spec.lua", 'it("d", function() end)')
      local r = stint()
      assert.equal(1, r.code)
      says("a_spec.lua:1: unexpected symbol near <eof>", r.out)
      says("b_spec.lua:1: not today", r.out)
      says("c_spec.lua:1: never", r.out)
      assert.is_truthy(r.out:find "\n1 passed, 3 failed\n$", r.out)
    end)

    it("answers in one JSON document, whatever specs print", function()
      write("spec/a_spec.lua", 'it("one", function() print "noise" end)\nit("two", function() error "no" end)')
      local r = stint "--json"
      assert.equal(1, r.code)
      local answer = assert(json.decode(r.out), r.out)
      assert.same({ 1, 1, 0 }, { answer.passed, answer.failed, answer.pending })
      assert.same({ "one", "passed", 1 }, { answer.specs[1].name, answer.specs[1].state, answer.specs[1].line })
      assert.equal("scripts/spec/a_spec.lua", answer.specs[2].file)
      says("a_spec.lua:2: no", answer.specs[2].message)
      says("noise", r.err)
    end)

    it("says where specs go when there is none", function()
      local r = stint()
      assert.equal(1, r.code)
      says("ERROR: there is no spec: scripts/spec is not there\nHINT: stint new --spec NAME makes a first one\n", r.err)
      write("spec/helper.lua", "")
      says("ERROR: there is no spec in scripts/spec\n", stint().err)
    end)

    it("names the package when busted is missing", function()
      write("spec/a_spec.lua", "")
      local r = run({ "test" }, { cwd = project, env = { SCRATCH = pg:url(), LUA_PATH = "/nowhere/?.lua", LUA_CPATH = "/nowhere/?.so" } })
      assert.equal(1, r.code)
      says("ERROR: busted, which runs the specs, is not installed for Lua 5.4\n", r.err)
      says("sudo apt-get install lua-busted", r.err)
    end)

    it("needs no database when specs ask for none", function()
      write("spec/a_spec.lua", HEAD .. 'it("a", function() assert.equal("migration", testing.script("migrations/3").kind) end)')
      local r = run({ "test" }, { cwd = project, env = { SCRATCH = "postgresql://127.0.0.1:1/" } })
      assert.equal(0, r.code, r.out .. r.err)
    end)

    it("makes a spec with new --spec", function()
      local r = run({ "new", "--spec", "Users table" }, { cwd = project })
      assert.equal("scripts/spec/users_table_spec.lua\n", r.out, r.err)
      r = stint()
      assert.equal(0, r.code, r.out .. r.err)
      says("(0 passed, 1 pending, ", r.out)
      assert.equal(1, run({ "new", "--spec", "users_table_spec" }, { cwd = project }).code)
      assert.equal(64, run({ "new", "--spec", "--lua", "a" }, { cwd = project }).code)
      assert.same(
        { path = "scripts/spec/b_spec.lua", name = "b" },
        (json.decode(run({ "new", "--json", "--spec", "b" }, { cwd = project }).out))
      )
    end)

    it("passes on the sample project", function()
      local r = run({ "test" }, { cwd = native.process.cwd(), env = { STINT_SCRATCH = pg:url() } })
      assert.equal(0, r.code, r.out .. r.err)
      assert.is_truthy(r.out:find "\n8 passed, 0 failed\n$")
    end)
  end)

  describe("databases", function()
    it("have what apply is told", function()
      holds [[
assert.equal(1, testing.apply "1")
testing.sql "INSERT INTO users VALUES (1, 'anna'); INSERT INTO users VALUES (2, 'bob')"
assert.equal(1, testing.apply { "2_fill" })
assert.equal("ANNA", testing.db:value("SELECT full_name FROM users WHERE id = $1", 1))
assert.equal(1, testing.apply())
assert.equal(0, testing.apply())
assert.equal(3, testing.db:value "SELECT count(*) FROM users")
assert.equal(3, testing.db:value "SELECT count(*) FROM stint.migration WHERE state = 'applied'")
]]
    end)

    it("can be applied to in any order, and taken back", function()
      write("migrations/3_dated.lua", "migration { up = function() end, down = function() end }")
      holds [[
testing.sql "CREATE TABLE users (id int PRIMARY KEY, name text, full_name text)"
testing.apply { 3, 2 }
testing.fresh()
testing.apply(1)
testing.apply { 3 }
testing.revert()
assert.equal(1, testing.db:value "SELECT count(*) FROM users" + 1)
testing.revert(0)
assert.is_nil(testing.db:value "SELECT to_regclass('users')")
]]
    end)

    it("are one for a file, new for the next, and new when asked for", function()
      write("spec/a_spec.lua", HEAD .. [[
local db = testing.db
it("first", function() db:exec "CREATE TABLE seen ()" end)
it("second", function()
  assert.is_truthy(db:value "SELECT to_regclass('seen')")
  local before = testing.url
  testing.fresh()
  assert.are_not.equal(before, testing.url)
  assert.is_nil(db:value "SELECT to_regclass('seen')")
  db:exec "CREATE TABLE seen ()"
end)
]])
      write("spec/b_spec.lua", HEAD .. 'it("third", function() assert.is_nil(testing.db:value "SELECT to_regclass(\'seen\')") end)')
      local r = stint()
      assert.equal(0, r.code, r.out .. r.err)
    end)

    it("are copied from one that was prepared once", function()
      holds [[
local calls = 0
local function prepare()
  calls = calls + 1
  testing.apply "1"
end
for _ = 1, 3 do
  testing.fresh(prepare)
  testing.db:exec "INSERT INTO users VALUES (1)"
end
assert.equal(1, calls)
]]
    end)

    it("are reached by other programs through their URL", function()
      holds [[
testing.apply "1"
local pipe = io.popen("psql -XAtqc 'SELECT count(*) FROM users' '" .. testing.url .. "'")
assert.equal("0\n", pipe:read "a")
pipe:close()
]]
    end)

    it("say what went wrong in them, as a table like in scripts", function()
      holds [[
local ok, e = pcall(testing.sql, "SELECT 1; SELEC 2")
assert.is_false(ok)
assert.equal("42601", e.sqlstate)
testing.sql "CREATE TABLE users ()"
ok, e = pcall(testing.apply, "1")
assert.is_false(ok)
assert.equal("42P07", e.sqlstate)
assert.is_truthy(tostring(e):find('1_users: relation "users" already exists\n  at scripts/migrations/1_users.sql:1', 1, true))
ok, e = pcall(testing.apply, "7")
assert.is_truthy(e:find "^scripts/spec/it_spec.lua:%d+: there is no migration 7\n")
]]
    end)
  end)

  describe("scripts", function()
    it("stay in their sandbox, and answer with their own lines", function()
      write("lib/x.lua", [[
local x = {}
function x.open() return io.open "/etc/passwd" end
function x.deep() error "deep" end
function x.endless() pcall(function() while true do end end) end
return x
]])
      holds [[
local x = testing.lib "x"
local function why(call)
  local ok, e = pcall(call)
  assert.is_false(ok)
  return e
end
assert.is_truthy(why(x.open):find("scripts/lib/x.lua:2: io is closed to scripts", 1, true))
assert.is_truthy(why(x.deep):find("scripts/lib/x.lua:3: deep", 1, true))
assert.is_truthy(why(x.endless):find("ran for more than 3.0s", 1, true))
]]
    end)

    it("are handed values, functions and fakes, and hand them back", function()
      write("lib/x.lua", [[
local x = {}
function x.twice(f, v) return f(f(v)) end
function x.changed(t) t.y = { "new" } return t end
function x.ask(o) return o:get("k") end
function x.same(v) return v end
function x.add(a) return function(b) return a + b end end
function x.many() return 1, nil, "three", json.null end
return x
]])
      holds [[
local x = testing.lib "x"
assert.equal(12, x.twice(function(v) return v * 2 end, 3))
assert.same({ a = 1, y = { "new" } }, x.changed { a = 1 })
local fake = { seen = {} }
function fake:get(key) self.seen[#self.seen + 1] = key return #self.seen end
assert.equal(1, x.ask(fake))
assert.equal(2, x.ask(fake))
assert.same({ "k", "k" }, fake.seen)
local spied = spy.new(function() return 7 end)
assert.equal(7, x.ask { get = spied })
assert.spy(spied).was.called(1)
local f = function() end
assert.equal(f, x.same(f))
assert.equal(fake, x.same(fake))
assert.equal(5, x.add(2)(3))
assert.equal(math.mininteger, x.same(math.mininteger))
assert.equal("float", math.type(x.same(2.0)))
assert.equal("a\0b", x.same "a\0b")
local loop = {}
loop.loop = loop
local back = x.same(loop)
assert.equal(back, back.loop)
assert.equal(4, select("#", x.many()))
assert.equal(testing.json.null, (select(4, x.many())))
assert.is_false((pcall(x.same, coroutine.create(f))))
local nested = {}
for _ = 1, 200 do nested = { nested } end
assert.is_false((pcall(x.same, nested)))
]]
    end)

    it("may catch what a fake raises", function()
      write("lib/x.lua", [[
local x = {}
function x.try(f)
  local ok, e = pcall(f)
  return ok, type(e) == "table" and e.sqlstate or e
end
return x
]])
      holds [[
local x = testing.lib "x"
assert.same({ false, "23505" }, { x.try(function() error { sqlstate = "23505" } end) })
assert.same({ false, "plain" }, { x.try(function() error("plain", 0) end) })
assert.same({ false, "42P01" }, { x.try(function() testing.db:exec "SELECT * FROM nothing" end) })
]]
    end)

    it("work in the spec's database", function()
      holds [[
testing.apply "1"
testing.clock "2026-01-27 23:59:59"
testing.script("migrations/3").up(testing.db)
assert.equal("2026-01-27", testing.db:value "SELECT name FROM users")
local ok, e = pcall(testing.script("migrations/3_dated").up, testing.db)
assert.is_false(ok)
assert.equal("23505", e.sqlstate)
local sent
testing.script("migrations/3").up { exec = function(_, sql, value) sent = { sql, value } end }
assert.same({ "INSERT INTO users VALUES (9, $1)", "2026-01-27" }, sent)
]]
    end)

    it("see the time that the spec sets, in a run too", function()
      write("lib/x.lua", 'return { now = function() return os.time(), os.date "!%H:%M" end }')
      holds [[
local x = testing.lib "x"
testing.clock "2026-01-27T12:30:00Z"
assert.same({ 1769517000, "12:30" }, { x.now() })
testing.apply()
assert.equal("2026-01-27", testing.db:value "SELECT name FROM users WHERE id = 9")
testing.clock(86400)
assert.same({ 86400, "00:00" }, { x.now() })
testing.clock()
assert.is_true(x.now() > 1769517000)
assert.is_false((pcall(testing.clock, "yesterday")))
]]
    end)

    it("are asked as checks", function()
      write("checks/named.lua", [[
check { when = "after", test = function(db) return db:value "SELECT count(*) FROM users WHERE name IS NULL" == 0, "nameless" end }
]])
      write("checks/rows.lua", 'check { when = "after", none = "SELECT id FROM users WHERE name IS NULL" }')
      holds [[
testing.apply "1"
assert.is_true(testing.check "named")
assert.is_true(testing.check "rows")
testing.sql "INSERT INTO users VALUES (1, NULL)"
assert.same({ false, "nameless" }, { testing.check "named" })
assert.same({ false, { { id = 1 } } }, { testing.check "rows" })
assert.is_true(testing.check("named", { value = function() return 0 end }))
]]
    end)

    it("are told events as hooks, and notify nobody", function()
      write("hooks/tell.lua", 'hook { on = "run_failed", run = function(event) notify { text = "failed: " .. event.error } end }')
      holds [[
assert.is_true(testing.hook("tell", { event = "run_failed", error = "x" }))
assert.same({ { text = "failed: x" } }, testing.notified)
assert.is_false(testing.hook("tell", { event = "batch" }))
]]
    end)

    it("are named when they are not there, or say something else", function()
      write("checks/odd.lua", "migration { up = function() end }")
      holds [[
local function why(...)
  local ok, e = pcall(...)
  assert.is_false(ok)
  return e
end
assert.is_truthy(why(testing.script, "checks/none"):find("scripts/checks/none.lua", 1, true))
assert.is_truthy(why(testing.check, "odd"):find("checks/odd declares a migration", 1, true))
assert.is_truthy(why(testing.lib, "none"):find("lib/none.lua", 1, true))
assert.is_truthy(why(function() return testing.nothing end):find('stint.testing has no "nothing"', 1, true))
]]
    end)
  end)

  describe("of policies", function()
    local FLOAT = [=[
policy {
  statement = function(s)
    for column in s:each "ColumnDef" do
      if column.type == "float8" then return deny("no " .. column.name) end
    end
  end,
  run = function(plan, facts)
    if facts.replica_lag > 10 then return deny(("%d files, late by %d"):format(#plan.pending, facts.replica_lag)) end
  end,
  tests = {
    bad = { "CREATE TABLE t (a float8)", SECOND },
    good = { "CREATE TABLE t (a numeric)" },
  },
}
]=]

    it("runs the tests inside", function()
      write("policies/no_float.lua", (FLOAT:gsub("SECOND", '"ALTER TABLE t ADD a float"')))
      local r = stint()
      assert.equal(0, r.code, r.out .. r.err)
      says("ok    scripts/policies/no_float.lua  (3 passed, ", r.out)
      write("policies/no_float.lua", (FLOAT:gsub("SECOND", '"SELECT 1"')))
      write("spec/a_spec.lua", 'it("one", function() end)')
      r = stint()
      assert.equal(1, r.code)
      says("FAIL  scripts/policies/no_float.lua  (2 passed, 1 failed, ", r.out)
      says("  FAILED   scripts/policies/no_float.lua: bad 2: SELECT 1\n    the rule says nothing\n    SELECT 1\n", r.out)
      says("\n3 passed, 1 failed\n", r.out)
      says("\n1 passed, 0 failed\n", stint("scripts/spec").out)
      says("\n2 passed, 1 failed\n", stint("scripts/policies/no_float.lua").out)
    end)

    it("says which one does not load", function()
      write("policies/bad.lua", "policy { statment = 1 }")
      local r = stint()
      assert.equal(1, r.code)
      says('scripts/policies/bad.lua:1: policy has no field "statment", did you mean "statement"?', r.out)
    end)

    it("judges a text for a spec, with facts", function()
      write("policies/no_float.lua", (FLOAT:gsub("tests = .*", "}")))
      holds [=[
  local list, coverage = testing.lint("CREATE TABLE t (\n  a float8);\nALTER TABLE u DROP c")
  assert.equal(2, #list)
  assert.same({ "no_float", "no a", 1 }, { list[1].rule, list[1].message, list[1].line })
  assert.same({ "drop-column", 3 }, { list[2].rule, list[2].line })
  assert.equal(2, coverage.statements)
  assert.equal(0, #testing.lint("SELECT 1", testing.facts { environment = "staging" }))
]=]
    end)

    it("asks a run, with a fake plan and facts", function()
      write("policies/no_float.lua", (FLOAT:gsub("tests = .*", "}")))
      holds [=[
  assert.same({ "allow" }, { testing.policy("no_float") })
  assert.same({ "deny", "1 files, late by 20" },
    { testing.policy("no_float", testing.plan { pending = { {} } }, testing.facts { replica_lag = 20 }) })
  assert.equal(7, testing.health { lock_waiters = 7 }.lock_waiters)
  assert.has_error(function() testing.facts { replicalag = 1 } end, 'testing.facts has no "replicalag"')
]=]
    end)
  end)
end)
