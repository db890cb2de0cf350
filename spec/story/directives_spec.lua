-- Directives of where and after what a file runs: environments and requires, in SQL and in Lua.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local pg = cluster.get()

describe("a file", function()
  local url, project

  local function write(name, text)
    place.write(project .. "/scripts/migrations/" .. name, text)
  end

  local function stint(...)
    return run({ ... }, { cwd = project })
  end

  local function applied()
    return pg:sql(url, "SELECT coalesce(string_agg(id, ' ' ORDER BY id::int), '') FROM stint.migration WHERE state = 'applied'")
  end

  before_each(function()
    url = pg:database()
    project = run.project(
      { ["scripts/migrations/1_base.sql"] = "CREATE TABLE base (n int);\n" },
      ("[development]\nurl = %s\n[staging]\nurl = %s\n[production]\nurl = %s\n"):format(url, url, url)
    )
  end)

  describe("with environments", function()
    before_each(function()
      write("2_there.sql", "-- stint: environments staging, production\nCREATE TABLE there (n int);\n")
      write("3_there.lua", [[migration { environments = { "production" }, up = function(db) db:exec "CREATE TABLE lua_there ()" end }]])
      write("4_all.sql", "CREATE TABLE everywhere ();\n")
    end)

    it("runs there and nowhere else, in SQL and in Lua", function()
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.equal("1 4", applied())
      assert.equal(0, stint("up").code)
      r = stint("up", "-e", "staging", "--order", "allow")
      assert.equal(0, r.code, r.err)
      assert.equal("1 2 4", applied())
      r = stint("up", "-e", "production", "--order", "allow")
      assert.equal(0, r.code, r.err)
      assert.equal("1 2 3 4", applied())
    end)

    it("is shown as skipped with the reason, and is not counted", function()
      local r = stint "status"
      assert.matches("skipped +2_there +environments staging,production\n", r.out)
      assert.matches("skipped +3_there +environments production\n", r.out)
      assert.matches("\n2 pending\n", r.out)
      local all = json.decode(stint("status", "--json").out)
      assert.equal(2, all.pending)
      assert.equal("pending", all.migrations[2].state)
      assert.equal("environments staging,production", all.migrations[2].skipped)
      assert.is_nil(all.migrations[1].skipped)
      assert.equal(0, stint("up").code)
      assert.equal(0, stint("status", "--check").code)
      assert.matches("skipped +2_there", stint("status").out)
    end)

    it("is named by plan", function()
      local r = stint "plan"
      assert.equal(0, r.code, r.err)
      assert.matches("2_there.sql: skipped here: environments staging,production\n", r.out, 1, true)
      local all = json.decode(stint("plan", "--json").out)
      assert.equal(2, #all.pending)
      assert.equal("2_there", all.skipped[1].name)
      assert.equal("environments production", all.skipped[2].reason)
    end)

    it("is late when it comes to be for this one", function()
      assert.equal(0, stint("up").code)
      write("2_there.sql", "CREATE TABLE there (n int);\n")
      local r = stint "up"
      assert.equal(4, r.code)
      assert.matches("2_there.sql is older than the newest applied migration", r.err, 1, true)
    end)

    it("is said to name one that config.ini does not have", function()
      write("5_slip.sql", "-- stint: environments prodction\nSELECT 1;\n")
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      local _, count = r.err:gsub('5_slip.sql: config.ini has no environment "prodction"', "")
      assert.equal(1, count, r.err)
    end)

    it("comes to its end where it has begun", function()
      write("5_half.sql", "CREATE TABLE half ();\nVACUUM base;\nSELECT 1 / 0;\n")
      assert.equal(7, stint("up").code)
      write("5_half.sql", "CREATE TABLE half ();\nVACUUM base;\n-- stint: environments production\nSELECT 1;\n")
      local r = stint "status"
      assert.matches("partial +5_half", r.out)
      r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.equal("1 4 5", applied())
    end)
  end)

  describe("with requires", function()
    it("runs behind what it requires, applied before or in the same run", function()
      write("2_a.sql", "-- stint: requires 1\nSELECT 1;\n")
      write("3_b.lua", [[migration { requires = { "1_base", "0002" }, up = function(db) db:exec "SELECT 1" end }]])
      write("4_c.sql", "-- stint: requires scripts/migrations/3_b.lua\n-- stint: requires 2_a.sql, 1\nSELECT 1;\n")
      local r = stint("up", "--to", "2")
      assert.equal(0, r.code, r.err)
      r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.equal("1 2 3 4", applied())
    end)

    local function refused(text)
      for _, word in ipairs { "plan", "up" } do
        local r = stint(word)
        assert.equal(4, r.code, r.err)
        assert.matches(text, r.err, 1, true)
      end
      assert.equal("t", pg:sql(url, "SELECT to_regclass('base') IS NULL"))
    end

    it("is refused before anything runs when that is not there", function()
      write("2_a.sql", "-- stint: requires 20260101000000\nSELECT 1;\n")
      refused "scripts/migrations/2_a.sql requires 20260101000000, which is not there"
    end)

    it("is refused when that comes later, or is the file itself", function()
      write("2_a.sql", "-- stint: requires 3_b\nSELECT 1;\n")
      write("3_b.sql", "SELECT 1;\n")
      refused "2_a.sql requires 3_b, which comes after it"
      write("2_a.sql", "-- stint: requires 2\nSELECT 1;\n")
      refused "2_a.sql requires 2_a, which is the file itself"
    end)

    it("is refused when that is not for this environment", function()
      write("2_a.sql", "-- stint: environments production\nSELECT 1;\n")
      write("3_b.lua", [[backfill { table = "base", set = { n = "1" }, key = "n", requires = "2" }]])
      refused "3_b.lua requires 2_a, which is not for this environment"
    end)
  end)

  it("may not wait longer for a lock than its environment lets it", function()
    write("2_a.sql", "-- stint: lock-timeout 45s\nSELECT 1;\n")
    local r = stint "up"
    assert.equal(78, r.code, r.err)
    assert.matches("2_a.sql: its lock-timeout (45.0s) is above lock_timeout_max (30.0s)", r.err, 1, true)
    assert.equal("t", pg:sql(url, "SELECT to_regnamespace('stint') IS NULL"))
  end)

  it("that is applied is not opened for what it says", function()
    write("2_a.sql", "SELECT 1;\n")
    assert.equal(0, stint("up").code)
    write("3_broken.sql", "-- stint: environments production\nSELECT 'never ends\n")
    local r = stint "status"
    assert.equal(0, r.code, r.err)
    assert.matches("pending +3_broken", r.out)
    r = stint "up"
    assert.equal(78, r.code)
    assert.matches("3_broken.sql:2:8", r.err, 1, true)
  end)
end)
