-- redo in a protected environment: the gates of the way down and of the way up are asked before either.
local cluster = require "spec.support.cluster"
local story = require "spec.support.story"

local FILE = "1_users.sql"
local UP = "CREATE TABLE users (id int PRIMARY KEY);\n"
local DOWN = "-- stint: down\nDROP TABLE users;\n"
local PROTECTED = "[project]\nenvironment = production\n[production]\nurl = ${DATABASE_URL}\nprotected = yes\n"

describe("redo where gates bind", function()
  local at = story.new { NO_COLOR = "1" }
  local sql, write = at.sql, at.write

  local function demands(fields)
    write("scripts/policies/production.lua", ("policy { %s }\n"):format(fields))
  end

  -- The table that is there was made before: it still has this mark.
  local function is_marked()
    return sql("SELECT coalesce(obj_description(to_regclass('users')), '')") == "old"
  end

  local function redo(code, ...)
    return at.stint(code, "redo", "--confirm", "production", "--allow", "data-loss", ...)
  end

  local function refuses(text, ...)
    local r = redo(5, ...)
    story.says(text, r)
    assert.is_true(is_marked())
    assert.equal("applied", sql("SELECT state FROM stint.migration"))
    return r.err
  end

  local function passes(...)
    redo(0, ...)
    assert.is_false(is_marked())
    assert.equal("applied", sql("SELECT state FROM stint.migration"))
  end

  setup(function()
    at.pg = cluster.get()
    at.pg:sql("postgres", "DO $$ BEGIN CREATE ROLE redo_dba; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
  end)

  before_each(function()
    at.begin({ [FILE] = UP .. DOWN }, PROTECTED)
    at.stint(0, "up")
    sql "COMMENT ON TABLE users IS 'old'"
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
      sql("SELECT string_agg(message, ';') FROM stint.event WHERE kind = 'overridden'")
    )
  end)

  it("is refused by a rule, which sees the database as it is once rolled back", function()
    demands "data_loss = 'deny', max_rows_locked = 10"
    passes()
    sql("COMMENT ON TABLE users IS 'old'")
    write("scripts/policies/no_float.lua", [[policy { statement = function(s)
      for column in s:each "ColumnDef" do
        if column.type:find "^float" then return deny "no floats" end
      end
    end }]])
    write(FILE, "CREATE TABLE users (price float8);\n" .. DOWN)
    refuses "no floats"
  end)
end)
