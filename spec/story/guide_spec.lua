-- The way of a team that came from Prisma and Supabase: from an empty folder to production, with
-- every line of its checklist a gate that refuses first and passes later.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local pooler = require "spec.support.pooler"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local ROLES = [[
CREATE ROLE keeper; CREATE ROLE ci LOGIN; CREATE ROLE approvers; CREATE ROLE dba;
CREATE ROLE anna LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE boss LOGIN;
GRANT approvers TO anna, bob; GRANT dba, ci TO boss;
]]

local PROFILE = "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);\n"
local PROFILE_DOWN = "-- stint: down\nDROP TABLE users;\n"
local POLICY = "scripts/policies/production.lua"
local DOWNTIME = '-- stint: downtime "notes cannot be written for a minute"\n'
local NOTE = DOWNTIME .. "ALTER TABLE legacy DROP COLUMN note;\n"
local WAIVER = '-- stint: allow data-loss legacy.note reason="moved to the archive"\n'
local PLAN = '-- stint: rollback "the notes are in the archive of 2026-01-27"\n'

describe("the guide", function()
  local at = story.new()
  local git, write = at.git, at.write
  local pg, standby, front, url = nil, nil, nil, {}

  local function path(name)
    return at.dir .. "/" .. name
  end

  local function edit(name, from, to)
    local text, count = place.read(path(name)):gsub(from:gsub("%p", "%%%0"), (to:gsub("%%", "%%%%")), 1)
    assert.equal(1, count, from)
    place.write(path(name), text)
  end

  local function commit()
    git("add", "-A")
    git("commit", "-qm", "change")
  end

  local function as(role)
    return (url.production:gsub("user=postgres", "user=" .. role))
  end

  local function stint(code, environment, ...)
    local words = { ... }
    if environment then
      table.move({ "-e", environment }, 1, 2, #words + 1, words)
    end
    return at.stint(code, table.unpack(words))
  end

  local function columns(environment)
    return pg:sql(url[environment],
      "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) FROM information_schema.columns WHERE table_schema = 'public'")
  end

  -- These gates and no others say no, and nothing is changed.
  local function refuses(gates, environment, ...)
    local before = columns(environment)
    local r = stint(5, environment, ...)
    local named = {}
    for gate in (r.err:match(environment .. " refuses: the gates? ([^\n]+)") or ""):gmatch "[%w_]+" do
      named[#named + 1] = gate
    end
    table.sort(named)
    assert.same(gates, named, r.err)
    assert.equal(before, columns(environment))
    return r
  end

  local function states(environment)
    local list = {}
    for i, one in ipairs(json.decode(stint(0, environment, "status", "--json").out).migrations) do
      list[i] = one.state
    end
    return list
  end

  setup(function()
    pg = cluster.new { settings = { "wal_level=replica", "max_wal_senders=5" } }
    standby = pg:standby { "wal_receiver_status_interval=1" }
    pg:sql("postgres", ROLES)
    for _, name in ipairs { "development", "staging", "production" } do
      pg:sql("postgres", "CREATE DATABASE " .. name)
      url[name] = pg:url(name)
      pg:sql(url[name], "CREATE TABLE legacy (id int, note text); INSERT INTO legacy VALUES (1, 'x')")
    end
    pg:sql(url.production,
      "GRANT CREATE ON DATABASE production TO ci; GRANT CREATE ON SCHEMA public TO ci; ALTER TABLE legacy OWNER TO ci")
    front = pooler(pg, "transaction", 2)
    at.env.DATABASE_URL = front.url "production" .. "&pgbouncer=true&connection_limit=1"
    at.env.DIRECT_URL = as "ci"
    at.dir = place.folder()
  end)

  teardown(function()
    front.stop()
    standby:stop()
    pg:stop()
  end)

  it("goes from an empty folder to production and back", function()
    -- an empty folder
    stint(0, nil, "init")
    write("./config.ini", table.concat({
      "[development]\nurl = " .. url.development,
      "[staging]\nurl = " .. url.staging,
      "[production]\nurl = ${DATABASE_URL}\ndirect_url = ${DIRECT_URL:-}\nprotected = yes\ncontacts = the on-call phone",
      "[people]\nanna@x.org = anna\n",
    }, "\n"))
    -- the policies that init writes, with limits and a window that do not hang on the hour
    edit(POLICY, 'replica_lag = "10s"', 'replica_lag = "500ms"')
    edit(POLICY, 'downtime = "warn"', 'downtime = "deny"')
    edit(POLICY, 'days = "mon-thu", from = "09:00", to = "16:00", zone = "UTC", freeze = { "2026-12-20..2027-01-05" }',
      'days = "mon-sun", zone = "UTC", freeze = { "2000-01-01..2999-12-31" }')
    edit(POLICY, '-- override = { window = "dba", backup = "dba" },', 'override = { window = "dba" },')
    -- what is there already, as a file that counts as applied
    write("scripts/migrations/20200101000000_legacy.sql", "CREATE TABLE legacy (id int, note text);\n-- stint: down\nDROP TABLE legacy;\n")
    stint(0, "development", "resolve", "20200101000000", "--applied")
    stint(0, "staging", "resolve", "20200101000000", "--applied")
    git("init", "-q", "-b", "main")
    commit()

    -- two migrations on a branch, tried in development
    git("checkout", "-q", "-b", "users")
    local first = stint(0, nil, "new", "add_user_profile").out:match "[^\n]+"
    assert.matches("^scripts/migrations/20%d%d%d%d%d%d%d%d%d%d%d%d_add_user_profile%.sql$", first)
    local second = first:gsub("(%d+)_add_user_profile", function(version)
      return ("%d_drop_notes"):format(math.tointeger(version) + 1)
    end)
    local versions = { first:match "(%d+)_add", second:match "(%d+)_drop" }
    write(first, PROFILE)
    write(second, NOTE)
    write("scripts/seeds/development.sql", "INSERT INTO users (email) VALUES ('test@x.org');\n")
    write("scripts/seeds/production.sql", "INSERT INTO users (email) VALUES ('root@x.org');\n")
    commit()
    assert.matches("legacy", stint(0, "development", "plan").out, 1, true)
    stint(0, "development", "up")
    stint(0, "development", "seed")
    assert.equal("1", pg:sql(url.development, "SELECT count(*) FROM users"))
    pg:sql(url.development, "CREATE TABLE tried_by_hand ()")
    stint(0, "development", "reset", "--yes")
    assert.same({ "applied", "applied", "applied" }, states "development")
    assert.equal("legacy.id users.email users.id", columns "development")

    -- review: what the branch brings, before anybody looks at it
    local r = stint(2, nil, "lint", "--base", "main")
    assert.matches("legacy.note is dropped, and its data with it", r.out, 1, true)

    -- production knows who may do what, and has a replica that is late
    pg:sql(url.production, run({ "doctor", "-e", "production", "--direct-url", url.production, "--grants", "--owner", "keeper",
      "--migrator", "ci", "--approver", "approvers" }, { cwd = at.dir, env = { DATABASE_URL = url.production } }).out)
    stint(0, "production", "resolve", "20200101000000", "--applied")
    standby:sql("postgres", "SELECT pg_wal_replay_pause()")
    pg:sql(url.production, "UPDATE legacy SET note = 'y'")
    session.wait_until(pg:url(), "SELECT (max(replay_lag) > '1 s')::text FROM pg_stat_replication", "true")

    -- the pooled URL is none for migrations
    at.env.DIRECT_URL = nil
    story.says("direct_url", stint(9, "production", "deploy"))
    at.env.DIRECT_URL = as "ci"

    -- everything refuses, and nothing is changed
    r = refuses({ "applied_on", "approvals", "backup", "data_loss", "downtime", "replica_lag", "reversible", "rules", "window" }, "production", "deploy")
    assert.matches("CONTACTS: the on-call phone", r.err, 1, true)
    assert.matches("ci may not see how far behind", r.err, 1, true)
    r = stint(0, "production", "plan")
    assert.matches("gate backup: there is no backup of production", r.out, 1, true)
    assert.matches("gate order: passed", r.out, 1, true)
    refuses({ "data_loss", "reversible" }, "staging", "deploy")

    -- the replica catches up, and may be looked at
    pg:sql("postgres", "GRANT pg_read_all_stats TO ci")
    r = refuses({ "applied_on", "approvals", "backup", "data_loss", "downtime", "replica_lag", "reversible", "rules", "window" }, "production", "deploy")
    assert.matches("behind, and may be 500ms", r.err, 1, true)
    standby:sql("postgres", "SELECT pg_wal_replay_resume()")
    session.wait_until(pg:url(), "SELECT (coalesce(max(replay_lag), '0') < '400 ms')::text FROM pg_stat_replication", "true")
    edit(POLICY, '"500ms"', '"1h"') -- a machine that has much else to do is late at any moment

    -- a way back, a reason for what is lost, no downtime; then staging
    write(first, PROFILE .. PROFILE_DOWN)
    write(second, PLAN .. WAIVER .. NOTE)
    commit()
    stint(0, nil, "lint", "--base", "main")
    refuses({ "applied_on", "approvals", "backup", "downtime", "window" }, "production", "deploy")
    edit(second, DOWNTIME, "")
    commit()
    stint(0, "staging", "deploy")
    r = refuses({ "applied_on", "approvals", "backup", "window" }, "production", "deploy")
    assert.matches("has to wait for", r.err, 1, true)
    pg:sql(url.staging, "UPDATE stint.migration SET applied_at = now() - interval '25 hours'")
    refuses({ "approvals", "backup", "window" }, "production", "deploy")

    -- a backup, an approval that is not the author's
    stint(0, "production", "backup")
    stint(0, "production", "approve", versions[1], versions[2], "--direct-url", as "anna")
    r = refuses({ "approvals", "window" }, "production", "deploy")
    assert.matches("anna's does not count: by the author of the file", r.err, 1, true)
    stint(0, "production", "approve", versions[1], versions[2], "--direct-url", as "bob", "--comment", "looks fine")
    refuses({ "window" }, "production", "deploy")

    -- who changes the text begins again
    edit(first, "email text NOT NULL", "email text")
    commit()
    r = refuses({ "applied_on", "approvals", "window" }, "production", "deploy")
    assert.matches("the file has changed since", r.err, 1, true)
    assert.matches("was another text when it ran there", r.err, 1, true)
    edit(first, "email text", "email text NOT NULL")
    commit()

    -- nobody but a dba may go on while everything is frozen; then it opens
    r = stint(5, "production", "deploy", "--override", "window", "--reason", "hurry")
    assert.matches("ci may not override the gate window in production", r.err, 1, true)
    edit(POLICY, ', freeze = { "2000-01-01..2999-12-31" }', "")
    stint(2, "production", "status", "--check")
    stint(0, "production", "deploy")
    stint(0, "production", "deploy")
    stint(0, "production", "status", "--check")
    assert.same({ "baselined", "applied", "applied" }, states "production")
    assert.equal(columns "staging", columns "production")

    -- what is older than that comes too late
    write("scripts/migrations/1_late.sql", "CREATE TABLE late ();\n-- stint: down\nDROP TABLE late;\n")
    assert.matches("1_late", stint(4, "production", "deploy").err, 1, true)
    edit("config.ini", "protected = yes", "order = warn\nprotected = yes")
    r = refuses({ "applied_on", "approvals", "order" }, "production", "deploy")
    assert.matches("1_late is older than the newest applied migration", r.err, 1, true)
    place.remove(path "scripts/migrations/1_late.sql")

    -- seeds once
    stint(0, "production", "seed", "--confirm", "production")
    stint(0, "production", "seed", "--confirm", "production")
    assert.equal("1", pg:sql(url.production, "SELECT count(*) FROM users"))
    assert.matches("protected", stint(5, "production", "reset", "--yes").err, 1, true)

    -- an emergency: the last release goes back, in a freeze, by who may
    edit(POLICY, 'zone = "', 'freeze = { "2000-01-01..2999-12-31" }, zone = "')
    stint(0, "production", "resolve", versions[2], "--rolled-back")
    stint(5, "production", "down")
    refuses({ "window" }, "production", "down", "--confirm", "production", "--allow", "data-loss")
    stint(0, "production", "down", "--confirm", "production", "--allow", "data-loss", "--direct-url", as "boss", "--override", "window",
      "--reason", "sign-ups fail")
    assert.same({ "baselined", "rolled_back", "rolled_back" }, states "production")
    assert.equal("legacy.id", columns "production")
    assert.equal("ci hurry;boss sign-ups fail", pg:sql(url.production,
      "SELECT string_agg(role || ' ' || message, ';' ORDER BY id) FROM stint.event WHERE kind IN ('overridden', 'override_refused')"))

    -- and where that is not enough, the backup of before
    edit(POLICY, 'freeze = { "2000-01-01..2999-12-31" }, ', "")
    local backup = place.output("ls " .. at.dir .. "/backups/*.dump")
    stint(5, "production", "restore", backup)
    stint(0, "production", "restore", backup, "--confirm", "production", "--direct-url", url.production)
    assert.equal("legacy.id legacy.note", columns "production")
    assert.same({ "baselined", "pending", "pending" }, states "production")
  end)
end)
