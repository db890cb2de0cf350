-- Starting over: everything goes that would be made again, nothing else, and never without a word.
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
[production]
url = ${URL}
protected = yes
]]

-- One object of every kind that a role without rights can own.
local ALL = [[
CREATE SCHEMA "My Shop";
CREATE TABLE a (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial, b int);
CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
CREATE TABLE "My Shop"."Parts" (id int) PARTITION BY RANGE (id);
CREATE TABLE "My Shop".low PARTITION OF "My Shop"."Parts" FOR VALUES FROM (0) TO (10);
CREATE VIEW v AS SELECT * FROM a;
CREATE VIEW v2 AS SELECT * FROM v;
CREATE MATERIALIZED VIEW m AS SELECT * FROM v2;
CREATE SEQUENCE s;
CREATE TYPE mood AS ENUM ('well');
CREATE TYPE pair AS (a int, b mood);
CREATE TYPE span AS RANGE (subtype = int8);
CREATE DOMAIN name AS text CHECK (value <> '');
CREATE FUNCTION f(a, mood DEFAULT 'well') RETURNS pair LANGUAGE sql AS 'SELECT 1, $2';
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int);
CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq);
CREATE COLLATION c (provider = libc, locale = 'C');
CREATE TEXT SEARCH CONFIGURATION t (copy = simple);
CREATE TABLE "My Shop".typed OF pair;
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER touch AFTER INSERT ON a EXECUTE FUNCTION touched();
]]

local LEFT = [[
SELECT coalesce(string_agg(o.type || ' ' || o.identity, ', ' ORDER BY o.identity), '') FROM (
  SELECT 'pg_class'::regclass, oid FROM pg_class WHERE oid >= 16384 AND relnamespace <> 'pg_toast'::regnamespace AND relkind NOT IN ('i', 'I', 't')
  UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE oid >= 16384 AND typrelid = 0 AND typtype <> 'b' AND typtype <> 'm'
  UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oid >= 16384
  UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation WHERE oid >= 16384
  UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config WHERE oid >= 16384
  UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
) x (class, id), pg_identify_object(x.class, x.id, 0) o
WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = x.class AND d.objid = x.id AND d.deptype = 'e')
]]

