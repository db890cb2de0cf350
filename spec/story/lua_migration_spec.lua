local cluster = require "spec.support.cluster"
local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/1_lua.lua"

describe("a migration in Lua", function()
  local at = story.new()
  local start, sql = at.start, at.sql

  local function begin(text, more)
    local files = { [FILE] = text }
    for name, other in pairs(more or {}) do
      files[name] = other
    end
    at.begin(files)
  end

  local function write(text)
    at.write(FILE, text)
  end

  local function up(...)
    return at.run("up", ...)
  end

  local function state()
    return start("status", "--json"):wait().out:match '"state":"(%w+)"'
  end

  -- Runs `body` as the up function. The rows of `kept`, if it is committed, stay.
  local function up_with(body, ...)
    begin('migration { up = function(db)\ndb:exec "CREATE TABLE kept (n int)"\n' .. body .. "\nend }\n")
    return up(...)
  end

  local function assert_nothing_left()
    assert.equal("t", sql "SELECT to_regclass('kept') IS NULL")
    assert.equal("0", sql "SELECT count(*) FROM stint.migration")
    session.wait_until(at.url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0")
  end

  describe("does what its function says,", function()
    it("with parameters and answers of every kind", function()
      begin [[
migration {
  up = function(db)
    db:exec "CREATE TABLE t (id bigint PRIMARY KEY, name text, ok boolean, f float8, tags text[], doc jsonb, raw bytea)"
    local rows = db:exec("INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7), (2, $8, NULL, NULL, NULL, NULL, NULL)",
      9007199254740993, "O'Brien; DROP TABLE t --", true, 0.1, { "a", "b,c", '"d"' }, json.encode { x = { 1, 2 } },
      db:bytes "\0\1\255", nil)
    assert(rows == 2)
    local row = db:row("SELECT * FROM t WHERE id = $1", 9007199254740993)
    assert(row.id == 9007199254740993 and math.type(row.id) == "integer")
    assert(row.name == "O'Brien; DROP TABLE t --" and row.ok == true and row.f == 0.1)
    assert(row.tags.n == 3 and row.tags[2] == "b,c" and row.tags[3] == '"d"')
    assert(row.doc.x[2] == 2 and row.raw == "\0\1\255")
    assert(db:row("SELECT * FROM t WHERE id = 3") == nil)
    assert(db:value "SELECT count(*) FROM t" == 2)
    local names = {}
    for _, r in ipairs(db:query "SELECT id, name FROM t ORDER BY id") do
      names[#names + 1] = r.name or "none"
    end
    assert(table.concat(names, " ") == "none O'Brien; DROP TABLE t --")
    local quoted = db:ident("public", 'My "Table"')
    db:exec("CREATE TABLE " .. quoted .. " (n text DEFAULT " .. db:literal "it's" .. ")")
    db:exec("INSERT INTO " .. quoted .. " DEFAULT VALUES")
    log.say("filled %d rows", rows)
  end,
}
]]
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.matches("applied  1_lua", r.out, 1, true)
      assert.matches("filled 2 rows", r.err, 1, true)
      assert.equal("it's", sql [[SELECT n FROM "My ""Table"""]])
      assert.equal("lua applied 1", sql "SELECT kind || ' ' || state || ' ' || position FROM stint.migration")
      assert.equal(0, start("status", "--check"):wait().code)
    end)

    it("with the team's own modules", function()
      begin('local names = require "lib.names"\nmigration { up = function(db) names.make(db, "made") end }\n', {
        ["scripts/lib/names.lua"] = [[
local deep = require "lib.deep.er"
return { make = function(db, n) db:exec("CREATE TABLE " .. db:ident(deep(n)) .. " (n int)") end }
]],
        ["scripts/lib/deep/er.lua"] = 'return function(n) return n .. "_by_lib" end\n',
      })
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("0", sql "SELECT count(*) FROM made_by_lib")
    end)

    it("in the transaction of its own ledger entry", function()
      begin [[
migration { up = function(db)
  db:exec "CREATE TABLE t AS SELECT txid_current() AS xid"
end }
]]
      assert.equal(0, up().code)
      assert.equal("1", sql "SELECT count(*) FROM t, stint.migration m WHERE m.xmin::text::bigint = t.xid")
    end)

    it("and catches what it expects", function()
      begin [[
migration { up = function(db)
  db:exec "CREATE TABLE t (n int UNIQUE); INSERT INTO t VALUES (1)"
end }
]]
      local r = up()
      assert.equal(6, r.code)
      assert.matches("one statement a call", r.err, 1, true)
      write [[
migration { transaction = false, up = function(db)
  db:exec "CREATE TABLE t (n int UNIQUE)"
  db:exec "INSERT INTO t VALUES (1)"
  local ok, e = pcall(db.exec, db, "INSERT INTO t VALUES (1)")
  assert(not ok and e.sqlstate == "23505" and e.constraint == "t_n_key" and e.line == 4, tostring(e))
  db:exec("INSERT INTO t VALUES ($1)", 2)
end }
]]
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("3", sql "SELECT sum(n) FROM t")
    end)

    it("on a clean session, whatever the file before it did", function()
      begin(
        [[migration { up = function(db)
  db:exec("CREATE TABLE t AS SELECT current_setting('work_mem') AS w, to_regclass('pg_temp.x') IS NULL AS gone")
end }
]],
        { ["scripts/migrations/0_before.sql"] = "SET work_mem = '77MB';\nCREATE TEMP TABLE x (n int);\n" }
      )
      assert.equal(0, up().code)
      assert.are_not.equal("77MB|t", sql "SELECT * FROM t")
      assert.matches("|t$", sql "SELECT * FROM t")
    end)
  end)

  describe("that fails leaves nothing behind", function()
    local function refused(body, ...)
      local r = up_with(body)
      assert.equal(6, r.code, r.err)
      for _, wanted in ipairs { ... } do
        assert.matches(wanted, r.err, 1, true)
      end
      assert.matches("STATE: rolled back: nothing of this file is left", r.err, 1, true)
      assert_nothing_left()
      assert.equal("failed", state())
      return r
    end

    it("and names file and line first", function()
      local r = refused('error "not today"')
      assert.matches("^up: [^\n]+\nERROR: 1_lua: scripts/migrations/1_lua.lua:3: not today\n", r.err)
      refused("local x = nil\nx.y = 1", FILE .. ":4: attempt to index a nil value (local 'x')")
    end)

    it("and what the server said", function()
      local r = refused('db:exec("INSERT INTO kept VALUES ($1)", "x")', FILE .. ":3: invalid input syntax for type integer",
        "SQLSTATE 22P02")
      assert.is_nil(r.err:find("traceback", 1, true))
      refused('db:exec "SELECT 1 FROM nowhere"', FILE .. ':3: relation "nowhere" does not exist', "SQL line 1: SELECT 1 FROM nowhere")
    end)

    it("and shows the way through its functions with -v", function()
      local r = up_with('local function inner() db:exec "nonsense" end\nlocal function outer() inner() end\nouter()', "-v")
      assert.equal(6, r.code)
      assert.matches(FILE .. ":3: syntax error", r.err, 1, true)
      assert.matches(FILE .. ":4: in ", r.err, 1, true)
    end)

    it("even if it caught the error and went on", function()
      local r = refused('pcall(db.exec, db, "SELECT 1/0")\ndb:exec "INSERT INTO kept VALUES (1)"', "SQLSTATE 25P02")
      assert.matches(FILE .. ":4", r.err, 1, true)
      r = up_with 'pcall(db.exec, db, "SELECT 1/0")'
      assert.equal(6, r.code, r.err)
      assert_nothing_left()
    end)

    it("when it meddles with the transaction", function()
      refused('db:exec "COMMIT"', FILE .. ":3: the transaction is Stint's own")
      refused('db:exec "/* x */ rollback"', "the transaction is Stint's own")
      refused('db:exec "DO $$ BEGIN COMMIT; END $$"', FILE .. ":3", "invalid transaction termination")
      refused('db:exec "COPY kept TO PROGRAM \'true\'"', "COPY ... PROGRAM is not for scripts")
    end)

    it("when it leaves the sandbox", function()
      refused('os.execute "true"', FILE .. ":3: os.execute is closed to scripts")
      refused('io.open "/etc/passwd"', FILE .. ":3: io is closed to scripts", "unsafe_lua")
      refused('load "return 1"', FILE .. ":3: load is closed to scripts")
      refused('require "socket"', FILE .. ":3: require takes", "lib.NAME")
      refused('require "lib.missing"', FILE .. ":3", 'require "lib.missing"', "there is no such file")
      refused('counter = 1', FILE .. ':3: "counter" is no variable of this file')
      refused('db:exce "SELECT 1"', FILE .. ':3: db has no function "exce", did you mean "exec"?')
      refused('stirng.rep("x", 3)', FILE .. ':3: there is no global "stirng", did you mean "string"?')
    end)

    it("when it takes too much memory", function()
      local r = up_with('local t = {}\nfor i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end', "--lua-memory", "16MB")
      assert.equal(6, r.code, r.err)
      assert.matches("needs more memory than", r.err, 1, true)
      assert.matches("lua_memory in config.ini is the limit", r.err, 1, true)
      assert_nothing_left()
    end)
  end)

  describe("that does not end is ended, and rolled back:", function()
    local function late(body)
      local r = up_with(body, "--lua-time", "300ms")
      assert.equal(6, r.code, r.err)
      assert.matches("ran for more than 300ms", r.err, 1, true)
      session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()", "0")
      assert_nothing_left()
      return r
    end

    it("a loop", function()
      local r = late "while true do end"
      assert.matches(FILE .. ":3", r.err, 1, true)
      assert.matches("HINT: lua_time in config.ini", r.err, 1, true)
      assert.equal("failed", state())
    end)

    it("a loop that catches every error", function()
      late "while true do pcall(function() while true do end end) end"
      late "local function f() pcall(f) f() end f()"
    end)

    it("a pattern that the library never finishes", function()
      local r = late 'string.find(("a"):rep(40), ("a*"):rep(40) .. "b")'
      assert.matches(FILE, r.err, 1, true)
      assert.matches("inside one call of Lua's library", r.err, 1, true)
      assert.equal(0, select(2, r.err:gsub("NEXT", "")))
      write "migration { up = function(db) db:exec 'CREATE TABLE kept (n int)' end }\n"
      assert.equal(0, up().code)
    end)

    it("but not for the time that the database takes", function()
      local r = up_with('db:exec "SELECT pg_sleep(0.5)"\ndb:exec "SELECT pg_sleep(0.5)"', "--lua-time", "300ms")
      assert.equal(0, r.code, r.err)
    end)

    it("at Ctrl-C, in Lua or in the database", function()
      for _, body in ipairs { 'log.say "here"\nwhile true do pcall(function() while true do end end) end',
        'log.say "here"\nwhile true do pcall(db.exec, db, "SELECT pg_sleep(100)") end' } do
        begin('migration { up = function(db)\ndb:exec "CREATE TABLE kept (n int)"\n' .. body .. "\nend }\n")
        local h = start "up"
        h:says "here"
        h:kill "INT"
        local r = h:wait()
        assert.equal(130, r.code, r.err)
        assert_nothing_left()
      end
    end)

    it("while it is only being read", function()
      begin "while true do end\n"
      local r = up("--lua-time", "300ms")
      assert.equal(78, r.code, r.err)
      assert.matches(FILE .. ":1: ran for more than 300ms", r.err, 1, true)
    end)
  end)

  describe("without a transaction", function()
    local NONE = [[
migration { transaction = false, up = function(db)
  db:exec "CREATE TABLE IF NOT EXISTS kept (n int)"
  db:exec "CREATE INDEX CONCURRENTLY IF NOT EXISTS kept_n ON kept (n)"
  db:exec "SET lock_timeout = 0"
  db:exec "SELECT pg_advisory_lock(7)"
  db:exec "INSERT INTO kept VALUES (1)"
end }
]]

    it("may do what no transaction can hold", function()
      begin(NONE)
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("1 t", sql "SELECT (SELECT count(*) FROM kept) || ' ' || (SELECT 't' FROM pg_index WHERE indexrelid = 'kept_n'::regclass AND indisvalid)")
      assert.equal("applied 1", sql "SELECT state || ' ' || position FROM stint.migration WHERE intent IS NULL")
    end)

    it("is in doubt when its end cannot be written", function()
      begin [[
migration { transaction = false, up = function(db)
  db:exec "CREATE TABLE kept (n int)"
  db:exec "ALTER TABLE stint.migration RENAME TO elsewhere"
end }
]]
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("STATE: nobody knows how far it came", r.err, 1, true)
      assert.equal("1", sql "SELECT count(*) FROM stint.elsewhere WHERE intent = 1")
    end)

    it("whose end is written under our own role, whatever it has SET", function()
      begin [[migration { transaction = false, up = function(db) db:exec "SET ROLE pg_monitor" end }]]
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("applied", state())
    end)

    it("is not gone on with by a file of another kind", function()
      begin [[migration { transaction = false, up = function(db) db:exec "CREATE TABLE kept (n int)" error "no" end }]]
      assert.equal(7, up().code)
      write [[backfill { table = "kept", set = { n = "1" }, key = "n" }]]
      local r = up()
      assert.equal(4, r.code, r.err)
      assert.matches("is a file of kind backfill, but it was begun as one of kind lua", r.err, 1, true)
      assert.matches("stint resolve 1 --rolled-back", r.err, 1, true)
    end)

    local function killed_in_the_middle()
      begin(NONE)
      local holder = session.open(at.url)
      holder:exec "SELECT pg_advisory_lock(7)"
      local h = start "up"
      session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
      h:kill "KILL"
      h:wait()
      session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()", "0")
      holder:close()
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("nobody knows how far it came", r.err, 1, true)
      assert.matches("stint resolve 1 --statement-done 1 | --statement-again 1", r.err, 1, true)
      assert.equal("0", sql "SELECT count(*) FROM kept")
      assert.equal("partial", state())
    end

    it("stops the next run when it was killed, and runs again if people say so", function()
      killed_in_the_middle()
      local r = start("resolve", "1", "--statement-again", "1"):wait()
      assert.equal(0, r.code, r.err)
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("1", sql "SELECT count(*) FROM kept")
    end)

    it("stops the next run when it was killed, and counts as done if people say so", function()
      killed_in_the_middle()
      local r = start("resolve", "1", "--statement-done", "1"):wait()
      assert.equal(0, r.code, r.err)
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("0", sql "SELECT count(*) FROM kept")
      assert.equal("applied", state())
    end)

    it("is partly applied when it fails", function()
      begin((NONE:gsub("INSERT INTO kept", "INSERT INTO missing")))
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches(FILE .. ':6: relation "missing" does not exist', r.err, 1, true)
      assert.matches("--statement-again 1", r.err, 1, true)
      r = up()
      assert.equal(7, r.code, r.err)
    end)
  end)

  it("goes on after a lost server as if nothing had been", function()
    local shared = at.pg
    at.pg = cluster.new()
    finally(function()
      at.pg:stop()
      at.pg = shared
    end)
    begin [[
migration { up = function(db)
  db:exec "CREATE TABLE kept (n int)"
  db:exec "SET LOCAL lock_timeout = 0"
  pcall(db.exec, db, "SELECT pg_advisory_xact_lock(7)")
  db:exec "INSERT INTO kept VALUES (1)"
end }
]]
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start "up"
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
    at.pg:restart "immediate"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("1", sql "SELECT count(*) FROM kept")
  end)

  describe("that is not written as it should be is refused before anything runs:", function()
    local function refused(text, ...)
      begin(text, { ["scripts/migrations/0_first.sql"] = "CREATE TABLE first (n int);\n" })
      local r = up()
      assert.equal(78, r.code, r.err)
      for _, wanted in ipairs { ... } do
        assert.matches(wanted, r.err, 1, true)
      end
      assert.matches("STATE: nothing was run", r.err, 1, true)
      assert.equal("t", sql "SELECT to_regclass('first') IS NULL")
    end

    it("a field that is not known, with the nearest one", function()
      refused("\nmigration {\n  upp = function() end,\n}\n", FILE .. ":2", 'migration has no field "upp", did you mean "up"?')
    end)

    it("a field of the wrong type, or missing", function()
      refused('migration { up = "CREATE TABLE t ()" }\n', FILE .. ":1", "must be a function, not a string")
      refused("migration { down = function() end }\n", FILE .. ":1", "up")
    end)

    it("a file that declares nothing, twice, or something else", function()
      refused("local x = 1\nreturn x\n", FILE .. ": declares nothing")
      refused("migration { up = function() end }\nmigration { up = function() end }\n", FILE .. ":2: a file declares one thing")
    end)

    it("a file that is no Lua", function()
      refused("migration { up = function(db) db:exec 'x' }\n", FILE .. ":1:")
      refused("\27Lua", "bytecode")
    end)

    it("a module that declares", function()
      begin('require "lib.bad"\nmigration { up = function() end }\n', { ["scripts/lib/bad.lua"] = "migration { up = function() end }\n" })
      local r = up()
      assert.equal(78, r.code, r.err)
      assert.matches("scripts/lib/bad.lua:1: a module declares nothing", r.err, 1, true)
    end)
  end)

  it("refuses to declare while it runs", function()
    local r = up_with "migration { up = function() end }"
    assert.equal(6, r.code, r.err)
    assert.matches("nothing can be declared while it runs", r.err, 1, true)
    assert_nothing_left()
  end)

  it("shows errors that are no text, and values that are too many", function()
    local function says(text, body)
      local r = up_with(body)
      assert.equal(6, r.code, r.err)
      assert.matches(text, r.err, 1, true)
    end
    says("an error that is a table: {code = 5}", "error { code = 5 }")
    says("error was called without a message", "error()")
    says("put it into parentheses", [[db:exec("INSERT INTO kept VALUES ($1)", ("a"):gsub("a", "b"))]])
    says("has numbers", [[db:exec("SELECT $1", { [true] = 1 })]])
    says("filled 2 rows", 'log.say("filled", 2, "rows") error "no"')
  end)
end)
