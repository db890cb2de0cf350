-- The gate `verified`: nothing runs that stint verify has not taken up, down and up as exactly this text.
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
local UP = "CREATE TABLE users (id int PRIMARY KEY);\n"
local TEXT = UP .. "-- stint: down\nDROP TABLE users;\n"

describe("the gate verified", function()
  local at = story.new { NO_COLOR = "1" }
  local write, stint = at.write, at.stint
  local pg, url, name

  local function demands(fields)
    write("scripts/policies/production.lua", ("policy { %s }\n"):format(fields))
  end

  local function tables()
    return pg:sql(url, "SELECT count(*) FROM pg_class WHERE relname = 'users'")
  end

  local function events()
    return pg:sql(url, "SELECT count(*) FROM stint.event WHERE kind = 'verified'")
  end

  local function refuses(text, ...)
    local r = stint(5, "deploy", ...)
    assert.matches("production refuses: the gate verified", r.err, 1, true)
    assert.matches(text, r.err, 1, true)
    assert.matches("-> stint verify -e production", r.err, 1, true)
    assert.matches("nothing was run", r.err, 1, true)
    assert.equal("0", tables())
  end

  local function passes(...)
    stint(0, "deploy", ...)
    assert.equal("1", tables())
  end

  setup(function()
    pg = cluster.get()
    pg:sql("postgres", [[
      DO $$ BEGIN CREATE ROLE gate_dba; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      CREATE ROLE verified_ci LOGIN; CREATE ROLE verified_boss LOGIN IN ROLE gate_dba]])
  end)

  before_each(function()
    url, name = pg:database()
    at.dir = run.project({}, CONFIG:format(url:gsub("///[^?]+", "///postgres"), url))
    write("scripts/migrations/0_first.sql", "CREATE TABLE first ();\n")
    stint(0, "up")
    write(FILE, TEXT)
    demands "verified = true"
  end)

  it("is not lifted by another policy that does without it, nor is its proof", function()
    write("scripts/policies/relaxed.lua", "policy { verified = false }\n")
    refuses "1_users has not been verified as it is now"
    stint(0, "verify")
    passes()
  end)

  it("refuses what was not verified, and passes what was", function()
    refuses "1_users has not been verified as it is now"
    local r = stint(0, "verify")
    assert.matches(
      "entered in the ledger of production: exactly these texts are verified (1 pending)\n",
      r.out,
      1,
      true
    )
    assert.equal("1", events())
    assert.equal("passed", json.decode(stint(0, "plan", "--json").out).gates[1].state)
    passes()
    stint(0, "verify")
    assert.equal("1", events()) -- nothing is pending
  end)

  it("takes what --pending has tried, and a file without a way down", function()
    write("scripts/migrations/0_first.sql", "-- the first\nCREATE TABLE first ();\n")
    write(FILE, UP)
    assert.is_true(json.decode(stint(0, "verify", "--pending", "--json").out).recorded)
    passes()
  end)

  it("is void when a text changes, up or down, and not by a comment", function()
    stint(0, "verify")
    write(FILE, "CREATE TABLE users (id bigint PRIMARY KEY);\n-- stint: down\nDROP TABLE users;\n")
    refuses "1_users has not been verified"
    write(FILE, UP .. "-- stint: down\nDROP TABLE IF EXISTS users;\n")
    refuses "1_users has not been verified"
    write(FILE, "-- the users\n" .. TEXT)
    passes()
  end)

  it("is of each file: one with a fault is refused, another is not", function()
    write(
      "scripts/migrations/2_index.sql",
      "CREATE TABLE more (a int);\nCREATE TABLE rest ();\n-- stint: down\nDROP TABLE more;\n"
    )
    local r = stint(2, "verify")
    assert.matches("added table public.rest", r.out, 1, true)
    refuses "1 file not verified"
    refuses "2_index has not been verified"
    stint(0, "up", "--to", "1")
    assert.equal("1", tables())
  end)

  it("lets it be so old", function()
    demands "verified = { max_age = '24h' }"
    stint(0, "verify")
    pg:sql(url, "UPDATE stint.event SET at = now() - interval '25 hours' WHERE kind = 'verified'")
    refuses "1_users was verified 1d 1h ago, and that may be 24h"
    stint(0, "verify")
    passes()
  end)

  it("says why nothing is entered: no ledger, no right, no database", function()
    pg:sql(
      url,
      "GRANT USAGE ON SCHEMA stint TO verified_ci; GRANT SELECT ON ALL TABLES IN SCHEMA stint, public TO verified_ci"
    )
    local r = stint(0, "verify", "--url", (url:gsub("user=postgres", "user=verified_ci")))
    assert.matches(
      "not entered in the ledger of production as verified: cannot write an event to the ledger: permission denied",
      r.out,
      1,
      true
    )
    pg:sql(url, "DROP SCHEMA stint CASCADE")
    r = json.decode(stint(0, "verify", "--json").out)
    assert.is_false(r.recorded)
    assert.matches("there is no ledger yet", r.not_recorded, 1, true)
    r = stint(0, "verify", "--url", (url:gsub(name, "nowhere")))
    assert.matches('not entered in the ledger of production as verified: .*database "nowhere" does not exist', r.out)
  end)

  describe("that its policy lets somebody override", function()
    local function as(role)
      return (url:gsub("user=postgres", "user=" .. role))
    end

    before_each(function()
      demands "verified = true, override = { verified = 'gate_dba' }"
      pg:sql(url, [[
        GRANT CREATE, USAGE ON SCHEMA stint, public TO verified_boss, verified_ci;
        GRANT ALL ON ALL TABLES IN SCHEMA stint TO verified_boss, verified_ci]])
    end)

    it("is lifted by who may", function()
      passes("--url", as "verified_boss", "--override", "verified", "--reason", "the scratch server is down")
      assert.equal("verified_boss the scratch server is down",
        pg:sql(url, "SELECT role || ' ' || message FROM stint.event WHERE kind = 'overridden'"))
    end)

    it("is not lifted by who may not", function()
      local r = stint(5, "deploy", "--url", as "verified_ci", "--override", "verified", "--reason", "hurry")
      assert.matches("verified_ci may not override the gate verified in production", r.err, 1, true)
      assert.equal("0", tables())
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM stint.event WHERE kind = 'override_refused'"))
    end)
  end)
end)
