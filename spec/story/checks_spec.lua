local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local CONFIG = "[project]\nlua_time = 5s\n[development]\nurl = ${DATABASE_URL}\n[staging]\nurl = ${DATABASE_URL}\n"

describe("a check", function()
  local pg, url, dir
  local at = story.new()
  local start, stint, sql = at.start, at.run, at.sql

  setup(function()
    pg = cluster.get()
  end)

  local function write(files)
    for name, text in pairs(files) do
      place.write(dir .. "/scripts/" .. name, text)
    end
  end

  -- A project with one table in its database, so that every check has something to ask about.
  local function begin(files, config)
    url, dir = at.begin({}, config or CONFIG)
    place.make(dir .. "/scripts/migrations")
    place.make(dir .. "/scripts/checks")
    place.make(dir .. "/scripts/lib")
    pg:sql(url, "CREATE TABLE t (n int, name text)")
    write(files)
  end

  local function refused(r, code, ...)
    assert.equal(code, r.code, r.out .. r.err)
    for _, text in ipairs { ... } do
      assert.truthy(r.err:find(text, 1, true), text .. "\nis not in\n" .. r.err)
    end
  end

  local function applied()
    return sql "SELECT coalesce(string_agg(version, ' ' ORDER BY version), '') FROM stint.migration WHERE state = 'applied'"
  end

  local function events(r, kind)
    local list = {}
    for line in r.out:gmatch "[^\n]+" do
      if line:find('"event":"' .. kind .. '"', 1, true) then
        list[#list + 1] = line
      end
    end
    return list
  end

  describe("before the run", function()
    it("stops it while nothing has changed, with its rows as the message", function()
      begin {
        ["migrations/1_a.sql"] = "CREATE TABLE a (n int);",
        ["checks/clean.lua"] = 'check {\n  about = "t has no bad rows", when = "before",\n  none = "SELECT n, name FROM t ORDER BY n" }\n',
      }
      sql "INSERT INTO t SELECT n, CASE n WHEN 1 THEN NULL ELSE 'name' || n END FROM generate_series(1, 12) n"
      local r = stint "up"
      assert.equal(5, r.code)
      assert.equal(([[
up: environment development, database %s, 1 pending
ERROR: check clean: t has no bad rows
  at scripts/checks/clean.lua:1
DETAIL: rows that must not be there:
  n = 1, name = NULL
  n = 2, name = name2
  n = 3, name = name3
  n = 4, name = name4
  n = 5, name = name5
  n = 6, name = name6
  n = 7, name = name7
  n = 8, name = name8
  n = 9, name = name9
  n = 10, name = name10
  and more than these 10
STATE: nothing was run
NEXT: mend what the check shows, then: stint up
]]):format(sql "SELECT current_database()"), r.err)
      assert.equal("t", sql "SELECT to_regclass('a') IS NULL AND to_regnamespace('stint') IS NULL")
      sql "DELETE FROM t"
      assert.equal(0, stint("up").code)
      assert.equal("1", applied())
    end)

    it("says what its function says", function()
      begin {
        ["migrations/1_a.sql"] = "CREATE TABLE a (n int);",
        ["lib/limits.lua"] = "return { most = 2 }\n",
        ["checks/few.lua"] = [[
local limits = require "lib.limits"
check {
  when = "before",
  test = function(db)
    local n = db:value "SELECT count(*) FROM t"
    return n < limits.most, ("there are %d rows, %d are too many"):format(n, limits.most)
  end,
}
]],
      }
      sql "INSERT INTO t VALUES (1), (2)"
      refused(stint "up", 5, "ERROR: check few: there are 2 rows, 2 are too many", "at scripts/checks/few.lua:2", "nothing was run")
      sql "DELETE FROM t WHERE n = 2"
      assert.equal(0, stint("up").code)
    end)

    it("is not asked when nothing is due, or by status and plan", function()
      begin {
        ["migrations/1_a.sql"] = "CREATE TABLE a (n int);",
        ["checks/no.lua"] = 'check { about = "never", when = "before", test = function() return false end }',
        ["checks/zwarn.lua"] = 'check { when = "after_each", level = "warn", none = "SELECT 1" }',
      }
      assert.equal(0, stint("status").code)
      local r = stint "plan"
      assert.equal(0, r.code, r.err)
      assert.matches("check no (before): never\n", r.out, 1, true)
      assert.matches("check zwarn (after_each, warns only)\n", r.out, 1, true)
      r = stint("plan", "--json")
      assert.matches('"checks":[{"name":"no","when":"before","level":"deny","about":"never"}', r.out, 1, true)
      refused(stint "up", 5, "check no: never")
      place.remove(dir .. "/scripts/checks/no.lua")
      assert.equal(0, stint("up").code)
      write { ["checks/no.lua"] = 'check { about = "never", when = "before", test = function() return false end }' }
      assert.equal(0, stint("up").code)
    end)
  end)

  describe("with level = warn", function()
    it("warns, and the run goes on", function()
      begin {
        ["migrations/1_a.sql"] = "CREATE TABLE a (n int);",
        ["checks/a.lua"] = 'check { about = "t is empty", when = "before", level = "warn", none = "SELECT n FROM t" }',
        ["checks/b.lua"] = 'check { when = "after", level = "warn", none = "SELECT nope FROM t" }',
      }
      sql "INSERT INTO t VALUES (7)"
      local r = stint("up", "--json")
      assert.equal(0, r.code, r.err)
      assert.matches("WARNING: check a: t is empty\n  n = 7\n", r.err, 1, true)
      assert.matches('WARNING: check b: scripts/checks/b.lua:1: column "nope" does not exist', r.err, 1, true)
      local told = events(r, "check")
      assert.equal(2, #told)
      assert.matches('"name":"a","when":"before","migration":null,"ok":false,"message":"t is empty:\\n  n = 7"', told[1], 1, true)
      assert.equal("1", applied())
    end)
  end)

  describe("after each", function()
    it("is asked inside a file's transaction, and a no rolls it back", function()
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
        ["migrations/2_b.sql"] = "INSERT INTO t VALUES (-1);\nSET search_path = pg_catalog;\nSET lock_timeout = '1min';",
        ["migrations/3_c.sql"] = "INSERT INTO t VALUES (3);",
        ["checks/positive.lua"] = 'check { about = "n is positive", when = "after_each", none = "SELECT n FROM t WHERE n < 0" }',
      }
      local r = stint("up", "--json")
      refused(r, 5, "ERROR: 2_b: check positive: n is positive", "n = -1", "at scripts/checks/positive.lua:1",
        "rolled back: nothing of this file is left; 1 before it applied in this run")
      assert.equal(2, #events(r, "check"))
      assert.matches('"migration":"1_a","ok":true', events(r, "check")[1], 1, true)
      assert.equal("1", applied())
      assert.equal("1", sql "SELECT string_agg(n::text, ' ') FROM t")
      assert.equal("failed", stint("status", "--json").out:match '"name":"2_b".-"state":"(%w+)"')
      write { ["migrations/2_b.sql"] = "INSERT INTO t VALUES (2);" }
      assert.equal(0, stint("up").code)
      assert.equal("1 2 3", applied())
    end)

    it("leaves nothing of its own behind", function()
      begin {
        ["migrations/1_a.sql"] = "SET LOCAL work_mem = '1MB';\nCREATE TABLE a AS SELECT current_setting('work_mem') AS w;\n",
        ["migrations/2_b.sql"] = "CREATE TABLE b AS SELECT current_setting('work_mem') AS w;",
        ["migrations/3_c.lua"] = 'migration { up = function(db) db:exec "CREATE TABLE c (n int)" end }',
        ["checks/sets.lua"] = [[
check { when = "after_each", test = function(db)
  db:exec "SET work_mem = '3MB'"
  assert(db:value "SELECT current_setting('transaction_read_only')" == "on")
  assert(db:value "SELECT to_regclass('a') IS NOT NULL")
  return true
end }
]],
      }
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.equal("1MB", sql "SELECT w FROM a")
      assert.are_not.equal("3MB", sql "SELECT w FROM b")
      assert.equal("1 2 3", applied())
    end)

    it("rolls back a Lua migration and a file with its own transaction too", function()
      begin {
        ["migrations/1_a.lua"] = 'migration { up = function(db) db:exec "INSERT INTO t VALUES (-1)" end }',
        ["checks/positive.lua"] = 'check { about = "n is positive", when = "after_each", none = "SELECT n FROM t WHERE n < 0" }',
      }
      refused(stint "up", 5, "check positive: n is positive", "rolled back: nothing of this file is left")
      assert.equal("0", sql "SELECT count(*) FROM t")
      assert.equal("", applied())
      place.remove(dir .. "/scripts/migrations/1_a.lua")
      write { ["migrations/1_a.sql"] = "BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (-2);\nCOMMIT;\n" }
      refused(stint "up", 7, "check positive: n is positive", "3 of 6 statements are applied")
      assert.equal("1", sql "SELECT string_agg(n::text, ' ') FROM t")
      write { ["migrations/1_a.sql"] = "BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO t VALUES (2);\nCOMMIT;\n" }
      assert.equal(0, stint("up").code)
      assert.equal("1 2", sql "SELECT string_agg(n::text, ' ' ORDER BY n) FROM t")
    end)

    it("says that a file stays which no transaction could hold", function()
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (-1);\nCREATE INDEX CONCURRENTLY t_n ON t (n);",
        ["migrations/2_b.sql"] = "CREATE TABLE b (n int);",
        ["checks/positive.lua"] = 'check { about = "n is positive", when = "after_each", none = "SELECT n FROM t WHERE n < 0" }',
      }
      refused(stint "up", 5, "check positive: n is positive",
        "STATE: 1_a is applied and stays so: there was no transaction left to roll back")
      assert.equal("1", applied())
    end)

    it("is asked of a backfill when that is done", function()
      begin {
        ["migrations/1_a.sql"] = "CREATE TABLE u (id int PRIMARY KEY, v int);\nINSERT INTO u SELECT g FROM generate_series(1, 100) g;",
        ["migrations/2_b.lua"] = 'backfill { table = "u", set = { v = "id" } }',
        ["checks/filled.lua"] = [[
check { about = "v is set", when = "after_each", test = function(db)
  return db:value "SELECT count(*) FROM u WHERE v IS NULL" ~= 50
end }
]],
      }
      local r = stint("up", "--json")
      assert.equal(0, r.code, r.err)
      assert.matches('"migration":"2_b","ok":true', r.out, 1, true)
    end)

    it("keeps a deferred constraint for the COMMIT", function()
      begin {
        ["migrations/1_a.sql"] = [[
CREATE TABLE d (n int, CONSTRAINT d_key UNIQUE (n) DEFERRABLE INITIALLY DEFERRED);
INSERT INTO d VALUES (1), (1);
]],
        ["checks/fine.lua"] = 'check { when = "after_each", none = "SELECT 1 WHERE false" }',
      }
      refused(stint "up", 6, "at the end of the transaction", "d_key", "rolled back: nothing of this file is left")
      assert.equal("t", sql "SELECT to_regclass('d') IS NULL")
    end)
  end)

  describe("before each", function()
    it("stops before the file that it does not like", function()
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
        ["migrations/2_b.sql"] = "INSERT INTO t VALUES (2);",
        ["checks/empty.lua"] = 'check { about = "t is empty", when = "before_each", none = "SELECT n FROM t" }',
      }
      refused(stint "up", 5, "check empty: t is empty", "2_b was not begun; 1 before it applied in this run")
      assert.equal("1", applied())
    end)
  end)

  describe("after the run", function()
    it("is asked once, when something was applied, and says that this stays", function()
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
        ["migrations/2_b.sql"] = "INSERT INTO t VALUES (2);",
        ["checks/empty.lua"] = 'check { about = "t is empty", when = "after", none = "SELECT n FROM t ORDER BY n" }',
      }
      local r = stint("deploy", "--json")
      refused(r, 5, "check empty: t is empty", "n = 1\n  n = 2", "2 applied in this run, and they stay applied", "stint down")
      assert.equal(1, #events(r, "check"))
      assert.equal(1, #events(r, "run_failed"))
      assert.equal("1 2", applied())
      assert.equal(0, stint("deploy").code)
    end)
  end)

  it("is for its environments only", function()
    begin {
      ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
      ["checks/no.lua"] = 'check { about = "not in staging", when = "before", environments = { "staging" }, none = "SELECT 1" }',
    }
    refused(stint("up", "-e", "staging"), 5, "not in staging")
    assert.equal(0, stint("up").code)
  end)

  describe("cannot", function()
    -- Runs `body` as a check before and after each migration: what up says.
    local function body(text, when)
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
        ["checks/x.lua"] = 'check { when = "' .. when .. '", test = function(db)\n' .. text .. "\nend }\n",
      }
      return stint "up"
    end

    for _, when in ipairs { "before", "after_each" } do
      it("write, " .. when, function()
        refused(body('db:exec "DELETE FROM t"', when), 5, "scripts/checks/x.lua:2: cannot execute DELETE in a read-only transaction",
          "(SQLSTATE 25006)")
        refused(body("db:value [[SELECT nextval('s')]]", when), 5, 'relation "s" does not exist')
        refused(body('db:exec "SET transaction_read_only = off"\ndb:exec "DELETE FROM t"', when), 5,
          when == "before" and "transaction read-write mode must be set before any query" or "read-write mode")
        refused(body('pcall(db.exec, db, "SET transaction_read_only = off")\nreturn pcall(db.exec, db, "INSERT INTO t VALUES (2)")', when), 5,
          "check x: its test is not true")
        assert.equal("0", sql "SELECT count(*) FROM t")
      end)

      it("end the transaction, or run programs, " .. when, function()
        refused(body('db:exec "COMMIT"', when), 5, "x.lua:2:", "the transaction is Stint's own")
        refused(body('db:exec "ROLLBACK TO SAVEPOINT stint_check"', when), 5, "the transaction is Stint's own")
        refused(body([[db:exec "COPY t TO PROGRAM 'true'"]], when), 5, "COPY ... PROGRAM is not for scripts")
        refused(body('db:exec "SELECT 1; SELECT 2"', when), 5, "one statement a call")
        assert.equal("0", sql "SELECT count(*) FROM t")
      end)
    end

    it("keep its db", function()
      begin {
        ["migrations/1_a.sql"] = "SELECT 1;",
        ["checks/x.lua"] = [[
local kept
check { when = "before_each", test = function(db)
  if kept then kept:exec "SELECT 1" end
  kept = db
  return true
end }
]],
        ["migrations/2_b.sql"] = "SELECT 2;",
      }
      refused(stint "up", 5, "scripts/checks/x.lua:3: this db belonged to a check that is over", "2_b was not begun")
    end)

    it("take longer than its timeout, in the database or in Lua", function()
      local function timed(text)
        begin {
          ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
          ["checks/x.lua"] = 'check { when = "before", timeout = "200ms", ' .. text .. " }\n",
        }
        return stint "up"
      end
      refused(timed 'none = "SELECT pg_sleep(30)"', 5, "scripts/checks/x.lua:1: canceling statement due to statement timeout",
        "timeout in the check is the limit of each of its statements", "nothing was run")
      refused(timed "test = function(db)\nwhile true do end\nend", 5, "scripts/checks/x.lua:2: ran for more than 200ms",
        "timeout in the check is its limit", "nothing was run")
      refused(timed "test = function(db)\nreturn pcall(function() while true do end end)\nend", 5, "ran for more than 200ms")
      refused(timed 'test = function(db)\nreturn ("a"):rep(30):find(("a-"):rep(30) .. "b")\nend', 5, "x.lua: ran for more than 200ms")
      assert.equal("0", sql "SELECT count(*) FROM t")
    end)

    it("outlive a stop", function()
      begin {
        ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);",
        ["checks/x.lua"] = 'check { when = "before", level = "warn", none = "SELECT pg_sleep(60)" }',
      }
      local up = start "up"
      session.wait_until(url, "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'stint:up' AND query LIKE 'FETCH%'", "1")
      up:kill "INT"
      assert.equal(130, up:wait().code)
      assert.equal("0", sql "SELECT count(*) FROM t")
    end)
  end)

  describe("that is wrong", function()
    local function wrong(text, code)
      begin { ["migrations/1_a.sql"] = "INSERT INTO t VALUES (1);", ["checks/x.lua"] = text }
      local r = stint "up"
      assert.equal(code, r.code, r.err)
      assert.equal("0", sql "SELECT count(*) FROM t")
      return (r.err:gsub("^up: [^\n]*\n", ""))
    end

    it("is an error at its own line, before anything runs", function()
      assert.equal([[
ERROR: scripts/checks/x.lua:2: check has no field "wen", did you mean "when"?
STATE: nothing was run
]], wrong('\ncheck { wen = "before", none = "SELECT 1" }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: check.timeout must be a duration such as "250ms", not a number
STATE: nothing was run
]], wrong('check { when = "before", none = "SELECT 1", timeout = 5 }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: check needs a when: before or after the run, or each migration of it (after_each: inside its transaction)
STATE: nothing was run
]], wrong('check { none = "SELECT 1" }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: check.when must be one of "before", "after", "before_each", "after_each", not "befor", did you mean "before"?
STATE: nothing was run
]], wrong('check { when = "befor", none = "SELECT 1" }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: check needs one of none, test
STATE: nothing was run
]], wrong('check { when = "before" }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: check has none and test: it takes one of them
STATE: nothing was run
]], wrong('check { when = "before", none = "SELECT 1", test = print }', 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:3: there is no global "stirng", did you mean "string"?
STATE: nothing was run
]], wrong("\n\nlocal x = stirng.format('x')", 78))
      assert.equal([[
ERROR: scripts/checks/x.lua:1: a file of this folder declares check {...}, not hook {...}
HINT: hooks belong into a folder of their own: stint help hook
STATE: nothing was run
]], wrong('hook { on = "run_failed", run = print }', 78))
    end)

    it("says where its SQL is wrong", function()
      assert.equal([[
ERROR: scripts/checks/x.lua:2: column "zzz" does not exist (SQLSTATE 42703)
  at scripts/checks/x.lua:2
CONTEXT: SQL line 2: FROM t WHERE zzz
                                  ^
STATE: nothing was run
NEXT: mend what the check shows, then: stint up
]], wrong('\ncheck { when = "before", none = "SELECT n\\nFROM t WHERE zzz" }', 5))
      assert.equal([[
ERROR: scripts/checks/x.lua:2: column "zzz" does not exist (SQLSTATE 42703)
  at scripts/checks/x.lua:1
CONTEXT: SQL line 1: SELECT zzz FROM t
                            ^
STATE: nothing was run
NEXT: mend what the check shows, then: stint up
]], wrong('check { when = "before", test = function(db)\nreturn db:value "SELECT zzz FROM t" == 1 end }', 5))
    end)

    it("names file and line, and how it got there under -v", function()
      local text = 'local function deep(t) return t.a.b end\ncheck { when = "before", test = function(db)\n  local x = deep({})\n  return x\nend }\n'
      assert.equal([[
ERROR: scripts/checks/x.lua:1: attempt to index a nil value (field 'a')
  at scripts/checks/x.lua:2
STATE: nothing was run
NEXT: mend what the check shows, then: stint up
]], wrong(text, 5))
      refused(stint("up", "-v"), 5, "CONTEXT: stack traceback:\n         scripts/checks/x.lua:1: in function 'deep'")
    end)

    it("does not let several statements through", function()
      local said = wrong('check { when = "before", none = "SELECT 1; INSERT INTO t VALUES (9)" }', 5)
      assert.matches("cannot insert multiple commands", said, 1, true)
    end)
  end)
end)
