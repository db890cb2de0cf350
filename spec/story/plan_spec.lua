-- stint plan: what up would do, with what it locks and what the rules say, and its hash.
local json = require "dkjson"
local place = require "spec.support.place"
local story = require "spec.support.story"

local CONFIG = [[
[project]
environment = production
[production]
url = ${DATABASE_URL}
protected = yes
]]

describe("plan", function()
  local at = story.new()
  local stint, sql = at.stint, at.sql

  local function write(file, text)
    place.write(at.dir .. "/scripts/" .. file, text)
  end

  local function plan()
    return json.decode(stint(0, "plan", "--json").out)
  end

  before_each(function()
    at.begin({
      ["scripts/policies/README"] = "",
      ["scripts/migrations/1_age.sql"] = "ALTER TABLE users ADD COLUMN age int;\nALTER TABLE users ALTER COLUMN id TYPE bigint;\n",
    }, CONFIG)
    sql "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users SELECT g FROM generate_series(1, 1000) g; ANALYZE users"
  end)

  it("says what each statement locks and rewrites, with sizes", function()
    local out = stint(0, "plan").out
    assert.matches("1  line 1    ALTER TABLE users ADD COLUMN age int\n +locks public.users: AccessExclusive %(1,000 rows, %d+ kB%)\n +2  line 2", out)
    assert.matches("\n +rewrites public.users\n", out)
    local p = plan()
    local impact = p.pending[1].statements[2].impact[1]
    assert.same({ "public.users" }, impact.rewrites)
    assert.equal("AccessExclusive", impact.locks[1].mode)
    assert.equal(1000, impact.locks[1].rows)
    assert.is_true(p.pending[1].statements[1].impact[1].metadata_only)
  end)

  it("cuts a long statement between two characters", function()
    for blanks = 0, 1 do
      local name = ("x"):rep(blanks) .. ("é"):rep(60)
      write("migrations/1_age.sql", "SELECT '" .. name .. "';\n")
      local shown = stint(0, "plan").out:match "line 1    (SELECT '[^\n]*)%.%.%.\n"
      assert.equal(("SELECT '" .. name):sub(1, #shown), shown)
      assert.is_truthy(#shown > 97 and utf8.len(shown))
    end
  end)

  it("tells how long the same text took elsewhere", function()
    local other = at.pg:database()
    at.pg:sql(other, "CREATE TABLE users (id int PRIMARY KEY, name text)")
    place.write(at.dir .. "/config.ini", CONFIG .. "[staging]\nurl = " .. other .. "\n")
    stint(0, "up", "-e", "staging")
    assert.matches("\n  took %d+ms in staging\n", stint(0, "plan", "--from", "staging").out)
    write("migrations/1_age.sql", "ALTER TABLE users ADD COLUMN age bigint;")
    assert.matches("\n  this text has not run in staging\n", stint(0, "plan", "--from", "staging").out)
    local p = json.decode(stint(0, "plan", "--json", "--from", "staging").out)
    assert.is_nil(p.pending[1].estimate_ms)
  end)

  it("looks into DO blocks and Lua migrations", function()
    write("migrations/1_age.sql", "DO $$ BEGIN ALTER TABLE users ADD COLUMN age int; END $$;\n")
    write("migrations/2_lua.lua", "migration { up = function(db) db:exec 'DROP TABLE users' end }\n")
    local out = stint(0, "plan").out
    assert.matches("locks public.users: AccessExclusive", out, 1, true)
    assert.matches("line 1    DROP TABLE users\n", out, 1, true)
    local p = plan()
    assert.equal("DROP TABLE", p.pending[2].statements[1].kind)
    assert.equal("public.users", p.pending[2].statements[1].impact[1].locks[1].relation)
  end)

  it("counts as undone what a file rolls back", function()
    write("migrations/1_age.sql", "BEGIN;\nALTER TABLE users ADD COLUMN age int;\nALTER TABLE users RENAME TO people;\nROLLBACK;\n")
    write("migrations/2_age.sql", "ALTER TABLE users ADD COLUMN IF NOT EXISTS age float DEFAULT random();\n")
    local p = plan()
    assert.same({}, p.pending[1].statements[2].impact[1].rewrites)
    assert.same({ "public.users" }, p.pending[2].statements[1].impact[1].rewrites)
  end)

  describe("hash", function()
    it("is demanded by deploy --plan, and lets that plan through", function()
      local p = plan()
      assert.matches("^" .. ("%x"):rep(64) .. "$", p.hash)
      assert.matches("stint deploy --plan " .. p.hash, stint(0, "plan").out, 1, true)
      stint(0, "deploy", "--plan", p.hash)
      assert.equal("nothing to do: all migrations are applied\n", stint(0, "deploy", "--plan", p.hash).out)
    end)

    it("is no other word", function()
      assert.matches("abc is no plan hash", stint(64, "deploy", "--plan", "abc").err, 1, true)
    end)

    local function differs(part, change)
      local hash = plan().hash
      change()
      assert.not_equal(hash, plan().hash)
      local r = stint(5, "deploy", "--plan", hash)
      assert.matches("DETAIL: changed since: " .. part, r.err, 1, true)
      assert.matches("nothing was run", r.err, 1, true)
      assert.equal("f", sql("SELECT EXISTS (SELECT FROM pg_attribute WHERE attname = 'age')"))
    end

    it("changes with the text of a file", function()
      differs("the environment, or the pending files", function()
        write("migrations/1_age.sql", "ALTER TABLE users ADD COLUMN aged int;")
      end)
    end)

    it("changes with the ledger", function()
      differs("what is applied (the ledger)", function()
        write("migrations/0_first.sql", "SELECT 1;")
        stint(0, "up", "--to", "0")
      end)
    end)

    it("changes with what the database makes of it", function()
      differs("what statements lock", function()
        sql("CREATE TABLE orders (by int REFERENCES users)")
      end)
    end)

    it("changes when a table is ten times as large, not with a row more", function()
      local hash = plan().hash
      sql("INSERT INTO users VALUES (0); ANALYZE users")
      assert.equal(hash, plan().hash)
      differs("the size of a table, tenfold", function()
        sql("INSERT INTO users SELECT g FROM generate_series(2000, 60000) g; ANALYZE users")
      end)
    end)

    it("changes with a policy", function()
      differs("the policies", function()
        write("policies/p.lua", "policy { about = 'x', statement = function() end }\n")
      end)
    end)
  end)

  describe("rules", function()
    it("refuse in a protected environment, before anything runs", function()
      write("migrations/0_first.sql", "CREATE TABLE first ();")
      write("migrations/2_drop.sql", "ALTER TABLE users DROP COLUMN name;")
      assert.matches("error: line 1: users.name is dropped", stint(0, "plan").out, 1, true)
      for _, command in ipairs { "up", "deploy" } do
        local r = stint(5, command)
        assert.matches("scripts/migrations/2_drop.sql:1", r.err, 1, true)
        assert.matches("stint: allow drop-column", r.err, 1, true)
      end
      assert.equal("f", sql("SELECT to_regclass('first') IS NOT NULL"))
      write("migrations/2_drop.sql", '-- stint: allow drop-column reason="unused"\nALTER TABLE users DROP COLUMN name;')
      stint(0, "deploy")
    end)

    it("refuse elsewhere where the team's policies say so", function()
      place.write(at.dir .. "/config.ini", CONFIG:gsub("protected = yes\n", ""))
      write("migrations/2_drop.sql", "ALTER TABLE users DROP COLUMN name;")
      write("policies/p.lua", "policy { about = 'x', rules = { ['drop-column'] = 'deny' } }\n")
      assert.matches("DROP COLUMN", stint(5, "up").err, 1, true)
      place.write(at.dir .. "/scripts/policies/p.lua", "policy { about = 'x', environments = { 'other' }, rules = { ['drop-column'] = 'deny' } }\n")
      stint(0, "up")
    end)
  end)
end)
