local native = require("native").script
local cluster = require "spec.support.cluster"

local FILE = "scripts/migrations/0042_x.lua"

describe("db", function()
  local url, world

  setup(function()
    url = cluster.get():database()
  end)

  before_each(function()
    world = assert(native.open { time = 5000, memory = 64 * 1024 * 1024 })
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
      .. "(pcall and raise an error to undo everything)"
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
      local own = assert(native.open { time = 5000 })
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
    assert.equal(FILE .. ": needs more memory than the 2048 kB that scripts may hold", failure.message)
    works 'for i = 1, 2000 do assert(db:value("SELECT $1::int", i) == i) end'
  end)
end)
