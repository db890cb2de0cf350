-- A restore puts the backup in the place of what is there, as a whole or not at all.
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
keep_schemas = ${KEEP:-}
lock_timeout = ${PATIENCE:-2s}
[production]
url = ${URL}
protected = yes
]]

local FILES = {
  ["scripts/migrations/1_one.sql"] = "CREATE TABLE one (id int PRIMARY KEY, name text);\n",
  ["scripts/migrations/2_two.sql"] = [[
    CREATE SCHEMA "My Shop";
    CREATE TYPE "My Shop".mood AS ENUM ('well');
    CREATE TABLE "My Shop"."Parts" (id int, m "My Shop".mood) PARTITION BY RANGE (id);
    CREATE TABLE "My Shop".low PARTITION OF "My Shop"."Parts" FOR VALUES FROM (0) TO (10);
    INSERT INTO "My Shop"."Parts" SELECT n, 'well' FROM generate_series(0, 9) n;
    CREATE FUNCTION total() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM one';
    CREATE VIEW v AS SELECT * FROM one;
    CREATE MATERIALIZED VIEW m AS SELECT * FROM v;
    INSERT INTO one SELECT n, 'name ' || n FROM generate_series(1, 1000) n;]],
}

local THIRD = "CREATE TABLE three (id int);\nDELETE FROM one WHERE id > 10;\n"

