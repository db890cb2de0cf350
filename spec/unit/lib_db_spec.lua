local native = require("native").script
local cluster = require "spec.support.cluster"

local FILE = "scripts/migrations/0042_x.lua"

describe("db", function()
  local url, world

  setup(function()
    url = cluster.get():database()
  end)

  before_each(function()
    world = assert(native.open { time = 60000, memory = 64 * 1024 * 1024 })
    assert(native.connect(world, url))
  end)

  after_each(function()
    native.close(world)
  end)

  -- Calls a migration of this body, in a transaction that is rolled back: nil, or the failure.
  local function up(body, transaction)
    local kind, problem = native.declare(world, FILE, "migration { up = function(db)\n" .. body .. "\nend }")
    assert(kind, not kind and problem.message)
    if transaction ~= false then
      assert(native.sql(world, "BEGIN"))
    end
    local ok, failure = native.call(world, "up")
    if transaction ~= false then
      native.sql(world, "ROLLBACK")
    end
    return not ok and failure or nil
  end

  local function works(body, transaction)
    local failure = up(body, transaction)
    assert(not failure, failure and failure.message)
  end

  local function says(text, body)
    local failure = up(body)
    assert.equal(FILE .. ":2: " .. text, failure and failure.message)
  end

  it("gives the rows affected", function()
    works [[
      assert(db:exec "CREATE TEMP TABLE t (a int)" == 0)
      assert(db:exec "INSERT INTO t SELECT generate_series(1, 5)" == 5)
      assert(db:exec("UPDATE t SET a = a WHERE a > $1", 2) == 3)
      assert(db:exec "INSERT INTO t VALUES (1), (2) RETURNING a" == 2)
      assert(db:exec "DELETE FROM t WHERE false;" == 0)]]
  end)

  it("gives rows, a row, a value", function()
    works [[
      local rows = db:query "SELECT n, n * 2 AS double FROM generate_series(1, 3) n"
      assert(#rows == 3 and rows[3].n == 3 and rows[3].double == 6)
      assert(#db:query "SELECT 1 WHERE false" == 0)
      assert(db:row("SELECT 1 AS a, 2 AS b").b == 2)
      assert(db:row "SELECT 1 WHERE false" == nil)
      assert(db:value "SELECT 7, 8" == 7)
      assert(db:value "SELECT 1 WHERE false" == nil)
      assert(db:value "SELECT NULL" == nil)
      assert(next(db:row "SELECT NULL AS a") == nil)]]
    says('two columns are called "id": give one another name with AS', 'db:query "SELECT 1 AS id, 2 AS id"')
  end)

  it("gives values of Lua's types", function()
    works [[
      local function is(sql, value)
        local found = db:value("SELECT " .. sql)
        assert(found == value and math.type(found) == math.type(value), sql .. " is " .. tostring(found))
      end
      is("9223372036854775807::int8", math.maxinteger)
      is("(-32768)::int2", -32768)
      is("4294967295::oid", 4294967295)
      is("0.1::float8", 0.1)
      is("1::float8", 1.0)
      is("'-Infinity'::float4", -math.huge)
      is("true", true)
      is("false", false)
      is("12345678901234567890.10::numeric", "12345678901234567890.10")
      is("'x'::text", "x")
      is("''", "")
      is("'2026-01-27'::date", "2026-01-27")
      is("'\\x00ff5c'::bytea", "\0\255\\")
      is("''::bytea", "")
      local nan = db:value "SELECT 'NaN'::float8"
      assert(nan ~= nan)
      db:exec "SET LOCAL bytea_output = 'escape'"
      is("'\\x00ff5c41'::bytea", "\0\255\\A")]]
  end)

  it("decodes json", function()
    works [[
      local value = db:value [=[SELECT '{"a": [1, null, {"b": "c"}], "d": 1.5}'::jsonb]=]
      assert(value.a[1] == 1 and value.a[2] == json.null and value.a[3].b == "c" and value.d == 1.5)
      assert(db:value "SELECT '[]'::json" and json.encode(db:value "SELECT '[]'::json") == "[]")
      assert(db:value "SELECT 'null'::jsonb" == json.null)
      local text = json.encode(value)
      assert(db:value("SELECT $1::jsonb = $2::jsonb", text, '{"a": [1, null, {"b": "c"}], "d": 1.5}'))]]
  end)

  it("gives arrays as tables with n", function()
    works [=[
      local a = db:value "SELECT ARRAY[1, NULL, 3]"
      assert(a.n == 3 and a[1] == 1 and a[2] == nil and a[3] == 3)
      a = db:value [[SELECT CAST(ARRAY['a b', 'NULL', NULL, 'q"\', '{', ',', ''] AS text[]) AS a]]
      assert(a.n == 7 and a[1] == "a b" and a[2] == "NULL" and a[3] == nil and a[4] == 'q"\\')
      assert(a[5] == "{" and a[6] == "," and a[7] == "")
      a = db:value "SELECT ARRAY[[1, 2], [3, 4]]"
      assert(a.n == 2 and a[2].n == 2 and a[2][1] == 3)
      assert(db:value("SELECT '{}'::int[]").n == 0)
      a = db:value "SELECT '[0:1]={5,6}'::int[]"
      assert(a.n == 2 and a[1] == 5)
      a = db:value "SELECT ARRAY['\\x00ff'::bytea]"
      assert(a[1] == "\0\255")
      a = db:value [[SELECT CAST(ARRAY['{"a": [1]}', NULL] AS jsonb[]) AS a]]
      assert(a.n == 2 and a[1].a[1] == 1)
      assert(db:value("SELECT ARRAY[true, false]")[2] == false)
      assert(json.encode(db:value "SELECT ARRAY[1, NULL]") == "[1,null]")]=]
  end)

  it("sends parameters apart from the text", function()
    works [[
      local row = db:row("SELECT $1::int AS a, $2::text AS b, $3::float8 AS c, $4::bool AS d, $5::int IS NULL AS e",
        42, "'; DROP TABLE x; --", 0.1, false, nil)
      assert(row.a == 42 and row.b == "'; DROP TABLE x; --" and row.c == 0.1 and row.d == false and row.e)
      assert(db:value("SELECT $1::int8", math.mininteger) == math.mininteger)
      assert(db:value("SELECT $1::int", 3.0) == 3)
      assert(db:value("SELECT $1::float8", 1/0) == 1/0)
      assert(db:value("SELECT $1::text", "héllo") == "héllo")
      assert(db:value("SELECT octet_length($1::bytea)", db:bytes "\0\1\2") == 3)
      assert(db:value("SELECT $1::bytea", db:bytes "a\0\255") == "a\0\255")]]
  end)

  it("sends tables as arrays", function()
    works [=[
      assert(db:value("SELECT $1::int[] = ARRAY[1, NULL, 3]", { 1, nil, 3, n = 3 }))
      assert(db:value("SELECT $1::text[] = ARRAY['a\"b', 'c\\d', 'NULL', '']", { 'a"b', "c\\d", "NULL", "" }))
      assert(db:value("SELECT $1::int[] = ARRAY[[1, 2], [3, 4]]", { { 1, 2 }, { 3, 4 } }))
      assert(db:value("SELECT $1::int[] = '{}'", {}))
      assert(db:value("SELECT ($1::bytea[])[1]", { db:bytes "\0\255" }) == "\0\255")
      assert(db:value("SELECT 2 = ANY ($1::int[])", db:value "SELECT ARRAY[1, 2]"))]=]
  end)

  it("refuses what PostgreSQL cannot take", function()
    says("$2 holds a NUL byte, which no text of PostgreSQL can; db:bytes(s) sends bytes",
      'db:exec("SELECT $1::text, $2::text", "a", "b\\0c")')
    says("the SQL holds a NUL byte", 'db:exec("SELECT 1\\0")')
    says('$1 is a table with names ("a"), and an array has none; json.encode(t) makes JSON of it',
      'db:exec("SELECT $1::jsonb", { a = 1 })')
    says("$1 cannot be a function", 'db:exec("SELECT $1", print)')
    says("$1 is json.null: nil is SQL's NULL, and json.encode(json.null) is JSON's", 'db:exec("SELECT $1", json.null)')
    assert.truthy(up('local t = {} t[1] = t db:exec("SELECT $1", t)').message:find("dimensions of an array", 1, true))
  end)

  it("quotes names and values", function()
    works [[
      assert(db:ident 'a"b' == '"a""b"')
      assert(db:ident("public", "Users") == '"public"."Users"')
      assert(db:literal(nil) == "NULL" and db:literal(5) == "5" and db:literal(true) == "true")
      for _, value in ipairs { "it's", "back\\slash", -5, 1.5, false, "" } do
        local found = db:value("SELECT " .. db:literal(value) .. "::text")
        assert(found == tostring(value), found)
      end
      assert(db:value("SELECT 3 -" .. db:literal(-2)) == 5)
      assert(db:value("SELECT " .. db:literal(db:bytes "\0a")) == "\0a")
      assert(db:value("SELECT " .. db:literal { 1, 2 } .. "::int[]")[2] == 2)]]
  end)

  it("refuses transaction control, whatever its case and comments", function()
    local text = "the transaction is Stint's own: BEGIN, COMMIT, ROLLBACK and SAVEPOINT are not for scripts "
      .. "(db:transaction(function) is a savepoint; an error that nobody catches undoes everything)"
    for _, sql in ipairs {
      "BEGIN", "commit", "COMMIT;", "/* x */ Rollback", "-- x\\nEND", "ABORT", "START TRANSACTION", "SAVEPOINT a",
      "RELEASE SAVEPOINT a", "PREPARE TRANSACTION 'x'", "ROLLBACK TO a",
    } do
      says(text, ('db:exec "%s"'):format(sql))
    end
    works [[
      db:exec "PREPARE p AS SELECT 1"
      db:exec "DO $$ BEGIN PERFORM 1; END $$"
      assert(db:value "SELECT 'COMMIT; ROLLBACK'" == "COMMIT; ROLLBACK")]]
  end)

  it("takes one statement a call", function()
    says("one statement a call: call again for the next", 'db:exec "SELECT 1; SELECT 2"')
    says("one statement a call: call again for the next", 'db:exec "SELECT 1; COMMIT"')
    says("there is no statement in this text", 'db:exec "-- nothing"')
    says("there is no statement in this text", 'db:exec ";"')
    works [[
      db:exec "SELECT ';' -- ; \n ; -- end"
      db:exec "CREATE TEMP TABLE t (a int)"
      db:exec "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)"
      db:exec "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END"]]
    assert.equal("42601", up('db:exec "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; COMMIT"').sqlstate)
  end)

  it("refuses COPY to and from elsewhere", function()
    says("COPY ... PROGRAM is not for scripts", [[db:exec "COPY pg_class TO PROGRAM 'cat'"]])
    says("COPY from STDIN or to STDOUT is not for scripts; a .sql migration can carry the data",
      [[db:exec "COPY t FROM STDIN"]])
    says("COPY from STDIN or to STDOUT is not for scripts; a .sql migration can carry the data",
      [[db:exec "COPY (SELECT 1 FROM x) TO STDOUT"]])
  end)

  it("raises an error that can be read, and raised again unchanged", function()
    local failure = up [[
      db:exec "CREATE TEMP TABLE t (a int CONSTRAINT positive CHECK (a > 0))"
      local ok, e = pcall(db.exec, db, "INSERT INTO t VALUES ($1)", -1)
      assert(not ok and e.sqlstate == "23514" and e.constraint == "positive" and e.table == "t" and e.line == 3)
      assert(tostring(e):find "^scripts/migrations/0042_x.lua:3: new row .* %(SQLSTATE 23514%)$", tostring(e))
      assert(("so: " .. e):find "^so: scripts")
      error(e)]]
    assert.equal(1, failure.kind)
    assert.equal("23514", failure.sqlstate)
    assert.equal(FILE .. ':3: new row for relation "t" violates check constraint "positive"', failure.message)
    assert.equal("Failing row contains (-1).", failure.detail)
  end)

  it("shows the place in the SQL", function()
    local failure = up 'db:query("SELECT 1,\\n  héllo, nope FROM pg_class")'
    assert.equal("42703", failure.sqlstate)
    assert.equal(FILE .. ':2: column "héllo" does not exist', failure.message)
    assert.equal("SQL line 2:   héllo, nope FROM pg_class\n              ^", failure.context)
  end)

  it("says what a transaction that has failed says", function()
    local failure = up [[
      pcall(db.exec, db, "SELECT 1/0")
      db:exec "SELECT 1"]]
    assert.equal("25P02", failure.sqlstate)
    assert.equal(FILE .. ":3:", failure.message:sub(1, #FILE + 3))
  end)

  it("works outside of a transaction too", function()
    works([[
      db:exec "CREATE TABLE autocommit (a int)"
      assert(not pcall(db.exec, db, "SELECT 1/0"))
      db:exec "VACUUM autocommit"
      db:exec "DROP TABLE autocommit"]], false)
  end)

  it("is dead when its call is over", function()
    assert(native.declare(world, FILE, [[
      local kept
      migration { up = function(db) kept = db end, down = function(db) assert(db ~= kept) kept:exec "SELECT 1" end }]]))
    assert(native.call(world, "up"))
    local ok, failure = native.call(world, "down")
    assert.is_nil(ok)
    assert.equal(FILE .. ":2: this db belonged to a migration that is over", failure.message)
  end)

  it("names the nearest function", function()
    says('db has no function "exce", did you mean "exec"?', 'db:exce "SELECT 1"')
    says("functions of db are called with a colon: db:exec(...)", 'db.exec "SELECT 1"')
  end)

  it("does not count the time in the database", function()
    native.close(world)
    world = assert(native.open { time = 100 })
    assert(native.connect(world, url))
    works 'for _ = 1, 3 do db:exec "SELECT pg_sleep(0.06)" end'
    assert.equal(FILE .. ":3: ran for more than 100ms", up('db:exec "SELECT 1"\nwhile true do end').message)
  end)

  it("ends the call, past every pcall, when the connection is lost", function()
    assert(native.declare(world, FILE, ([[
      migration { up = function(db)
        while true do pcall(db.exec, db, "SELECT pg_terminate_backend(%d), pg_sleep(5)") end
      end }]]):format(native.pid(world))))
    local ok, failure = native.call(world, "up")
    assert.is_nil(ok)
    assert.equal(9, failure.kind)
    assert.equal(FILE .. ":2: ", failure.message:sub(1, #FILE + 4))
  end)

  it("ends the call, past every pcall, on Ctrl-C", function()
    local code, said = native.forked(function()
      local own = assert(native.open { time = 60000 })
      assert(native.connect(own, url))
      assert(native.declare(own, FILE, [[
        migration { up = function(db) while true do pcall(db.exec, db, "SELECT pg_sleep(10)") end end }]]))
      native.interrupt()
      local _, failure = native.call(own, "up")
      return failure.kind .. " " .. failure.message
    end)
    assert.equal("130 interrupted", said)
    assert.equal(0, code)
  end)

  it("holds large results within the limit of memory", function()
    native.close(world)
    world = assert(native.open { memory = 2 * 1024 * 1024 })
    assert(native.connect(world, url))
    local failure = up 'local rows = db:query "SELECT repeat(\'x\', 1000) AS x, n FROM generate_series(1, 10000) n"'
    assert.equal(FILE .. ":2: the rows need more memory than the 2048 kB that scripts may hold (lua_memory); "
      .. "db:rows takes few at a time", failure.message)
    works 'for i = 1, 2000 do assert(db:value("SELECT $1::int", i) == i) end'
  end)

  describe("rows", function()
    it("come one by one, as query gives them", function()
      works [[
        local n, sum = 0, 0
        for row in db:rows("SELECT n, NULL AS nothing, ARRAY[n, NULL] AS a FROM generate_series(1, $1) n", 2500) do
          n = n + 1
          sum = sum + row.n
          assert(row.n == n and row.nothing == nil and row.a.n == 2 and row.a[1] == n)
        end
        assert(n == 2500 and sum == 2500 * 2501 // 2)
        for _ in db:rows "SELECT 1 WHERE false" do error "a row" end
        for _ in db:rows "VALUES (1), (2) -- two" do n = n + 1 end
        assert(n == 2502)]]
    end)

    it("let other calls run in their loop, and other loops", function()
      works [[
        db:exec "CREATE TEMP TABLE t AS SELECT n, 0 AS seen FROM generate_series(1, 1200) n"
        local inner = 0
        for row in db:rows "SELECT n FROM t ORDER BY n" do
          assert(db:exec("UPDATE t SET seen = $1 WHERE n = $1", row.n) == 1)
          if row.n % 400 == 0 then
            for _ in db:rows("SELECT n FROM t WHERE n <= $1", row.n) do inner = inner + 1 end
          end
        end
        assert(db:value "SELECT count(*) FROM t WHERE seen = n" == 1200 and inner == 2400)]]
    end)

    it("leave no cursor on the server, however the loop ends", function()
      works [[
        local function open() return db:value "SELECT count(*) FROM pg_cursors WHERE name <> ''" end
        local function loop(f) for row in db:rows "SELECT n FROM generate_series(1, 5000) n" do f(row) end end
        loop(function() end)
        assert(open() == 0)
        for _ in db:rows "SELECT 1 FROM generate_series(1, 5000)" do assert(open() == 1) break end
        assert(open() == 0)
        assert(not pcall(loop, function() error "out" end))
        assert(open() == 0)
        assert(not pcall(db.transaction, db, function() loop(function() db:exec "SELECT 1/0" end) end))
        assert(open() == 0)
        local row = db:rows "VALUES (1), (2)"
        assert(row().column1 == 1 and row().column1 == 2 and row() == nil and row() == nil and open() == 0)]]
    end)

    it("work outside of a transaction too", function()
      works([[
        db:exec "CREATE TABLE streamed AS SELECT n FROM generate_series(1, 3000) n"
        local n = 0
        for row in db:rows "SELECT n FROM streamed" do
          n = n + 1
          if n % 1000 == 0 then db:exec("DELETE FROM streamed WHERE n = $1", row.n) end
        end
        assert(n == 3000 and db:value "SELECT count(*) FROM streamed" == 2997)
        assert(db:value "SELECT count(*) FROM pg_cursors WHERE name <> ''" == 0)
        db:exec "DROP TABLE streamed"]], false)
    end)

    it("end with the db:transaction that they were asked for in", function()
      says("these rows ended with the db:transaction that they were asked for in", ([[local kept
        pcall(db.transaction, db, function() kept = db:rows "VALUES (1)" error "undo" end)
        assert(db:value "SELECT 1" == 1)
        kept()]]):gsub("\n%s*", " "))
      works [[
        local kept
        db:transaction(function() kept = db:rows "VALUES (1)" end)
        assert(kept().column1 == 1)]]
    end)

    it("are of a query, and of a limited number at a time", function()
      says("db:rows takes a SELECT; the rows of RETURNING come by db:query", 'db:rows "DELETE FROM t RETURNING 1"')
      says('two columns are called "a": give one another name with AS', 'for _ in db:rows "SELECT 1 AS a, 2 AS a" do end')
      says("100 db:rows are open: read each to its end in a for loop, or leave that by break",
        'local t = {} while true do t[#t + 1] = db:rows "SELECT 1" end')
      local failure = up 'db:rows "SELECT 1,\\n nope"'
      assert.equal("42703", failure.sqlstate)
      assert.equal("SQL line 2:  nope\n             ^", failure.context)
      assert.equal("22012", up('for _ in db:rows "SELECT 1 / (n - 5) FROM generate_series(1, 9) n" do end').sqlstate)
    end)

    it("are few at a time where they are long", function()
      native.close(world)
      world = assert(native.open { memory = 24 * 1024 * 1024 })
      assert(native.connect(world, url))
      works [[
        local bytes = 0
        for row in db:rows "SELECT repeat('x', 500000) AS x FROM generate_series(1, 200) n" do bytes = bytes + #row.x end
        assert(bytes == 100000000)]]
    end)
  end)

  describe("transaction", function()
    it("keeps what its function did, and gives what it gives", function()
      works [[
        db:exec "CREATE TEMP TABLE t (n int)"
        local a, b, c = db:transaction(function() db:exec "INSERT INTO t VALUES (1)" return 1, nil, "x" end)
        assert(a == 1 and b == nil and c == "x" and db:value "SELECT count(*) FROM t" == 1)
        assert(select("#", db:transaction(function() end)) == 0)]]
    end)

    it("undoes what its function did when that fails, and raises its error unchanged", function()
      works [[
        db:exec "CREATE TEMP TABLE t (n int)"
        local mine = { "mine" }
        for _, raised in ipairs { mine, "text", 5, json.null } do
          local ok, e = pcall(db.transaction, db, function() db:exec "INSERT INTO t VALUES (1)" error(raised, 0) end)
          assert(not ok and e == raised)
        end
        local ok, e = pcall(db.transaction, db, function()
          db:exec "INSERT INTO t VALUES (2)"
          db:exec "SELECT 1/0"
        end)
        assert(not ok and e.sqlstate == "22012" and e.line == 10, e)
        assert(db:value "SELECT count(*) FROM t" == 0)
        ok, e = pcall(db.transaction, db, function() db:exec "INSERT INTO t VALUES (3)" return ("x"):rep(1e10) end)
        assert(not ok and db:value "SELECT count(*) FROM t" == 0)]]
    end)

    it("may be one inside another", function()
      works [[
        db:exec "CREATE TEMP TABLE t (n int)"
        db:transaction(function()
          db:exec "INSERT INTO t VALUES (1)"
          assert(not pcall(db.transaction, db, function()
            db:exec "INSERT INTO t VALUES (2)"
            db:transaction(function() db:exec "INSERT INTO t VALUES (3)" end)
            db:exec "INSERT INTO t VALUES ('x')"
          end))
          db:transaction(function() db:exec "INSERT INTO t VALUES (4)" end)
        end)
        assert(db:value "SELECT array_agg(n ORDER BY n) = '{1,4}' FROM t")
        for i = 1, 50 do
          pcall(db.transaction, db, function() db:exec("INSERT INTO t VALUES ($1)", i) if i % 2 == 0 then error() end end)
        end
        assert(db:value "SELECT count(*) FROM t" == 27)
        local function deep(n)
          return db:transaction(function() return n > 0 and deep(n - 1) or db:exec "INSERT INTO t VALUES (0)" end)
        end
        assert(deep(20) == 1 and db:value "SELECT count(*) FROM t" == 28)
        local function bottomless() return db:transaction(bottomless) end
        assert(not pcall(bottomless) and db:value "SELECT 1" == 1)]]
    end)

    it("does not keep half of it when its function has caught the error", function()
      says("a statement of this db:transaction failed, and its error was caught inside: "
        .. "nothing of it is kept; catch it around db:transaction instead",
        'db:transaction(function() db:exec "CREATE TEMP TABLE t ()" pcall(db.exec, db, "SELECT 1/0") end)')
      works [[
        assert(not pcall(db.transaction, db, function() pcall(db.exec, db, "SELECT 1/0") end))
        assert(db:value "SELECT 1" == 1)]]
    end)

    it("is a transaction where there is none", function()
      works([[
        db:exec "CREATE TABLE kept (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)"
        db:transaction(function() db:exec "INSERT INTO kept VALUES (1)" end)
        assert(not pcall(db.transaction, db, function() db:exec "INSERT INTO kept VALUES (2)" error "no" end))
        local ok, e = pcall(db.transaction, db, function()
          db:exec "INSERT INTO kept VALUES (1)"
          db:transaction(function() db:exec "INSERT INTO kept VALUES (4)" end)
        end)
        assert(not ok and e.sqlstate == "23505", tostring(e))
        assert(db:value "SELECT array_agg(n) = '{1}' FROM kept")
        db:exec "DROP TABLE kept"]], false)
    end)

    it("says how an error came about that nobody catches", function()
      local failure = up "local function f() error('deep') end\ndb:transaction(function() f() end)"
      assert.equal(FILE .. ":2: deep", failure.message)
      assert.truthy(failure.context:find(FILE .. ":2: in function 'f'", 1, true) or failure.context:find("upvalue", 1, true))
      assert.truthy(failure.context:find(FILE .. ":3: in ", 1, true), failure.context)
    end)

    it("takes a function, and nothing of the transaction's own", function()
      says("bad argument #1 to 'transaction' (function expected, got string)", 'db:transaction "SELECT 1"')
      assert.truthy(up('db:transaction(function() db:exec "COMMIT" end)').message:find "the transaction is Stint's own")
    end)
  end)

  it("takes and gives every value unchanged", function()
    works [=[
      local function there_and_back(type, ...)
        for i = 1, select("#", ...) do
          local value = select(i, ...)
          local found = db:value("SELECT $1::" .. type, value)
          assert(math.type(found) == math.type(value) and (found == value or value ~= value and found ~= found),
            ("%s: %s came back as %s"):format(type, tostring(value), tostring(found)))
          assert(db:row("SELECT $1::" .. type .. " AS v", value).v == found or value ~= value)
          assert(db:query("SELECT $1::" .. type .. " AS v", value)[1].v == found or value ~= value)
          for row in db:rows("SELECT $1::" .. type .. " AS v", value) do assert(row.v == found or value ~= value) end
          if value == value and math.abs(tonumber(value) or 0) < math.huge then
            local quoted = db:value("SELECT " .. db:literal(value) .. "::" .. type)
            assert(quoted == value, type .. " quoted: " .. db:literal(value))
          end
        end
      end
      there_and_back("int8", math.maxinteger, math.mininteger, 0, -1, 9007199254740993)
      there_and_back("int4", 2147483647, -2147483648)
      there_and_back("int2", 32767, -32768)
      there_and_back("oid", 4294967295)
      there_and_back("float8", 0.1, -0.0, 5e-324, 1.7976931348623157e308, 1/3, 2^53 + 2.0, 1/0, -1/0, 0/0)
      there_and_back("bool", true, false)
      there_and_back("text", "", " ", "'", '"', "\\", "$1", "%s", "\n\r\t\1\127", "é𝄞\u{10FFFF}", ("x"):rep(100000), "NULL", "{}")
      there_and_back("numeric", "12345678901234567890.12345678901234567890", "NaN", "-0.00001")
      there_and_back("uuid", "00000000-0000-0000-0000-00000000000a")
      assert(1 / db:value("SELECT $1::float8", -0.0) == -1/0)
      assert(db:value("SELECT $1::text", nil) == nil)
      local bytes = {}
      for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
      for _, b in ipairs { "", "\0", table.concat(bytes), "\\x41", ("\0"):rep(100000) } do
        assert(db:value("SELECT $1::bytea", db:bytes(b)) == b)
        assert(db:value("SELECT " .. db:literal(db:bytes(b))) == b)
        assert(db:value("SELECT $1::bytea[]", { db:bytes(b), db:bytes(b) })[2] == b)
      end
      local function list(type, value)
        local found = db:value("SELECT $1::" .. type, value)
        assert(found.n == (value.n or #value), type)
        for i = 1, found.n do assert(found[i] == value[i], type .. " " .. i) end
      end
      list("int8[]", { math.maxinteger, nil, math.mininteger, n = 3 })
      list("int8[]", { nil, nil, n = 2 })
      list("int8[]", {})
      list("float8[]", { 1/0, -1/0, 0.1 })
      list("bool[]", { true, false, nil, n = 3 })
      list("text[]", { "", "NULL", "null", "a,b", "{", "}", '"', "\\", "'", " x ", "\n", "é", nil, n = 13 })
      local deep = db:value("SELECT $1::int[]", { { { 1, 2 }, { 3, 4 } }, { { 5, 6 }, { 7, 8 } } })
      assert(deep[2][1][2] == 6 and deep.n == 2)]=]
  end)

  it("takes and gives json unchanged, whatever the size of its numbers", function()
    works [=[
      local function same(text, type)
        local value = db:value("SELECT $1::" .. (type or "jsonb"), text)
        assert(db:value("SELECT $1::jsonb = $2::jsonb", json.encode(value), text), json.encode(value))
        return value
      end
      assert(same "null" == json.null and same "[]" and same "{}" and same '""' == "")
      assert(same "9223372036854775807" == math.maxinteger and same "-9223372036854775808" == math.mininteger)
      assert(same "1.5" == 1.5 and same "true" == true)
      local big = same '{"id": 12345678901234567890, "more": [-99999999999999999999, 1], "s": "12345678901234567890"}'
      assert(tostring(big.id) == "12345678901234567890" and big.s == "12345678901234567890")
      assert(tostring(big.more[1]) == "-99999999999999999999" and big.more[2] == 1)
      assert(json.encode(big) == '{"id":12345678901234567890,"more":[-99999999999999999999,1],"s":"12345678901234567890"}')
      assert(big.id == json.decode "12345678901234567890" and big.id ~= json.decode "12345678901234567891")
      assert(db:value("SELECT $1::numeric + 1", big.id) == "12345678901234567891")
      assert(tostring(same("1" .. ("0"):rep(400))) == "1" .. ("0"):rep(400))
      assert(db:value("SELECT $1::json", "1e999") == json.decode "1e999" and json.encode(json.decode "[-1e999]") == "[-1e999]")
      assert(same '{"a": "\\"123456789012345678901234567890\\\\"}'.a == '"123456789012345678901234567890\\')
      assert(json.decode '"number 0: 12345678901234567890"' == "number 0: 12345678901234567890")
      assert(json.decode '[1e999, "number 0: 5"]'[2] == "number 0: 5")
      for _, text in ipairs { "{12345678901234567890: 1}", "012345678901234567890", "12345678901234567890.", "-" } do
        assert(not pcall(json.decode, text), text)
      end
      assert(not pcall(math.floor, big.id) and getmetatable(big.id) == false)]=]
  end)

  it("takes what looks like SQL as data", function()
    works [=[
      db:exec "CREATE TEMP TABLE kept (n int)"
      local attempts = {
        "'; DROP TABLE kept; --", "\\'; DROP TABLE kept; --", '"; DROP TABLE kept; --', "$1", "$$; DROP TABLE kept; $$",
        "x' OR 'a'='a", "/* ", "-- ", "E'\\''", "\\", "\\\\", "'", "''", '"', '""', "%I", "U&'\\0027'", ";", "\n; DROP TABLE kept",
        "é'; DROP TABLE kept; --", "kept; DROP TABLE kept", "NULL", "now()", "pg_temp.kept", "a.b", "A",
      }
      for conforming = 0, 1 do
        db:exec("SET LOCAL standard_conforming_strings = " .. (conforming == 1 and "on" or "off"))
        db:exec "SET LOCAL escape_string_warning = off"
        for _, text in ipairs(attempts) do
          assert(db:value("SELECT $1::text", text) == text, text)
          assert(db:value("SELECT ($1::text[])[1]", { text }) == text, text)
          assert(db:value("SELECT " .. db:literal(text)) == text, text)
          assert(db:value("SELECT (" .. db:literal { text } .. "::text[])[1]") == text, text)
          assert(db:value("SELECT $1::jsonb ->> 'v'", json.encode { v = text }) == text, text)
          local name = db:ident(text)
          assert(db:row("SELECT 1 AS " .. name)[text] == 1, name)
          for row in db:rows("SELECT $1::text AS t, 2 AS " .. name, text) do assert(row[text] == 2 and row.t == text) end
        end
      end
      for _, bad in ipairs { "a\0b", "\0" } do
        for _, call in ipairs { function() db:ident(bad) end, function() db:literal(bad) end, function() db:exec("SELECT $1::text", bad) end } do
          assert(not pcall(call))
        end
      end
      assert(db:value "SELECT count(*) FROM kept" == 0)]=]
    for _, text in ipairs { "SELECT 1; DROP TABLE x", "SELECT 1;;SELECT 2", "SELECT $a$;$a$; SELECT 2", "SELECT E'\\'; SELECT 2" .. ";x" } do
      assert.truthy(up(("db:exec(%q)"):format(text)), text)
    end
  end)

  it("holds parameters within the limit of memory", function()
    native.close(world)
    world = assert(native.open { memory = 8 * 1024 * 1024, time = 60000 })
    assert(native.connect(world, url))
    local much = 'local s, t = ("x"):rep(100000), {} for i = 1, 1000 do t[i] = s end '
    says("$1 needs more memory than the 8192 kB that scripts may hold (lua_memory)", much .. 'db:exec("SELECT $1::text[]", t)')
    says("the value needs more memory than the 8192 kB that scripts may hold (lua_memory)", much .. "db:literal(t)")
    says("this JSON needs more memory than the 8192 kB that scripts may hold (lua_memory)", much .. "json.encode(t)")
    local decoded = up('json.decode("[" .. ("[],"):rep(200000) .. "1]")')
    assert.truthy(decoded.message:find "needs more memory", decoded.message)
    assert.truthy(up('db:value "SELECT jsonb_agg(n) FROM generate_series(1, 1000000) n"').message:find "more memory")
    assert.truthy(up('db:value "SELECT array_agg(n) FROM generate_series(1, 1000000) n"').message:find "more memory")
    assert.truthy(up('db:exec("SELECT repeat(\'x\', 1000) FROM generate_series(1, 100000)") db:value "SELECT repeat(\'x\', 100000000)"')
      .message:find(FILE .. ":2: the rows need more memory", 1, true))
    works [[
      local ok, e = pcall(db.transaction, db, function() db:query "SELECT repeat('x', 1000) FROM generate_series(1, 1000000)" end)
      assert(not ok and tostring(e):find "the rows need more memory", tostring(e))
      for _ = 1, 3000 do pcall(db.transaction, db, function() error { 1 } end) end
      assert(db:value "SELECT 1" == 1)]]
  end)
end)
