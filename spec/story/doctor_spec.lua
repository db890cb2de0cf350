-- `doctor` names what is wrong and the command that mends it.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

describe("doctor", function()
  local pg -- private: it is given roles, wrecks and old ids
  local url, project, config

  local function write(name, text)
    place.write(project .. "/scripts/migrations/" .. name, text)
  end

  local function stint(...)
    return run({ ... }, { cwd = project })
  end

  -- The findings by their check, and the exit code.
  local function look(...)
    local r = stint("doctor", "--json", ...)
    local found = {}
    local all = json.decode(r.out)
    assert.is_truthy(all, r.out .. r.err)
    for _, one in ipairs(all.checks) do
      found[one.name] = found[one.name] or {}
      table.insert(found[one.name], one)
    end
    return found, r
  end

  local function finds(name, level, message, mend, ...)
    local found, r = look(...)
    assert.is_truthy(found[name], r.out)
    for _, one in ipairs(found[name]) do
      if one.level == level and one.message:find(message, 1, true) then
        if mend then
          assert.is_truthy(one.mend and one.mend:find(mend, 1, true), json.encode(one))
        end
        assert.equal(level == "wrong" and 1 or r.code, r.code)
        return one, r
      end
    end
    error(("no %s %q in %s"):format(level, message, json.encode(found[name])), 2)
  end

  local function as(role)
    place.write(project .. "/config.ini", (config:gsub("user=postgres", "user=" .. role)))
  end

  setup(function()
    pg = cluster.new()
    pg:sql("postgres", "CREATE ROLE app LOGIN; CREATE ROLE keeper; CREATE ROLE slow LOGIN")
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(function()
    url = pg:database()
    config = "[development]\nurl = " .. url .. "\n"
    project = run.project({ ["scripts/migrations/1_base.sql"] = "CREATE TABLE base (n int PRIMARY KEY);\n" }, config)
  end)

  it("finds nothing wrong where nothing is, and changes nothing", function()
    local found, r = look()
    assert.equal(0, r.code, r.out)
    for name, list in pairs(found) do
      assert.equal("ok", list[1].level, name .. ": " .. list[1].message)
    end
    assert.matches("PostgreSQL 1%d", found.server[1].message)
    assert.matches("directly", found.connection[1].message, 1, true)
    assert.matches("none yet", found.ledger[1].message, 1, true)
    assert.matches("1 files, 1 pending", found.migrations[1].message, 1, true)
    assert.equal("t", pg:sql(url, "SELECT to_regnamespace('stint') IS NULL"))
    r = stint "doctor"
    assert.equal(0, r.code)
    assert.matches("ok     server                 PostgreSQL", r.out, 1, true)
    assert.matches("\n0 wrong, 0 to note\n$", r.out)
    assert.equal(0, stint("up").code)
    found, r = look()
    assert.equal(0, r.code)
    assert.matches("version 1 in the schema stint, 1 files", found.ledger[1].message, 1, true)
  end)

  it("takes no words and no odd options", function()
    assert.equal(64, stint("doctor", "nurse").code)
    assert.equal(64, stint("doctor", "--old", "soon").code)
    assert.equal(64, stint("doctor", "--worker", "crew").code)
  end)

  it("says that it cannot connect, and looks at the rest", function()
    place.write(project .. "/config.ini", "[development]\nurl = postgresql://x:hunter22@127.0.0.1:1/x\n")
    local found, r = look()
    assert.equal(1, r.code)
    assert.equal("wrong", found.connection[1].level)
    assert.matches("cannot connect", found.connection[1].message, 1, true)
    assert.equal("not looked at: there is no connection", found.indexes[1].message)
    assert.is_truthy(found.tools)
    assert.is_nil((r.out .. r.err):find("hunter22", 1, true))
  end)

  it("says that a database is not there yet, and who makes it", function()
    place.write(project .. "/config.ini", "[development]\nurl = " .. pg:url "not_there" .. "\n")
    local _, r = finds("connection", "note", 'database "not_there" does not exist', "stint up")
    assert.equal(0, r.code)
  end)

  it("names missing rights and the GRANT that gives them", function()
    pg:sql(url, "REVOKE CREATE ON SCHEMA public FROM public")
    as "app"
    local name = url:match "///([^?]+)"
    finds("ledger_rights", "wrong", "app may not make the ledger's schema stint", ("GRANT CREATE ON DATABASE %s TO app"):format(name))
    local one = finds("schema_rights", "wrong", "app may not create in the schema public", "GRANT CREATE ON SCHEMA public TO app")
    finds("statistics", "note", "app does not see what other roles do", "GRANT pg_read_all_stats TO app")
    pg:sql(url, one.mend)
    pg:sql(url, ("GRANT CREATE ON DATABASE %s TO app; GRANT pg_read_all_stats TO app"):format(name))
    local _, r = look()
    assert.equal(0, r.code, r.out)
    pg:sql(url, "REVOKE pg_read_all_stats FROM app")
  end)

  it("names a ledger that the role may not touch", function()
    assert.equal(0, stint("up").code)
    as "app"
    finds("ledger_rights", "wrong", "app may not use the ledger's schema stint", "GRANT USAGE ON SCHEMA stint TO app")
    pg:sql(url, "GRANT USAGE ON SCHEMA stint TO app; GRANT SELECT ON ALL TABLES IN SCHEMA stint TO app")
    local one = finds("ledger_rights", "wrong", "app may not DELETE stint.catalog", "GRANT INSERT (command, environment, who, program) ON stint.run TO app")
    pg:sql(url, one.mend)
    local found = look()
    assert.equal("ok", found.ledger_rights[1].level)
  end)

  it("names a role that cannot be taken on, and a search_path that leads nowhere", function()
    pg:sql(url, "REVOKE CREATE ON SCHEMA public FROM public")
    as "app"
    config = place.read(project .. "/config.ini")
    place.write(project .. "/config.ini", config .. "role = keeper\n")
    finds("connection", "wrong", 'permission denied to set role "keeper"', 'GRANT "keeper" TO')
    place.write(project .. "/config.ini", config .. "role = nobody_here\n")
    finds("connection", "wrong", 'role "nobody_here" does not exist', 'CREATE ROLE "nobody_here"')
    place.write(project .. "/config.ini", config .. "schema = gone\n")
    finds("schema_rights", "wrong", "search_path (gone) names no schema that exists")
    finds("schema_rights", "note", "search_path names gone, which does not exist", "CREATE SCHEMA gone")
  end)

  it("names the timeouts that interfere and those that do not", function()
    local name = url:match "///([^?]+)"
    pg:sql(url, ("ALTER ROLE postgres IN DATABASE %s SET statement_timeout = '3s'; ALTER DATABASE %s SET idle_session_timeout = '7s'"):format(name, name))
    finds("timeouts", "note", "statement_timeout = 3000ms is set for the role postgres in this database; sessions of stint set their own")
    local one = finds("timeouts", "wrong", "idle_session_timeout = 7000ms is set for this database: it ends long migrations")
    pg:sql(url, one.mend)
    local found = look()
    assert.equal(1, #found.timeouts)
    pg:sql(url, "ALTER ROLE slow SET default_transaction_read_only = on")
    as "slow"
    one = finds("writable", "wrong", "transactions are read-only by default")
    pg:sql(url, one.mend)
    found = look()
    assert.equal("ok", found.writable[1].level)
  end)

  it("names invalid indexes, each with what mends it", function()
    pg:sql(url, 'CREATE SCHEMA "S"; CREATE TABLE "S".t (n int); INSERT INTO "S".t VALUES (1), (1)')
    assert.is_false(pcall(pg.sql, pg, url, 'CREATE UNIQUE INDEX CONCURRENTLY "wreck" ON "S".t (n)'))
    local one = finds("indexes", "wrong", 'the index "S".wreck is invalid', 'REINDEX INDEX CONCURRENTLY "S".wreck')
    assert.matches('DROP INDEX CONCURRENTLY "S".wreck', one.mend, 1, true)
    assert.is_false(pcall(pg.sql, pg, url, 'REINDEX INDEX CONCURRENTLY "S".wreck'))
    finds("indexes", "wrong", "wreck_ccnew", 'DROP INDEX CONCURRENTLY "S".wreck_ccnew')
    pg:sql(url, "CREATE TABLE p (n int) PARTITION BY RANGE (n); CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE INDEX half ON ONLY p (n)")
    finds("indexes", "wrong", "not every partition has its part", "ALTER INDEX public.half ATTACH PARTITION")
    local s = session.open(url)
    s:exec 'BEGIN; LOCK TABLE "S".t IN SHARE UPDATE EXCLUSIVE MODE'
    finds("indexes", "note", ("wreck is invalid: it is kept up to date and never used (pid %d is at work on its table)"):format(s:pid()))
    s:close()
    pg:sql(url, 'DROP TABLE "S".t, p')
    assert.equal(0, stint("doctor").code)
  end)

  it("names who holds the run lock, and that it is stale", function()
    local s = session.open(url)
    s:exec "SELECT pg_advisory_lock(1937008750, hashtext('stint'))"
    local one, r = finds("run_lock", "note", ("held by pid %d"):format(s:pid()), "stint lock show")
    assert.equal(0, r.code, r.out)
    assert.matches("idle for", one.message, 1, true)
    s:exec "BEGIN; SELECT 1"
    finds("run_lock", "wrong", "idle in transaction for", "stint lock release", "--old", "0")
    s:close()
  end)

  it("names transactions that are left open", function()
    local s = session.open(url)
    s:exec "SET application_name = 'forgetful'; BEGIN; SELECT 1"
    local found, r = look()
    assert.equal("none that is old", found.idle_transactions[1].message)
    assert.equal(0, r.code)
    local one = finds("idle_transactions", "wrong", ("pid %d (forgetful, role postgres from local)"):format(s:pid()), nil, "--old", "0s")
    pg:sql(url, one.mend)
    s:close()
    pg:sql(url, "BEGIN; CREATE TABLE z (); PREPARE TRANSACTION 'it''s'")
    one = finds("prepared_transactions", "wrong", "'it''s' of postgres", "ROLLBACK PREPARED 'it''s'", "--old", "0s")
    assert.equal("none that is old", look().prepared_transactions[1].message)
    pg:sql(url, one.mend:match "^[^,]+")
    assert.equal(0, stint("doctor", "--old", "0s").code)
  end)

  it("warns of a wraparound", function()
    local function age(ids)
      local xid = ("((txid_current() + 4294967296 - %d) %% 4294967296)::text::xid"):format(ids)
      pg:sql(url, ("UPDATE pg_database SET datfrozenxid = %s WHERE datname = current_database()"):format(xid))
    end
    age(1500000000)
    finds("wraparound", "wrong", "69.8% of the transaction ids", "VACUUM (FREEZE) ")
    age(700000000)
    finds("wraparound", "note", "32.6% of the transaction ids")
    age(100)
  end)

  it("names replicas and how far they are behind", function()
    assert.equal("none is connected", look().replicas[1].message)
    local bin = place.output "pg_config --bindir"
    local h = run.start(
      { "-D", place.folder(), "-h", pg.host, "-p", pg.port, "-U", "postgres", "--no-sync" },
      { program = bin .. "/pg_receivewal" }
    )
    session.wait_until(url, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
    finds("replicas", "ok", "pg_receivewal at local: streaming, ")
    h:kill "INT"
    h:wait()
  end)

  describe("of the files and the ledger", function()
    it("names what failed, and what is half applied", function()
      write("2_bad.sql", "SELECT 1 / 0;\n")
      assert.equal(6, stint("up").code)
      finds("migrations", "wrong", "2_bad: its last attempt failed: division by zero", "mend the file, then: stint up")
      write("2_bad.sql", "CREATE TABLE b ();\nVACUUM base;\nSELECT 1 / 0;\n")
      assert.equal(7, stint("up").code)
      finds("migrations", "wrong", "2_bad: 2 of 3 statements are applied", "stint up goes on with it")
      pg:sql(url, "UPDATE stint.migration SET intent = 3 WHERE id = '2'")
      finds("migrations", "wrong", "statement 3 may or may not have run", "stint resolve 2 --statement-done 3 | --statement-again 3")
    end)

    it("names edited, missing and late files", function()
      write("3_c.sql", "SELECT 3;\n")
      write("4_d.sql", "SELECT 4;\n-- stint: down\nSELECT 5;\n")
      assert.equal(0, stint("up").code)
      write("2_late.sql", "SELECT 2;\n")
      write("1_base.sql", "CREATE TABLE other ();\n")
      write("4_d.sql", "SELECT 4;\n-- stint: down\nSELECT 6;\n")
      place.remove(project .. "/scripts/migrations/3_c.sql")
      finds("migrations", "wrong", "1_base was edited", "stint resolve 1 --accept-change")
      finds("migrations", "wrong", "2_late is pending, and older", "give 2 a new version")
      finds("migrations", "wrong", "3_c is applied, but its file is missing", "stint resolve 3 --rolled-back")
      finds("migrations", "note", "4_d: its way down was changed", "stint resolve 4 --accept-change")
      assert.equal(0, stint("resolve", "1", "--accept-change").code)
      local _, r = finds("migrations", "note", "2_late is pending, and older", nil, "--order", "warn")
      assert.equal(0, r.code, r.out)
    end)

    it("names files that cannot be read, each with its place", function()
      write("2_a.sql", "SELECT 1;\nSELECT 'never ends\n")
      write("3_b.lua", "migration { up = 7 }\n")
      write("4_c.sql", "-- stint: no-such-word\n")
      finds("migrations", "wrong", "scripts/migrations/2_a.sql:2:8: ")
      finds("migrations", "wrong", "3_b.lua:1")
      finds("migrations", "wrong", "4_c.sql:1:11: unknown directive")
      place.remove(project .. "/scripts/migrations")
      place.make(project .. "/scripts/migrations")
      write("2_a.sql", "-- stint: requires 1\n")
      finds("migrations", "wrong", "2_a.sql requires 1, which is not there")
      write("2_b.sql", "")
      finds("migrations", "wrong", "two migrations have version 2")
    end)
  end)

  it("notes that scripts may do anything, and programs that are missing", function()
    place.write(project .. "/config.ini", "[project]\nunsafe_lua = yes\nserver_bin = /nowhere\n" .. config)
    finds("scripts", "note", "unsafe_lua is on (config.ini:2)", "unsafe_lua = no")
    finds("tools", "note", "there is no pg_dump in /nowhere")
    local fake = place.folder()
    for _, name in ipairs { "psql", "pg_dump" } do
      place.write(fake .. "/" .. name, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
      os.execute("env -u LD_PRELOAD chmod +x " .. fake .. "/" .. name)
    end
    place.write(project .. "/config.ini", "[project]\nserver_bin = " .. fake .. "\n" .. config)
    local _, r = finds("tools", "note", "pg_dump is of version 9 and cannot dump the server's", "postgresql-client-")
    assert.equal(0, r.code, r.out)
  end)
end)