describe("restore", function()
  local url, name, project
  local says = story.says

  local function options(more)
    local env = { URL = url }
    for key, value in pairs(more or {}) do
      env[key] = value
    end
    return { cwd = project, env = env }
  end

  local function stint(code, args, env)
    local r = run(args, options(env))
    assert.equal(code, r.code, r.err .. r.out)
    return r
  end

  local function backup(...)
    return json.decode(stint(0, { "backup", "--json", ... }).out)
  end

  local function sql(text)
    return pg:sql(name, text)
  end

  local function states()
    local list = {}
    for _, m in ipairs(json.decode(run({ "status", "--json" }, options()).out).migrations) do
      list[#list + 1] = m.name .. " " .. m.state
    end
    return table.concat(list, ", ")
  end

  local FACTS = [[SELECT concat_ws(' ', (SELECT count(*) FROM one), (SELECT sum(id) FROM "My Shop"."Parts"), total(), to_regclass('three'),
    to_regclass('stray'), (SELECT count(*) FROM m), (SELECT count(*) FROM pg_largeobject_metadata))]]

  local function change()
    place.write(project .. "/scripts/migrations/3_three.sql", THIRD)
    stint(0, { "up" })
    sql [[CREATE TABLE stray (m "My Shop".mood); DROP TABLE "My Shop".low CASCADE; SELECT lo_create(0); REFRESH MATERIALIZED VIEW m]]
    return sql(FACTS)
  end

  before_each(function()
    url, name = pg:database()
    project = run.project(FILES, CONFIG)
    stint(0, { "up" })
    sql "REFRESH MATERIALIZED VIEW m; SELECT lo_create(0)"
  end)

  for _, format in ipairs { "custom", "directory", "plain" } do
    it("brings back what was, from the format " .. format, function()
      local before = sql(FACTS)
      assert.equal("1000 45 1000 1000 1", before)
      local b = backup("--format", format)
      assert.equal("10 10 three stray 10 2", change())
      local r = stint(0, { "restore", b.file })
      assert.equal(before, sql(FACTS))
      assert.is_truthy(r.out:find("restored " .. b.file .. "\n  development as it was at ", 1, true), r.out)
      assert.equal("1_one applied, 2_two applied, 3_three pending", states())
      stint(0, { "up" })
      assert.equal("10 45 10 three 1000 1", sql(FACTS))
    end)
  end

  it("keeps in the ledger what has happened since", function()
    place.write(project .. "/scripts/migrations/0_zero.sql", "CREATE TABLE zero ();")
    stint(4, { "up" })
    os.remove(project .. "/scripts/migrations/0_zero.sql")
    local b = backup()
    place.write(project .. "/scripts/migrations/3_three.sql", "SELECT 1/0;")
    stint(6, { "up" })
    change()
    local last = backup()
    local runs = sql "SELECT count(*) FROM stint.run"
    stint(0, { "restore", b.file })
    assert.equal(runs, sql "SELECT count(*) FROM stint.run")
    assert.equal("2", sql "SELECT count(*) FROM stint.backup")
    assert.equal(last.checksum, sql "SELECT checksum FROM stint.backup ORDER BY taken_at DESC LIMIT 1")
    assert.equal("migration_failed|t|t,restored|f|f", sql [[SELECT string_agg(kind || '|' || left(undone::text, 1) || '|'
      || left((run IS NOT NULL)::text, 1), ',' ORDER BY id) FROM stint.event]])
    assert.equal(b.checksum, sql "SELECT facts ->> 'checksum' FROM stint.event WHERE kind = 'restored'")
    -- the failed attempt is history: nobody has tried since
    assert.equal("1_one applied, 2_two applied, 3_three pending", states())
    -- and forward again
    stint(0, { "restore", last.file })
    assert.equal("1_one applied, 2_two applied, 3_three applied", states())
    assert.equal("2", sql "SELECT count(*) FROM stint.event WHERE kind = 'restored'")
  end)

  it("makes a database that is gone", function()
    local before = sql(FACTS)
    local b = backup()
    url, name = pg:url(name .. "_new"), name .. "_new"
    stint(0, { "restore", b.file })
    assert.equal(before, sql(FACTS))
  end)

  it("refuses what is no backup of ours, or is not what it was", function()
    local b = backup()
    local path = project .. "/" .. b.file
    local before = change()
    place.write(project .. "/foreign.dump", "PGDMP")
    says("ERROR: foreign.dump is no backup that stint knows\n", stint(5, { "restore", "foreign.dump" }))
    says("ERROR: there is no nowhere.dump\n", stint(1, { "restore", "nowhere.dump" }))
    local bytes = place.read(path)
    place.write(path, bytes:sub(1, -2))
    local r = stint(5, { "restore", b.file })
    says("is not what was backed up: its SHA-256 differs\nDETAIL: it has " .. #bytes - 1 .. " bytes, and had " .. #bytes, r)
    says("STATE: nothing was changed", r)
    place.write(path, bytes)
    assert.equal(before, sql(FACTS))
    -- the ledger knows it without its note
    os.remove(path .. ".json")
    stint(0, { "restore", b.file })
    assert.equal("1_one applied, 2_two applied, 3_three pending", states())
  end)

  it("wants to be told when the backup is of another environment, and what is protected", function()
    local b = backup()
    local before = change()
    says("ERROR: this is a backup of development, not of production\n", stint(5, { "restore", b.file, "-e", "production" }))
    local r = stint(5, { "restore", b.file, "-e", "production", "--from", "development" })
    says("ERROR: production is a protected environment: a restore there wants to be confirmed\n", r)
    says("NEXT: stint restore " .. b.file .. " --from development -e production --confirm production\n", r)
    assert.equal(before, sql(FACTS))
    stint(0, { "restore", b.file, "-e", "production", "--from", "development", "--confirm", "production" })
    assert.equal("production", sql "SELECT protected FROM stint.ledger")
    -- protected by that now, whatever leads here
    says("ERROR: production is a protected environment", stint(5, { "restore", b.file }))
    -- a copy elsewhere is not
    b = json.decode(stint(0, { "backup", "--json", "-e", "production" }).out)
    url, name = pg:database()
    stint(0, { "restore", b.file, "--from", "production" })
    assert.equal("", sql "SELECT protected FROM stint.ledger")
  end)

  it("leaves alone what is kept, and what extensions live in", function()
    sql [[CREATE SCHEMA auth; CREATE TABLE auth.users (id int); INSERT INTO auth.users VALUES (1);
      CREATE SCHEMA extensions; CREATE EXTENSION hstore SCHEMA extensions;
      COMMENT ON EXTENSION hstore IS 'ours'; ALTER TABLE one ADD h extensions.hstore; CREATE SCHEMA gone]]
    local keep = { KEEP = "auth" }
    local b = json.decode(stint(0, { "backup", "--json" }, keep).out)
    sql "INSERT INTO auth.users VALUES (2); ALTER TABLE one DROP h; DROP SCHEMA gone; CREATE SCHEMA new; CREATE TABLE new.t ()"
    stint(0, { "restore", b.file }, keep)
    assert.equal("2|t|t|t", sql [[SELECT (SELECT count(*) FROM auth.users),
      EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'one'::regclass AND attname = 'h'),
      to_regnamespace('gone') IS NOT NULL, to_regnamespace('new') IS NULL]])
    -- what stays must not lose what it hangs on
    sql "CREATE TABLE auth.sessions (one int REFERENCES one)"
    local before = sql(FACTS)
    local r = stint(1, { "restore", b.file }, keep)
    says("what stays hangs on what would go: table constraint sessions_one_fkey on auth.sessions", r)
    says("STATE: rolled back: nothing was changed", r)
    assert.equal(before, sql(FACTS))
  end)

  it("is rolled back whole where a role is missing, and can do without", function()
    pg:sql("postgres", "CREATE ROLE stint_passing")
    sql "CREATE TABLE zz (id int); ALTER TABLE zz OWNER TO stint_passing; GRANT SELECT ON one TO stint_passing"
    local b = backup()
    sql "DROP OWNED BY stint_passing; DROP ROLE stint_passing"
    local before = change()
    local r = stint(1, { "restore", b.file })
    says('role "stint_passing" does not exist', r)
    says("HINT: make the role here, or restore all as yours: --no-owner --no-privileges", r)
    says("STATE: rolled back: nothing was changed", r)
    assert.equal(before, sql(FACTS))
    assert.equal("1_one applied, 2_two applied, 3_three applied", states())
    stint(0, { "restore", b.file, "--no-owner", "--no-privileges" })
    assert.equal("postgres", sql "SELECT relowner::regrole FROM pg_class WHERE relname = 'zz'")
    local plain = backup("--format", "plain")
    says("--no-owner is for custom and directory backups", stint(64, { "restore", plain.file, "--no-owner" }))
  end)

  it("changes nothing where the ledger is another's, and says whose", function()
    pg:sql("postgres", "DO $$ BEGIN CREATE ROLE stint_plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    sql(("GRANT CREATE ON DATABASE %s TO stint_plain; GRANT ALL ON SCHEMA public, stint TO stint_plain; GRANT ALL ON ALL TABLES IN SCHEMA stint TO stint_plain")
      :format(name))
    local b = backup()
    local before = sql(FACTS)
    local r = stint(5, { "restore", b.file }, { URL = (url:gsub("user=postgres", "user=stint_plain")) })
    says("ERROR: the ledger in the schema stint belongs to postgres, and stint_plain may not drop it\nHINT: ", r)
    says("STATE: nothing was changed", r)
    assert.equal(before, sql(FACTS))
  end)

  it("gives up when somebody holds a table, and nothing is changed", function()
    local b = backup()
    local before = change()
    local holder = session.open(url)
    holder:exec "BEGIN; LOCK TABLE one IN ACCESS SHARE MODE"
    local r = stint(8, { "restore", b.file }, { PATIENCE = "100ms" })
    says("HINT: somebody works with these tables: stop that, or wait longer: --lock-timeout 60s\nSTATE: rolled back: nothing was changed", r)
    holder:close()
    assert.equal(before, sql(FACTS))
  end)

  describe("that is ended in the middle", function()
    local before, holder

    local WAITS = [[SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:backup' AND wait_event_type = 'Lock'
      AND datname = current_database()]]
    local GONE = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:backup' AND datname = current_database()"

    local function begun()
      local b = backup()
      before = change()
      holder = session.open(url)
      holder:exec "BEGIN; LOCK TABLE stray"
      local h = run.start({ "restore", b.file }, options { PATIENCE = "60s" })
      session.wait_until(url, WAITS, "1")
      return h
    end

    local function has_changed_nothing()
      holder:exec "COMMIT"
      session.wait_until(url, GONE, "0")
      holder:close()
      assert.equal(before, sql(FACTS))
      assert.equal("1_one applied, 2_two applied, 3_three applied", states())
    end

    it("by Ctrl-C changes nothing", function()
      local h = begun()
      h:kill "INT"
      local r = h:wait()
      assert.equal(130, r.code)
      says("STATE: rolled back: nothing was changed", r)
      has_changed_nothing()
    end)

    it("by kill -9 changes nothing: psql finds that the run is gone", function()
      local h = begun()
      h:kill "KILL"
      h:wait()
      has_changed_nothing()
    end)

    it("by an archive that ends too early changes nothing", function()
      local b = backup()
      before = change()
      -- a pg_restore that gives up after half of it, as one does that is killed
      local bin = place.folder()
      local real = place.output "ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1"
      place.write(bin .. "/pg_restore", ([[#!/bin/sh
        case "$*" in *--list*|*/dev/null*) exec %s/pg_restore "$@";; esac
        %s/pg_restore "$@" | head -c 5000
        kill -9 $$
      ]]):format(real, real))
      place.output(("chmod +x %s/pg_restore; ln -s %s/pg_dump %s/psql %s/"):format(bin, real, real, bin))
      local r = stint(1, { "restore", b.file, "--server-bin", bin })
      says("pg_restore was ended by signal 9", r)
      says("STATE: rolled back: nothing was changed", r)
      assert.equal(before, sql(FACTS))
    end)
  end)

  it("leaves no script behind", function()
    local b = backup()
    local tmp = place.folder()
    stint(0, { "restore", b.file }, { TMPDIR = tmp })
    assert.equal("", place.output("ls -A " .. tmp))
  end)
end)
