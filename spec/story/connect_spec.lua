local native = require "native"
local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

local function project(text, name)
  return run.project { ["scripts/migrations/" .. (name or "1_a.sql")] = text or "CREATE TABLE a (n int);\n" }
end

local function config(url, more)
  return run.project({ ["scripts/migrations/1_a.sql"] = "CREATE TABLE a (n int);\n" },
    ("[development]\nurl = %s\n%s"):format(url, more or ""))
end

-- Has the process called somebody?
local function has_socket(pid)
  return place.output(("ls -l /proc/%d/fd 2>&1"):format(pid)):find("socket:", 1, true) ~= nil
end

-- Waits on the spec's own lock, without a sleep.
local WAITING = [[
SET lock_timeout = 0;
CREATE TABLE a (n int);
SELECT pg_advisory_xact_lock(42);
INSERT INTO a VALUES (1);
]]

describe("stint, connecting,", function()
  local pg -- private: it is stopped, frozen and given passwords

  local function up(url, opts)
    opts = opts or {}
    opts.cwd = opts.cwd or project()
    opts.env = { DATABASE_URL = url }
    return run({ "up" }, opts)
  end

  local function exists(name)
    return pg:sql("postgres", ("SELECT count(*) FROM pg_database WHERE datname = '%s'"):format(name)) == "1"
  end

  setup(function()
    pg = cluster.new()
    pg:sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'right'; GRANT CREATE ON DATABASE postgres TO keeper")
    local hba = place.read(pg.data .. "/pg_hba.conf")
    place.write(pg.data .. "/pg_hba.conf", "local all keeper scram-sha-256\n" .. hba)
    pg:restart()
  end)

  teardown(function()
    pg:stop()
  end)

  it("says what the server said of a wrong password, and does not try again", function()
    local as = "postgresql://keeper:%s@/postgres?host=" .. pg.host .. "&port=" .. pg.port
    local r = run({ "status", "--wait-for-db", "30s" }, {
      cwd = project(),
      env = { DATABASE_URL = as:format "wrong" },
    })
    assert.equal(9, r.code, r.err)
    assert.matches('password authentication failed for user "keeper"', r.err, 1, true)
    assert.is_nil(r.err:find("waiting for the server", 1, true))
    assert.matches("DETAIL: environment development, its url is from DATABASE_URL\n", r.err, 1, true)
    r = run({ "status" }, { cwd = project(), env = { DATABASE_URL = as:format "right" } })
    assert.equal(0, r.code, r.err)
  end)

  it("names the ways to give a password that is missing", function()
    local url = "postgresql://keeper@/postgres?host=" .. pg.host .. "&port=" .. pg.port
    local r = up(url)
    assert.equal(9, r.code)
    assert.matches("PGPASSWORD", r.err, 1, true)
  end)

  it("makes a database that is missing, and status only says so", function()
    local dir = project()
    local url = pg:url "not_there_yet"
    local r = run({ "status" }, { cwd = dir, env = { DATABASE_URL = url } })
    assert.equal(0, r.code, r.err)
    assert.matches("the database does not exist yet; stint up makes it", r.err, 1, true)
    assert.matches("1_a", r.out, 1, true)
    assert.is_false(exists "not_there_yet")
    r = run({ "status", "--check" }, { cwd = dir, env = { DATABASE_URL = url } })
    assert.equal(2, r.code)

    r = up(url, { cwd = dir })
    assert.equal(0, r.code, r.err)
    assert.matches("created the database not_there_yet", r.err, 1, true)
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM a"))
  end)

  it("makes no database of a protected environment", function()
    local dir = config(pg:url "kept_out", "protected = yes\n")
    for _, word in ipairs { "up", "status", "deploy" } do
      local r = run({ word }, { cwd = dir })
      assert.equal(9, r.code, r.err)
      assert.matches('database "kept_out" does not exist', r.err, 1, true)
      assert.matches("protected", r.err, 1, true)
      assert.is_false(exists "kept_out")
    end
  end)

  it("makes it once when several ask at the same moment", function()
    local runs = {}
    for i = 1, 4 do
      runs[i] = run.start({ "up" }, { cwd = project(), env = { DATABASE_URL = pg:url "wanted_by_many" } })
    end
    for _, one in ipairs(runs) do
      local r = one:wait()
      assert.equal(0, r.code, r.err)
    end
    assert.equal("1", pg:sql(pg:url "wanted_by_many", "SELECT count(*) FROM stint.migration WHERE state = 'applied'"))
  end)

  it("says where nobody listens", function()
    local r = up "postgresql://someone@127.0.0.1:1/x"
    assert.equal(9, r.code)
    assert.matches('cannot connect: .*"127.0.0.1", port 1', r.err)
    r = up("postgresql:///x?host=" .. place.folder())
    assert.equal(9, r.code)
    assert.matches("cannot connect: .*%.s%.PGSQL%.5432", r.err)
  end)

  it("shows its name and what it does to whoever looks at the server", function()
    local url = pg:database()
    local s = session.open(url)
    s:exec "SELECT pg_advisory_lock(42)"
    local h = run.start({ "up" }, { cwd = project(WAITING), env = { DATABASE_URL = url } })
    session.wait_until(
      url,
      "SELECT application_name FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()",
      "stint:up"
    )
    assert.matches("1_a", pg:sql(url, "SELECT query FROM pg_stat_activity WHERE application_name = 'stint:up'"), 1, true)
    s:exec "SELECT pg_advisory_unlock(42)"
    assert.equal(0, h:wait().code)
    s:close()
  end)

  it("leaves nothing running or committed on the server when it is killed", function()
    local url = pg:database()
    local text = "CREATE TABLE a (n int);\nSELECT pg_sleep(60);\n"
    local h = run.start({ "up" }, { cwd = project(text), env = { DATABASE_URL = url } })
    session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", "1")
    h:kill "KILL"
    assert.equal(9, h:wait().signal)
    session.wait_until(
      url,
      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()",
      "0"
    )
    assert.equal("t", pg:sql(url, "SELECT to_regclass('a') IS NULL"))
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM stint.migration"))
    session.wait_until(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0")
  end)

  describe("with a server that goes away,", function()
    local url

    -- Holds the lock that the file waits for; `stint up` stands in the middle of it.
    local function in_the_middle(text)
      url = pg:database()
      local s = session.open(url)
      s:exec "SELECT pg_advisory_lock(42)"
      local dir = project(text)
      local h = run.start({ "up" }, { cwd = dir, env = { DATABASE_URL = url } })
      session.wait_until(
        url,
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()",
        "1"
      )
      return h, dir, s
    end

    it("goes on with the file when it is back, once", function()
      local h = in_the_middle(WAITING)
      pg:stop "immediate"
      pg:start()
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.matches("reconnecting", r.err, 1, true)
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM a"))
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM stint.migration WHERE state = 'applied'"))
    end)

    it("goes on behind the part of a file that was committed", function()
      local h = in_the_middle [[
BEGIN;
CREATE TABLE a (n int);
INSERT INTO a VALUES (1);
COMMIT;
BEGIN;
SET LOCAL lock_timeout = 0;
SELECT pg_advisory_xact_lock(42);
INSERT INTO a VALUES (2);
COMMIT;
]]
      pg:stop "immediate"
      pg:start()
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("1,2", pg:sql(url, "SELECT string_agg(n::text, ',' ORDER BY n) FROM a"))
    end)

    it("goes on after a crash of another session took all of them down", function()
      local h, _, s = in_the_middle(WAITING)
      process.signal(s:pid(), "KILL") -- the server ends all sessions and recovers
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM a"))
    end)

    it("stops when an administrator ends its session, and the next up does it", function()
      local h, dir, s = in_the_middle(WAITING)
      assert.equal("t", pg:sql(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stint:up'"))
      local r = h:wait()
      assert.equal(9, r.code, r.err)
      assert.matches("terminating connection due to administrator command", r.err, 1, true)
      assert.matches("NEXT: an administrator ended this session", r.err, 1, true)
      s:exec "SELECT pg_advisory_unlock(42)"
      assert.equal("t", pg:sql(url, "SELECT to_regclass('a') IS NULL"))
      r = up(url, { cwd = dir })
      assert.equal(0, r.code, r.err)
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM a"))
    end)

    it("ends at Ctrl-C while it waits for it to come back", function()
      local h, dir = in_the_middle(WAITING)
      pg:stop "immediate"
      h:says "reconnecting"
      h:kill "INT"
      local r = h:wait()
      assert.equal(130, r.code, r.err)
      pg:start()
      r = up(url, { cwd = dir })
      assert.equal(0, r.code, r.err)
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM a"))
    end)
  end)

  describe("with a server that is not there yet,", function()
    it("waits as long as wait_for_db says", function()
      local dir = config(pg:url "late", "wait_for_db = 50s\n")
      pg:stop()
      local h = run.start({ "up" }, { cwd = dir })
      h:says "waiting for the server"
      assert.is_true(h:running())
      pg:start()
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("0", pg:sql(pg:url "late", "SELECT count(*) FROM a"))
    end)

    it("gives up after it", function()
      pg:stop()
      local began = process.seconds()
      local r = run({ "up", "--wait-for-db", "500ms" }, { cwd = project(), env = { DATABASE_URL = pg:url "late" } })
      local took = process.seconds() - began
      pg:start()
      assert.equal(9, r.code, r.err)
      assert.is_true(took >= 0.5 and took < 60, ("took %g s"):format(took))
    end)

    it("ends at Ctrl-C, at once", function()
      pg:stop()
      local h = run.start({ "up", "--wait-for-db", "10m" }, { cwd = project(), env = { DATABASE_URL = pg:url "late" } })
      h:says "waiting for the server"
      h:kill "INT"
      local r = h:wait()
      pg:start()
      assert.equal(130, r.code, r.err)
    end)
  end)

  describe("with a server that takes the call and never answers,", function()
    local postmaster

    before_each(function()
      postmaster = tonumber(place.read(pg.data .. "/postmaster.pid"):match "^%d+")
      process.signal(postmaster, "STOP")
    end)

    after_each(function()
      process.signal(postmaster, "CONT")
    end)

    it("has patience, but not for ever", function()
      local r = up(pg:url "postgres")
      assert.equal(9, r.code, r.err)
      assert.matches("cannot connect: no answer from .* within 10 s", r.err)
    end)

    it("ends at Ctrl-C", function()
      local h = run.start({ "up" }, { cwd = project(), env = { DATABASE_URL = pg:url "postgres" } })
      eventually("its socket", function()
        return has_socket(h.pid)
      end)
      h:kill "INT"
      local r = h:wait()
      assert.equal(130, r.code, r.err)
    end)
  end)
end)
