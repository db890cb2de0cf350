-- The world that a script sees. Runs once for each Lua state; `native` is what C brings (sandbox.c).
-- Gives C a table of functions: declare(file, text), help(word) and what judges statements.
local native = ...

local used = {}

-- What hooks/NAME.lua gives back; loaded when it is first used.
function native.use(name)
  if used[name] == nil then
    local file = "hooks/" .. name .. ".lua"
    used[name] = assert(load(native.embedded(file), "=stint/" .. file, "t"))(native)
  end
  return used[name]
end

local declare = native.use("declare")
local kinds = native.use("kinds")
local verdict = native.use("verdict")

-- What scripts may have of Stint's own: require "stint.tree".
local open = { ["stint.tree"] = "tree", ["stint.subject"] = "subject", ["stint.rows"] = "rows", ["stint.modes"] = "impact/modes" }

-- Everything else of Lua stays outside.
local base = {
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen",
  "select", "tonumber", "tostring", "type", "_VERSION",
}
local libraries = { "string", "table", "math", "utf8" }

-- os.time and os.date on the run's clock, which a spec can set.
local clock = {
  time = function(at)
    if at == nil then
      return native.now()
    end
    return os.time(at)
  end,
  date = function(format, at)
    return os.date(format, at or native.now())
  end,
}

-- Words of Lua that a script may look for.
local closed = {}
for _, name in ipairs { "io", "os", "debug", "package", "coroutine", "load", "loadfile", "dofile", "collectgarbage" } do
  closed[name] = true
end

local function is_protected(value)
  return type(value) == "table" and getmetatable(value) == false
end

local world = {}

function world.setmetatable(value, metatable)
  if type(metatable) == "table" and rawget(metatable, "__gc") ~= nil then
    error("scripts have no __gc", 2)
  end
  return setmetatable(value, metatable)
end

function world.rawset(value, key, field)
  if is_protected(value) then
    error("this table cannot be changed", 2)
  end
  return rawset(value, key, field)
end

function world.xpcall(call, handler, ...)
  return xpcall(call, native.guard(handler), ...)
end

function world.print(...)
  local words = table.pack(...)
  for i = 1, words.n do
    words[i] = tostring(words[i])
  end
  native.log.say(table.concat(words, "\t"))
end

-- Hooks watch; what else runs has better ways to say something.
function world.notify(event)
  if type(event) ~= "table" then
    error(("notify takes the event, a table, not %s"):format(event == nil and "nil" or "a " .. type(event)), 2)
  end
  native.notify(native.json.encode(event))
end

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = tostring(name)
  end
  table.sort(names)
  return names
end

local function not_known(name, known)
  if closed[name] then
    return ("%s is closed to scripts (unsafe_lua = yes in config.ini opens it)"):format(name)
  end
  local near = native.nearest(tostring(name), names_of(known))
  return ('there is no global "%s"%s'):format(name, near and (', did you mean "%s"?'):format(near) or "")
end

local function copy(from, names)
  local to = {}
  for _, name in ipairs(names or names_of(from)) do
    to[name] = from[name]
  end
  return to
end

-- A table of its own for every script, so that none can change what another one calls.
local function environment()
  local env = native.unsafe and copy(_G) or copy(_G, base)
  if native.unsafe then
    env.os = copy(os)
    env.os.time, env.os.date = clock.time, clock.date
  end
  if not native.unsafe then
    for _, name in ipairs(libraries) do
      env[name] = copy(_G[name])
    end
    env.os = setmetatable(copy(clock), {
      __index = function(_, name)
        error(("os.%s is closed to scripts, which have os.time and os.date"):format(name), 2)
      end,
    })
    env.setmetatable, env.rawset = world.setmetatable, world.rawset
  end
  env.print, env.require, env.xpcall = world.print, world.require, world.xpcall
  env.notify = world.notify
  env.json, env.log = copy(native.json), copy(native.log)
  for word, call in pairs(verdict.words) do
    env[word] = call
  end
  env._G = env
  return env
end

local function locked(env)
  return setmetatable(env, {
    __metatable = false,
    __index = function(_, name)
      error(not_known(name, env), 2)
    end,
    __newindex = function(_, name)
      error(('"%s" is no variable of this file: write "local %s" where it begins'):format(name, name), 2)
    end,
  })
