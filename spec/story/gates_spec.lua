-- What an environment demands before a run: each gate refuses, lets pass, and is lifted by who may.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local FILE = "scripts/migrations/1_users.sql"
local UP = "CREATE TABLE users (id int PRIMARY KEY);\n"
local BOTH = UP .. "-- stint: down\nDROP TABLE users;\n"

describe("a gate", function()
  local pg, project, url

  local function write(path, text)
    place.make((project .. "/" .. path):match "^(.*)/")
    place.write(project .. "/" .. path, text)
  end

  -- scripts/policies/production.lua, with these fields
  local function demands(fields, name)
    write(("scripts/policies/%s.lua"):format(name or "production"),
      ("policy { environments = { 'production' }, %s }\n"):format(fields))
  end

  local function as(role, to)
    return ((to or url.production):gsub("user=postgres", "user=" .. role))
  end

  local function stint(...)
    return run({ ... }, { cwd = project })
  end

  local function in_production(...)
    return run({ select(1, ...), "-e", "production", select(2, ...) }, { cwd = project })
  end

  local function deploy(...)
    return in_production("deploy", ...)
  end

  local function tables(of)
    return pg:sql(url[of or "production"], "SELECT count(*) FROM pg_class WHERE relname = 'users'")
  end

  local function refuses(text, ...)
    local r = deploy(...)
    assert.equal(5, r.code, r.out .. r.err)
    assert.matches(text, r.err, 1, true)
    assert.equal("0", tables())
    return r
  end

  local function passes(...)
    local r = deploy(...)
    assert.equal(0, r.code, r.out .. r.err)
    assert.equal("1", tables())
    return r
  end

  local function events(kind)
    local said = "concat_ws(' ', role, facts->>'gate', message)"
    return pg:sql(url.production,
      ("SELECT coalesce(string_agg(%s, ';' ORDER BY id), '') FROM stint.event WHERE kind = '%s'"):format(said, kind))
  end

  setup(function()
    pg = cluster.get()
    pg:sql("postgres", [[
      DO $$ BEGIN CREATE ROLE gate_dba; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      DO $$ BEGIN CREATE ROLE gate_anna LOGIN SUPERUSER; CREATE ROLE gate_ci LOGIN; CREATE ROLE gate_boss LOGIN;
      EXCEPTION WHEN duplicate_object THEN NULL; END $$; GRANT gate_dba TO gate_boss]])
  end)

  before_each(function()
    url = { staging = pg:database(), production = pg:database() }
    project = run.project({}, ("[project]\nenvironment = staging\n[staging]\nurl = %s\n[production]\nurl = %s\nprotected = yes\n"):format(
      url.staging, url.production))
    write(FILE, BOTH)
  end)

  it("refuses a file without a way back, and takes a plan for it", function()
    write(FILE, UP)
    demands "reversible = true"
    local r = refuses "production refuses: the gate reversible"
    assert.matches("1_users has no way back", r.err, 1, true)
    assert.matches("scripts/policies/production.lua", r.err, 1, true)
    assert.matches("nothing was run", r.err, 1, true)
    write(FILE, "-- stint: rollback \"restore the backup\"\n" .. UP)
    passes()
  end)

  it("refuses what has not been applied elsewhere as the same text", function()
    demands "applied_on = 'staging'"
    assert.matches("nothing was ever applied there", refuses("applied_on").err, 1, true)
    assert.equal(0, stint("deploy").code)
    write(FILE, UP .. "-- stint: down\nDROP TABLE IF EXISTS users;\n")
    write("scripts/migrations/2_more.sql", "CREATE TABLE more ();\n")
    local r = refuses "2_more never ran there"
    assert.matches("stint deploy -e staging", r.err, 1, true)
    assert.equal(0, stint("deploy").code)
    passes()
  end)

  it("refuses what was another text there", function()
    demands "applied_on = 'staging'"
    assert.equal(0, stint("deploy").code)
    write(FILE, "CREATE TABLE users (id bigint PRIMARY KEY);\n")
    refuses "1_users was another text when it ran there"
    write(FILE, "-- the same\n" .. BOTH)
    passes()
  end)

  it("waits until what was applied elsewhere has soaked", function()
    demands "applied_on = { environment = 'staging', soak = '24h' }"
    assert.equal(0, stint("deploy").code)
    assert.matches("and has to wait for ", refuses("1_users was applied there").err, 1, true)
    pg:sql(url.staging, "UPDATE stint.migration SET applied_at = now() - interval '25 hours'")
    passes()
  end)

  it("is no proof that only marks it, nor the very database itself", function()
    demands "applied_on = 'staging'"
    assert.equal(0, stint("resolve", "1", "--applied").code)
    refuses "1_users is only marked as applied there"
    local r = run({ "deploy", "-e", "production" }, { cwd = project, env = { STINT_URL = url.production } })
    assert.equal(5, r.code, r.err)
    assert.matches("it is this very database", r.err, 1, true)
  end)

  it("takes a signed record where the other environment cannot be reached", function()
    demands "applied_on = 'staging'"
    write("config.ini", place.read(project .. "/config.ini") .. "release_key = a secret of more than thirty-two characters\n")
    assert.equal(0, stint("deploy").code)
    local r = stint("promote", "production", "--from", "staging", "--out", "r.json")
    assert.equal(0, r.code, r.err)
    write("config.ini", (place.read(project .. "/config.ini"):gsub("url = [^\n]+", "url = ${NOT_SET}", 1)))
    r = refuses "staging cannot be asked"
    assert.matches("stint promote production --from staging", r.err, 1, true)
    passes("--release", "r.json")
  end)

  it("refuses without a backup that is young enough", function()
    demands "backup = { max_age = '24h' }"
    local r = refuses "there is no backup of production"
    assert.matches("-> stint backup -e production\n", r.err, 1, true)
    assert.equal(0, in_production("backup").code)
    pg:sql(url.production, "UPDATE stint.backup SET taken_at = now() - interval '25 hours'")
    refuses "the last backup is 1d 1h old, and may be 24h"
    assert.equal(0, in_production("backup").code)
    demands "backup = { max_age = '24h', proved = true }"
    refuses "there is no proven backup of production"
    pg:sql(url.production, "UPDATE stint.backup SET proven_at = now()")
    passes()
  end)

  it("shows all refusals together, in plan too", function()
    write(FILE, UP)
    demands "reversible = true, backup = { max_age = '1h' }"
    demands("applied_on = 'staging'", "proof")
    refuses "production refuses: the gates backup, reversible, applied_on"
    local r = in_production("plan")
    assert.equal(0, r.code, r.err)
    assert.matches("gate backup: there is no backup of production", r.out, 1, true)
    assert.matches("gate reversible: 1 file without a way back", r.out, 1, true)
    local gates = json.decode(in_production("plan", "--json").out).gates
    assert.equal(3, #gates)
    assert.same({ "backup", "refused" }, { gates[1].gate, gates[1].state })
    assert.same({ "stint backup -e production" }, gates[1].next)
  end)

  it("is the rules too, which are told with the others and overridden as they are", function()
    pg:sql(url.production, "CREATE TABLE big (id int); GRANT gate_dba TO gate_boss; ALTER TABLE big OWNER TO gate_boss")
    write("scripts/migrations/2_index.sql", "CREATE INDEX big_id ON big (id);\n")
    demands "backup = { max_age = '1h' }"
    local r = refuses "production refuses: the gates backup, rules"
    assert.matches("scripts/migrations/2_index.sql:1:1: ", r.err, 1, true)
    demands "rules = { ['index-not-concurrent'] = 'deny' }, override = { rules = 'gate_dba' }"
    local database = url.production:match "///([^?]+)"
    pg:sql(url.production, ("GRANT CREATE ON DATABASE %s TO gate_boss; GRANT CREATE ON SCHEMA public TO gate_boss"):format(database))
    refuses("production refuses: the gate rules", "--url", as "gate_boss")
    passes("--url", as "gate_boss", "--override", "rules", "--reason", "the table is small")
    assert.equal("gate_boss rules the table is small", events "overridden")
  end)

  it("does not ask the rules again about what is applied of a file", function()
    local half = "-- stint: no-transaction\nCREATE TABLE users (id int PRIMARY KEY);\n%s;\n"
    write(FILE, half:format "SELECT 1/0")
    assert.equal(7, deploy().code)
    write(FILE, half:format "DROP TABLE nowhere")
    local r = deploy()
    assert.equal(5, r.code, r.err)
    assert.matches("1_users.sql:3:1: ", r.err, 1, true)
    assert.not_matches("1_users.sql:2:1: ", r.err, 1, true)
    write(FILE, half:format "CREATE INDEX users_id ON users (id)")
    passes()
  end)

  it("says nothing of the waivers of what is applied of a file", function()
    write("scripts/policies/all.lua", 'policy { rules = { ["waiver-unused"] = "deny" } }\n')
    write("scripts/migrations/0_old.sql", "CREATE TABLE old (id int PRIMARY KEY);\n")
    assert(os.remove(project .. "/" .. FILE))
    assert.equal(0, deploy().code)
    local half = '-- stint: no-transaction\n-- stint: allow drop-table old reason="nobody reads it"\nDROP TABLE old;\n%s\n'
    write(FILE, half:format "SELECT 1/0;")
    assert.equal(7, deploy().code)
    write(FILE, half:format '-- stint: allow drop-table reason="new"\nCREATE TABLE users (id int PRIMARY KEY);')
    local r = deploy()
    assert.equal(5, r.code, r.err)
    assert.matches("1_users.sql:4:1: ", r.err, 1, true)
    assert.not_matches("1_users.sql:2:1: ", r.err, 1, true)
    write(FILE, half:format "CREATE TABLE users (id int PRIMARY KEY);")
    passes()
  end)

  it("binds up only where the environment is protected, deploy everywhere", function()
    write("scripts/policies/all.lua", "policy { reversible = true }\n")
    write(FILE, UP)
    assert.equal(5, in_production("up").code)
    assert.equal(5, stint("deploy").code)
    assert.equal(0, stint("up").code)
    assert.same({ "0", "1" }, { tables(), tables "staging" })
  end)

  it("warns, once, of an environment that is nearly one of config.ini", function()
    write("scripts/policies/all.lua", "policy { environments = { 'prodution', 'elsewhere' }, reversible = true }\n")
    local r = in_production("plan")
    local said = 'WARNING: scripts/policies/all.lua: config.ini has no environment "prodution", did you mean "production"?\n'
    local at, to = r.err:find(said, 1, true)
    assert.truthy(at, r.err)
    assert.is_nil(r.err:find("no environment", to, true))
  end)

  it("has nothing to say when nothing is due", function()
    passes()
    demands "backup = { max_age = '1h' }"
    passes()
  end)

  it("refuses outside of its window, and in a freeze", function()
    demands "window = { freeze = { '2000-01-01..2999-12-31' } }"
    local r = refuses "window: frozen 2000-01-01 to 2999-12-31: it is "
    assert.matches("it opens Wed 3000-01-01 00:00", r.err, 1, true)
    demands "window = { zone = 'Europe/Berlin' }"
    passes()
  end)

  it("says where a window is none", function()
    for fields, message in pairs {
      ["days = 'mon-noday'"] = 'window.days: there is no day "noday"',
      ["from = '25:00'"] = 'window.from: "25:00" is no time of day',
      ["freeze = { '2026-02-01..2026-01-01' }"] = "window.freeze[1]",
      ["freeze = { '2026-12-24', '2026-02-28..2026-02-30' }"] = 'window.freeze[2]: there is no day "2026-02-30"',
      ["freeze = { '24.12.2026' }"] = 'window.freeze[1]: this is no date: "24.12.2026"',
      ["zone = 'Europe/Atlantis'"] = "the server knows no zone Europe/Atlantis",
    } do
      demands("window = { " .. fields .. " }")
      local r = deploy()
      assert.equal(78, r.code, r.err)
      assert.matches("scripts/policies/production.lua:1", r.err, 1, true)
      assert.matches(message, r.err, 1, true)
    end
  end)

  it("asks a function of the team's with plan and facts", function()
    demands [[run = function(plan, facts)
      if plan.pending[1].name == "1_users" and facts.server_version > 0 then return deny("not on my watch") end
    end]]
    refuses "run: not on my watch"
    demands "run = function(plan) return warn(plan.database .. ' gets more') end"
    assert.matches("gets more", passes().err, 1, true)
  end)

  it("is no yes when the function fails", function()
    demands "run = function(plan, facts) return facts.nowhere.at_all end"
    refuses "run: the function failed"
  end)

  it("refuses to lose data that nobody has named", function()
    pg:sql(url.production, "CREATE TABLE old (id int, note text)")
    write("scripts/migrations/2_drop.sql", "ALTER TABLE old DROP COLUMN note;\n")
    demands "data_loss = 'deny'"
    local r = refuses "data_loss: data would be lost"
    assert.matches("scripts/migrations/2_drop.sql:1: the column public.old.note", r.err, 1, true)
    demands "data_loss = 'warn'"
    write("scripts/migrations/2_drop.sql", '-- stint: allow data-loss old.other reason="unused"\nALTER TABLE old DROP COLUMN note;\n')
    demands "data_loss = 'deny'"
    refuses "data would be lost"
    write("scripts/migrations/2_drop.sql", '-- stint: allow data-loss old.note reason="unused"\nALTER TABLE old DROP COLUMN note;\n')
    passes()
  end)

  it("refuses files that want downtime", function()
    write(FILE, '-- stint: downtime "sign-up is closed for an hour"\n' .. UP)
    demands "downtime = 'deny'"
    refuses "1_users says: sign-up is closed for an hour"
    demands "downtime = 'warn'"
    assert.matches("sign-up is closed", passes().err, 1, true)
  end)

  it("refuses to lock a large table while work is done", function()
    pg:sql(url.production, "CREATE TABLE big (id int); INSERT INTO big SELECT generate_series(1, 5000); ANALYZE big")
    write("scripts/migrations/2_index.sql", "CREATE INDEX big_id ON big (id);\nALTER TABLE big ADD COLUMN n int;\n")
    demands "max_rows_locked = 1000"
    local r = refuses "max_rows_locked: more than 1000 rows locked"
    assert.matches("2_index.sql:1: SHARE on public.big, 5000 rows", r.err, 1, true)
    demands "max_rows_locked = 10000"
    passes()
  end)

  it("lets a short lock of a large table pass", function()
    pg:sql(url.production, "CREATE TABLE big (id int); INSERT INTO big SELECT generate_series(1, 5000); ANALYZE big")
    write("scripts/migrations/2_column.sql", "ALTER TABLE big ADD COLUMN n int;\n")
    demands "max_rows_locked = 1000"
    passes()
  end)

  it("refuses what took too long elsewhere", function()
    demands "applied_on = 'staging', max_duration = '1m'"
    assert.equal(0, stint("deploy").code)
    pg:sql(url.staging, "UPDATE stint.migration SET duration_ms = 90000")
    refuses "took 1m 30s where they ran before, and may take 1m"
    pg:sql(url.staging, "UPDATE stint.migration SET duration_ms = 9000")
    passes()
  end)

  it("refuses a late file where the order is strict", function()
    passes()
    write("scripts/migrations/0_late.sql", "CREATE TABLE late ();\n")
    write("config.ini", place.read(project .. "/config.ini") .. "order = allow\n")
    demands "order = 'strict'"
    local r = deploy()
    assert.equal(5, r.code, r.err)
    assert.matches("0_late is older than the newest applied migration", r.err, 1, true)
    demands "order = 'warn'"
    assert.equal(0, deploy().code)
  end)

  it("binds what goes down, seeds and restores, where it makes sense there", function()
    write("scripts/seeds/production.sql", "INSERT INTO users VALUES (1);\n")
    passes()
    assert.equal(0, in_production("backup", "--to", "b").code)
    local backup = place.output("ls " .. project .. "/b/*.dump")
    local closed = "window = { freeze = { '2000-01-01..2999-12-31' } }, override = { window = 'gate_dba' }"
    demands(closed .. ", approvals = 2, reversible = true, applied_on = 'staging'")
    local commands = { { "down", "--allow", "data-loss" }, { "seed" }, { "restore", backup } }
    for _, words in ipairs(commands) do
      local r = in_production(words[1], "--confirm", "production", table.unpack(words, 2))
      assert.equal(5, r.code, r.err)
      assert.matches("production refuses: the gate window\n", r.err, 1, true)
    end
    assert.same({ "1", "0" }, { tables(), pg:sql(url.production, "SELECT count(*) FROM users") })
    for _, words in ipairs { commands[2], commands[1], commands[3] } do
      local r = in_production(words[1], "--confirm", "production", "--override", "window", "--reason", "an emergency", table.unpack(words, 2))
      assert.equal(0, r.code, r.err)
    end
    assert.matches("window an emergency;.*window an emergency;.*window an emergency", events "overridden")
  end)

  describe("that its policy lets somebody override", function()
    local function may(more)
      demands("backup = { max_age = '1h' }, reversible = true, override = { backup = 'gate_dba' }" .. (more or ""))
    end

    before_each(function()
      local database = url.production:match "///([^?]+)"
      pg:sql(url.production, ("GRANT CREATE ON DATABASE %s TO gate_ci, gate_boss; GRANT CREATE ON SCHEMA public TO gate_ci, gate_boss"):format(database))
      may()
    end)

    it("is lifted by who may, with a reason, and that is in the ledger", function()
      local r = deploy("--url", as "gate_boss", "--override", "backup", "--reason", "the house is on fire")
      assert.equal(0, r.code, r.err)
      assert.equal("1", tables())
      assert.matches("backup is overridden: there is no backup", r.err, 1, true)
      assert.equal("gate_boss backup the house is on fire", events "overridden")
    end)

    it("is not lifted by who may not, which is in the ledger too", function()
      local r = refuses("gate_ci may not override the gate backup in production", "--url", as "gate_ci", "--override", "backup",
        "--reason", "hurry")
      assert.matches("members of gate_dba may", r.err, 1, true)
      assert.equal("gate_ci backup hurry", events "override_refused")
    end)

    it("is not lifted where the policy names nobody, nor where one of two does not", function()
      refuses("its policy lets nobody", "--url", as "gate_boss", "--override", "reversible", "--reason", "x")
      refuses("no policy demands it of stint deploy there", "--url", as "gate_boss", "--override", "window", "--reason", "x")
      demands("backup = { max_age = '2h' }", "second")
      refuses("may not override the gate backup", "--url", as "gate_boss", "--override", "backup", "--reason", "x")
    end)

    it("lifts no other gate, and is written although the run is refused", function()
      write(FILE, UP)
      refuses("production refuses: the gate reversible", "--url", as "gate_boss", "--override", "backup", "--reason", "x")
      assert.equal("gate_boss backup x", events "overridden")
    end)

    it("is written although the migration fails", function()
      write(FILE, "SELECT 1/0;\n-- stint: down\n")
      local r = deploy("--url", as "gate_boss", "--override", "backup", "--reason", "x")
      assert.equal(6, r.code, r.err)
      assert.equal("gate_boss backup x", events "overridden")
    end)

    it("wants a reason, and a gate that there is", function()
      for _, words in ipairs { { "--override", "backup" }, { "--reason", "x" }, { "--override", "backups", "--reason", "x" } } do
        local r = deploy(table.unpack(words))
        assert.equal(64, r.code, r.err)
      end
      assert.matches("did you mean backup?", deploy("--override", "backups", "--reason", "x").err, 1, true)
    end)
  end)

  -- What each demands, and what it then refuses.
  local lifted = {
    applied_on = { "applied_on = 'staging'" },
    approvals = { "approvals = 1" },
    backup = { "backup = { max_age = '1h' }" },
    data_loss = {
      "data_loss = 'deny'",
      function()
        pg:sql(url.production, "CREATE TABLE old (id int, note text)")
        write("scripts/migrations/2_drop.sql", '-- stint: allow drop-column reason="unused"\nALTER TABLE old DROP COLUMN note;\n')
      end,
    },
    downtime = {
      "downtime = 'deny'",
      function()
        write(FILE, '-- stint: downtime "an hour"\n' .. BOTH)
      end,
    },
    max_duration = {
      "max_duration = '1m', applied_on = 'staging'",
      function()
        assert.equal(0, stint("deploy").code)
        pg:sql(url.staging, "UPDATE stint.migration SET duration_ms = 90000")
      end,
    },
    max_rows_locked = {
      "max_rows_locked = 1000",
      function()
        pg:sql(url.production, "CREATE TABLE big (id int); INSERT INTO big SELECT generate_series(1, 5000); ANALYZE big")
        write("scripts/migrations/2_index.sql", "CREATE INDEX big_id ON big (id);\nALTER TABLE big ADD COLUMN n int;\n")
      end,
    },
    order = {
      "order = 'strict'",
      function()
        write("scripts/migrations/5_later.sql", "CREATE TABLE later ();\n")
        assert(os.remove(project .. "/" .. FILE))
        assert.equal(0, in_production("deploy").code)
        write(FILE, BOTH)
        write("config.ini", place.read(project .. "/config.ini") .. "order = allow\n")
        pg:sql(url.production, "GRANT USAGE ON SCHEMA stint TO gate_ci; GRANT ALL ON ALL TABLES IN SCHEMA stint TO gate_ci")
      end,
    },
    rehearsed = { "rehearsed = true" },
    reversible = {
      "reversible = true",
      function()
        write(FILE, UP)
      end,
    },
    run = { "run = function() return deny('not today') end" },
    verified = { "verified = true" },
    window = { "window = { freeze = { '2000-01-01..2999-12-31' } }" },
  }

  for gate, case in pairs(lifted) do
    it(gate .. " is lifted by who may, and by nobody else", function()
      local fields, prepare = table.unpack(case)
      local database = url.production:match "///([^?]+)"
      pg:sql(url.production, ("GRANT CREATE ON DATABASE %s TO gate_ci; GRANT CREATE ON SCHEMA public TO gate_ci"):format(database))
      if prepare then
        prepare()
      end
      demands(("%s, override = { %s = 'gate_dba' }"):format(fields, gate))
      refuses("production refuses: the gate " .. gate)
      refuses(("gate_ci may not override the gate %s in production"):format(gate), "--url", as "gate_ci", "--override", gate, "--reason", "hurry")
      assert.equal(("gate_ci %s hurry"):format(gate), events "override_refused")
      passes("--override", gate, "--reason", "it must be")
      assert.equal(("postgres %s it must be"):format(gate), events "overridden")
    end)
  end
end)
