-- An approval counts for exactly this text, here, by somebody who may; every way to forge one fails.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"

local FILE = "scripts/migrations/1_users.sql"

-- The ledger belongs to `keeper`; `ci` deploys; anna writes, bob and carla approve, dan may not.
local ROLES = [[
CREATE ROLE keeper LOGIN; CREATE ROLE ci LOGIN; CREATE ROLE approvers; CREATE ROLE dba;
CREATE ROLE anna LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carla LOGIN; CREATE ROLE dan LOGIN;
GRANT approvers TO anna, bob, carla; GRANT dba TO carla;
]]

local LEDGER = [[
GRANT USAGE ON SCHEMA stint TO ci, approvers, dan;
GRANT SELECT ON ALL TABLES IN SCHEMA stint TO ci, approvers, dan;
GRANT EXECUTE ON FUNCTION stint.approve TO approvers;
]]

local PEOPLE = "[people]\nanna@x.org = anna\nbob.with.a.name.that.is.longer.than.inih.allows.for.a.key@x.org = bob\n"

describe("an approval", function()
  local pg, url, project

  local function as(role, to)
    return ((to or url):gsub("user=postgres", "user=" .. role))
  end

  local function write(text, path)
    place.write(project .. "/" .. (path or FILE), text)
  end

  local function git(...)
    place.git(project, ...)
  end

  local function commit(email)
    git("add", "-A")
    git("-c", "user.email=" .. email, "commit", "-qm", "change", "--allow-empty")
  end

  local function config(more)
    local here = "\nurl = " .. as "ci" .. "\n" .. (more or "") .. "\n"
    write("[project]\nenvironment = production\n[production]" .. here .. "[staging]" .. here .. PEOPLE, "config.ini")
  end

  local function approve(role, ...)
    return run({ "approve", "--url", as(role), ... }, { cwd = project })
  end

  local function approved(role, ...)
    local r = approve(role, "1", ...)
    assert.equal(0, r.code, r.err)
    return r
  end

  -- What a gate sees, by the role that deploys.
  local function count(wanted)
    wanted = wanted or {}
    wanted.folder, wanted.environment = project, wanted.environment or "production"
    wanted.version = "1"
    local all, message = native.approval.count(wanted)
    return assert(all, message)
  end

  local function refuses(reason, wanted)
    local all = count(wanted)
    assert.equal(0, all.valid)
    assert.matches(reason, all[1].refused or "it counts", 1, true)
    return all
  end

  local function new_ledger(name)
    url = pg:database(name)
    local database = url:match "///([^?]+)"
    pg:sql(url, "GRANT CREATE ON DATABASE " .. database .. " TO keeper; GRANT CREATE ON SCHEMA public TO keeper")
    local r = run({ "up", "--url", as "keeper", "--to", "0" }, { cwd = project })
    assert.equal(0, r.code, r.err)
    pg:sql(url, LEDGER)
  end

  setup(function()
    pg = cluster.new()
    pg:sql("postgres", ROLES)
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(function()
    project = run.project {}
    place.make(project .. "/scripts/migrations")
    write("CREATE TABLE users (id int PRIMARY KEY);\n")
    write("CREATE TABLE base (n int);\n", "scripts/migrations/0_base.sql")
    write("[development]\nurl = local:\n", "config.ini")
    git("init", "-q")
    new_ledger()
    config()
    commit "anna@x.org"
  end)

  it("counts for the text that it was given for", function()
    assert.equal(0, count().valid)
    local r = approved("bob", "--comment", "looks fine")
    assert.matches("1_users  scripts/migrations/1_users.sql\n", r.out, 1, true)
    assert.matches("author    anna@x.org (anna)\n", r.out, 1, true)
    assert.matches("approved for production by bob\n", r.out, 1, true)
    local all = count { not_author = true }
    assert.equal(1, all.valid)
    assert.same({ by = "bob", comment = "looks fine" }, all[1])
    assert.equal("anna", all.author_role)
    approved "carla"
    assert.equal(2, count({ not_author = true }).valid)
    assert.equal("anna|bob|carla", pg:sql(url, "SELECT 'anna', string_agg(role, '|' ORDER BY id) FROM stint.approval"))
  end)

  it("outlives changes that are none, and no other", function()
    approved "bob"
    write "-- a comment\nCREATE TABLE users (\n  id int PRIMARY KEY);\r\n"
    commit "anna@x.org"
    assert.equal(1, count().valid)
    for _, text in ipairs {
      "CREATE TABLE users (id bigint PRIMARY KEY);\n",
      "-- stint: no-transaction\nCREATE TABLE users (id int PRIMARY KEY);\n",
      "CREATE TABLE users (id int PRIMARY KEY);\n-- stint: down\nDROP TABLE users;\n",
    } do
      write(text)
      refuses "the file has changed since"
    end
    write "CREATE TABLE users (id int PRIMARY KEY);\n"
    assert.equal(1, count().valid)
    write("DROP TABLE users;\n", "scripts/migrations/1_users.down.sql")
    refuses "the file has changed since"
    approved "bob"
    assert.equal(1, count().valid)
    write("DROP TABLE users CASCADE;\n", "scripts/migrations/1_users.down.sql")
    refuses "the file has changed since"
  end)

  it("by the author does not count where others are wanted", function()
    local r = approved "anna"
    assert.matches("no policy for production asks for approvals: nothing there waits for this one", r.err, 1, true)
    place.make(project .. "/scripts/policies")
    write("policy { approvals = { not_author = true, roles = { 'dba' } } }\n", "scripts/policies/others.lua")
    r = approved "anna"
    assert.matches("the approval by anna does not count for production: anna is not of the role dba", r.err, 1, true)
    write("policy { approvals = { not_author = true } }\n", "scripts/policies/others.lua")
    r = approved "anna"
    assert.matches("the approval by anna does not count for production: by the author of the file", r.err, 1, true)
    r = approved "carla"
    assert.is_nil(r.err:find("count", 1, true), r.err)
    place.remove(project .. "/scripts/policies/others.lua")
    pg:sql(url, "DELETE FROM stint.approval")
    approved "anna"
    assert.equal(1, count().valid)
    refuses("by the author of the file", { not_author = true })
    approved "bob"
    assert.equal(1, count({ not_author = true }).valid)
    -- who changes the file last is its author
    write "-- again\nCREATE TABLE users (id int PRIMARY KEY);\n"
    commit "Bob.with.a.name.that.is.longer.than.inih.allows.for.a.key@X.org"
    local all = count { not_author = true }
    assert.equal("bob", all.author_role)
    assert.same({ "by the author of the file", nil }, { all[1].refused, all[2].refused })
    assert.equal(1, all.valid)
  end)

  it("counts for nobody where the author is not known", function()
    approved "bob"
    local function unknown(why, next)
      local all = count { not_author = true }
      assert.equal(0, all.valid)
      assert.matches("the author is not known: " .. why, all.refused, 1, true)
      assert.matches(next, all.next, 1, true)
      assert.equal(1, count().valid)
    end
    write "-- not committed\nCREATE TABLE users (id int PRIMARY KEY);\n"
    unknown("1_users.sql has changes that are not committed", "commit")
    git("add", "-A")
    unknown("1_users.sql has changes that are not committed", "commit")
    git("update-index", "--assume-unchanged", FILE)
    unknown("1_users.sql has changes that are not committed", "commit")
    git("update-index", "--no-assume-unchanged", FILE)
    commit "stranger@x.org"
    unknown("[people] does not say which role stranger@x.org is", "stranger@x.org = ROLE")
    local whole = project
    project = place.folder() .. "/clone"
    assert(os.execute(("env -u LD_PRELOAD git clone -q --depth 1 file://%s %s 2>/dev/null"):format(whole, project)))
    unknown("this clone is shallow", "fetch-depth: 0")
    place.remove(project .. "/.git")
    unknown("git: fatal: not a git repository", "commit the file")
  end)

  it("needs the right, and with roles one of them", function()
    local r = approve("dan", "1")
    assert.equal(5, r.code)
    assert.matches("dan may not approve here", r.err, 1, true)
    assert.matches("stint doctor --url \"$URL\" --grants", r.err, 1, true)
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM stint.approval"))
    approved "bob"
    refuses("bob is not of the role dba", { roles = { "dba" } })
    refuses("bob is not of the role dba, nobody_here", { roles = { "dba", "nobody_here" } })
    approved "carla"
    assert.equal(1, count({ roles = { "nobody_here", "dba" } }).valid)
    pg:sql(url, "CREATE ROLE passing LOGIN; GRANT approvers TO passing")
    approved "passing"
    assert.equal(3, count().valid)
    pg:sql(url, "DROP ROLE passing")
    local all = count()
    assert.equal(2, all.valid)
    assert.equal("there is no such role any more", all[1].refused)
  end)

  it("counts once a person", function()
    approved "bob"
    approved "bob"
    local all = count()
    assert.equal(1, all.valid)
    assert.same({ nil, "counted already" }, { all[1].refused, all[2].refused })
  end)

  it("notes the role that logged in, whatever it has become", function()
    pg:sql(as "bob", "SET ROLE approvers; SELECT stint.approve('1', 'c', 't', 'production', 'anna@here')")
    assert.equal("bob", pg:sql(url, "SELECT role FROM stint.approval"))
    refuses "the file has changed since"
  end)

  it("is not to be had from another environment or database", function()
    approved("bob", "-e", "staging")
    refuses "given for the environment staging"
    assert.equal(1, count({ environment = "staging" }).valid)
    approved "bob"
    assert.equal(1, count().valid)
    new_ledger(url:match "///([^?]+)")
    config()
    assert.equal("2", pg:sql(url, "SELECT count(*) FROM stint.approval"))
    refuses "given in another database, of which this is a copy"
  end)

  it("cannot be written by hand, by any of the roles", function()
    approved "bob"
    local statements = {
      "INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who) "
        .. "SELECT migration, checksum, tokens, environment, place, 'carla', who FROM stint.approval",
      "UPDATE stint.approval SET role = 'carla'",
      "DELETE FROM stint.approval",
      "TRUNCATE stint.approval",
      "ALTER TABLE stint.approval ADD COLUMN x int",
      "CREATE OR REPLACE FUNCTION stint.approve(migration text, checksum text, tokens text, environment text, who text, comment text DEFAULT NULL, "
        .. "signature text DEFAULT NULL) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT 'x' $$",
      "CREATE TRIGGER t BEFORE INSERT ON stint.approval FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
      "SET ROLE keeper",
    }
    for _, role in ipairs { "ci", "bob", "dan" } do
      for _, sql in ipairs(statements) do
        local ok, message = pcall(pg.sql, pg, as(role), sql)
        assert.is_false(ok, role .. ": " .. sql)
        assert.is_truthy(message:find "permission denied" or message:find "must be owner", message)
      end
    end
    assert.is_false(pcall(pg.sql, pg, as "ci", "SELECT stint.approve('1', 'c', 't', 'production', 'x')"))
    assert.equal("bob", pg:sql(url, "SELECT string_agg(role, ',') FROM stint.approval"))
  end)

  it("is written by the ledger's own function, whatever else the migrator makes there", function()
    pg:sql(url, "GRANT CREATE ON SCHEMA stint TO ci")
    for _, kind in ipairs { "varchar", "unknown", "anyelement", "name" } do
      local types = (kind .. ", "):rep(7):sub(1, -3)
      pcall(pg.sql, pg, as "ci", ("CREATE FUNCTION stint.approve(%s) RETURNS text LANGUAGE sql AS $$ SELECT 'forged' $$"):format(types))
    end
    assert.equal("4", pg:sql(url, "SELECT count(*) FROM pg_proc WHERE proname = 'approve'"))
    approved "bob"
    assert.equal(1, count().valid)
  end)

  it("is worth nothing where the role that deploys could have written it", function()
    approved "bob"
    local function worthless(how)
      local all = count()
      assert.equal(0, all.valid)
      assert.matches(how, all.refused, 1, true)
      assert.matches("stint doctor --grants", all.next, 1, true)
    end
    local function given(give, take, how)
      pg:sql(url, give)
      worthless(how)
      pg:sql(url, take)
      assert.equal(1, count().valid)
    end
    given("GRANT UPDATE (role) ON stint.approval TO ci", "REVOKE ALL (role) ON stint.approval FROM ci", "ci may write to the table")
    given("GRANT TRIGGER ON stint.approval TO PUBLIC", "REVOKE TRIGGER ON stint.approval FROM PUBLIC", "ci may write to the table")
    given("GRANT keeper TO ci", "REVOKE keeper FROM ci", "ci owns the ledger")
    given(
      "ALTER ROLE ci NOINHERIT; GRANT INSERT ON stint.approval TO dba; GRANT dba TO ci",
      "REVOKE INSERT ON stint.approval FROM dba; REVOKE dba FROM ci",
      "ci may write to the table"
    )
    given("ALTER SCHEMA stint OWNER TO ci", "ALTER SCHEMA stint OWNER TO keeper; GRANT USAGE ON SCHEMA stint TO ci", "ci owns the ledger")
    given("ALTER ROLE ci CREATEROLE", "ALTER ROLE ci NOCREATEROLE", "ci has CREATEROLE")
    given("ALTER ROLE ci SUPERUSER", "ALTER ROLE ci NOSUPERUSER", "ci is a superuser")
  end)

  describe("with keys", function()
    local keys

    local function key(name)
      local path = project .. "/" .. name .. ".pem"
      if not place.exists(path) then
        local r = run({ "approve", "--new-key", path }, { cwd = project })
        assert.equal(0, r.code, r.err)
        keys[name] = r.out:match "^NAME (%S+)\n$"
      end
      return path
    end

    local function signed(name, role, ...)
      return approved(role or "bob", "--approval-key", key(name), ...)
    end

    before_each(function()
      keys = {}
      for _, name in ipairs { "bob", "carla", "anna", "dan" } do
        key(name)
      end
      local lines = ("# who\nbob %s\n\nanna %s\n  carla\t%s dba lead\n"):format(keys.bob, keys.anna, keys.carla)
      write(lines, "approvers.keys")
      config "approval_keys = approvers.keys"
    end)

    it("is the key's, whoever's session it was, the owner's too", function()
      local r = signed("bob", "keeper", "--comment", "by the shared role")
      assert.matches("approved for production by bob, signed\n", r.out, 1, true)
      local all = count { not_author = true }
      assert.equal(1, all.valid)
      assert.same({ by = "bob", comment = "by the shared role" }, all[1])
      signed("bob", "carla")
      assert.equal(1, count().valid)
      signed("carla", "bob")
      assert.equal(2, count().valid)
      pg:sql(url, "ALTER ROLE ci SUPERUSER")
      assert.equal(2, count().valid)
      pg:sql(url, "ALTER ROLE ci NOSUPERUSER; GRANT dba TO bob")
      all = count { roles = { "dba" } }
      assert.equal(1, all.valid)
      assert.equal("carla", all[1].by)
      assert.equal("bob is not of the role dba", all[2].refused)
      pg:sql(url, "REVOKE dba FROM bob")
      signed("anna", "bob")
      assert.equal("by the author of the file", count({ not_author = true })[1].refused)
    end)

    it("is refused where it cannot be signed", function()
      local r = approve("bob", "1")
      assert.equal(78, r.code)
      assert.matches("approvals for production are signed, and there is no key to sign with", r.err, 1, true)
      r = approve("bob", "1", "--approval-key", key "dan")
      assert.equal(78, r.code)
      assert.matches("approval_keys does not have the key", r.err, 1, true)
      assert.matches("NAME " .. keys.dan, r.err, 1, true)
      r = approve("bob", "1", "--approval-key", FILE)
      assert.equal(78, r.code)
      assert.matches("holds no private Ed25519 key", r.err, 1, true)
      assert.equal("0", pg:sql(url, "SELECT count(*) FROM stint.approval"))
    end)

    it("cannot be forged by the ledger's owner either", function()
      -- as who may do everything in the database
      local function forge(sql)
        pg:sql(url, "TRUNCATE stint.approval")
        signed "bob"
        assert.equal(1, count().valid)
        pg:sql(as "keeper", sql)
      end
      forge "UPDATE stint.approval SET signature = NULL"
      refuses "it is not signed"
      forge "UPDATE stint.approval SET comment = 'and drop everything'"
      refuses "its signature is by no key of approval_keys"
      forge "UPDATE stint.approval SET signature = translate(signature, 'abc', 'bca')"
      refuses "its signature is by no key of approval_keys"
      -- another name for bob is bob
      forge [[INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who, comment, signature)
              SELECT migration, checksum, tokens, environment, place, 'carla', who, comment, signature FROM stint.approval]]
      assert.equal(1, count().valid)
      -- a file that has changed, and a row that says it was meant
      forge "SELECT"
      write "DROP TABLE base;\n"
      refuses "the file has changed since"
      local tokens = pg:sql(url, "SELECT tokens FROM stint.approval")
      approve("bob", "1", "--approval-keys", "", "--approval-key", key "dan")
      pg:sql(as "keeper", "UPDATE stint.approval o SET tokens = n.tokens FROM (SELECT tokens FROM stint.approval ORDER BY id DESC LIMIT 1) n")
      assert.not_equal(tokens, pg:sql(url, "SELECT min(tokens) FROM stint.approval"))
      local all = count()
      assert.equal(0, all.valid)
      for _, one in ipairs(all) do
        assert.matches("its signature is by no key of approval_keys", one.refused, 1, true)
      end
    end)

    it("is not to be had from another environment or database, by the owner neither", function()
      signed("bob", "bob", "-e", "staging")
      pg:sql(as "keeper", "UPDATE stint.approval SET environment = 'production'")
      refuses "its signature is by no key of approval_keys"
      signed "bob"
      assert.equal(1, count().valid)
      new_ledger(url:match "///([^?]+)")
      config "approval_keys = approvers.keys"
      refuses "given in another database"
      pg:sql(
        as "keeper",
        "UPDATE stint.approval SET place = c.system_identifier || '/' || d.oid "
          .. "FROM pg_control_system() c, pg_database d WHERE d.datname = current_database()"
      )
      refuses "its signature is by no key of approval_keys"
    end)

    it("takes the list from config.ini too, and refuses one that is none", function()
      signed "bob"
      config(("approval_keys = bob %s, carla %s dba"):format(keys.bob, keys.carla))
      assert.equal(1, count().valid)
      local function wrong(setting, message)
        config("approval_keys = " .. setting)
        local all, why = native.approval.count { folder = project, environment = "production", version = "1" }
        assert.is_nil(all)
        assert.matches(message, why, 1, true)
      end
      wrong("gone.keys", "names the file gone.keys, which is not there")
      wrong("bob", "names the file bob, which is not there")
      wrong("bob " .. keys.bob .. ", eve " .. keys.bob, "this key is somebody else's already: eve")
      wrong("bob ssh-ed25519", "this is no public Ed25519 key: ssh-ed25519")
      write("bob\n", "approvers.keys")
      wrong("approvers.keys", "approvers.keys: there is no key: bob")
      write("# nobody\n", "approvers.keys")
      wrong("approvers.keys", "there is no key in it")
    end)
  end)

  it("is listed with its reasons, for what is pending", function()
    approved("bob", "--comment", "ok")
    approved("carla", "-e", "staging")
    local r = approve "dan"
    assert.equal(0, r.code, r.err)
    assert.matches("environment production, 1 pending\n1_users  " .. FILE .. "\n    author    anna@x.org (anna)\n", r.out, 1, true)
    assert.matches("    void      %d+%-%d+%-%d+ %d+:%d+:%d+  carla %-%- given for the environment staging\n", r.out)
    assert.matches("    approved  %d+%-%d+%-%d+ %d+:%d+:%d+  bob: ok\n", r.out)
    local whole = json.decode(approve("dan", "--json").out)
    assert.equal("production", whole.environment)
    local file = whole.migrations[1]
    assert.same({ "1", "anna@x.org", "anna", 2 }, { file.version, file.author, file.author_role, #file.approvals })
    assert.same({ "carla", "bob" }, { file.approvals[1].by, file.approvals[2].by })
    r = approve "keeper"
    assert.matches("a deploy by this role would count none of them: keeper owns the ledger", r.err, 1, true)
    write("CREATE TABLE more (n int);\n", "scripts/migrations/2_more.sql")
    r = approve "dan"
    assert.matches("2_more  scripts/migrations/2_more.sql\n    author    not known: 2_more.sql is not committed", r.out, 1, true)
    assert.matches("not approved by anybody\n", r.out, 1, true)
  end)

  it("is of a file that is there and pending, or of none", function()
    local function refused(code, message, ...)
      local r = approve("bob", ...)
      assert.equal(code, r.code, r.err)
      assert.matches(message, r.err, 1, true)
    end
    refused(64, "there is no migration 7", "7")
    refused(4, "0_base is applied: there is nothing to approve", "0")
    refused(4, "0_base is applied", "1", "0")
    refused(64, "takes the VERSION", "--comment", "x")
    refused(64, "--new-key approves nothing", "--new-key", "k.pem", "1")
    write("-- stint: environments staging\nSELECT 1;\n", "scripts/migrations/3_elsewhere.sql")
    refused(4, "3_elsewhere is not for this environment", "3")
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM stint.approval"))
    assert.equal(0, approve("bob", FILE, "--json").code)
    assert.equal("1", pg:sql(url, "SELECT count(*) FROM stint.approval"))
    url = pg:database()
    refused(4, "there is no ledger in the schema stint of this database yet", "1")
  end)
end)