end

local function compile(file, text, env, mark)
  if text:sub(1, 1) == "\27" then
    error(("%s: this is bytecode; scripts are text"):format(file), 0)
  end
  local chunk, message = load(text:gsub("^\xEF\xBB\xBF", ""), (mark or "@") .. file, "t", env)
  if chunk then
    return chunk
  end
  local short = "..." .. file:sub(-56) -- as Lua cuts a long name
  if message:sub(1, #short) == short then
    message = file .. message:sub(#short + 1)
  end
  error(message, 0)
end

local modules = {}
local LOADING = {}

local function load_module(name)
  local path, text, problem = native.module(name:gsub("%.", "/") .. ".lua")
  if not text then
    error(('require "%s": %s: %s'):format(name, path, problem), 3)
  end
  local env = environment()
  for kind in pairs(kinds) do
    env[kind] = function()
      error(("a module declares nothing: %s {...} belongs into a file of its own"):format(kind), 2)
    end
  end
  local chunk = compile(path, text, locked(env))
  local value = chunk(name)
  return value == nil and true or value
end

local function forget(name)
  return setmetatable({}, {
    __close = function()
      if modules[name] == LOADING then
        modules[name] = nil
      end
    end,
  })
end

function world.require(name)
  if open[name] then
    return copy(native.use(open[name]))
  end
  if type(name) ~= "string" or not (name .. "."):find("^lib%.[%w_.-]+$") or (name .. "."):find("..", 1, true) then
    if native.unsafe and type(name) == "string" then
      return require(name)
    end
    error(('require takes "lib.NAME" for lib/NAME.lua of the scripts folder, not %s'):format(
      type(name) == "string" and '"' .. name .. '"' or "a " .. type(name)), 2)
  end
  if modules[name] == LOADING then
    error(('"%s" is required while it is being loaded'):format(name), 2)
  end
  if modules[name] == nil then
    modules[name] = LOADING
    local guard <close> = forget(name) -- luacheck: ignore
    modules[name] = load_module(name)
  end
  return modules[name]
end

-- What the file being loaded has declared: { kind, line, fields }; is it one of Stint's own?
local declared, own

local function declaring(kind)
  return declare.kind(kind, kinds[kind], function(fields)
    local _, line = native.place()
    if not native.is_loading() and not own then
      error(("%s {...} declares, and belongs at the top of a file: nothing can be declared while it runs"):format(kind),
        3)
    end
    declared[#declared + 1] = { kind = kind, line = line, fields = fields }
  end)
end

local words = {}
for kind in pairs(kinds) do
  words[kind] = declaring(kind)
end

-- What each file has declared: { kind, line, fields }.
native.declared = {}

-- The mark before a file's name tells the team's ("@") from Stint's own ("=").
function native.declare(file, text, mark)
  declared, own = {}, mark == "="
  local env = environment()
  for kind, word in pairs(words) do
    env[kind] = word
  end
  compile(file, text, locked(env), mark)()
  own = false
  local first, second = declared[1], declared[2]
  if not first then
    error(("%s: declares nothing: it needs one of %s"):format(file, table.concat(names_of(words), ", ")), 0)
  end
  if second then
    error(("%s:%d: a file declares one thing, and line %d has declared a %s already"):format(
      file, second.line, first.line, first.kind), 0)
  end
  native.declared[file] = first
  return first.kind, first.line, first.fields
end

function world.declare(file, text)
  return native.declare(file, text)
end

-- Help on a kind, on the rules, on one rule; nil: it is none of them.
function world.help(word)
  if kinds[word] then
    return native.use("describe").help(word, kinds[word])
  end
  return native.use("rule_help")(word)
end

-- Judging, by JSON from C (judge.h) and specs.
for _, name in ipairs {
  "judge_begin", "judge_file", "judge_finish", "judge_fixing", "judge_fix", "judge_bind", "judge_format", "judge_text", "judge_cases",
  "rule_tests", "impacts", "gates_begin", "gates_override", "gates_judge",
} do
  world[name] = function(with)
    return native.use("bench")[name](with)
  end
end

if not native.unsafe then
  rawset(string, "dump", nil)
  getmetatable("").__metatable = false
end

return world
