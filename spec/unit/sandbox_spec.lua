local native = require("native").script
local place = require "spec.support.place"

local FILE = "scripts/migrations/0042_x.lua"
local LIMITS = { time = 60000, memory = 128 * 1024 * 1024 }

-- Ways out that a script may try. Each must raise an error that holds the text beside it, when the
-- file is loaded and when its function is called.
local refused = {
  -- the libraries and functions that are not there
  { 'os.execute "true"', "os.execute is closed" },
  { 'os["exe" .. "cute"] "true"', "os.execute is closed" },
  { "os.exit(0)", "os.exit is closed" },
  { 'os.getenv "HOME"', "os.getenv is closed" },
  { 'os.remove "/tmp/x"', "os.remove is closed" },
  { 'os.rename("/tmp/x", "/tmp/y")', "os.rename is closed" },
  { "os.tmpname()", "os.tmpname is closed" },
  { 'os.setlocale "C"', "os.setlocale is closed" },
  { 'getmetatable(os).__index(os, "execute")', "os.execute is closed" },
  { 'io.open "/etc/passwd"', "io is closed" },
  { 'io.popen "id"', "io is closed" },
  { 'io.lines "/etc/passwd"', "io is closed" },
  { "debug.getregistry()", "debug is closed" },
  { "debug.getupvalue(print, 1)", "debug is closed" },
  { 'debug.setmetatable("", {})', "debug is closed" },
  { "debug.sethook()", "debug is closed" },
  { "package.loaded.io.open()", "package is closed" },
  { 'package.loadlib("libc.so.6", "system")', "package is closed" },
  { 'package.searchers[2] "io"', "package is closed" },
  { 'load "return 1"', "load is closed" },
  { 'loadstring "return 1"', 'no global "loadstring"' },
  { 'loadfile "/etc/passwd"', "loadfile is closed" },
  { 'dofile "/etc/passwd"', "dofile is closed" },
  { 'collectgarbage "stop"', "collectgarbage is closed" },
  { "coroutine.wrap(function() end)()", "coroutine is closed" },
  { "getfenv(1)", 'no global "getfenv"' },
  { "setfenv(1, {})", 'no global "setfenv"' },
  { "newproxy(true)", 'no global "newproxy"' },
  { "string.dump(print)", "nil value (field 'dump')" },
  { '(""):dump()', "nil value (method 'dump')" },
  -- by way of _G and _ENV
  { "_G.io.open()", "io is closed" },
  { "_ENV.io.open()", "io is closed" },
  { '_G["lo" .. "ad"] "x"', "load is closed" },
  { "_G._G._G.debug.traceback()", "debug is closed" },
  { "_G.escaped = true", '"escaped" is no variable' },
  { "escaped = true", '"escaped" is no variable' },
  { "rawset(_G, 'escaped', true)", "this table cannot be changed" },
  { "rawset(_ENV, 'io', {})", "this table cannot be changed" },
  { "setmetatable(_G, nil)", "protected metatable" },
  { "setmetatable(_ENV, { __index = function() end })", "protected metatable" },
  { "getmetatable(_G).__index = nil", "index a boolean value" },
  { "local _ENV = {} print 'x'", "nil value (global 'print')" },
  { "local _ENV = setmetatable({}, { __index = _G }) io.open()", "io is closed" },
  { "next(_G, 'io')", "invalid key to 'next'" },
  -- the metatables that all share
  { 'getmetatable("").__index = {}', "index a boolean value" },
  { 'setmetatable("", {})', "table expected, got string" },
  { '("x").y = 1', "attempt to index a string value" },
  { 'rawset("", "y", 1)', "table expected, got string" },
  { "getmetatable(json.null).__tostring = nil", "index a boolean value" },
  { "setmetatable(json.list(), {})", "protected metatable" },
  { "rawset(json.list(), 'n', 5)", "this table cannot be changed" },
  { "setmetatable(json.null, {})", "table expected, got userdata" },
  { "getmetatable(json.decode '123456789012345678901234567890').__index = _G", "index a boolean value" },
  { "json.list(_G)", "this table cannot be changed" },
  -- finalizers: code that runs when nobody watches
  { "setmetatable({}, { __gc = function() while true do end end })", "scripts have no __gc" },
  { "setmetatable({}, { __gc = true })", "scripts have no __gc" },
  { "local m = { __gc = print } setmetatable({}, m)", "scripts have no __gc" },
  -- require
  { 'require "../x"', 'require takes "lib.NAME"' },
  { 'require "lib.../x"', 'require takes "lib.NAME"' },
  { 'require "lib..x"', 'require takes "lib.NAME"' },
  { 'require "/etc/passwd"', 'require takes "lib.NAME"' },
  { 'require "lib/../../x"', 'require takes "lib.NAME"' },
  { 'require "lib.x\\0.y"', 'require takes "lib.NAME"' },
  { 'require "lib.%2e%2e"', 'require takes "lib.NAME"' },
  { 'require "io"', 'require takes "lib.NAME"' },
  { 'require "socket"', 'require takes "lib.NAME"' },
  { 'require "stint.hooks.boot"', 'require takes "lib.NAME"' },
  { "require(setmetatable({}, { __tostring = function() return 'lib.x' end }))", 'require takes "lib.NAME"' },
  { "require()", "not a nil" },
  { 'require "lib.out"', "a link that leaves the scripts folder" },
  { 'require "lib.absent"', "there is no such file" },
  { 'require "lib.folder"', "is a folder" },
  { 'require "lib.bytecode"', "this is bytecode" },
  { 'require "lib.escapes"', "io is closed" },
  { 'require "lib.globals"', '"escaped" is no variable' },
  -- errors and their objects
  { "error(setmetatable({}, { __tostring = function() return io end }))", "" },
  { "error(setmetatable({}, { __tostring = function() error 'again' end }))", "" },
  { "error(setmetatable({}, { __tostring = function() return 5 end }))", "" },
  { "error(setmetatable({}, { __name = 'x', __tostring = tostring }))", "" },
  { "local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return t end error(t)", "" },
  { "error(('x'):rep(1e6))", "xxx" },
  { "error('%s%n%p %d', 0)", "%s%n%p %d" },
  { "xpcall(error, function(e) io.open(e) end, 'x') error 'held'", "held" },
  { "local x <close> = setmetatable({}, { __close = function() io.open() end })", "io is closed" },
  -- arguments that C functions must not trust
  { "string.rep('x', -1, {})", "string expected, got table" },
  { "('x'):rep(1 << 62, ('y'):rep(100))", "resulting string too large" },
  { "table.concat({}, 'x', 1, 1 << 60)", "invalid value" },
  { "table.unpack({}, 1, 1e8)", "too many results to unpack" },
  { "select(-5)", "out of range" },
  { "string.format('%1000d', 1)", "invalid conversion" },
  { "string.format('%', 1)", "invalid conversion" },
  { "string.format('%s')", "value" },
  { "('x'):format(nil)() ", "" },
  { "string.pack('i17', 1)", "out of limits" },
  { "string.unpack('s8', '\\255\\255\\255\\255\\255\\255\\255\\127')", "" },
  { "string.unpack('z', 'no end', 1e15)", "out of string" },
  { "('x'):find('[')", "malformed pattern" },
  { "('x'):find('%')", "malformed pattern" },
  { "('x'):find(('('):rep(40))", "" },
  { "('x'):gsub('x', '%9')", "invalid" },
  { "('a'):rep(300000):find(('.-'):rep(300000) .. 'b')", "pattern too complex" },
  { "table.sort({ 3, 1, 2, 5, 4, 9, 8, 7 }, function() return true end)", "invalid order function" },
  { "table.insert(setmetatable({}, { __len = function() return math.maxinteger end }), 2, 1, 5)", "" },
  { "utf8.char(-1)", "out of range" },
  { "utf8.codepoint('x', 1, 1 << 40)", "out of bounds" },
  { "os.date('%Ez')", "invalid conversion" },
  { "os.date('*t', 1 << 62)", "" },
  { "os.time { year = 1 << 40, month = 1, day = 1 }", "out-of-bound" },
  { "tostring(setmetatable({}, { __tostring = function() return {} end }))", "must return a string" },
  { "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x", "loop" },
  { "local function f() return f() + 1 end f()", "stack overflow" },
  { "local t = setmetatable({}, { __index = function(t, k) return t[k .. 'x'] end }) return t.x", "" },
  { "local s = 'x' s:gsub('.', function(c) return s:gsub('.', function() return (s:gsub('.', error)) end) end)", "" },
  { "local function f(s) return s:gsub('.', f) end f 'x'", "stack overflow" },
  { "json.decode(('['):rep(100000))", "no JSON" },
  { "local t = {} t[1] = t json.encode(t)", "does one hold itself" },
  { "json.encode(setmetatable({}, { __index = _G, [1] = print }), print) json.encode { print }", "no form in JSON" },
  { "log.say('%d', 'x')", "number expected" },
  { "log.say()", "value expected" },
}