describe("reset", function()
  local url, name, project
  local says = story.says

  local function write(file, text)
    place.write(project .. "/scripts/migrations/" .. file, text)
  end

  local function options(more)
    local env = { URL = url }
    for key, value in pairs(more or {}) do
      env[key] = value
    end
    return { cwd = project, env = env }
  end

  local function stint(code, ...)
    local r = run({ ... }, options())
    assert.equal(code, r.code, r.err)
    return r
  end

  -- As a superuser, whoever `url` is.
  local function sql(text)
    return pg:sql(name, text)
  end

  before_each(function()
    url, name = pg:database()
    project = run.project({
      ["scripts/migrations/1_one.sql"] = "CREATE TABLE one (id int);\n",
      ["scripts/migrations/2_two.sql"] = "CREATE TABLE two (id int);\n",
    }, CONFIG)
  end)

  it("drops the database and makes it again", function()
    stint(0, "up")
    sql "CREATE TABLE stray (); INSERT INTO one VALUES (1)"
    local other = session.open(url)
    local r = stint(0, "reset", "--yes")
    says("reset drops the database " .. name, r)
    says("and ends 1 sessions that are in it", r)
    assert.is_truthy(r.out:find("^dropped  the database " .. name .. ", and made it again\napplied  1_one"), r.out)
    assert.equal("one,two|0", sql [[SELECT string_agg(relname, ',' ORDER BY relname), (SELECT count(*) FROM one)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r']])
    assert.is_truthy(other:refused "SELECT 1")
    other:close()
  end)

  it("keeps owner, encoding and locale of the database", function()
    pg:sql("postgres", "DO $$ BEGIN CREATE ROLE stint_owner; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    local odd = name .. "_odd"
    pg:sql("postgres", ("CREATE DATABASE %s OWNER stint_owner TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"):format(odd))
    local ask = "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datdba::regrole FROM pg_database WHERE datname = '"
      .. odd .. "'"
    url, name = pg:url(odd), odd
    local before = sql(ask)
    assert.equal("LATIN1|C|C|stint_owner", before)
    stint(0, "reset", "--yes")
    assert.equal(before, sql(ask))
  end)

  it("makes a database that is not there", function()
    url = pg:url(name .. "_new")
    assert.is_truthy(stint(0, "reset").out:find "2 applied")
  end)

  it("refuses without a terminal and without --yes", function()
    stint(0, "up")
    local r = stint(5, "reset")
    says("reset drops the database " .. name, r)
    assert.is_truthy(r.err:find ": %d+ tables, %d+ kB\n")
    says("ERROR: this cannot be undone, and nobody is here to be asked\n", r)
    says("STATE: nothing was dropped\nNEXT: stint reset --yes\n", r)
    assert.equal("2", sql "SELECT count(*) FROM stint.migration")
  end)

  it("asks on a terminal", function()
    stint(0, "up")
    sql "INSERT INTO one VALUES (1)"
    local function typed(answer)
      local opts = options()
      opts.stdin, opts.program = answer, "/usr/bin/script"
      return run({ "-qec", run.binary .. " reset", "/dev/null" }, opts)
    end
    local r = typed "n\n"
    assert.equal(5, r.code)
    assert.is_truthy(r.out:find("Drop it, and apply all migrations anew? [y/N]", 1, true), r.out)
    assert.is_truthy(r.out:find("ERROR: you said no", 1, true) or r.out:find("you said no", 1, true))
    assert.equal("1", sql "SELECT count(*) FROM one")
    assert.equal(0, typed("y\n").code)
    assert.equal("0", sql "SELECT count(*) FROM one")
  end)

  it("is refused in a protected environment, before it connects", function()
    url = "postgresql://nobody@127.0.0.1:1/nothing"
    local r = stint(5, "reset", "--yes", "-e", "production")
    says("ERROR: production is a protected environment: reset does not drop it\n", r)
  end)

  it("is refused where --url leads to a protected environment's database", function()
    local other = pg:url(name .. "_dev")
    local opts = { cwd = project, env = { URL = url, DEV = other } }
    place.write(project .. "/config.ini", "[development]\nurl = ${DEV}\n[production]\nurl = ${URL}\nprotected = yes\n")
    local function refused(...)
      local r = run({ ... }, opts)
      assert.equal(5, r.code, r.err)
      says("ERROR: production is a protected environment: reset does not drop it\n", r)
      says("DETAIL: this database is the one of production, whatever leads to it; you chose development\n", r)
    end
    refused("--url", url, "reset", "--yes")
    opts.env.STINT_URL = url
    refused("reset", "--yes")
    opts.env.STINT_URL = nil
    opts.env.DEV = url
    refused("reset", "--yes")
    assert.equal("", sql "SELECT string_agg(nspname, ',') FROM pg_namespace WHERE nspname = 'stint'")
  end)

  it("is refused where a protected environment has left its mark", function()
    write("2_two.sql", "CREATE TABLE two (id int);\n-- stint: down\nDROP TABLE two;\n")
    stint(0, "up", "-e", "production")
    place.write(project .. "/config.ini", "[development]\nurl = ${URL}\n")
    local r = stint(5, "reset", "--yes")
    says("ERROR: production is a protected environment: reset does not drop it\n", r)
    says("if it is only a copy: UPDATE stint.ledger SET protected = NULL", r)
    r = stint(5, "down", "--count", "1")
    says("production is a protected environment: a rollback there wants to be confirmed\n", r)
    says("NEXT: stint down -e production --confirm production", r)
    sql "UPDATE stint.ledger SET protected = NULL"
    stint(0, "reset", "--yes")
  end)

  it("proposes commands that reach the same database", function()
    place.write(project .. "/config.ini", CONFIG:gsub("%[production.*", "") .. "[other]\nurl = ${URL}\n")
    local r = stint(5, "--url", url, "-C", project, "--env=development", "reset")
    says('NEXT: stint reset -C ' .. project .. ' --url "$URL" -e development --yes\n', r)
    local opts = options { STINT_ENV = "development" }
    says("NEXT: stint reset -e development --yes\n", run({ "reset" }, opts))
    stint(0, "up")
    write("1_one.sql", "CREATE TABLE one (id bigint);\n")
    r = run({ "-qe", "development", "up" }, options())
    says("stint resolve -e development 1 --accept-change (stint status -e development -v shows", r)
    r = stint(5, "--env", "other", "reset")
    says("NEXT: stint reset -e other --yes\n", r)
  end)

  it("refuses a file that only stint new has written", function()
    local path = stint(0, "new", "three").out:gsub("\n", "")
    local r = stint(78, "up")
    says(path .. " is still empty: write it or delete it", r)
    place.write(project .. "/" .. path, "-- nothing to do on purpose\n")
    stint(0, "up")
  end)

  it("runs a file whose name begins a comment, and doctor knows a rollback that was cut off", function()
    write("3_a*.sql", "CREATE TABLE three (id int);\n")
    stint(0, "up")
    sql "UPDATE stint.migration SET state = 'reverting' WHERE id = '3'"
    local r = stint(1, "doctor", "-e", "development")
    assert.is_truthy(r.out:find("3_a* is being rolled back, and that did not end", 1, true), r.out)
    assert.is_truthy(r.out:find("-> stint down -e development goes on there", 1, true), r.out)
  end)

  it("names what it ignores, once, and says that a folder is empty", function()
    project = run.project({ ["scripts/migrations/20240101000000_init/migration.sql"] = "SELECT 1;\n" }, CONFIG)
    place.write(project .. "/scripts/migrations/2_TWO.SQL", "SELECT 1;\n")
    local r = stint(0, "up")
    says("ignored in scripts/migrations: 20240101000000_init/, 2_TWO.SQL; a migration is", r)
    assert.equal(1, select(2, r.err:gsub("ignored in", "")))
    project = run.project({}, CONFIG)
    place.make(project .. "/scripts/migrations")
    assert.equal("nothing to do: there are no migrations yet\n", stint(0, "up").out)
  end)

  it("makes the schema of the URL where it is missing, not where it is protected", function()
    url = url .. (url:find("?", 1, true) and "&" or "?") .. "schema=app2"
    local r = stint(78, "up", "-e", "production")
    says("ERROR: the schema app2, the first of search_path, does not exist\n", r)
    says("HINT: create it by hand: CREATE SCHEMA app2;", r)
    says("created the schema app2", stint(0, "up"))
    assert.equal("t", sql "SELECT to_regclass('app2.one') IS NOT NULL")
  end)

  it("does not pull a database from under a run", function()
    stint(0, "up")
    local holder = session.open(url)
    holder:exec "SELECT pg_advisory_lock(1937008750, hashtext('stint'))"
    stint(3, "reset", "--yes", "--run-lock-wait", "0s")
    assert.equal("2", sql "SELECT count(*) FROM stint.migration")
    holder:close()
  end)

  it("tells its events", function()
    local kinds = {}
    for line in stint(0, "reset", "--yes", "--json").out:gmatch "[^\n]+" do
      local event = json.decode(line)
      kinds[#kinds + 1] = event.event
      if event.event == "reset" then
        assert.equal(name, event.database)
        assert.equal("database", event.way)
      end
    end
    assert.equal("reset run_started", table.concat(kinds, " ", 1, 2))
    assert.equal("run_finished", kinds[#kinds])
  end)

  describe("for a role that may not make databases", function()
    before_each(function()
      pg:sql("postgres", "DO $$ BEGIN CREATE ROLE stint_plain LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
      sql(([[
GRANT CREATE ON DATABASE %s TO stint_plain;
GRANT ALL ON SCHEMA public TO stint_plain;
CREATE TABLE others (id int);
GRANT ALL ON others TO stint_plain;
CREATE EXTENSION citext]]):format(name))
      url = url:gsub("user=postgres", "user=stint_plain")
    end)

    it("drops what it owns and nothing else", function()
      write("1_one.sql", ALL)
      stint(0, "up")
      local r = stint(5, "reset")
      for _, object in ipairs {
        'table "My Shop"."Parts"', "view public.v2", "materialized view public.m", "sequence public.s",
        "type public.mood", "type public.name", "function public.f(public.a,public.mood)", "procedure public.p()",
        "aggregate public.total(integer)", "operator public.===(integer,integer)", "collation public.c",
        "text search configuration public.t", "table stint.migration",
      } do
        says("  " .. object .. "\n", r)
      end
      assert.is_nil(r.err:find("citext", 1, true))
      assert.is_nil(r.err:find("others", 1, true))

      local before = sql(LEFT)
      write("1_one.sql", "CREATE TABLE one (id int);\n")
      r = stint(0, "reset", "--yes")
      assert.is_truthy(r.out:find "^dropped  %d+ objects of ")
      assert.is_truthy(before:find("My Shop", 1, true))
      local left = sql(LEFT)
      assert.is_nil(left:find("My Shop", 1, true))
      assert.is_nil(left:find("mood", 1, true))
      assert.is_nil(left:find("total", 1, true))
      assert.is_truthy(left:find("table public.others", 1, true))
      assert.equal("1", sql "SELECT count(*) FROM pg_extension WHERE extname = 'citext'")
      assert.equal("one,two,others", sql [[SELECT string_agg(relname, ',' ORDER BY relname <> 'one', relname <> 'two')
        FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r']])
    end)

    it("leaves keep_schemas alone", function()
      write("1_one.sql", "CREATE SCHEMA audit;\nCREATE TABLE audit.log (id int);\n")
      stint(0, "up")
      write("1_one.sql", "CREATE TABLE one (id int);\n")
      local r = run({ "reset", "--yes" }, options { KEEP = "cron, audit" })
      assert.equal(0, r.code, r.err)
      assert.equal("t|t", sql "SELECT to_regclass('audit.log') IS NOT NULL, to_regclass('one') IS NOT NULL")
    end)

    it("does nothing when what stays hangs on what goes", function()
      write("1_one.sql", "CREATE SCHEMA audit;\nCREATE TYPE mood AS ENUM ('well');\nCREATE TABLE audit.log (m mood);\n")
      stint(0, "up")
      local r = run({ "reset", "--yes" }, options { KEEP = "audit" })
      assert.equal(5, r.code, r.err)
      says("ERROR: what stays hangs on what would go\nDETAIL: would be dropped too: table column audit.log.m\n", r)
      says("STATE: rolled back: nothing was dropped\n", r)
      assert.equal("t", sql "SELECT to_regclass('two') IS NOT NULL")
    end)

    it("drops nothing where the ledger is another's, and would stay", function()
      stint(0, "up")
      for _, object in ipairs { "TABLE stint.migration", "FUNCTION stint.approve" } do
        sql(("ALTER %s OWNER TO postgres"):format(object))
        local r = stint(5, "reset", "--yes")
        says("ERROR: the ledger in the schema stint belongs to postgres, and stint_plain may not drop it\nHINT: ", r)
        says("STATE: nothing was dropped", r)
        assert.equal("t", sql "SELECT to_regclass('two') IS NOT NULL")
        sql(("ALTER %s OWNER TO stint_plain"):format(object))
      end
      stint(0, "reset", "--yes")
    end)

    it("waits no longer than lock_timeout, and drops nothing then", function()
      stint(0, "up")
      local reader = session.open(url)
      reader:exec "BEGIN; SELECT * FROM two"
      local r = stint(8, "reset", "--yes", "--lock-timeout", "100ms")
      says("table public.two: canceling statement due to lock timeout", r)
      reader:close()
      assert.equal("t", sql "SELECT to_regclass('one') IS NOT NULL")
    end)
  end)

  it("keeps keep_schemas of a superuser too", function()
    sql "CREATE SCHEMA audit; CREATE TABLE audit.log (id int)"
    local r = run({ "reset", "--yes" }, options { KEEP = "audit" })
    assert.equal(0, r.code, r.err)
    assert.equal("t", sql "SELECT to_regclass('audit.log') IS NOT NULL")
    r = run({ "reset", "--yes" }, options { KEEP = "stint" })
    assert.equal(78, r.code, r.err)
    says("keep_schemas holds stint, the schema of the ledger", r)
  end)
end)
