-- What a script may take, and what is left when it takes more: nothing of it in the database, a
-- message that names its file, the exit code of a failed migration.
local native = require "native"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local process = native.process

local FILE = "scripts/migrations/1_greedy.lua"
local LONG = os.getenv "STINT_LONG"

describe("a script that takes too much", function()
  local url, dir
  local at = story.new()
  local start, sql = at.start, at.sql

  setup(function()
    url, dir = at.begin { [FILE] = "" }
  end)

  -- Its end, and the most memory that it ever held, in kB: the kernel counts, we look now and then.
  local function with_peak(h)
    local peak = 0
    while h:running() do
      local ok, status = pcall(place.read, ("/proc/%d/status"):format(h.pid))
      peak = ok and tonumber(status:match "VmHWM:%s*(%d+)") or peak
      process.pause(0.002)
    end
    return h:wait(), peak
  end

  local function nothing_is_left()
    session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()", "0")
    assert.equal("t", sql "SELECT to_regclass('kept') IS NULL")
    assert.equal("0", sql "SELECT count(*) FROM stint.migration")
    session.wait_until(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0")
    assert.equal("0", sql "SELECT count(*) FROM pg_prepared_xacts")
  end

  local function up(body, ...)
    place.write(dir .. "/" .. FILE, 'migration { up = function(db)\ndb:exec "CREATE TABLE kept (n int)"\n' .. body .. "\nend }\n")
    return start("up", ...)
  end

  local function fails(body, text, ...)
    local r = up(body, ...):wait()
    assert.equal(6, r.code, r.err)
    assert.matches(FILE, r.err, 1, true)
    assert.matches(text, r.err, 1, true)
    nothing_is_left()
    return r
  end

  describe("of time fails,", function()
    local late = {
      ["in a loop"] = "while true do end",
      ["in a loop of one expression"] = "local x = 0 repeat x = x + 1 until x < 0",
      ["in calls of itself"] = "local function f() return f() end f()",
      ["in a pcall loop"] = "while true do pcall(function() while true do end end) end",
      ["in a pcall loop around a pcall loop"] = "while true do pcall(function() while true do pcall(error) end end) end",
      ["in a pcall loop that holds its errors"] = "local t = {} while true do t[1] = { pcall(error, t) } end",
      ["in xpcall's handler"] = "xpcall(error, function() while true do end end)",
      ["in an xpcall loop"] = "while true do xpcall(error, function() while true do pcall(error) end end) end",
      ["in a __close"] = "local x <close> = setmetatable({}, { __close = function() while true do end end })",
      ["in a __close, after an error"] = "local x <close> = setmetatable({}, { __close = function() while true do pcall(error) end end }) error 'x'",
      ["in an error's __tostring"] = "error(setmetatable({}, { __tostring = function() while true do end end }))",
      ["in a __index"] = "local t t = setmetatable({}, { __index = function() while true do end end }) return t.x",
      ["in a __eq, a __lt and a __concat"] = "local m = { __lt = function() while true do end end } return setmetatable({}, m) < setmetatable({}, m)",
      ["in a sort"] = "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)",
      ["in a gsub's function"] = "local s = 'xx' s:gsub('.', function() while true do end end)",
      ["in a __call that calls itself"] = "local t = setmetatable({}, {}) getmetatable(t).__call = function(s) while true do pcall(s) end end t()",
      ["in db:transaction"] = "db:transaction(function() while true do end end)",
      ["in a pcall loop of db:transaction"] = "while true do pcall(db.transaction, db, function() while true do end end) end",
      ["in a loop over db:rows"] = "for _ in db:rows 'SELECT 1 FROM generate_series(1, 5000)' do while true do pcall(error) end end",
      ["in a loop of db calls that fail"] = "while true do pcall(db.exec, db, 'no SQL') end",
    }
    local names = {}
    for name in pairs(late) do
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
      it(name, function()
        fails(late[name], "ran for more than 150ms", "--lua-time", "150ms")
      end)
    end

    -- No hook of Lua's sees these: the process ends two seconds after the limit.
    local inside = {
      'string.find(("a"):rep(30), ("a-"):rep(30) .. "b")',
      'pcall(string.match, ("a"):rep(300), (".-"):rep(60) .. "b")',
      'string.rep("", math.maxinteger)',
      'table.move({}, 1, math.maxinteger - 1, 2)',
    }
    for _, body in ipairs(inside) do
      it("inside one call: " .. body, function()
        local r = fails("pcall(function() " .. body .. " end)", "inside one call of Lua's library", "--lua-time", "150ms")
        assert.equal(1, select(2, r.err:gsub("ERROR", "")))
      end)
    end

    it("but not for the time that the database takes", function()
      local r = up('for _ in db:rows "SELECT pg_sleep(0.02) FROM generate_series(1, 15)" do end db:exec "DROP TABLE kept"', "--lua-time", "150ms"):wait()
      assert.equal(0, r.code, r.err)
      sql "DELETE FROM stint.migration"
    end)
  end)

  describe("of memory fails,", function()
    local greedy = {
      ["by a table"] = "local t = {} for i = 1, 1e9 do t[i] = { i } end",
      ["by a text"] = "local s = 'x' while true do s = s .. s end",
      ["by string.rep"] = "return ('x'):rep(1e9)",
      ["by string.rep again and again"] = "local t = {} for i = 1, 1e6 do t[i] = ('x'):rep(1e6) .. i end",
      ["by gsub"] = "return (('x'):rep(1e6):gsub('.', ('y'):rep(1000)))",
      ["by table.concat"] = "local s, t = ('x'):rep(1e6), {} for i = 1, 1000 do t[i] = s end return table.concat(t)",
      ["by string.format"] = "local s = ('x'):rep(1e6) while true do s = string.format('%s%s', s, s) end",
      ["by recursion"] = "local function f(t) return { f { t } } end f()",
      ["by closures"] = "local f = print while true do local g = f f = function() return g end end",
      ["by a metatable's chain"] = "local t = {} while true do t = setmetatable({}, { __index = t }) end",
      ["by json"] = "local t = {} for i = 1, 30 do t = { t, t } end return json.encode(t)",
      ["by json's texts"] = "json.decode('[' .. ('[],'):rep(1e6) .. '1]')",
      ["by a parameter"] = "local s, t = ('x'):rep(1e6), {} for i = 1, 1000 do t[i] = s end db:exec('SELECT $1::text[]', t)",
      ["by what it keeps of db:rows"] = "local t = {} "
        .. "for row in db:rows 'SELECT n, repeat($$x$$, 100) AS x FROM generate_series(1, 1000000) n' do t[#t + 1] = row end",
      ["by db:query"] = "return db:query 'SELECT repeat($$x$$, 1000) AS x FROM generate_series(1, 1000000)'",
      ["by db:query of small rows"] = "return db:query 'SELECT n FROM generate_series(1, 10000000) n'",
      ["by db:value"] = "return db:value 'SELECT repeat($$x$$, 100000000)'",
    }
    local names = {}
    for name in pairs(greedy) do
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
      it(name, function()
        fails(greedy[name], "more memory than", "--lua-memory", "16MB")
      end)
    end

    it("and never takes the machine's", function()
      local r, peak = with_peak(up("return db:query 'SELECT repeat($$x$$, 1000) AS x FROM generate_series(1, 3000000)'",
        "--lua-memory", "32MB"))
      assert.equal(6, r.code, r.err)
      assert.matches("the rows need more memory than the 32768 kB", r.err, 1, true)
      assert.is_true(peak < (os.getenv "STINT_BUILD" == "build/asan" and 1000 or 100) * 1024, peak .. " kB")
      nothing_is_left()
    end)
  end)

  it("of neither, but of both in turn, does not come through by pcall", function()
    fails("while true do pcall(string.rep, 'x', 1e9) end", "ran for more than 150ms", "--lua-time", "150ms", "--lua-memory", "16MB")
    fails("while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = { i } end end) end", "ran for more than 300ms",
      "--lua-time", "300ms", "--lua-memory", "16MB")
  end)

  it("by recursion fails, with its place", function()
    fails("local function f() return 1 + f() end f()", "stack overflow")
    fails("local function f(s) return (s:gsub('.', f)) end f 'x'", "stack overflow")
    fails("local function f() return db:transaction(f) end f()", "overflow")
  end)

  it("outside of a transaction is partly applied, and asks", function()
    place.write(dir .. "/" .. FILE, [[
migration { transaction = false, up = function(db)
  db:exec "CREATE TABLE half (n int)"
  db:transaction(function() db:exec "INSERT INTO half VALUES (1)" while true do pcall(error) end end)
end }
]])
    local r = start("up", "--lua-time", "150ms"):wait()
    assert.equal(7, r.code, r.err)
    assert.matches("ran for more than 150ms", r.err, 1, true)
    session.wait_until(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()", "0")
    assert.equal("0", sql "SELECT count(*) FROM half")
    r = start("resolve", "1", "--statement-done", "1"):wait()
    assert.equal(0, r.code, r.err)
    sql "DROP TABLE half; DELETE FROM stint.migration"
  end)

  it("is one that reads a table of any size by db:rows, in constant memory", function()
    local rows = LONG and 10000000 or 300000
    local h = up(([[
      local n, sum = 0, 0
      for row in db:rows "SELECT n AS id, 'name ' || n AS name, n %% 7 = 0 AS seventh FROM generate_series(1, %d) n" do
        n, sum = n + 1, sum + row.id
        if n %% 100000 == 0 then db:exec("INSERT INTO kept VALUES ($1)", n) end
      end
      assert(n == %d and sum == n * (n + 1) // 2)]]):format(rows, rows), "--lua-time", "10m")
    local r, peak = with_peak(h)
    assert.equal(0, r.code, r.err)
    assert.equal(tostring(rows // 100000), sql "SELECT count(*) FROM kept")
    if os.getenv "STINT_BUILD" ~= "build/asan" then
      assert.is_true(peak < 32 * 1024, peak .. " kB")
    end
    sql "DROP TABLE kept; DELETE FROM stint.migration"
  end)
end)
