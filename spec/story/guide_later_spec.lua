-- The same team a month later: a large table, a failure, drift, a rollback migration, an emergency by hand.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local story = require "spec.support.story"

local USERS = "CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL UNIQUE);\n-- stint: down\nDROP TABLE users;\n"
local COLUMN = "ALTER TABLE users ADD COLUMN handle text;\n-- stint: down\nALTER TABLE users DROP COLUMN handle;\n"
local FILL = [[backfill { table = "users", set = { handle = "split_part(email, '@', 1)" }, where = "handle IS NULL", down = { handle = "NULL" } }]]
local STRICT = "-- stint: requires %s\nALTER TABLE users ADD CONSTRAINT handle_is_there CHECK (handle IS NOT NULL) NOT VALID;\n"
  .. "ALTER TABLE users VALIDATE CONSTRAINT handle_is_there;\n-- stint: down\nALTER TABLE users DROP CONSTRAINT handle_is_there;\n"
local NICK = "ALTER TABLE users ADD COLUMN nick text;\n"

describe("the guide, later", function()
  local at = story.new()
  local stint, env = at.stint, at.env
  local pg, versions

  -- A file of stint new, with this text; a second between them, so that each has a version of its own.
  local function new(name, text, kind)
    local file = stint(0, "new", name, table.unpack(kind or {})).out:match "[^\n]+"
    local version = file:match "/(%d+)_"
    if versions[#versions] and version <= versions[#versions] then
      local later = tostring(math.tointeger(versions[#versions]) + 1)
      local to = file:gsub(version, later)
      assert(os.rename(at.dir .. "/" .. file, at.dir .. "/" .. to))
      file, version = to, later
    end
    versions[#versions + 1] = version
    place.write(at.dir .. "/" .. file, text)
    return version
  end

  local function production(sql)
    return pg:sql(env.DATABASE_URL, sql)
  end

  local function state(version)
    for _, one in ipairs(json.decode(stint(0, "status", "-e", "production", "--json").out).migrations) do
      if one.version == version then
        return one.state, one.error
      end
    end
  end

  before_each(function()
    pg = cluster.get()
    versions = {}
    env.DEVELOPMENT_URL, env.STAGING_URL, env.DATABASE_URL = pg:database(), pg:database(), pg:database()
    at.dir = at.project({ ["scripts/policies/production.lua"] = "policy { environments = { 'production' }, applied_on = 'staging', data_loss = 'deny' }\n" },
      ([[
[project]
scratch = %s
[development]
url = ${DEVELOPMENT_URL}
[staging]
url = ${STAGING_URL}
[production]
url = ${DATABASE_URL}
protected = yes
backfills = detached
contacts = the on-call phone
]]):format(pg:url()))
    new("add_users", USERS)
    stint(0, "up")
    stint(0, "deploy", "-e", "staging")
    stint(0, "deploy", "-e", "production")
    production "INSERT INTO users (email) SELECT g || '@x.org' FROM generate_series(1, 3000) g"
  end)

  it("takes over the folders of Prisma as files that count as applied", function()
    local folder = at.dir .. "/prisma/migrations/20240101000000_add_post"
    local post = "CREATE TABLE post (id serial PRIMARY KEY, title text NOT NULL);\n"
    place.make(folder)
    place.write(folder .. "/migration.sql", post)
    production(post .. "CREATE TABLE _prisma_migrations (id text PRIMARY KEY)")
    local line = place.read("docs/existing.md"):match "`(for d in prisma/migrations/[^`]+)`"
    assert.equal(0, run({ "-c", line }, { program = "/bin/sh", cwd = at.dir }).code)
    stint(4, "deploy", "-e", "production")
    stint(0, "resolve", "20240101000000", "--applied", "-e", "production")
    assert.equal("baselined", (state "20240101000000"))
    stint(0, "deploy", "-e", "production")
    assert.equal("added table public._prisma_migrations\n", stint(2, "diff", "files:", "production").out:match "^[^\n]+\n")
    production "DROP TABLE _prisma_migrations"
    stint(0, "diff", "files:", "production")
  end)

  it("changes a large table in batches, each environment the same in the end", function()
    new("add_handle", COLUMN)
    local fill = new("fill_handle", FILL, { "--backfill", "users" })
    local strict = new("handle_is_there", STRICT:format(fill))
    stint(0, "up")
    stint(0, "verify")
    stint(0, "deploy", "-e", "staging")
    stint(0, "plan", "-e", "production", "--rehearse")
    -- the batches are left to others, and what needs them waits
    stint(2, "deploy", "-e", "production")
    assert.equal("pending", (state(strict)))
    assert.equal("0", production "SELECT count(handle) FROM users")
    stint(0, "work", "-e", "production")
    stint(0, "deploy", "-e", "production")
    assert.equal("3000", production "SELECT count(*) FROM users WHERE handle || '@x.org' = email")
    stint(0, "diff", "staging", "production")
    stint(0, "diff", "files:", "production")
    stint(0, "drift", "-e", "production")
  end)

  it("names what failed and whom to call, and goes on when it is mended", function()
    local version = new("add_root", "INSERT INTO users (email) VALUES ('7@x.org');\n-- stint: down\nDELETE FROM users WHERE email = '7@x.org';\n")
    stint(0, "deploy", "-e", "staging")
    local r = stint(6, "deploy", "-e", "production")
    assert.matches("duplicate key value violates unique constraint", r.err, 1, true)
    assert.matches("STATE: rolled back", r.err, 1, true)
    assert.matches("CONTACTS: the on-call phone", r.err, 1, true)
    local now, message = state(version)
    assert.equal("failed", now)
    assert.matches("duplicate key", message, 1, true)
    production "DELETE FROM users WHERE email = '7@x.org'"
    stint(0, "deploy", "-e", "production")
    assert.equal("applied", (state(version)))
  end)

  it("finds what was changed by hand, and takes it into the files", function()
    production(NICK)
    assert.matches("added column public.users.nick\n", stint(2, "drift", "-e", "production").out, 1, true)
    assert.matches("added column public.users.nick\n", stint(2, "diff", "files:", "production").out, 1, true)
    assert.matches("added column public.users.nick\n", stint(2, "diff", "staging", "production").out, 1, true)
    local version = new("add_nick", NICK)
    stint(0, "resolve", version, "--applied", "-e", "production")
    assert.equal("baselined", (state(version)))
    stint(0, "drift", "-e", "production", "--save")
    stint(0, "up")
    stint(0, "deploy", "-e", "staging")
    stint(0, "deploy", "-e", "production")
    stint(0, "diff", "staging", "production")
    stint(0, "diff", "files:", "production")
    stint(0, "drift", "-e", "production")
  end)

  it("takes a column back by a migration of its own, once it is said what is lost", function()
    new("add_handle", COLUMN)
    stint(0, "deploy", "-e", "staging")
    stint(0, "deploy", "-e", "production")
    local back = "ALTER TABLE users DROP COLUMN handle;\n"
    local version = new("rollback_add_handle", back)
    local file = ("%s/scripts/migrations/%s_rollback_add_handle.sql"):format(at.dir, version)
    stint(5, "deploy", "-e", "production")
    place.write(file, '-- stint: allow data-loss users.handle reason="nobody has filled it"\n' .. back)
    stint(0, "up")
    stint(0, "deploy", "-e", "staging")
    stint(0, "deploy", "-e", "production")
    assert.equal("applied", (state(version)))
    assert.equal("0", production "SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'handle'")
    stint(0, "diff", "files:", "production")
  end)

  it("is told of an emergency that was mended by hand", function()
    local version = new("add_handle", COLUMN)
    stint(0, "deploy", "-e", "staging")
    stint(0, "deploy", "-e", "production")
    production "ALTER TABLE users DROP COLUMN handle"
    stint(2, "drift", "-e", "production")
    stint(0, "resolve", version, "--rolled-back", "-e", "production")
    assert.equal("rolled_back", (state(version)))
    stint(2, "status", "--check", "-e", "production")
    assert.equal("resolve_rolled-back", production "SELECT kind FROM stint.event ORDER BY id DESC LIMIT 1")
    stint(0, "deploy", "-e", "production")
    stint(0, "diff", "staging", "production")
    stint(0, "drift", "-e", "production")
  end)
end)
