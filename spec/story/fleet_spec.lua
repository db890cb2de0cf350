local cluster = require "spec.support.cluster"
local fleet = require "spec.support.fleet"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local TARGETS, FILES = 12, 3

local CONFIG = [[
[project]
environment = production
[production]
url = ${DATABASE_URL}
targets = %s
]]

local function files(count)
  local list = {}
  for i = 1, count do
    list[("scripts/migrations/%d_file.sql"):format(i)] = ("CREATE TABLE t%d (n int);\n-- stint: down\nDROP TABLE t%d;\n"):format(i, i)
  end
  return list
end

describe("a fleet", function()
  local pg, url, prefix, dir

  local function name(i)
    return ("%s_%03d"):format(prefix, i)
  end

  local function start(words, env)
    env = env or {}
    env.DATABASE_URL = url
    return run.start(words, { cwd = dir, env = env, timeout = 600 })
  end

  local function stint(...)
    return start({ ... }):wait()
  end

  -- An admin database, and `count` others whose names are in its table `tenant`.
  local function tenants(count)
    url, prefix = pg:database()
    local s = session.open(url)
    s:exec "CREATE TABLE tenant (number int, name text)"
    s:exec(("INSERT INTO tenant SELECT g, '%s_' || lpad(g::text, 3, '0') FROM generate_series(1, %d) g"):format(prefix, count))
    for i = 1, count do
      s:exec("CREATE DATABASE " .. name(i))
    end
    s:close()
  end

  setup(function()
    pg = cluster.get()
  end)

  it("applies to every database what is pending there, a bounded number at once", function()
    tenants(TARGETS)
    local list = files(FILES)
    -- Each counts the sessions of all that are at work.
    list["scripts/migrations/1_file.sql"] = ("CREATE TABLE seen AS SELECT count(*) AS n FROM pg_stat_activity "
      .. "WHERE application_name LIKE 'stint:%%' AND datname LIKE '%s_%%';"):format(prefix)
    dir = run.project(list, CONFIG:format "SELECT name AS database FROM tenant ORDER BY number")
    local r = stint("up", "--jobs", "3")
    assert.equal(0, r.code, r.err .. r.out)
    local rows, names = fleet.table_of(r.out)
    assert.equal(TARGETS, #names)
    for i = 1, TARGETS do
      assert.equal(name(i), names[i])
      assert.same({ state = "ok", count = tostring(FILES), exit = "0" }, rows[name(i)])
    end
    assert.matches(("%d targets: %d ok; %d applied\n"):format(TARGETS, TARGETS, TARGETS * FILES), r.out, 1, true)
    local most = 0
    for i = 1, TARGETS do
      most = math.max(most, tonumber(pg:sql(name(i), "SELECT n FROM seen")))
    end
    assert.is_true(most >= 2 and most <= 6, "sessions at once: " .. most)

    r = stint "status"
    assert.equal(0, r.code, r.err)
    assert.matches("; 0 pending\n", r.out, 1, true)
  end)

  local QUERY = "SELECT name AS database FROM tenant ORDER BY number"
  local GATE = "SELECT pg_advisory_xact_lock(7);"
  local AT_THE_GATE = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted"

  -- Whoever comes to the gate in this database waits until it is closed.
  local function gate(database)
    local s = session.open(pg:url(database))
    s:exec "SELECT pg_advisory_lock(7)"
    return s
  end

  describe("of five", function()
    before_each(function()
      tenants(5)
      local list = files(2)
      list["scripts/migrations/1_file.sql"] = GATE .. "\nCREATE TABLE t1 (n int);\n-- stint: down\nDROP TABLE t1;"
      dir = run.project(list, CONFIG:format(QUERY))
    end)

    local function states(out)
      local rows, found = fleet.table_of(out), {}
      for i = 1, 5 do
        found[i] = rows[name(i)].state
      end
      return table.concat(found, " ")
    end

    local function tables(i)
      return pg:sql(name(i), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    end

    it("goes on when one of its processes is killed, and a re-run completes it", function()
      local held = gate(name(2))
      local h = start({ "up", "--jobs", "2" })
      session.wait_until(pg:url(name(2)), AT_THE_GATE, "1")
      session.wait_until(pg:url(name(5)), "SELECT count(*) FROM pg_tables WHERE tablename = 't2'", "1")
      assert.is_true(native.process.signal(fleet.process_of(h, name(2)), "KILL"))
      local r = h:wait()
      session.wait_until(pg:url(name(2)), AT_THE_GATE, "0")
      held:close()
      assert.equal("ok killed ok ok ok", states(r.out), r.err)
      assert.same({ state = "killed", count = "0", exit = "137" }, fleet.table_of(r.out)[name(2)])
      assert.equal(1, r.code)
      assert.matches("5 targets: 4 ok, 1 killed; 8 applied\n", r.out, 1, true)
      assert.matches("NEXT: stint up goes on with the 1 that is left\n", r.err, 1, true)

      r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.matches("5 targets: 5 ok; 2 applied\n", r.out, 1, true)
      assert.equal("2", tables(2))
    end)

    it("names the target that failed, with all that is to be said of it", function()
      pg:sql(name(3), "CREATE TABLE t2 (other int)")
      local r = stint("up", "--jobs", "1")
      assert.equal(6, r.code)
      assert.equal("ok ok failed ok ok", states(r.out))
      assert.same({ state = "failed", count = "1", exit = "6" }, fleet.table_of(r.out)[name(3)])
      assert.matches(name(3) .. [[: ERROR: 2_file: relation "t2" already exists (SQLSTATE 42P07)]], r.err, 1, true)
      assert.matches(name(3) .. ": STATE: ", r.err, 1, true)
      assert.matches(name(3) .. ": NEXT: [^\n]*stint up %-%-target " .. name(3), r.err)

      pg:sql(name(3), "DROP TABLE t2")
      r = stint("up", "--target", name(3))
      assert.equal(0, r.code, r.err)
      assert.matches("^applied  2_file ", r.out)
      assert.matches("database " .. name(3), r.err, 1, true)
    end)

    it("ends with the code that tells most, whichever target came first", function()
      pg:sql(name(2), "CREATE TABLE t2 (other int)")
      place.write(dir .. "/scripts/migrations/3_half.sql", "-- stint: no-transaction\nCREATE TABLE t3 ();\nINSERT INTO maybe VALUES (1);")
      for i = 1, 5 do
        pg:sql(name(i), i == 4 and "SELECT" or "CREATE TABLE maybe (n int)")
      end
      local r = stint("up", "--jobs", "1")
      assert.equal("ok failed ok failed ok", states(r.out), r.err)
      assert.equal("6", fleet.table_of(r.out)[name(2)].exit)
      assert.equal("7", fleet.table_of(r.out)[name(4)].exit)
      assert.equal(7, r.code)
    end)

    it("begins with its canaries, and begins nothing else if one fails", function()
      pg:sql(name(2), "CREATE TABLE t2 (other int)")
      local r = stint("up", "--canary", "2", "--jobs", "4")
      assert.equal(6, r.code)
      assert.equal("ok failed not_started not_started not_started", states(r.out), r.err)
      assert.matches("the canary " .. name(2) .. " did not succeed: 3 not started", r.err, 1, true)
      assert.equal("0", tables(3))
      assert.equal("0", pg:sql(name(5), "SELECT count(*) FROM pg_namespace WHERE nspname = 'stint'"))

      pg:sql(name(2), "DROP TABLE t2")
      local held = gate(name(3))
      local h = start({ "up", "--canary", "3", "--jobs", "4" })
      session.wait_until(pg:url(name(3)), AT_THE_GATE, "1")
      session.wait_until(pg:url(name(2)), "SELECT count(*) FROM pg_tables WHERE tablename = 't2'", "1")
      assert.equal("0", pg:sql(name(4), "SELECT count(*) FROM pg_namespace WHERE nspname = 'stint'"))
      held:close()
      r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("2", tables(5))
    end)

    it("begins nothing more after so many failures", function()
      for i = 1, 3 do
        pg:sql(name(i), "CREATE TABLE t2 (other int)")
      end
      local r = stint("up", "--max-failures", "2", "--jobs", "1")
      assert.equal("failed failed not_started not_started not_started", states(r.out), r.err)
      assert.matches("2 failed (max_failures): 3 not started", r.err, 1, true)
      r = stint("up", "--max-failures", "0", "--jobs", "1")
      assert.equal("failed failed failed ok ok", states(r.out), r.err)
    end)

    it("ends cleanly at Ctrl-C: what was at work is rolled back, and a re-run completes it", function()
      local held = { gate(name(1)), gate(name(2)) }
      local h = start({ "up", "--jobs", "2" })
      session.wait_until(pg:url(name(1)), AT_THE_GATE, "2")
      h:kill "INT"
      local r = h:wait()
      assert.equal(130, r.code, r.err)
      assert.equal("interrupted interrupted not_started not_started not_started", states(r.out), r.err)
      session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%'", "0")
      assert.equal("0", tables(1))
      for _, s in ipairs(held) do
        s:close()
      end
      r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.matches("5 targets: 5 ok; 10 applied\n", r.out, 1, true)
    end)

    it("tells what happens as JSON, each line with its target", function()
      pg:sql(name(3), "CREATE TABLE t2 (other int)")
      local r = stint("deploy", "--json")
      assert.equal(6, r.code)
      local last
      local applied = 0
      for line in r.out:gmatch "[^\n]+" do
        last = assert(native.json.again(line, false))
        if line:find('^{"event":"migration_applied"') then
          applied = applied + 1
          assert.matches('"target":"' .. prefix .. "_00%d\"}$", line)
        end
      end
      assert.equal(9, applied)
      assert.matches('^{"event":"fleet_finished","at":"20', last)
      assert.matches('"command":"deploy","environment":"production","targets":[{"target":"' .. name(1) .. '","state":"ok","code":0,"applied":2,', last, 1, true)
      assert.matches('{"target":"' .. name(3) .. '","state":"failed","code":6,"applied":1,', last, 1, true)
      assert.matches('"error":"2_file: relation \\"t2\\" already exists"', last, 1, true)
      assert.matches('"total":5,"not_started":0,"ok":4,"failed":1,"killed":0,"interrupted":0,"applied":9,"reason":null}', last, 1, true)
    end)

    it("is asked as a whole by status and plan", function()
      stint("up", "--target", name(1))
      local r = stint "status"
      assert.equal(0, r.code, r.err)
      local rows = fleet.table_of(r.out)
      assert.same({ state = "ok", count = "0", exit = "0" }, rows[name(1)])
      assert.same({ state = "ok", count = "2", exit = "0" }, rows[name(2)])
      assert.matches("5 targets: 5 ok; 8 pending\n", r.out, 1, true)
      r = stint("status", "--check", "--canary", "2", "--max-failures", "1")
      assert.equal(2, r.code)
      assert.same({ state = "pending", count = "2", exit = "2" }, fleet.table_of(r.out)[name(2)])
      r = stint "plan"
      assert.equal(0, r.code, r.err)
      assert.matches("5 targets: 5 ok; 8 pending\n", r.out, 1, true)
      r = stint("status", "--json", "--target", prefix .. "_00[12]")
      assert.equal(0, r.code, r.err)
      assert.matches('{"environment":"production","targets":[{"target":"' .. name(1) .. '","state":"ok","code":0,"pending":0,', r.out, 1, true)
      assert.matches('"result":{"environment":"production","database":"' .. name(2) .. '","migrations":[{"version":"1",', r.out, 1, true)
      assert.matches('"total":2,"not_started":0,"ok":2,"failed":0,"killed":0,"interrupted":0,"pending":2,"reason":null}\n$', r.out)
      r = stint("up", "--dry-run")
      assert.equal(0, r.code, r.err)
      assert.equal("0", tables(2))
    end)

    it("goes back as a whole, to one version", function()
      assert.equal(0, stint("up", "--target", prefix .. "_00[123]").code)
      assert.equal(0, stint("down", "--target", name(1)).code)
      local r = stint "down"
      assert.equal(64, r.code)
      assert.matches("down over many targets wants --to", r.err, 1, true)
      r = stint("down", "--to", "1")
      assert.equal(0, r.code, r.err)
      assert.matches("5 targets: 5 ok; 2 rolled_back\n", r.out, 1, true)
      assert.equal("1 1 1 0 0", table.concat({ tables(1), tables(2), tables(3), tables(4), tables(5) }, " "))
    end)

    it("lets each target end its run when its head is killed", function()
      local held = gate(name(1))
      local h = start({ "up", "--jobs", "1" })
      session.wait_until(pg:url(name(1)), AT_THE_GATE, "1")
      h:kill "KILL"
      h:wait()
      held:close()
      session.wait_until(pg:url(name(1)), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", "2")
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.matches("5 targets: 5 ok; 8 applied\n", r.out, 1, true)
    end)

    it("tells the hooks of each whose run it is", function()
      place.make(dir .. "/scripts/hooks")
      place.write(dir .. "/scripts/hooks/tell.lua", [[
hook { on = { "run_finished" }, run = function(event) log.warn(event.environment .. " " .. event.target .. " " .. event.applied) end }]])
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      for i = 1, 5 do
        assert.matches(("%s: [^\n]*production %s 2\n"):format(name(i), name(i)), r.err)
      end
    end)

    it("is no place for a command of one database, unless it is told which", function()
      for _, words in ipairs { { "redo" }, { "resolve", "1", "--applied" }, { "lock" }, { "reset", "--yes" } } do
        local r = start(words):wait()
        assert.equal(64, r.code, table.concat(words, " ") .. r.err .. r.out)
        assert.matches("production has many targets, and this is for one", r.err, 1, true)
        assert.matches("--target NAME says which", r.err, 1, true)
      end
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))
      assert.equal(0, stint("up", "--target", name(4)).code)
      assert.equal(0, stint("down", "--target", name(4)).code)
      assert.equal("1", tables(4))
      assert.equal(0, stint("down", "--target", name(4)).code)
      assert.equal("0", tables(4))

      local r = stint("up", "--target", prefix .. "_04")
      assert.equal(64, r.code)
      assert.matches("did you mean " .. prefix .. "_004?", r.err, 1, true)
    end)
  end)

  describe("of schemas", function()
    local ODD = { 'Tenant "A"', "b", "c d" }

    before_each(function()
      url = pg:database()
      local s = session.open(url)
      s:exec "CREATE TABLE tenant (name text)"
      for _, schema in ipairs(ODD) do
        s:exec(("INSERT INTO tenant VALUES ('%s')"):format(schema))
      end
      s:close()
    end)

    it("has a ledger for each, in one database", function()
      dir = run.project(files(2), CONFIG:format "SELECT name AS schema FROM tenant")
      local r = stint "deploy"
      assert.equal(0, r.code, r.err)
      assert.matches("3 targets: 3 ok; 6 applied\n", r.out, 1, true)
      local per_schema = "SELECT count(*) FROM pg_tables WHERE tablename ~ '^t\\d$' GROUP BY schemaname"
      assert.equal("2\n2\n2", pg:sql(url, per_schema))
      local ledgers = [[SELECT nspname FROM pg_namespace WHERE nspname LIKE 'stint%' ORDER BY nspname COLLATE "C"]]
      assert.equal('stint_Tenant "A"\nstint_b\nstint_c d', pg:sql(url, ledgers))
      r = stint("down", "--target", "c d", "--confirm", "production")
      assert.equal(0, r.code, r.err)
      assert.equal("1", pg:sql(url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'c d'"))
      r = stint "deploy"
      assert.matches("3 targets: 3 ok; 1 applied\n", r.out, 1, true)
    end)

    it("gives the workers of a backfill the schema of their run", function()
      dir = run.project({
        ["scripts/migrations/1_table.sql"] = "CREATE TABLE t (id bigint PRIMARY KEY, n int);\n"
          .. "INSERT INTO t SELECT g FROM generate_series(1, 2000) g;",
        ["scripts/migrations/2_fill.lua"] = 'backfill { table = "t", set = { n = "id" }, where = "n IS NULL", workers = 2 }',
      }, CONFIG:format "schema:one, schema:two")
      local r = stint("up", "--jobs", "2")
      assert.equal(0, r.code, r.err)
      for _, schema in ipairs { "one", "two" } do
        assert.equal("2000", pg:sql(url, ("SELECT count(*) FROM %s.t WHERE n = id"):format(schema)))
      end
    end)

    it("has its detached backfills worked on by one `work`, and then goes on", function()
      dir = run.project({
        ["scripts/migrations/1_table.sql"] = "CREATE TABLE t (id bigint PRIMARY KEY, n int);\nINSERT INTO t SELECT g FROM generate_series(1, 2000) g;",
        ["scripts/migrations/2_fill.lua"] = 'backfill { table = "t", set = { n = "id" }, where = "n IS NULL" }',
        ["scripts/migrations/3_strict.lua"] = 'migration { requires = { "2" }, up = function(db) db:exec "ALTER TABLE t ALTER n SET NOT NULL" end }',
      }, CONFIG:format "schema:one, schema:two")
      local r = stint("deploy", "--backfills", "detached")
      assert.equal(2, r.code, r.err)
      assert.same({ state = "pending", count = "1", exit = "2" }, fleet.table_of(r.out).two)
      r = stint "work"
      assert.equal(0, r.code, r.err)
      assert.matches("^target  state           rows  exit\n", r.out)
      assert.same({ state = "ok", count = "2000", exit = "0" }, fleet.table_of(r.out).two)
      assert.matches("2 targets: 2 ok; 4000 rows\n", r.out, 1, true)
      r = stint "deploy"
      assert.equal(0, r.code, r.err)
      assert.equal("0", pg:sql(url, "SELECT count(*) FROM one.t WHERE n IS NULL"))
    end)

    it("refuses a name that is too long for its ledger's", function()
      dir = run.project(files(1), CONFIG:format("schema:" .. ("x"):rep(58)))
      local r = stint "up"
      assert.equal(78, r.code)
      assert.matches("targets (config.ini:5): the ledger of the schema xxx", r.err, 1, true)
    end)
  end)

  describe("of URLs", function()
    local PASSWORD = "sesame-99"

    before_each(function()
      tenants(2)
    end)

    it("gives them names of their own, and never shows a password", function()
      local query = "SELECT name AS url, 'T' || number AS name FROM tenant"
      pg:sql(url, ("UPDATE tenant SET name = 'postgresql://postgres:%s@/' || name || '?host=%s'"):format(PASSWORD, pg.host))
      dir = run.project({ ["scripts/migrations/1_gate.sql"] = GATE }, CONFIG:format(query))
      local held = gate(name(1))
      local h = start { "up", "-v" }
      session.wait_until(pg:url(name(1)), AT_THE_GATE, "1")
      local words = place.read(("/proc/%d/cmdline"):format(fleet.process_of(h, "T1")))
      assert.matches("stint", words, 1, true)
      assert.is_nil(words:find(PASSWORD, 1, true))
      held:close()
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.same({ "T1", "T2" }, select(2, fleet.table_of(r.out)))
      assert.is_nil((r.out .. r.err):find(PASSWORD, 1, true))
    end)

    it("may stand in config.ini as a list, with names of databases among them", function()
      dir = run.project(files(1), CONFIG:format(name(2) .. ", ${OTHER}"))
      local r = start({ "up" }, { OTHER = pg:url(name(1)) }):wait()
      assert.equal(0, r.code, r.err)
      assert.same({ name(2), name(1) }, select(2, fleet.table_of(r.out)))
    end)

    it("goes on past one that does not answer", function()
      dir = run.project(files(1), CONFIG:format("postgresql:///gone?host=/nowhere, " .. name(1)))
      local r = stint "up"
      assert.equal(9, r.code)
      assert.equal("failed", fleet.table_of(r.out).gone.state)
      assert.equal("ok", fleet.table_of(r.out)[name(1)].state)
      assert.matches("gone: ERROR: ", r.err, 1, true)
    end)
  end)

  it("says what is wrong with its list", function()
    tenants(1)
    for targets, words in pairs {
      ["SELECT name FROM tenant"] = "row 1 of targets names no database, schema or url",
      ["SELECT name AS datname FROM tenant"] = "targets gives a column datname",
      ["SELECT nothing FROM tenant"] = 'column "nothing" does not exist',
      ["a, b, a"] = "two targets are called a",
    } do
      dir = run.project(files(1), CONFIG:format(targets))
      local r = stint "status"
      assert.equal(78, r.code, r.err)
      assert.matches("targets (config.ini:5): ", r.err, 1, true)
      assert.matches(words, r.err, 1, true)
    end
    dir = run.project(files(1), CONFIG:format "SELECT name AS database FROM tenant WHERE false")
    local r = stint "up"
    assert.equal(0, r.code, r.err)
    assert.matches("production has no targets: its list is empty", r.err, 1, true)
    dir = run.project(files(1), "[development]\nurl = ${DATABASE_URL}\n")
    r = stint("up", "--target", "a")
    assert.equal(64, r.code)
    assert.matches("development has no targets", r.err, 1, true)
  end)
end)
