-- Waivers are about the statement that they were given to, and about no other that takes its place.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local CONFIG = [[
[project]
environment = production
[production]
url = ${URL}
protected = yes
[variables]
column = ${COLUMN:-a}
]]

local FILE = "scripts/migrations/1_it.sql"
local WAIVER = '-- stint: allow drop-column reason="nobody reads it"'
local DROP = "ALTER TABLE t DROP COLUMN a;\n"

describe("a waiver", function()
  local project, url, name, variable

  local function write(text, path)
    place.make((project .. "/" .. (path or FILE)):match "^(.*)/")
    place.write(project .. "/" .. (path or FILE), text)
  end

  local function text()
    return place.read(project .. "/" .. FILE)
  end

  local function stint(code, ...)
    local r = run({ ... }, { cwd = project, env = { URL = url, COLUMN = variable } })
    assert.equal(code, r.code, r.out .. r.err)
    return r
  end

  -- "LINE RULE" of what lint finds, and its hints.
  local function found(...)
    local r = run({ "lint", "--json", ... }, { cwd = project, env = { URL = url, COLUMN = variable } })
    local places, hints = {}, {}
    for i, finding in ipairs(json.decode(r.out).findings) do
      places[i], hints[finding.rule] = ("%d %s"):format(finding.line, finding.rule), finding.hint
    end
    return places, hints
  end

  setup(function()
    url, name = cluster.get():database()
  end)

  before_each(function()
    variable = nil
    cluster.get():sql(name, [[DROP SCHEMA public CASCADE; DROP SCHEMA IF EXISTS stint CASCADE;
      CREATE SCHEMA public; CREATE TABLE t (a int, b int)]])
    project = run.project({ ["scripts/migrations/README"] = "" }, CONFIG)
  end)

  it("above a statement is not about another one on the same line", function()
    write(WAIVER .. "\nALTER TABLE t DROP COLUMN a; ALTER TABLE t DROP COLUMN b;\n")
    assert.same({ "2 drop-column" }, (found()))
    write('-- stint: allow data-loss reason="nobody reads it"\nTRUNCATE t; TRUNCATE t, t;\n')
    local gates = [[policy { data_loss = "deny" }]]
    write(gates, "scripts/policies/production.lua")
    assert.matches("data_loss: data would be lost", stint(5, "deploy").err, 1, true)
  end)

  describe("that is bound by lint --bind", function()
    it("says which statement it was given to", function()
      write("SELECT 1;\n" .. WAIVER .. "\n-- and why\n" .. DROP)
      local r = stint(0, "lint", "--bind")
      assert.matches("wrote scripts/migrations/1_it.sql", r.err, 1, true)
      local bound = text()
      assert.matches("reason=\"nobody reads it\" for=" .. ("%x"):rep(12) .. "\n%-%- and why\n", bound)
      assert.equal("SELECT 1;\n" .. WAIVER .. "\n-- and why\n" .. DROP, (bound:gsub(" for=%x+", "")))
      assert.is_nil(stint(0, "lint", "--bind").err:find("wrote", 1, true))
      assert.equal(bound, text())
    end)

    it("lifts nothing of another that takes its place, and says so", function()
      write(WAIVER .. "\n" .. DROP)
      stint(0, "lint", "--bind")
      local bound = text()
      write((bound:gsub("COLUMN a", " COLUMN -- of t\n  a")))
      assert.same({}, (found()))
      write((bound:gsub("COLUMN a", "COLUMN b")))
      local places, hints = found()
      assert.same({ "1 waiver-stale", "2 drop-column" }, places)
      write((text():gsub("for=%x+", hints["waiver-stale"]:match "for=%x+")))
      assert.same({}, (found()))
    end)

    it("lifts nothing at all when it is moved elsewhere", function()
      write(WAIVER .. "\n" .. DROP)
      stint(0, "lint", "--bind")
      write(text():match "^[^\n]+\n" .. "\nSELECT 1;\n" .. DROP)
      assert.same({ "1 waiver-stale", "4 drop-column" }, (found()))
    end)

    it("is the same whatever the variables are", function()
      write(WAIVER .. "\nALTER TABLE t DROP COLUMN :column;\n")
      stint(0, "lint", "--bind")
      variable = "b"
      assert.same({}, (found()))
    end)

    it("holds in a deploy, for the guard too", function()
      local hidden = "DO $do$ BEGIN EXECUTE concat('ALTER TABLE t ALTER COLUMN a TYPE ', '%s'); END $do$;\n"
      write('-- stint: allow guard reason="a small table"\n' .. hidden:format "bigint")
      stint(0, "lint", "--bind")
      local bound = text()
      write((bound:gsub("bigint", "numeric")))
      assert.matches("cancelled by the guard", stint(6, "deploy").err, 1, true)
      write(bound)
      stint(0, "deploy")
      write(WAIVER .. " for=0123456789ab\n" .. DROP, "scripts/migrations/2_drop.sql")
      assert.matches("2_drop.sql:2:15: t.a is dropped", stint(5, "deploy").err, 1, true)
    end)

    it("is not touched once its file was applied, nor outside of a statement", function()
      write('-- stint: allow data-loss reason="x"\nDROP TABLE t;\n')
      stint(0, "deploy")
      local applied = text()
      local r = stint(0, "lint", "--bind")
      assert.matches("1_it.sql:1: not fixed: the ledger has it already", r.err, 1, true)
      assert.equal(applied, text())
      write(WAIVER .. "\n\n" .. DROP, "scripts/migrations/2_all.sql")
      stint(0, "lint", "--bind", "2")
      assert.equal(WAIVER .. "\n\n" .. DROP, place.read(project .. "/scripts/migrations/2_all.sql"))
    end)
  end)

  it("must be bound where a policy wants that", function()
    write(WAIVER .. "\n" .. DROP)
    assert.same({}, (found()))
    write([[policy { rules = { ["waiver-unbound"] = "deny" } }]], "scripts/policies/production.lua")
    assert.same({ "1 waiver-unbound" }, (found()))
    write((WAIVER:gsub("drop%-column", "drop-column t.a")) .. "\n" .. DROP)
    assert.same({}, (found()))
    write(WAIVER .. "\n" .. DROP)
    assert.matches("says neither its object nor which statement it was given to", stint(5, "deploy").err, 1, true)
    stint(0, "lint", "--bind")
    assert.same({}, (found()))
    stint(0, "deploy")
  end)

  it("of a file that is run again with each change had better be bound", function()
    local path = "scripts/repeatable/keys.sql"
    write(WAIVER .. "\nALTER TABLE t DROP COLUMN IF EXISTS b;\n", path)
    assert.same({ "1 waiver-unbound" }, (found()))
    assert.same({ "1 waiver-unbound" }, (found(path)))
    stint(0, "lint")
    stint(0, "up", "--yes")
    stint(0, "lint", "--bind")
    assert.same({}, (found()))
    local bound = place.read(project .. "/" .. path)
    write((bound:gsub("EXISTS b", "EXISTS a")), path)
    assert.same({ "1 waiver-stale", "2 drop-column" }, (found()))
    stint(5, "up", "--yes")
  end)

  it("cannot be for what is no fingerprint", function()
    write(WAIVER .. " for=later\n" .. DROP)
    local r = stint(78, "up")
    assert.matches('"later" is no fingerprint of a statement', r.err, 1, true)
    assert.matches("stint lint --bind writes it", r.err, 1, true)
  end)
end)
