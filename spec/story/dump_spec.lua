-- The schema as one text, which a team keeps beside its code.
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

local USERS = "CREATE TABLE users (id bigint PRIMARY KEY, name text);\nCREATE INDEX users_name ON users (name);\n-- stint: down\nDROP TABLE users;\n"
local SHOUT = [[
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql AS $$
-- Dumped by pg_dump version of our own
SELECT upper(t) $$;
-- stint: down
DROP FUNCTION shout(text);
]]

describe("dump", function()
  local pg, project, url

  local function stint(code, ...)
    local r = run({ ... }, { cwd = project, env = { DATABASE_URL = url, OTHER_URL = pg:database() } })
    assert.equal(code, r.code, r.out .. r.err)
    return r
  end

  local function config(more)
    place.write(project .. "/config.ini", ("[project]\nscratch = %s\n[development]\nurl = ${DATABASE_URL}\n[other]\nurl = ${OTHER_URL}\n%s"):format(
      pg:url(), more or ""))
  end

  before_each(function()
    pg = cluster.get()
    url = pg:database()
    project = run.project { ["scripts/migrations/1_users.sql"] = USERS, ["scripts/migrations/2_shout.sql"] = SHOUT }
    config()
    stint(0, "up")
  end)

  it("gives the same text for the same schema, whatever happened to it", function()
    local text = stint(0, "dump").out
    assert.matches("CREATE TABLE public.users (\n", text, 1, true)
    assert.matches("CREATE INDEX users_name ON public.users", text, 1, true)
    assert.is_nil(text:find("stint", 1, true))
    assert.is_nil(text:find("Dumped from", 1, true))
    assert.is_nil(text:find("\n\\restrict", 1, true))
    assert.is_nil(text:find("OWNER TO", 1, true))
    -- what only looks like it is a function's own
    assert.matches("\n-- Dumped by pg_dump version of our own\n", text, 1, true)
    stint(0, "down", "--to", "0")
    stint(0, "up")
    pg:sql(url, "INSERT INTO users VALUES (1, 'x')")
    assert.equal(text, stint(0, "dump").out)
    assert.equal(0, stint(0, "dump", "--out", "db/schema.sql").out:len())
    assert.equal(text, place.read(project .. "/db/schema.sql"))
  end)

  it("makes that schema again, and can be compared with it", function()
    stint(0, "dump", "--out", "schema.sql")
    stint(0, "diff", "schema.sql", "development")
    stint(0, "diff", "files:", "schema.sql")
    local copy = pg:database()
    pg:sql(copy, place.read(project .. "/schema.sql"))
    assert.equal("X", pg:sql(copy, "SELECT public.shout('x')"))
    pg:sql(url, "ALTER TABLE users ADD nick text")
    assert.matches("added column public.users.nick", stint(2, "diff", "schema.sql", "development").out, 1, true)
  end)

  it("leaves out keep_schemas, and tells roles when it is asked to", function()
    pg:sql(url, "CREATE SCHEMA auth; CREATE TABLE auth.session (n int)")
    assert.matches("CREATE TABLE auth.session", stint(0, "dump").out, 1, true)
    config "keep_schemas = auth\n"
    place.write(project .. "/config.ini", (place.read(project .. "/config.ini"):gsub("%[other%]", "keep_schemas = auth\n%0")))
    assert.is_nil(stint(0, "dump").out:find("auth", 1, true))
    assert.matches("OWNER TO postgres", stint(0, "dump", "--roles").out, 1, true)
  end)

  it("says what is wrong, and leaves the file as it was", function()
    place.write(project .. "/schema.sql", "as it was")
    local before = url
    url = "postgresql://u:sesame-7@/gone?host=/nowhere"
    local r = stint(9, "dump", "--out", "schema.sql")
    assert.is_nil(r.err:find("sesame", 1, true))
    assert.equal("as it was", place.read(project .. "/schema.sql"))
    url = before
    assert.matches("dump takes no words: x", stint(64, "dump", "x").err, 1, true)
  end)
end)
