-- The way of a team that came from Prisma and Supabase: from an empty folder to production, with
-- every line of its checklist a gate that refuses first and passes later.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local ROLES = [[
CREATE ROLE keeper; CREATE ROLE ci LOGIN; CREATE ROLE approvers; CREATE ROLE dba;
CREATE ROLE anna LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE boss LOGIN;
GRANT approvers TO anna, bob; GRANT dba, ci TO boss;
]]

local PROFILE = "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);\n"
local PROFILE_DOWN = "-- stint: down\nDROP TABLE users;\n"
local NOTE = "ALTER TABLE legacy DROP COLUMN note;\n"
local WAIVER = '-- stint: allow data-loss legacy.note reason="moved to the archive"\n'
local PLAN = '-- stint: rollback "the notes are in the archive of 2026-01-27"\n'

describe("the guide", function()
  local pg, project, url = nil, nil, {}

  local function path(name)
    return project .. "/" .. name
  end

  local function write(name, text)
    place.make(path(name):match "^(.*)/")
    place.write(path(name), text)
  end

  local function edit(name, from, to)
    local text, count = place.read(path(name)):gsub(from:gsub("%p", "%%%0"), (to:gsub("%%", "%%%%")), 1)
    assert.equal(1, count, from)
    place.write(path(name), text)
  end

  local function git(...)
    local words = { "git", "-c", "user.name=x", "-c", "user.email=anna@x.org", "-C", project, ... }
    for i, word in ipairs(words) do
      words[i] = place.quoted(word)
    end
    local command = table.concat(words, " ")
    assert(os.execute("env -u LD_PRELOAD HOME=" .. place.root() .. " " .. command .. " >/dev/null 2>&1"), command)
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
    local r = run(words, { cwd = project })
    assert.equal(code, r.code, r.out .. r.err)
    return r
  end

  local function columns(environment)
    return pg:sql(url[environment],
      "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY table_name, column_name) FROM information_schema.columns WHERE table_schema = 'public'")
  end

  local function refuses(gates, environment, ...)
    local before = columns(environment)
    local r = stint(5, environment, ...)
    assert.matches(environment .. " refuses: the gates? " .. gates .. "\n", r.err)
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
    pg = cluster.new()
    pg:sql("postgres", ROLES)
    for _, name in ipairs { "development", "staging", "production" } do
      pg:sql("postgres", "CREATE DATABASE " .. name)
      url[name] = pg:url(name)
      pg:sql(url[name], "CREATE TABLE legacy (id int, note text); INSERT INTO legacy VALUES (1, 'x')")
    end
    pg:sql(url.production,
      "GRANT CREATE ON DATABASE production TO ci; GRANT CREATE ON SCHEMA public TO ci; ALTER TABLE legacy OWNER TO ci")
    project = place.folder()
  end)

  teardown(function()
    pg:stop()
  end)

  it("goes from an empty folder to production and back", function()
    -- an empty folder
    stint(0, nil, "init")
    write("config.ini", table.concat({
      "[development]\nurl = " .. url.development,
      "[staging]\nurl = " .. url.staging,
      "[production]\nurl = " .. as "ci" .. "\nprotected = yes\ncontacts = the on-call phone",
      "[people]\nanna@x.org = anna\n",
    }, "\n"))
    write("scripts/policies/production.lua", [[
policy {
  environments = { "production" },
  applied_on = { environment = "staging", soak = "24h" },
  backup = { max_age = "24h" },
  approvals = { count = 1, not_author = true, roles = { "approvers" } },
  window = { days = "mon-sun", freeze = { "2000-01-01..2999-12-31" }, zone = "Europe/Berlin" },
  reversible = true,
  data_loss = "deny",
  order = "strict",
  run = function(plan, facts) if facts.replica_lag then return deny "there should be no replicas" end end,
  override = { window = "dba" },
}
]])
    git("init", "-q")

    -- two migrations, tried in development
    local first = stint(0, nil, "new", "add_user_profile").out:match "[^\n]+"
    local second = first:gsub("(%d+)_add_user_profile", function(version)
      return ("%d_drop_notes"):format(math.tointeger(version) + 1)
    end)
    write(first, PROFILE)
    write(second, NOTE)
    write("scripts/seeds/development.sql", "INSERT INTO users (email) VALUES ('test@x.org');\n")
    write("scripts/seeds/production.sql", "INSERT INTO users (email) VALUES ('root@x.org');\n")
    commit()
    stint(0, "development", "up")
    stint(0, "development", "seed")
    assert.equal("1", pg:sql(url.development, "SELECT count(*) FROM users"))

    -- production knows who may do what
    pg:sql(url.production, run({ "doctor", "-e", "production", "--url", url.production, "--grants", "--owner", "keeper",
      "--migrator", "ci", "--approver", "approvers" }, { cwd = project }).out)

    -- everything refuses
    local r = refuses("applied_on, backup, approvals, window, reversible, data_loss.*", "production", "deploy")
    assert.matches("staging cannot be asked", r.err, 1, true)
    r = stint(0, "production", "plan")
    assert.matches("gate backup: there is no backup of production", r.out, 1, true)
    assert.matches("gate order: passed", r.out, 1, true)
    refuses("reversible, data_loss", "staging", "deploy")

    -- mended, applied on staging
    write(first, PROFILE .. PROFILE_DOWN)
    write(second, PLAN .. WAIVER .. NOTE)
    commit()
    stint(0, "staging", "deploy")
    r = refuses("applied_on, backup, approvals, window", "production", "deploy")
    assert.matches("has to wait for", r.err, 1, true)
    pg:sql(url.staging, "UPDATE stint.migration SET applied_at = now() - interval '25 hours'")

    -- a backup, an approval that is not the author's
    stint(0, "production", "backup")
    local versions = { first:match "(%d+)_add", second:match "(%d+)_drop" }
    stint(0, "production", "approve", versions[1], versions[2], "--url", as "anna")
    r = refuses("approvals, window", "production", "deploy")
    assert.matches("anna's does not count: by the author of the file", r.err, 1, true)
    stint(0, "production", "approve", versions[1], versions[2], "--url", as "bob", "--comment", "looks fine")
    refuses("window", "production", "deploy")

    -- who changes the text begins again
    edit(first, "email text NOT NULL", "email text")
    commit()
    r = refuses("applied_on, approvals, window", "production", "deploy")
    assert.matches("the file has changed since", r.err, 1, true)
    assert.matches("was another text when it ran there", r.err, 1, true)
    edit(first, "email text", "email text NOT NULL")
    commit()

    -- nobody but a dba may go on while everything is frozen; then it opens
    r = stint(5, "production", "deploy", "--override", "window", "--reason", "hurry")
    assert.matches("ci may not override the gate window in production", r.err, 1, true)
    edit("scripts/policies/production.lua", 'freeze = { "2000-01-01..2999-12-31" }, ', "")
    stint(0, "production", "deploy")
    assert.same({ "applied", "applied" }, states "production")

    -- seeds once
    stint(0, "production", "seed", "--confirm", "production")
    stint(0, "production", "seed", "--confirm", "production")
    assert.equal("1", pg:sql(url.production, "SELECT count(*) FROM users"))

    -- an emergency: the last release goes back, in a freeze, by who may
    edit("scripts/policies/production.lua", 'zone = "', 'freeze = { "2000-01-01..2999-12-31" }, zone = "')
    stint(0, "production", "resolve", versions[2], "--rolled-back")
    stint(5, "production", "down")
    refuses("window", "production", "down", "--confirm", "production", "--allow", "data-loss")
    stint(0, "production", "down", "--confirm", "production", "--allow", "data-loss", "--url", as "boss", "--override", "window",
      "--reason", "sign-ups fail")
    assert.same({ "rolled_back", "rolled_back" }, states "production")
    assert.equal("ci hurry;boss sign-ups fail", pg:sql(url.production,
      "SELECT string_agg(role || ' ' || message, ';' ORDER BY id) FROM stint.event WHERE kind IN ('overridden', 'override_refused')"))
  end)
end)
