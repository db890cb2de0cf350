-- What one environment's schema has otherwise than another's, or than the files say.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local story = require "spec.support.story"

local USERS = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\nCREATE INDEX users_name ON users (name);\n-- stint: down\nDROP TABLE users;\n"
local FILL = 'backfill { table = "users", set = { name = "id::text" }, where = "name IS NULL" }\n'
local STRICT = "-- stint: requires 2\nALTER TABLE users ALTER name SET NOT NULL;\n-- stint: down\nALTER TABLE users ALTER name DROP NOT NULL;\n"

local CONFIG = [[
[project]
scratch = %s
backfills = detached
[development]
url = ${STAGING}
[staging]
url = ${STAGING}
[production]
url = ${PRODUCTION}
protected = yes
%s]]

describe("diff", function()
  local at = story.new()
  local stint, url = at.stint, at.env
  local pg

  local function config(more)
    at.write("./config.ini", CONFIG:format(pg:url(), more or ""))
  end

  before_each(function()
    pg = cluster.get()
    url.STAGING, url.PRODUCTION = pg:database(), pg:database()
    at.dir = at.project {
      ["1_users.sql"] = USERS,
      ["2_fill.lua"] = FILL,
      ["3_strict.sql"] = STRICT,
      ["scripts/repeatable/names.sql"] = "CREATE OR REPLACE VIEW names AS SELECT name FROM users;\n",
    }
    config()
  end)

  local function everywhere()
    for _, environment in ipairs { "staging", "production" } do
      stint(0, "up", "-e", environment, "--backfills", "inline")
    end
  end

  it("finds two environments the same, and the files too", function()
    everywhere()
    assert.matches("^production: as staging, %d+ objects\n$", stint(0, "diff", "staging", "production").out)
    assert.matches("^production: as the files, %d+ objects\n$", stint(0, "diff", "files:", "production").out)
    assert.matches("^the files: as staging, %d+ objects\n$", stint(0, "diff", "staging", "files:").out)
    assert.equal("0", pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint_scratch%'"))
  end)

  it("tells what was added, removed and changed by hand, each object by its name", function()
    everywhere()
    pg:sql(url.PRODUCTION, [[
      CREATE TABLE extra (n int PRIMARY KEY); DROP INDEX users_name; ALTER TABLE users ALTER name SET DEFAULT 'x', ADD nick text;
      CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n']] .. "; COMMENT ON COLUMN users.id IS 'who'")
    local r = stint(2, "diff", "staging", "production")
    for _, line in ipairs {
      "added table public.extra\n",
      "removed index public.users_name\n",
      "added column public.users.nick\n",
      "changed column public.users.name\n",
      "    - text NOT NULL\n    + text NOT NULL DEFAULT 'x'::text\n",
      "added function public.twice(integer)\n",
      "changed column public.users.id\n",
    } do
      assert.matches(line, r.out, 1, true)
    end
    assert.is_nil(r.out:find("extra.n", 1, true))
    assert.matches("production, compared with staging: 3 added, 1 removed, ", r.out, 1, true)
    assert.equal((r.out:gsub("staging", "the files")), stint(2, "diff", "files:", "production").out)

    local whole = json.decode(stint(2, "diff", "production", "staging", "--json").out)
    assert.same({ "production", "staging", #whole.differences }, { whole.from, whole.to, whole.different })
    local found
    for _, one in ipairs(whole.differences) do
      found = one.name == "public.users.name" and one or found
    end
    assert.same({ change = "changed", kind = "column", name = "public.users.name", before = "text NOT NULL DEFAULT 'x'::text", after = "text NOT NULL" }, found)
  end)

  it("leaves out rows, the ledger, and what is in keep_schemas", function()
    everywhere()
    pg:sql(url.PRODUCTION, "INSERT INTO users VALUES (1, 'x'); CREATE SCHEMA auth; CREATE TABLE auth.session (n int); CREATE SCHEMA authors")
    pg:sql(url.PRODUCTION, "CREATE TABLE stint.more (n int)")
    assert.matches("added schema auth\nadded table auth.session\nadded schema authors\n", stint(2, "diff", "staging", "production").out, 1, true)
    pg:sql(url.PRODUCTION, [[CREATE SCHEMA "Storage"; CREATE TABLE "Storage".file (n int);
      ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT SELECT ON TABLES TO PUBLIC]])
    config "keep_schemas = auth, Storage"
    for _, more in ipairs { "-v", "--roles" } do
      assert.equal("added schema authors\nproduction, compared with staging: 1 added, 0 removed, 0 changed\n",
        stint(2, "diff", "staging", "production", more).out)
    end
  end)

  it("takes owners and grants for the server's own matter, unless it is told to look", function()
    pg:sql("postgres", "DO $$ BEGIN CREATE ROLE diff_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    everywhere()
    pg:sql(url.PRODUCTION, [[ALTER TABLE users OWNER TO diff_app; GRANT SELECT ON names TO diff_app;
      ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO diff_app]])
    stint(0, "diff", "staging", "production")
    stint(0, "diff", "files:", "production")
    local r = stint(2, "diff", "staging", "production", "--roles")
    assert.matches("changed table public.users\n    - owner postgres\n    + owner diff_app\n", r.out, 1, true)
    assert.matches("changed view public.names\n", r.out, 1, true)
    assert.matches("added default privileges of postgres", r.out, 1, true)
  end)

  it("does not mind in which order roles and tables were named", function()
    pg:sql("postgres", [[DO $$ BEGIN CREATE ROLE diff_a; CREATE ROLE diff_b; EXCEPTION WHEN duplicate_object THEN NULL; END $$]])
    everywhere()
    pg:sql(url.STAGING, [[CREATE TABLE other (n int);
      CREATE POLICY p ON users TO diff_a, diff_b USING (true); CREATE PUBLICATION pub FOR TABLE users, other]])
    pg:sql(url.PRODUCTION, [[CREATE TABLE other (n int);
      CREATE POLICY p ON users TO diff_b, diff_a USING (true); CREATE PUBLICATION pub FOR TABLE other, users]])
    stint(0, "diff", "staging", "production")
  end)

  it("reads a dump, of each format, and one that pg_dump has made", function()
    everywhere()
    for _, format in ipairs { "custom", "directory", "plain" } do
      stint(0, "backup", "-e", "production", "--format", format, "--to", format)
    end
    local pipe = assert(io.popen(("env -u LD_PRELOAD ls -d %s/*/production_* | grep -v json$"):format(at.dir)))
    local dumps = {}
    for path in pipe:lines() do
      dumps[#dumps + 1] = path:sub(#at.dir + 2)
    end
    pipe:close()
    assert.equal(3, #dumps)
    dumps[4] = "production.tar"
    assert(os.execute(("env -u LD_PRELOAD pg_dump -F tar -d '%s' > %s/%s"):format(url.PRODUCTION, at.dir, dumps[4])))
    pg:sql("postgres", "DO $$ BEGIN CREATE ROLE diff_gone; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    pg:sql(url.PRODUCTION, "ALTER TABLE users OWNER TO diff_gone; CREATE TABLE later (n int)")
    assert(os.execute(("env -u LD_PRELOAD pg_dump --schema-only -d '%s' > %s/schema.sql"):format(url.PRODUCTION, at.dir)))
    pg:sql(url.PRODUCTION, "ALTER TABLE users OWNER TO postgres; DROP TABLE later; DROP ROLE diff_gone")
    for _, path in ipairs(dumps) do
      assert.matches("production: as " .. path, stint(0, "diff", path, "production").out, 1, true)
    end
    local r = stint(2, "diff", "files:", "schema.sql")
    assert.equal("added table public.later\nschema.sql, compared with the files: 1 added, 0 removed, 0 changed\n", r.out)
    assert.equal("", r.err)
    assert.matches("removed table public.later", stint(2, "diff", "schema.sql", dumps[1]).out, 1, true)
    place.write(at.dir .. "/schema.sql", place.read(at.dir .. "/schema.sql") .. "CREATE EXTENSION not_there;\n")
    assert.matches('schema.sql, in the scratch database: extension "not_there" is not available',
      stint(2, "diff", "production", "schema.sql").err, 1, true)
    assert.equal("0", pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint_scratch%'"))
  end)

  it("changes nothing, in a database without a ledger neither", function()
    assert.matches("removed table public.users", stint(2, "diff", "files:", "production").out, 1, true)
    assert.equal("0", pg:sql(url.PRODUCTION, "SELECT count(*) FROM pg_namespace WHERE nspname = 'stint'"))
  end)

  it("names what is wrong with either side", function()
    local function wrong(code, text, ...)
      local r = stint(code, "diff", ...)
      assert.matches(text, r.err, 1, true)
    end
    wrong(64, "diff takes two", "production")
    wrong(64, "files: with something else", "files:", "files:")
    wrong(78, "productoin", "staging", "productoin")
    wrong(64, "staging and development are the same database", "staging", "development")
    at.write("4_wrong.sql", "CREATE TABLE more (n no_type);\n")
    local r = stint(6, "diff", "files:", "production")
    assert.matches("files, in an empty database", r.err, 1, true)
    assert.matches("scripts/migrations/4_wrong.sql:1:22", r.err, 1, true)
    assert.equal("0", pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint_scratch%'"))
    url.PRODUCTION = "postgresql://u:sesame-7@/gone?host=/nowhere"
    r = stint(9, "diff", "staging", "production")
    assert.is_nil(r.err:find("sesame", 1, true))
  end)
end)
