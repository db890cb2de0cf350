-- redo in a protected environment: the gates of the way down and of the way up are asked before either.
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

local FILE = "scripts/migrations/1_users.sql"
local UP = "CREATE TABLE users (id int PRIMARY KEY);\n"
local DOWN = "-- stint: down\nDROP TABLE users;\n"

describe("redo where gates bind", function()
  local pg, url, project

  local function write(path, text)
    place.make((project .. "/" .. path):match "^(.*)/")
    place.write(project .. "/" .. path, text)
  end

  local function demands(fields)
    write("scripts/policies/production.lua", ("policy { %s }\n"):format(fields))
  end

  -- The table that is there was made before: it still has this mark.
  local function is_marked()
    return pg:sql(url, "SELECT coalesce(obj_description(to_regclass('users')), '')") == "old"
  end

  local function redo(...)
    return run(
      { "redo", "--confirm", "production", "--allow", "data-loss", ... },
      { cwd = project, env = { NO_COLOR = "1" } }
    )
  end

  local function refuses(text, ...)
    local r = redo(...)
    assert.equal(5, r.code, r.out .. r.err)
    assert.matches(text, r.err, 1, true)
    assert.is_true(is_marked())
    assert.equal("applied", pg:sql(url, "SELECT state FROM stint.migration"))
    return r.err
  end

  local function passes(...)
    local r = redo(...)
    assert.equal(0, r.code, r.out .. r.err)
    assert.is_false(is_marked())
    assert.equal("applied", pg:sql(url, "SELECT state FROM stint.migration"))
  end

  setup(function()
    pg = cluster.get()
    pg:sql("postgres", "DO $$ BEGIN CREATE ROLE redo_dba; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
  end)

  before_each(function()
    url = pg:database()
    project = run.project(
      {},
      ("[project]\nenvironment = production\n[production]\nurl = %s\nprotected = yes\n"):format(url)
    )
    write(FILE, UP .. DOWN)
    assert.equal(0, run({ "up" }, { cwd = project }).code)
    pg:sql(url, "COMMENT ON TABLE users IS 'old'")
  end)

  it("is refused by a gate of up before anything is rolled back", function()
    demands "approvals = 1"
    local err = refuses "production refuses: the gate approvals"
    assert.matches("nothing was run", err, 1, true)
    assert.matches("then: stint redo -e production", err, 1, true)
  end)

  it("is refused by gates of both ways at once", function()
    demands "approvals = 1, window = { freeze = { '2000-01-01..2999-12-31' } }, backup = { max_age = '1h' }"
    refuses "production refuses: the gates backup, approvals, window"
  end)

  it("takes an override for both ways once, from who may", function()
    demands "approvals = 1"
    refuses("its policy lets nobody", "--override", "approvals", "--reason", "x")
    demands "approvals = 1, override = { approvals = 'redo_dba' }"
    passes("--override", "approvals", "--reason", "nobody is awake")
    assert.equal(
      "nobody is awake",
      pg:sql(url, "SELECT string_agg(message, ';') FROM stint.event WHERE kind = 'overridden'")
    )
  end)

  it("is refused by a rule, which sees the database as it is once rolled back", function()
    demands "data_loss = 'deny', max_rows_locked = 10"
    passes()
    pg:sql(url, "COMMENT ON TABLE users IS 'old'")
    write("scripts/policies/no_float.lua", [[policy { statement = function(s)
      for column in s:each "ColumnDef" do
        if column.type:find "^float" then return deny "no floats" end
      end
    end }]])
    write(FILE, "CREATE TABLE users (price float8);\n" .. DOWN)
    refuses "no floats"
  end)
end)