-- What a script may do, and where it stays all the same: each holds its own assertions.
local harmless = {
  "string.upper = function() return 'changed' end assert(('a'):upper() == 'A')",
  "table.concat = nil local ok = pcall(table.insert, {}, 1) assert(ok)",
  "json.encode = nil log.say = nil print = nil",
  "tostring, pairs, error, setmetatable, require = nil",
  "pcall = function() error 'mine' end",
  "getmetatable = nil rawset = nil rawget = nil",
  "setmetatable(string, { __index = _G }) assert(not pcall(function() return string.io end))",
  "setmetatable(os, nil) assert(os.execute == nil and os.exit == nil)",
  "setmetatable(math, { __index = function(_, k) return k end }) assert(math.nothing == 'nothing')",
  "for name, value in pairs(_G) do assert(name ~= 'io' and name ~= 'debug' and name ~= 'load' and value ~= nil) end",
  "for _, library in ipairs { string, table, math, utf8, os, json, log } do for k in pairs(library) do assert(k ~= 'dump') end end",
  "assert(rawget(_G, 'io') == nil and rawget(_G, 'load') == nil and rawlen(_G) == 0 and rawequal(_G, _ENV))",
  "assert(getmetatable(_G) == false and getmetatable('') == false and getmetatable(json.null) == false)",
  "local m = {} local t = setmetatable({}, m) m.__gc = function() error 'ran' end t = nil for i = 1, 1e5 do t = { i } end",
  "local t = setmetatable({}, { __mode = 'k' }) for i = 1, 1e4 do t[{}] = i end",
  "local ok, e = pcall(error, setmetatable({}, { __tostring = function() return 'mine' end })) assert(not ok and tostring(e) == 'mine')",
  "assert(select('#', pcall(pcall, pcall, error)) == 4)",
  "local ok = pcall(pcall, string.rep, 'x', 1e10) assert(ok)",
  "local ok, e = pcall(function() local function f() return f() + 1 end return f() end) assert(not ok and e:find 'overflow')",
  "local f = pcall for i = 1, 150 do local g = f f = function(...) return pcall(g, ...) end end assert(f(error))",
  "assert(string.format('%q', '\\0\\r\\n\"') and #string.format('%99s', 'x') == 99)",
  "assert(not pcall(string.rep, 'x', 1 << 40) and not pcall(table.concat, { {} }))",
  "goto on ::on:: assert(tostring(print):find 'function')",
}

