-- The URLs, variables and files that people have for other tools, against a real server.
local cluster = require "spec.support.cluster"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"

local process = native.process

-- Free when it is asked for, and ours alone: 5432 is somebody else's.
local function free_port()
  local taken = {}
  for line in io.lines "/proc/net/tcp" do
    local port = line:match "^%s*%d+: %x+:(%x+)"
    if port then
      taken[tonumber(port, 16)] = true
    end
  end
  local port
  repeat
    port = math.random(20000, 30000)
  until not taken[port]
  return port
end

describe("a connection", function()
  local pg, database, port

  local function project(config)
    return run.project({ ["scripts/migrations/1_a.sql"] = "CREATE TABLE a (n int);\n" }, config)
  end

  local function stint(url, env, ...)
    local words = { ... }
    env = env or {}
    env.DATABASE_URL = url
    return run(#words > 0 and words or { "up" }, { cwd = project(), env = env })
  end

  local function ok(r)
    assert.equal(0, r.code, r.err)
    return r
  end

  local function address(more)
    return ("postgresql://keeper:right@127.0.0.1:%d/%s%s"):format(port, database, more or "")
  end

  local function schema_of_a()
    return pg:sql(database, "SELECT string_agg(relnamespace::regnamespace::text, ' ' ORDER BY 1) FROM pg_class WHERE relname = 'a'")
  end

  setup(function()
    port = free_port()
    pg = cluster.new { settings = { listen_addresses = "127.0.0.1", port = tostring(port) } }
    pg.port = port
    pg:sql("postgres", "CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'right'; CREATE ROLE \"odd name\" LOGIN SUPERUSER PASSWORD 'p@ss/w?rd%'")
    local hba = place.read(pg.data .. "/pg_hba.conf")
    place.write(pg.data .. "/pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n" .. hba)
    pg:restart()
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(function()
    local _, name = pg:database()
    database = name
    pg:sql("postgres", ("ALTER DATABASE %s OWNER TO keeper"):format(name))
  end)

  it("is made from a URL of Prisma's, into its schema", function()
    pg:sql(database, "CREATE SCHEMA app AUTHORIZATION keeper; CREATE SCHEMA \"Odd, one\" AUTHORIZATION keeper")
    local r = ok(stint(address "?schema=app&pgbouncer=true&connection_limit=5&pool_timeout=10&socket_timeout=3&statement_cache_size=0", nil, "up", "-v"))
    assert.equal("app", schema_of_a())
    assert.matches("pgbouncer, connection_limit, pool_timeout, socket_timeout, statement_cache_size", r.err, 1, true)
    ok(run({ "up", "--ledger-schema", "other" }, { cwd = project(), env = { DATABASE_URL = address "?schema=Odd,%20one" } }))
    assert.equal('app "Odd, one"', schema_of_a())
  end)

  it("is made with a search_path, and config.ini's schema goes before it", function()
    pg:sql(database, "CREATE SCHEMA one AUTHORIZATION keeper; CREATE SCHEMA two AUTHORIZATION keeper")
    ok(stint(address "?search_path=two,one,public"))
    assert.equal("two", schema_of_a())
    local dir = project(("[development]\nurl = %s\nschema = one\n"):format(address "?search_path=two"))
    ok(run({ "up", "--ledger-schema", "other" }, { cwd = dir }))
    assert.equal("one two", schema_of_a())
  end)

  it("says that the server has no TLS where a URL wants it", function()
    for _, more in ipairs { "?sslmode=no-verify", "?sslmode=require", "?ssl=true", "?sslaccept=accept_invalid_certs" } do
      local r = stint(address(more))
      assert.equal(9, r.code, r.err)
      assert.matches("server does not support SSL", r.err, 1, true)
      assert.is_nil(r.err:find("right", 1, true))
    end
    ok(stint(address "?sslmode=prefer&uselibpqcompat=true"))
    ok(stint(address "?ssl=false"))
  end)

  it("takes what the URL leaves out from PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE", function()
    local env = { PGHOST = "127.0.0.1", PGPORT = port, PGUSER = "keeper", PGPASSWORD = "right", PGDATABASE = database }
    ok(stint("postgresql://", env))
    assert.equal("public", schema_of_a())
    env.PGDATABASE = "made_by_variables"
    ok(stint("postgresql://", env))
    assert.equal("0", pg:sql("made_by_variables", "SELECT count(*) FROM a"))
    env.PGPASSWORD = "wrong"
    local r = stint("postgresql://", env)
    assert.equal(9, r.code)
    assert.matches('password authentication failed for user "keeper"', r.err, 1, true)
    ok(stint(("postgresql://keeper:right@127.0.0.1:%d/%s"):format(port, database), env))
  end)

  it("takes the password from ~/.pgpass or PGPASSFILE", function()
    local home = place.folder()
    local line = ("127.0.0.1:%d:*:keeper:right\n"):format(port)
    local url = ("postgresql://keeper@127.0.0.1:%d/%s"):format(port, database)
    local r = stint(url, { HOME = home })
    assert.equal(9, r.code)
    assert.matches("HINT: put the password into the URL's variable, PGPASSWORD or ~/.pgpass", r.err, 1, true)
    place.write(home .. "/.pgpass", line)
    process.mode(home .. "/.pgpass", 384)
    ok(stint(url, { HOME = home }))
    place.write(home .. "/elsewhere", line)
    process.mode(home .. "/elsewhere", 384)
    ok(stint(url, { HOME = place.folder(), PGPASSFILE = home .. "/elsewhere" }))
  end)

  it("is described by a service, in the URL, in words or in PGSERVICE", function()
    local file = place.folder() .. "/services"
    place.write(file, ("[here]\nhost=127.0.0.1\nport=%d\nuser=keeper\npassword=right\ndbname=%s\n"):format(port, database))
    for _, url in ipairs { "postgresql://?service=here", "service=here" } do
      ok(stint(url, { PGSERVICEFILE = file }))
    end
    ok(stint("postgresql://", { PGSERVICEFILE = file, PGSERVICE = "here" }))
    local r = stint("postgresql://?service=gone", { PGSERVICEFILE = file })
    assert.equal(9, r.code)
    assert.matches('definition of service "gone" not found', r.err, 1, true)
  end)

  it("is made from words, from odd names and passwords, and from several hosts", function()
    ok(stint(("host=127.0.0.1 port=%d user=keeper password='right' dbname=%s"):format(port, database)))
    ok(stint(("postgres://odd%%20name:p%%40ss%%2Fw%%3Frd%%25@127.0.0.1:%d/%s"):format(port, database)))
    local r = stint(("postgresql://odd name:p@ss?w@127.0.0.1:%d/%s"):format(port, database))
    assert.matches('password authentication failed for user "odd name"', r.err, 1, true)
    ok(stint(("postgresql://keeper:right@127.0.0.1:1,127.0.0.1:%d/%s?target_session_attrs=read-write"):format(port, database)))
  end)

  it("has our encoding and our name, whatever the URL says", function()
    local sql = "CREATE TABLE seen AS SELECT current_setting('client_encoding') AS e, current_setting('application_name') AS n, 'ä' AS t;\n"
    local dir = run.project { ["scripts/migrations/1_a.sql"] = sql }
    local url = address "?client_encoding=LATIN1&application_name=x&fallback_application_name=y"
    ok(run({ "up" }, { cwd = dir, env = { DATABASE_URL = url, PGCLIENTENCODING = "LATIN1" } }))
    assert.equal("UTF8 stint:up ä", pg:sql(database, "SELECT e || ' ' || n || ' ' || t FROM seen"))
  end)

  it("keeps the server's options that a URL gives, after a file too", function()
    local dir = run.project {
      ["scripts/migrations/1_a.sql"] = "SET work_mem = '3MB';\n",
      ["scripts/migrations/2_a.sql"] = "CREATE TABLE seen AS SELECT current_setting('work_mem') AS m;\n",
    }
    ok(run({ "up" }, { cwd = dir, env = { DATABASE_URL = address "?options=-c%20work_mem%3D7MB" } }))
    assert.equal("7MB", pg:sql(database, "SELECT m FROM seen"))
  end)

  it("is refused with the part that is wrong, and never shows a password", function()
    for text, says in pairs {
      ["postgresql://keeper:hunter22@127.0.0.1:port/x"] = "port is no number",
      ["postgresql://keeper:hunter22@127.0.0.1/x?sslmod=require"] = "sslmode",
      ["postgresql://keeper:hunter22@127.0.0.1/x?sslmode=sometimes"] = "sslmode",
      ["mysql://keeper:hunter22@127.0.0.1/x"] = "mysql:// is not a PostgreSQL URL",
      ["jdbc:postgresql://127.0.0.1/x?user=keeper&password=hunter22"] = "jdbc:",
      ["postgresql://keeper:hunter22%zz@127.0.0.1/x"] = "% that begins no encoded character",
      ["host=127.0.0.1 password='hunter22"] = "quote that is not closed",
    } do
      local r = stint(text)
      assert.is_true(r.code == 78 or r.code == 9, r.err)
      assert.matches(says, r.err, 1, true)
      assert.is_nil((r.out .. r.err):find("hunter22", 1, true), r.err)
    end
  end)
end)
