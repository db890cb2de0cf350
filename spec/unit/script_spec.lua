local native = require("native").script
local place = require "spec.support.place"

local FILE = "scripts/migrations/0042_x.lua"

local function open(limits)
  return assert(native.open(limits or { time = 60000, memory = 16 * 1024 * 1024 }))
end

-- The failure of loading a text, or nil.
local function refused(text, world, file)
  local kind, problem = native.declare(world or open(), file or FILE, text)
  return not kind and problem or nil
end

local function loaded(text, world)
  world = world or open()
  local kind, problem = native.declare(world, FILE, text)
  assert(kind, not kind and problem.message)
  return world
end

-- The failure of calling `up` with this body, or nil.
local function fails(body, limits)
  local world = loaded("migration { up = function(db)\n" .. body .. "\nend }", open(limits))
  local ok, problem = native.call(world, "up")
  return not ok and problem or nil
end

local function message(body, limits)
  local problem = fails(body, limits)
  return problem and problem.message
end

describe("a declaration", function()
  it("has a kind, a line, and fields of every type", function()
    local world = open()
    assert.same({ "migration", 3, FILE }, { native.declare(world, FILE, [[
      -- a comment

      migration {
        up = function() end, requires = { "2", "1" }, environments = "staging",
      }]]) })
    assert.is_true(native.field(world, "up").is_function)
    assert.is_false(native.field(world, "down").has)
    assert.is_true(native.field(world, "transaction").flag)
    assert.same({ "2", "1" }, native.field(world, "requires").strings)
    assert.same({ "staging" }, native.field(world, "environments").strings)
    assert.same({}, native.field(world, "down").strings)
  end)

  it("gives pairs sorted by name, texts and durations", function()
    local world = loaded [[backfill { table = "t", set = { c = "1", a = "2", b = "3" }, target = "1s" }]]
    assert.same({ "a=2", "b=3", "c=1" }, native.field(world, "set").pairs)
    assert.equal("t", native.field(world, "table").text)
    assert.equal(1000, native.field(world, "target").duration)
    assert.equal(-1, native.field(world, "table").duration)
    assert.equal(-1, native.field(world, "table").integer)
  end)

  it("is one a file, no more and no less", function()
    assert.equal(FILE .. ": declares nothing: it needs one of backfill, check, hook, migration, policy", refused("local x = 1").message)
    local two = "migration { up = print }\n\nmigration { up = print }"
    assert.equal(FILE .. ":3: a file declares one thing, and line 1 has declared a migration already", refused(two).message)
    assert.truthy(refused("pcall(migration, {})").message:find "declares nothing")
  end)

  it("is made while loading only", function()
    assert.equal(FILE .. ":2: migration {...} declares, and belongs at the top of a file: "
      .. "nothing can be declared while it runs", message "migration { up = print }")
  end)

  it("fails as configuration, at the team's own line", function()
    local problem = refused "\nmigration { up = print, dwn = print }"
    assert.equal(78, problem.kind)
    assert.equal(FILE .. ':2: migration has no field "dwn", did you mean "down"?', problem.message)
    assert.equal(FILE .. ":2: unexpected symbol near '='", refused("\nlocal x = = 1").message)
  end)

  it("keeps long file names whole", function()
    local long = "scripts/migrations/20260127120500_" .. ("long_"):rep(30) .. "name.lua"
    for _, text in ipairs { "x = = 1", "local x; x.y = 1", "migration { up = 1 }" } do
      local found = refused(text, nil, long).message
      assert.equal(long .. ":1: ", found:sub(1, #long + 4), found)
    end
  end)

  it("is text, never bytecode", function()
    assert.equal(FILE .. ": this is bytecode; scripts are text", refused(string.dump(load "migration {}")).message)
  end)

  it("may follow a byte order mark", function()
    loaded "\xEF\xBB\xBFmigration { up = print }"
  end)

  it("of two files does not mix", function()
    local world = loaded "migration { up = function() string.upper = nil end }"
    assert.is_true((native.call(world, "up")))
    loaded('assert(string.upper("a") == "A") migration { up = print }', world)
  end)
end)

describe("the sandbox", function()
  it("has no way out", function()
    for _, name in ipairs { "io", "debug", "package", "load", "loadfile", "dofile", "collectgarbage", "coroutine" } do
      local found = refused("local x = " .. name).message
      assert.equal(FILE .. ":1: " .. name .. " is closed to scripts (unsafe_lua = yes in config.ini opens it)", found)
    end
    assert.equal(FILE .. ":1: os.execute is closed to scripts, which have os.time and os.date",
      refused("os.execute('true')").message)
    assert.is_nil(fails [[assert(string.dump == nil and ("").dump == nil)]])
    assert.is_nil(fails [[assert(os.time() > 0 and os.date("%Y"))]])
  end)

  it("knows its globals", function()
    assert.equal(FILE .. ':1: there is no global "migraton", did you mean "migration"?', refused("migraton {}").message)
    assert.equal(FILE .. ':1: "x" is no variable of this file: write "local x" where it begins', refused("x = 1").message)
    assert.truthy(message("_G.y = 1"):find '"y" is no variable')
    assert.truthy(message('rawset(_G, "y", 1)'):find "cannot be changed")
    assert.truthy(message("setmetatable(_ENV, {})"):find "protected metatable")
  end)

  it("keeps the metatable of strings to itself", function()
    assert.is_nil(fails [[
      assert(getmetatable("") == false)
      string.upper = function() return "changed" end
      assert(("a"):upper() == "A")]])
  end)

  it("has no finalizers", function()
    assert.equal(FILE .. ":2: scripts have no __gc", message "setmetatable({}, { __gc = print })")
    assert.is_nil(fails "assert(setmetatable({}, { __index = { a = 1 } }).a == 1)")
  end)

  it("says where, even when what Stint ships raised it", function()
    assert.equal(FILE .. ":2: bad argument #1 to 'setmetatable' (table expected, got number)", message "setmetatable(5, {})")
  end)

  it("is opened by unsafe", function()
    assert.is_nil(fails([[assert(io.open("/dev/null")):close() assert(load("return 1")() == 1)]],
      { unsafe = true, time = 60000 }))
  end)

  it("prints and logs to stderr", function()
    local world = loaded [[migration { up = function()
      print(1, nil, "x")
      log.say("%d rows", 5)
      log.detail("100%")
      log.warn("careful")
    end }]]
    local said = native.captured(function()
      assert(native.call(world, "up"))
    end)
    assert.equal("1\tnil\tx\n5 rows\n100%\nWARNING: careful\n", said)
  end)
end)

describe("an error", function()
  it("names file and line, and how it got there", function()
    local problem = fails "local function f() error('deep') end\nlocal function g() f() end\ng()"
    assert.equal(1, problem.kind)
    assert.equal(FILE .. ":2: deep", problem.message)
    assert.equal(table.concat({
      "stack traceback:",
      FILE .. ":2: in function 'f'",
      FILE .. ":3: in function 'g'",
      FILE .. ":4: in the function of line 1",
    }, "\n"), problem.context)
  end)

  it("may be any value", function()
    assert.equal(FILE .. ":2: bare", message "error('bare', 0)")
    assert.equal(FILE .. ":2: error was called without a message", message "error()")
    assert.equal(FILE .. ":2: mine", message "error(setmetatable({}, { __tostring = function() return 'mine' end }))")
  end)

  it("can be caught", function()
    assert.is_nil(fails "assert(select(2, pcall(error, 'x')) == 'x')")
    assert.is_nil(fails "assert(select(2, xpcall(error, function(e) return e .. '!' end, 'x')) == 'x!')")
  end)

  it("is said of a function that is not there", function()
    local ok, problem = native.call(loaded "migration { up = print }", "down")
    assert.is_nil(ok)
    assert.equal(FILE .. ':1: this migration has no function "down"', problem.message)
  end)
end)

describe("the limit", function()
  local short = { time = 50 }

  local function is_late(body, limits)
    local problem = fails(body, limits or short)
    assert.equal(FILE .. ":", problem.message:sub(1, #FILE + 1))
    assert.truthy(problem.message:find("ran for more than 50ms", 1, true), problem.message)
    assert.truthy(problem.hint:find("lua_time", 1, true))
  end

  it("of time ends a loop", function()
    is_late "while true do end"
  end)

  it("of time cannot be swallowed", function()
    is_late "while true do pcall(function() while true do end end) end"
    is_late "return pcall(function() while true do end end)"
    is_late "xpcall(function() while true do end end, function() while true do end end)"
    is_late "local x <close> = setmetatable({}, { __close = function() while true do end end })"
    is_late "error(setmetatable({}, { __tostring = function() while true do end end }))"
    is_late("while true do pcall(coroutine.wrap(function() while true do pcall(function() while true do end end) end end)) end",
      { time = 50, unsafe = true })
  end)

  it("of time holds while loading", function()
    local problem = refused("while true do end", open(short))
    assert.equal(78, problem.kind)
    assert.equal(FILE .. ":1: ran for more than 50ms", problem.message)
  end)

  it("of time is a new one for each call", function()
    local world = loaded("local slow = true migration { up = function() while slow do end end, down = function() end }", open(short))
    assert.is_nil((native.call(world, "up")))
    assert.is_true((native.call(world, "down")))
  end)

  it("of memory ends what grows", function()
    local limits = { memory = 4 * 1024 * 1024 }
    local problem = fails("local t = {} for i = 1, 1e9 do t[i] = { i } end", limits)
    assert.equal(FILE .. ": needs more memory than the 4096 kB that scripts may hold", problem.message)
    assert.truthy(problem.hint:find("lua_memory", 1, true))
    assert.truthy(message("return ('x'):rep(1e9)", limits):find "more memory")
    assert.is_nil(fails("pcall(string.rep, 'x', 1e9)", limits))
  end)

  it("leaves what was declared readable", function()
    local world = loaded("migration { up = function() local t = {} for i = 1, 1e9 do t[i] = { i } end end, requires = '7' }",
      open { memory = 4 * 1024 * 1024 })
    assert.is_nil((native.call(world, "up")))
    assert.same({ "7" }, native.field(world, "requires").strings)
  end)

  it("ends the process when C code does not come back", function()
    local world = loaded("migration { up = function() string.find(('a'):rep(300), ('a*'):rep(40) .. 'b') end }", open { time = 20 })
    native.alarm_code(7)
    local code, said = native.forked(function()
      native.call(world, "up")
    end)
    native.alarm_code(6)
    assert.equal(7, code)
    assert.equal("ERROR: " .. FILE .. ": ran for more than 20ms inside one call of Lua's library; "
      .. "the process ends here, and the server rolls back\n", said)
  end)

  it("is Ctrl-C too, which no pcall holds up", function()
    local world = loaded "migration { up = function() while true do pcall(function() while true do end end) end end }"
    local code, said = native.forked(function()
      native.interrupt()
      local _, problem = native.call(world, "up")
      return problem.kind .. " " .. problem.message
    end)
    assert.equal(0, code)
    assert.equal("130 interrupted", said)
  end)
end)

describe("require", function()
  local folder

  local function project(files)
    folder = place.folder()
    place.make(folder .. "/scripts/lib/deep")
    for name, text in pairs(files) do
      place.write(folder .. "/" .. name, text)
    end
    return open { folder = folder .. "/scripts", time = 60000 }
  end

  -- The message without the place of the temporary folder.
  local function said(problem)
    return (problem.message:gsub(folder:gsub("%p", "%%%0") .. "/", ""))
  end

  it("gives the team's modules, once", function()
    local world = project {
      ["scripts/lib/a.lua"] = "local n = 0 return { next = function() n = n + 1 return n end, name = ... }",
      ["scripts/lib/deep/b.lua"] = 'return require "lib.a"',
      ["scripts/lib/none.lua"] = "local x = 1",
    }
    loaded([[
      local a, b = require "lib.a", require "lib.deep.b"
      assert(a == b and a.next() == 1 and b.next() == 2)
      assert(a.name == "lib.a" and require "lib.none" == true)
      migration { up = function() assert(require("lib.a").next() == 3) end }]], world)
    assert.is_true((native.call(world, "up")))
  end)

  it("stays in the scripts folder", function()
    local world = project { ["secret.lua"] = "return 1", ["scripts/inside.lua"] = "return 2" }
    assert(os.execute(("ln -s ../../secret.lua '%s/scripts/lib/out.lua'"):format(folder)))
    assert(os.execute(("ln -s ../inside.lua '%s/scripts/lib/within.lua'"):format(folder)))
    for _, name in ipairs { "socket", "lib", "lib.", "lib..secret", "lib.../secret", "/etc/passwd", "lib./etc/passwd" } do
      assert.equal(FILE .. ':1: require takes "lib.NAME" for lib/NAME.lua of the scripts folder, not "' .. name .. '"',
        said(refused(('require "%s"'):format(name), world)))
    end
    assert.equal(FILE .. ':1: require "lib.out": scripts/lib/out.lua: it is a link that leaves the scripts folder',
      said(refused('require "lib.out"', world)))
    assert.equal(FILE .. ':1: require "lib.nope": scripts/lib/nope.lua: there is no such file',
      said(refused('require "lib.nope"', world)))
    loaded('assert(require "lib.within" == 2) migration { up = print }', world)
  end)

  it("says where a module fails, and tries it again", function()
    local world = project {
      ["scripts/lib/bad.lua"] = "\nerror('no')",
      ["scripts/lib/syntax.lua"] = "return = 1",
      ["scripts/lib/me.lua"] = 'require "lib.me"',
      ["scripts/lib/words.lua"] = "migration { up = print }",
      ["scripts/lib/bytes.lua"] = string.dump(load "return 1"),
    }
    assert.equal("scripts/lib/bad.lua:2: no", said(refused('require "lib.bad"', world)))
    assert.truthy(said(refused('pcall(require, "lib.bad") require "lib.bad"', world)):find "lib/bad.lua:2: no")
    assert.truthy(said(refused('require "lib.syntax"', world)):find "scripts/lib/syntax.lua:1: unexpected symbol")
    assert.truthy(said(refused('require "lib.me"', world)):find '"lib.me" is required while it is being loaded')
    assert.truthy(said(refused('require "lib.words"', world)):find "a module declares nothing")
    assert.truthy(said(refused('require "lib.bytes"', world)):find "this is bytecode")
  end)
end)

describe("json", function()
  it("goes there and back", function()
    assert.is_nil(fails [[
      local text = '{"a":[],"b":{},"c":[1,2.5,null,"x\\u00e9"],"d":true,"e":9007199254740993}'
      local value = json.decode(text)
      assert(value.c[3] == json.null and tostring(json.null) == "null")
      assert(value.e == 9007199254740993 and math.type(value.e) == "integer")
      local again = json.encode(value)
      assert(again == text:gsub("\\u00e9", "é"), again)]])
  end)

  it("tells lists from objects", function()
    assert.is_nil(fails [[
      assert(json.encode {} == "{}" and json.encode(json.list()) == "[]")
      assert(json.encode { 1, { b = 1, a = 2 } } == '[1,{"a":2,"b":1}]')
      assert(json.encode(nil) == "null" and json.encode(json.null) == "null")]])
  end)

  it("says what has no form in it", function()
    assert.equal(FILE .. ':2: a list of JSON has no names, and this one has "x"', message "json.encode { 1, x = 2 }")
    assert.equal(FILE .. ":2: a JSON object has texts as names, not number", message "json.encode { [5] = 2 }")
    assert.equal(FILE .. ":2: JSON has no word for NaN", message "json.encode(0/0)")
    assert.equal(FILE .. ":2: a function has no form in JSON", message "json.encode(print)")
    assert.truthy(message("local t = {} t.t = t json.encode(t)"):find "does one hold itself")
    assert.truthy(message("json.decode '[1,'"):find(FILE .. ":2: this is no JSON: line 1", 1, true))
  end)
end)

describe("help", function()
  it("knows the kinds", function()
    local world = open()
    assert.truthy(native.help(world, "migration"):find("the function that makes the change", 1, true))
    assert.is_nil(native.help(world, "nothing"))
  end)
end)