describe("the sandbox", function()
  local folder

  setup(function()
    folder = place.folder()
    place.make(folder .. "/scripts/lib/folder.lua")
    place.write(folder .. "/secret.lua", "return 'secret'")
    assert(os.execute(("env -u LD_PRELOAD ln -s ../../secret.lua '%s/scripts/lib/out.lua'"):format(folder)))
    place.write(folder .. "/scripts/lib/bytecode.lua", string.dump(function() return 1 end))
    place.write(folder .. "/scripts/lib/escapes.lua", "return io.open")
    place.write(folder .. "/scripts/lib/globals.lua", "escaped = true")
    place.write(folder .. "/scripts/lib/shared.lua", "return { n = 0 }")
  end)

  local function open(more)
    local limits = { folder = folder .. "/scripts" }
    for name, value in pairs(LIMITS) do
      limits[name] = value
    end
    for name, value in pairs(more or {}) do
      limits[name] = value
    end
    return assert(native.open(limits))
  end

  -- What went wrong when the code ran at the top of a file, and in a function; nil: nothing.
  local function while_loading(code, world)
    local kind, problem = native.declare(world or open(), FILE, code .. "\nmigration { up = function() end }")
    return not kind and problem.message or nil
  end

  local function while_called(code, world)
    world = world or open()
    local kind, problem = native.declare(world, FILE, "migration { up = function()\n" .. code .. "\nend }")
    assert(kind, not kind and problem.message)
    local ok, failure = native.call(world, "up")
    return not ok and failure.message or nil
  end

  assert(#refused >= 60)
  for i, attempt in ipairs(refused) do
    it(("refuses attempt %d: %s"):format(i, attempt[1]:sub(1, 60)), function()
      local world = open()
      for _, try in ipairs { while_called, while_loading } do
        local code = try == while_loading and "(function()\n" .. attempt[1] .. "\nend)()" or attempt[1]
        local said = try(code, world)
        assert(said, "nothing was raised")
        assert(said:find(attempt[2], 1, true), said:sub(1, 500))
        assert(not said:find("stint/hooks", 1, true), said:sub(1, 500))
      end
      assert.is_nil(while_called("assert(('a'):upper() == 'A' and rawget(_G, 'escaped') == nil)", world))
    end)
  end

  for i, code in ipairs(harmless) do
    it(("is left as it was by %d: %s"):format(i, code:sub(1, 60)), function()
      local world = open()
      assert.is_nil(while_called(code, world))
      assert.is_nil(while_loading(code, open()))
      assert.is_nil(while_called([[
        assert(string.upper "a" == "A" and ("a"):upper() == "A" and table.concat { "x" } == "x")
        assert(json.encode { 1 } == "[1]" and tostring(1) == "1" and math.floor(1.5) == 1 and not pcall(error))
        for _ in pairs {} do error() end
        assert(setmetatable({}, { __index = { a = 1 } }).a == 1 and require "lib.shared".n == 0)]], world))
    end)
  end

  it("takes no bytecode, with or without a mark before it", function()
    local code = string.dump(function() return 1 end)
    for _, text in ipairs { code, "\xEF\xBB\xBF" .. code, "\27", "\27Lua", code:sub(1, 20) } do
      local kind, problem = native.declare(open(), FILE, text)
      assert.is_nil(kind)
      assert.truthy(problem.message:find("bytecode", 1, true) or problem.message:find("binary", 1, true), problem.message)
    end
  end)

  it("does not come to harm by texts that are no Lua", function()
    for _, text in ipairs { "\0", "\0\0\0", ("("):rep(100000), ("{"):rep(100000), ("x="):rep(1000), "\255\254", "#!/bin/sh",
      "return " .. ("-"):rep(100000) .. "1", "local a" .. (",a"):rep(300) .. " = 1", "goto x", "break", "::x:: ::x::",
      "return '\\u{FFFFFFFFF}'", "return [==[", "--[[", "x" .. ("\n"):rep(100000) .. "=" } do
      assert.is_nil((native.declare(open(), FILE, text)))
    end
  end)

  it("keeps a module's table to those who require it, and its world to itself", function()
    local world = open()
    assert.is_nil(while_called("local shared = require 'lib.shared' shared.n = shared.n + 1 string.lower = nil", world))
    assert.is_nil(while_called("assert(require 'lib.shared'.n == 1 and string.lower 'A' == 'a')", world))
  end)

  it("cannot be left by a declaration's fields", function()
    for _, code in ipairs {
      "migration(setmetatable({ up = function() end }, { __pairs = function() io.open() end }))",
      "migration(setmetatable({}, { __index = function() return io end }))",
      "migration { up = function() end, requires = setmetatable({ 'x' }, { __index = function() while true do end end }) }",
      "backfill { table = 't', set = setmetatable({ a = 'b' }, { __pairs = function() error 'mine' end }) }",
      "migration { up = function() end, environments = setmetatable({ 'x' }, { __len = function() return 1e9 end }) }",
    } do
      local kind, problem = native.declare(open { time = 300 }, FILE, code)
      assert(kind or problem.message:find(FILE, 1, true), problem and problem.message)
    end
  end)
end)
