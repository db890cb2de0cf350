-- Seeds: again and again where nothing is at stake, once where it is.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local pg = cluster.get()

local CONFIG = [[
[development]
url = ${URL}
[production]
url = ${URL}
protected = yes
[variables]
who = bob
]]

describe("seed", function()
  local url, project, db
  local says = story.says

  local function write(name, text)
    place.write(project .. "/scripts/seeds/" .. name, text)
  end

  local function stint(code, ...)
    local r = run({ ... }, { cwd = project, env = { URL = url } })
    assert.equal(code, r.code, r.err)
    return r
  end

  local function people()
    return db:value "SELECT string_agg(name, ',' ORDER BY name) FROM person"
  end

  local function seeds(kind)
    return db:value("SELECT count(*) FROM stint.event WHERE kind = '" .. (kind or "seed") .. "'")
  end

  before_each(function()
    url = pg:database()
    project = run.project({
      ["scripts/migrations/1_person.sql"] = "CREATE TABLE person (name text UNIQUE);\n",
      ["scripts/seeds/development.sql"] = "INSERT INTO person VALUES ('anna') ON CONFLICT DO NOTHING;\n",
    }, CONFIG)
    db = session.open(url)
    stint(0, "up")
  end)

  after_each(function()
    db:close()
  end)

  it("runs the environment's seed every time, and writes that down", function()
    assert.is_truthy(stint(0, "seed").out:find "^seeded  scripts/seeds/development.sql  %(%d+ms%)\n$")
    assert.equal("anna", people())
    stint(0, "seed")
    local events = db:exec "SELECT * FROM stint.event WHERE kind = 'seed'"
    assert.equal(2, #events)
    assert.equal("seed/development", events[1].migration)
    local facts = json.decode(events[1].facts)
    assert.equal(64, #facts.checksum)
    assert.is_truthy(facts.duration_ms)
    assert.equal("seed ok", db:value "SELECT command || ' ' || outcome FROM stint.run ORDER BY id DESC LIMIT 1")
  end)

  it("knows placeholders and COPY", function()
    write("development.sql", "INSERT INTO person VALUES (:'who');\nCOPY person FROM stdin;\ncarl\n\\.\n")
    stint(0, "seed")
    assert.equal("bob,carl", people())
  end)

  it("may be Lua", function()
    place.remove(project .. "/scripts/seeds/development.sql")
    write("development.lua", [[
migration { up = function(db) for i = 1, 3 do db:exec("INSERT INTO person VALUES ($1)", "p" .. i) end end }
]])
    stint(0, "seed")
    assert.equal("p1,p2,p3", people())
    local r = stint(6, "seed")
    says("STATE: rolled back: nothing of it is left\nNEXT: mend it, then: stint seed\n", r)
    assert.equal("1", seeds())
    write("development.sql", "SELECT 1;")
    says("there are two seeds for development", stint(78, "seed"))
  end)

  it("says where it looked when there is none", function()
    place.remove(project .. "/scripts/seeds/development.sql")
    local r = stint(1, "seed")
    says("ERROR: there is no seed for development\nHINT: it would be scripts/seeds/development.sql (or .lua)\n", r)
  end)

  it("leaves nothing when it fails, and says where", function()
    write("development.sql", "INSERT INTO person VALUES ('anna');\nINSERT INTO persons\n  VALUES ('bob');\n")
    local r = stint(6, "seed")
    says('ERROR: seed/development: relation "persons" does not exist (SQLSTATE 42P01)\n', r)
    says("  at scripts/seeds/development.sql:2:13\n", r)
    assert.is_nil(people())
    assert.equal("0", seeds())
    assert.equal("1", seeds "seed_failed")
  end)

  it("runs in the parts that its statements ask for", function()
    write("development.sql", "BEGIN;\nINSERT INTO person VALUES ('anna');\nCOMMIT;\nVACUUM person;\nINSERT INTO person VALUES ('bob');\n")
    stint(0, "seed")
    assert.equal("anna,bob", people())
    assert.equal("1", seeds())
    db:exec "DELETE FROM person WHERE name = 'anna'"
    local r = stint(7, "seed")
    says("STATE: 4 of 5 statements are done, the rest is not\n", r)
    says("NEXT: mend it, then: stint seed begins with its first statement again\n", r)
    assert.equal("anna,bob", people())
    assert.equal("1", seeds())
  end)

  it("keeps a role that the seed has SET from the ledger", function()
    db:exec "DO $$ BEGIN CREATE ROLE stint_nobody; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    write("development.sql", "SET ROLE stint_nobody;\nSET search_path = pg_temp;\n")
    stint(0, "seed")
    assert.equal("1", seeds())
  end)

  it("tells its events", function()
    local kinds = {}
    for line in stint(0, "seed", "--json").out:gmatch "[^\n]+" do
      kinds[#kinds + 1] = json.decode(line).event
    end
    assert.same({ "run_started", "migration_started", "run_finished" }, kinds)
  end)

  it("does not make a database, and takes no words", function()
    says("seed takes no words: x", stint(64, "seed", "x"))
    url = url:gsub("t%d+_", "none_")
    stint(9, "seed")
  end)

  describe("in a protected environment", function()
    before_each(function()
      write("production.sql", "INSERT INTO person VALUES ('root');\n")
    end)

    it("wants to be confirmed, and runs once", function()
      local r = stint(5, "seed", "-e", "production")
      says("ERROR: production is a protected environment: a seed there wants to be confirmed\n", r)
      says("NEXT: stint seed -e production --confirm production\n", r)
      assert.is_nil(people())
      stint(0, "seed", "-e", "production", "--confirm", "production")
      assert.equal("root", people())
      r = stint(0, "seed", "-e", "production", "--confirm", "production")
      assert.is_truthy(r.out:find "^nothing to do: scripts/seeds/production.sql was run at %d%d%d%d%-")
      assert.equal("1", seeds())
    end)

    it("refuses one that was edited since", function()
      stint(0, "seed", "-e", "production", "--confirm", "production")
      write("production.sql", "-- no edit\nINSERT INTO person\nVALUES ('root');\n")
      stint(0, "seed", "-e", "production")
      write("production.sql", "INSERT INTO person VALUES ('admin');\n")
      local r = stint(4, "seed", "-e", "production", "--confirm", "production")
      says("ERROR: scripts/seeds/production.sql was edited after it was run here (at 2", r)
      says("NEXT: undo the edit; what is new in it belongs into a migration\n", r)
      assert.equal("root", people())
    end)

    it("runs it again when it failed", function()
      write("production.sql", "INSERT INTO persons VALUES ('root');\n")
      stint(6, "seed", "-e", "production", "--confirm", "production")
      write("production.sql", "INSERT INTO person VALUES ('root');\n")
      stint(0, "seed", "-e", "production", "--confirm", "production")
      assert.equal("root", people())
    end)

    it("wants a word where it drops data", function()
      write("production.sql", "TRUNCATE person;\n")
      local r = stint(5, "seed", "-e", "production", "--confirm", "production")
      says("scripts/seeds/production.sql:1: TRUNCATE person", r)
      stint(0, "seed", "-e", "production", "--confirm", "production", "--allow", "data-loss")
    end)
  end)
end)
