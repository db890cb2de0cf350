-- The gate `rehearsed`: nothing runs that plan --rehearse has not tried as exactly this text.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local run = require "spec.support.run"
local story = require "spec.support.story"

local CONFIG = [[
[project]
environment = production
scratch = %s
[production]
url = %s
protected = yes
]]

local FILE = "scripts/migrations/1_users.sql"
local TEXT = "ALTER TABLE users ADD COLUMN age int;\n"

describe("the gate rehearsed", function()
  local at = story.new { NO_COLOR = "1" }
  local write, stint = at.write, at.stint
  local pg, url, name

  local function demands(fields)
    write("scripts/policies/production.lua", ("policy { %s }\n"):format(fields))
  end

  -- `why`: that it is not entered in the ledger.
  local function rehearse(why)
    local plan = json.decode(stint(0, "plan", "--rehearse", "--json").out)
    assert.equal(why, plan.rehearsal.not_recorded, plan.rehearsal.problem)
    assert.equal(not why, plan.rehearsal.recorded)
    return plan
  end

  local function is_there()
    local count = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'age'"
    return pg:sql(name, count) == "1"
  end

  local function events()
    return pg:sql(name, "SELECT count(*) FROM stint.event WHERE kind = 'rehearsed'")
  end

  local function refuses(text, ...)
    local r = stint(5, "deploy", ...)
    assert.matches("production refuses: the gate rehearsed", r.err, 1, true)
    assert.matches(text, r.err, 1, true)
    assert.matches("-> stint plan --rehearse -e production", r.err, 1, true)
    assert.matches("nothing was run", r.err, 1, true)
    assert.is_false(is_there())
  end

  local function passes(...)
    stint(0, "deploy", ...)
    assert.is_true(is_there())
  end

  setup(function()
    pg = cluster.get()
    pg:sql("postgres", [[
      DO $$ BEGIN CREATE ROLE gate_dba; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      DO $$ BEGIN CREATE ROLE rehearsed_ci LOGIN; CREATE ROLE rehearsed_boss LOGIN;
      EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT gate_dba TO rehearsed_boss]])
  end)

  before_each(function()
    url, name = pg:database()
    pg:sql(name, "CREATE TABLE users (id int PRIMARY KEY)")
    at.dir = run.project({}, CONFIG:format(url:gsub("///[^?]+", "///postgres"), url))
    write("scripts/migrations/0_first.sql", "CREATE TABLE first ();\n")
    stint(0, "up")
    write(FILE, TEXT)
    demands "rehearsed = true"
  end)

  it("refuses what was not tried, and passes what was", function()
    refuses "1_users has not been rehearsed as it is now"
    assert.equal("refused", json.decode(stint(0, "plan", "--json").out).gates[1].state)
    local plan = rehearse()
    assert.equal("passed", plan.gates[1].state)
    assert.equal("1", events())
    assert.equal(plan.hash, json.decode(stint(0, "plan", "--json").out).hash)
    passes("--plan", plan.hash)
  end)

  it("is void when a text changes, up or down, or a file comes in addition, and not by a comment", function()
    rehearse()
    write(FILE, "ALTER TABLE users ADD COLUMN age bigint;\n")
    refuses "1_users has not been rehearsed"
    write(FILE, TEXT .. "-- stint: down\nALTER TABLE users DROP COLUMN age;\n")
    refuses "1_users has not been rehearsed"
    write(FILE, "-- the age\n" .. TEXT)
    write("scripts/migrations/2_lua.lua", "migration { up = function(db) db:exec 'CREATE TABLE l ()' end }")
    refuses "2_lua has not been rehearsed"
    rehearse()
    passes()
  end)

  it("is not satisfied by a rehearsal in which not all went well", function()
    write(FILE, TEXT .. "DO $$ BEGIN EXECUTE concat('LOCK TABLE first', ''); END $$;\n")
    rehearse "not all is as the plan says"
    local out = stint(0, "plan", "--rehearse").out
    assert.matches("not entered in the ledger as rehearsed: not all is as the plan says", out, 1, true)
    write(FILE, TEXT .. "GRANT SELECT ON users TO nobody_there;\n")
    rehearse "not all could be tried"
    write(FILE, TEXT .. "SELECT 1/0;\n")
    stint(6, "plan", "--rehearse")
    write(FILE, TEXT .. "DROP TABLE first;\n")
    write("queries/app.sql", "SELECT * FROM first;\n")
    stint(2, "plan", "--queries", "queries/app.sql")
    assert.equal("0", events())
    write(FILE, TEXT)
    refuses "1_users has not been rehearsed"
  end)

  it("lets it be so old", function()
    demands "rehearsed = { max_age = '24h' }"
    rehearse()
    pg:sql(name, "UPDATE stint.event SET at = now() - interval '25 hours' WHERE kind = 'rehearsed'")
    refuses "1_users was rehearsed 1d 1h ago, and that may be 24h"
    rehearse()
    passes()
  end)

  it("makes no ledger, and says who does", function()
    pg:sql(name, "DROP SCHEMA stint CASCADE; DROP TABLE first")
    local out = stint(0, "plan", "--rehearse").out
    assert.matches("not entered in the ledger as rehearsed: there is no ledger yet", out, 1, true)
    assert.equal("f", pg:sql(name, "SELECT to_regnamespace('stint') IS NOT NULL"))
    refuses "its owner makes the ledger first, where that is entered: stint doctor --grants shows the SQL"
    local roles = { "--owner", "postgres" }
    for _, part in ipairs { "migrator", "worker", "reader", "approver" } do
      table.move({ "--" .. part, "rehearsed_ci" }, 1, 2, #roles + 1, roles)
    end
    pg:sql(name, stint(1, "doctor", "--grants", table.unpack(roles)).out)
    rehearse()
    passes()
  end)

  it("is a plan all the same for who may only read the ledger", function()
    pg:sql(name, [[GRANT USAGE ON SCHEMA stint TO rehearsed_ci;
      GRANT SELECT ON ALL TABLES IN SCHEMA stint, public TO rehearsed_ci]])
    local r = stint(0, "plan", "--rehearse", "--url", (url:gsub("user=postgres", "user=rehearsed_ci")))
    local why = "cannot write an event to the ledger: permission denied"
    assert.matches("not entered in the ledger as rehearsed: " .. why, r.out, 1, true)
  end)

  describe("that its policy lets somebody override", function()
    local function as(role)
      return (url:gsub("user=postgres", "user=" .. role))
    end

    before_each(function()
      demands "rehearsed = true, override = { rehearsed = 'gate_dba' }"
      pg:sql(name, "ALTER TABLE users OWNER TO gate_dba; " .. [[
        GRANT CREATE, USAGE ON SCHEMA stint TO rehearsed_boss, rehearsed_ci;
        GRANT ALL ON ALL TABLES IN SCHEMA stint TO rehearsed_boss, rehearsed_ci]])
    end)

    it("is lifted by who may", function()
      passes("--url", as "rehearsed_boss", "--override", "rehearsed", "--reason", "the scratch server is down")
      assert.equal("rehearsed_boss the scratch server is down",
        pg:sql(name, "SELECT role || ' ' || message FROM stint.event WHERE kind = 'overridden'"))
    end)

    it("is not lifted by who may not", function()
      local r = stint(5, "deploy", "--url", as "rehearsed_ci", "--override", "rehearsed", "--reason", "hurry")
      assert.matches("rehearsed_ci may not override the gate rehearsed in production", r.err, 1, true)
      assert.is_false(is_there())
      assert.equal("1", pg:sql(name, "SELECT count(*) FROM stint.event WHERE kind = 'override_refused'"))
    end)
  end)
end)
