-- A backup is whole, read back and written down, or there is none.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local pg = cluster.get()

local CONFIG = [[
[project]
scratch = ${SCRATCH}
[development]
url = ${URL}
keep_schemas = ${KEEP:-}
keep = 2
[production]
url = ${URL}
protected = yes
]]

local FILES = {
  ["scripts/migrations/1_one.sql"] = "CREATE TABLE one (id int PRIMARY KEY, name text);\n",
  ["scripts/migrations/2_two.sql"] = [[
    CREATE SCHEMA "My Shop";
    CREATE TABLE "My Shop"."Parts" (id int) PARTITION BY RANGE (id);
    CREATE TABLE "My Shop".low PARTITION OF "My Shop"."Parts" FOR VALUES FROM (0) TO (10);
    INSERT INTO "My Shop"."Parts" SELECT * FROM generate_series(0, 9);
    INSERT INTO one SELECT n, 'name ' || n FROM generate_series(1, 1000) n;]],
}

local function lines(text)
  local list = {}
  for line in text:gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

describe("backup", function()
  local url, name, project
  local says = story.says

  local function stint(code, args, env, more)
    env = env or {}
    env.URL, env.SCRATCH = env.URL or url, pg:url "postgres"
    local opts = { cwd = project, env = env }
    for key, value in pairs(more or {}) do
      opts[key] = value
    end
    local r = run(args, opts)
    assert.equal(code, r.code, r.err .. r.out)
    return r
  end

  local function backup(...)
    return json.decode(stint(0, { "backup", "--json", ... }).out)
  end

  local function ledger(sql)
    return pg:sql(name, sql)
  end

  local function files(folder)
    return lines(place.output("cd " .. place.quoted(project) .. " && ls -A " .. (folder or "backups")))
  end

  before_each(function()
    url, name = pg:database()
    project = run.project(FILES, CONFIG)
    stint(0, { "up" })
  end)

  it("is dumped, read back and entered in the ledger", function()
    local b = backup()
    assert.matches("^backups/development_" .. name .. "_%d%d%d%d%d%d%d%dT%d%d%d%d%d%dZ_2_two%.dump$", b.file)
    assert.equal("custom", b.format)
    assert.is_true(b.read_back and b.recorded)
    assert.is_false(b.proven)
    assert.equal("2_two", b.last_migration)
    local path = project .. "/" .. b.file
    assert.equal(b.checksum, place.output("sha256sum < " .. path):match "^%x+")
    assert.equal(b.checksum .. "|custom|2_two|t|t|f|" .. path, ledger [[SELECT checksum, format, last_migration, read_at >= taken_at,
      bytes > 1000, proven_at IS NOT NULL, file FROM stint.backup]])
    local note = json.decode(place.read(path .. ".json"))
    assert.equal(b.checksum, note.checksum)
    assert.equal("development", note.environment)
    assert.equal("600 600 700", place.output(("stat -c %%a %s %s.json %s/backups | tr '\n' ' '"):format(path, path, project)))
    assert.same({ ".gitignore", b.file:match "[^/]+$", b.file:match "[^/]+$" .. ".json" }, files())
    assert.equal("*\n", place.read(project .. "/backups/.gitignore"))
  end)

  it("takes the form that is wanted", function()
    local plain = backup("--format", "plain", "--to", "else/where")
    assert.matches("^else/where/.*%.sql$", plain.file)
    assert.is_truthy(place.read(project .. "/" .. plain.file):find("PostgreSQL database dump complete", 1, true))
    local folder = backup("--format", "directory", "--jobs", "2")
    assert.matches("^backups/.*%.dir$", folder.file)
    local sum = place.output(("cd %s/%s && LC_ALL=C sha256sum * | sha256sum"):format(project, folder.file))
    assert.equal(folder.checksum, sum:match "^%x+")
    assert.equal("2", ledger "SELECT count(*) FROM stint.backup")
  end)

  it("says what is wrong with its options", function()
    says("--format takes custom, directory or plain, not zip", stint(64, { "backup", "--format", "zip" }))
    says("--jobs goes with --format directory alone", stint(64, { "backup", "--jobs", "2" }))
    says("--jobs takes a number from 1, not 0", stint(64, { "backup", "--format", "directory", "--jobs", "0" }))
  end)

  it("is proven on the scratch server, row by row", function()
    local b = backup "--prove"
    assert.is_true(b.proven)
    assert.equal("t", ledger "SELECT proven_at > read_at FROM stint.backup")
    assert.equal("0", pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint_scratch%'"))
    assert.is_true(backup("--prove", "--format", "plain").proven)
  end)

  it("is not proven where the scratch server lacks what it needs", function()
    ledger "CREATE TABLE stray (id int DEFAULT 1); CREATE SCHEMA kept; CREATE TYPE kept.mood AS ENUM ('well'); ALTER TABLE stray ADD m kept.mood"
    local r = stint(1, { "backup", "--prove" }, { KEEP = "kept" })
    says('ERROR: the backup is not proven: schema "kept" does not exist', r)
    says("STATE: the backup is there, read back and in the ledger, but not proven", r)
    assert.equal("t", ledger "SELECT proven_at IS NULL FROM stint.backup")
    assert.is_truthy(r.out:find("read back, in the ledger\n", 1, true))
  end)

  it("leaves out the schemas that are kept", function()
    ledger [[CREATE SCHEMA auth; CREATE TABLE auth.users (id int); CREATE SCHEMA "auth*"; CREATE TABLE "auth*".t (id int)]]
    local r = stint(0, { "backup", "--json", "--format", "plain" }, { KEEP = 'auth' })
    local text = place.read(project .. "/" .. json.decode(r.out).file)
    assert.is_nil(text:find("auth.users", 1, true))
    assert.is_truthy(text:find('"auth*".t', 1, true))
    says("keep_schemas holds stint, the schema of the ledger", stint(78, { "backup" }, { KEEP = "stint" }))
  end)

  it("lets older ones of its own go, and nothing else", function()
    local first = backup()
    place.write(project .. "/backups/by_hand.dump", "mine")
    stint(0, { "backup", "-e", "production" })
    local second = backup()
    local third = backup("--format", "directory")
    assert.same({ first.file }, third.removed)
    assert.is_false(place.exists(project .. "/" .. first.file))
    assert.is_false(place.exists(project .. "/" .. first.file .. ".json"))
    assert.is_true(place.exists(project .. "/" .. second.file))
    assert.is_true(place.exists(project .. "/backups/by_hand.dump"))
    assert.equal("development|3|1,production|1|0", ledger [[SELECT string_agg(x, ',' ORDER BY x) FROM (
      SELECT environment || '|' || count(*) || '|' || count(removed_at) AS x
      FROM stint.backup GROUP BY environment) y]])
    -- another database's, under the same name
    local other_url = pg:database()
    stint(0, { "backup" }, { URL = other_url })
    stint(0, { "backup" }, { URL = other_url })
    assert.same({ second.file }, backup().removed)
    assert.same({}, backup("--keep", "0").removed)
  end)

  it("makes the ledger of a database that has none", function()
    url, name = pg:database()
    ledger "CREATE TABLE t (id int)"
    assert.is_nil(backup().last_migration)
    assert.equal("1", ledger "SELECT count(*) FROM stint.backup")
  end)

  it("says which package has the client that is missing", function()
    local bin = place.folder()
    place.write(bin .. "/pg_dump", "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    place.output("chmod +x " .. bin .. "/pg_dump")
    -- server_bin is not the only place
    stint(0, { "backup", "--server-bin", bin })
    local major = tonumber(ledger "SELECT current_setting('server_version_num')::int / 10000")
    local r = run({ "doctor" }, { cwd = project, env = { URL = url, SCRATCH = pg:url "postgres" } })
    assert.is_truthy((r.out .. r.err):find("pg_dump " .. major, 1, true))
  end)

  it("keeps the password out of the process list", function()
    -- a pg_dump that tells what it was started with
    local bin = place.folder()
    local real = place.output "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"
    place.write(bin .. "/pg_dump", ([[#!/bin/sh
      case "$1" in --version) exec %s/pg_dump --version;; esac
      { echo "$@"; echo "password $PGPASSWORD"; } > %s/said
      exec %s/pg_dump "$@"
    ]]):format(real, bin, real))
    place.output(("chmod +x %s/pg_dump; ln -s %s/pg_restore %s/psql %s/"):format(bin, real, real, bin))
    local secret = "s3cr3t'word"
    local with = url:gsub("user=postgres", "user=postgres&password=s3cr3t'word")
    local r = stint(0, { "backup", "-v", "--server-bin", bin }, { URL = with })
    local said = lines(place.read(bin .. "/said"))
    assert.equal("password " .. secret, said[2])
    assert.is_nil(said[1]:find(secret, 1, true))
    assert.is_nil((r.out .. r.err):find(secret, 1, true))
    assert.equal("f", ledger "SELECT coalesce(bool_or(b::text LIKE '%s3cr3t%'), false) FROM stint.backup b")
  end)

  describe("that comes to nothing", function()
    local function is_nothing()
      for _, file in ipairs(files()) do
        assert.equal(".gitignore", file)
      end
      assert.equal("0", ledger "SELECT count(*) FROM stint.backup")
    end

    -- pg_dump waits for this lock.
    local function held()
      local holder = session.open(url)
      holder:exec "BEGIN; LOCK TABLE one"
      local h = run.start({ "backup" }, { cwd = project, env = { URL = url, SCRATCH = pg:url "postgres" } })
      session.wait_until(url, [[SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:backup'
        AND wait_event_type = 'Lock' AND datname = current_database()]], "1")
      return h, holder
    end

    it("leaves nothing after Ctrl-C", function()
      local h, holder = held()
      h:kill "INT"
      local r = h:wait()
      assert.equal(130, r.code)
      says("STATE: there is no backup of this run", r)
      is_nothing()
      holder:close()
    end)

    it("leaves nothing that is called a backup after kill -9, and the next one sweeps it", function()
      local h, holder = held()
      h:kill "KILL"
      h:wait()
      local left = files()
      assert.equal(2, #left)
      assert.matches("^%.development_.*%.partial$", left[1])
      -- pg_dump, too, gives up at last
      holder:exec "ROLLBACK"
      session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:backup' AND datname = current_database()", "0")
      holder:close()
      eventually("five files", function()
        backup()
        left = files()
        return #left == 5
      end)
      for _, file in ipairs(files()) do
        assert.is_nil(file:find "partial")
      end
    end)

    it("leaves nothing when pg_dump fails, and says why", function()
      ledger "DO $$ BEGIN CREATE ROLE stint_weak LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
      ledger "GRANT USAGE ON SCHEMA stint TO stint_weak; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA stint TO stint_weak"
      local r = stint(1, { "backup" }, { URL = url:gsub("user=postgres", "user=stint_weak") })
      says("ERROR: the database cannot be dumped: pg_dump ended with 1\n", r)
      says("permission denied for", r)
      says("HINT: the role must be allowed to read all that is dumped", r)
      is_nothing()
    end)

    it("leaves nothing on a full disk, and says so", function()
      local bin = place.folder()
      local real = place.output "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"
      place.write(bin .. "/pg_dump", ([[#!/bin/sh
        case "$1" in --version) exec %s/pg_dump --version;; esac
        for word; do case "$word" in --file=*) ln -s /dev/full "${word#--file=}";; esac; done
        exec %s/pg_dump "$@"
      ]]):format(real, real))
      place.output(("chmod +x %s/pg_dump; ln -s %s/pg_restore %s/psql %s/"):format(bin, real, real, bin))
      local r = stint(1, { "backup", "--server-bin", bin })
      says("No space left on device", r)
      says("HINT: make room where the backup goes, or choose another place: --to", r)
      is_nothing()
    end)
  end)
end)
