-- Runs spec files with the busted that is installed, and tells what came of them. `native` is what
-- C brings (lib_testing.c). Gives how many failed; or nil and "busted" or
-- "none", and a text.
local native = ...

local found, core = pcall(require, "busted.core")
if not found then
  return nil, "busted", tostring(core)
end

local busted = core()
local ready, problem = pcall(function()
  require "busted"(busted)
end)
if not ready then
  return nil, "busted", tostring(problem)
end

-- Results are one document with --json: what specs print goes elsewhere.
if native.report == "json" then
  function print(...) -- luacheck: ignore
    local words = table.pack(...)
    for i = 1, words.n do
      words[i] = tostring(words[i])
    end
    io.stderr:write(table.concat(words, "\t"), "\n")
  end
end

local home = native.scripts .. "/policies"

local function is_policy(path)
  return path == home or path:sub(1, #home + 1) == home .. "/"
end

local total = { passed = 0, failed = 0, pending = 0 }
local specs = native.json.list {}
local file -- the one at work: { name, passed, failed, pending, lines }

local function begin_file(name)
  file = {
    name = name,
    is_policy = is_policy(name),
    passed = 0,
    failed = 0,
    pending = 0,
    lines = {},
    start = busted.monotime(),
  }
end

local function say(format, ...)
  file.lines[#file.lines + 1] = format:format(...)
end

local function full_name(element)
  local names = {}
  while element and element.descriptor ~= "suite" and element.descriptor ~= "file" do
    table.insert(names, 1, element.name or element.descriptor)
    element = busted.context.parent(element)
  end
  return table.concat(names, " ")
end

local function place_of(element, trace)
  local at = element.trace or trace or {}
  if file.is_policy then
    return file.name
  end
  return at.short_src or element.name, at.currentline
end

local function indented(text)
  return "    " .. text:gsub("%s+$", ""):gsub("\n", "\n    ")
end

local words = { passed = "passed ", failed = "FAILED ", pending = "pending" }

local function tell(state, element, message, trace)
  local path, line = place_of(element, trace)
  local name = full_name(element)
  file[state] = file[state] + 1
  total[state] = total[state] + 1
  specs[#specs + 1] = {
    file = file.name,
    line = line,
    name = name ~= "" and name or nil,
    state = state,
    message = message and native.redacted(message) or nil,
    duration_ms = element.duration and math.floor(element.duration * 1000 + 0.5) or nil,
  }
  if state == "passed" and native.report ~= "long" then
    return
  end
  say("  %s  %s%s%s", words[state], path, line and ":" .. line or "", name ~= "" and ": " .. name or "")
  if message and message ~= "" then
    say("%s", indented(file.is_policy and message:gsub("^stint/[%w/.]+:%d+: ", "") or message))
  end
end

local function end_file()
  local took = math.floor((busted.monotime() - file.start) * 1000 + 0.5)
  local counts = ("%d passed"):format(file.passed)
  if file.failed > 0 then
    counts = ("%s, %d failed"):format(counts, file.failed)
  end
  if file.pending > 0 then
    counts = ("%s, %d pending"):format(counts, file.pending)
  end
  if native.report ~= "json" then
    native.print(("%s  %s  (%s, %d ms)"):format(file.failed > 0 and "FAIL" or "ok  ", file.name, counts, took))
    for _, line in ipairs(file.lines) do
      native.print(line)
    end
  end
  file = nil
end

-- What went wrong in a spec is told when it ends: by then its whole story is known.
local problems = {}

local function subscribe(channel, work)
  busted.subscribe(channel, function(...)
    work(...)
    return nil, true
  end)
end

subscribe({ "file", "start" }, function(element)
  begin_file(element.name)
end)

subscribe({ "file", "end" }, function()
  end_file()
  native.forget()
end)

local function text_of(message)
  return message ~= nil and tostring(message) or "(no message)"
end

local function on_problem(element, _, message, trace)
  if element.descriptor == "it" then
    problems[element] = { text_of(message), trace }
    return
  end
  local stray = not file
  if stray then
    begin_file(element.name or "?")
  end
  tell("failed", element, text_of(message), trace)
  if stray then
    end_file()
  end
end

subscribe({ "failure" }, on_problem)
subscribe({ "error" }, on_problem)

subscribe({ "pending" }, function(element, _, message)
  problems[element] = { message }
end)

local states = { success = "passed", pending = "pending" }

subscribe({ "test", "end" }, function(element, _, status)
  local what = problems[element] or {}
  problems[element] = nil
  tell(states[status] or "failed", element, what[1], what[2])
end)

require "busted.modules.filter_loader"()(busted, {
  tags = {},
  excludeTags = {},
  filter = native.filter and { native.filter } or {},
  filterOut = {},
})

-- The tests inside policies, by the path of their file: those that were asked for.
local function policy_tests()
  local files, wanted = {}, {}
  for _, path in ipairs(native.paths) do
    wanted[path] = is_policy(path) or nil
  end
  if not next(wanted) then
    return files
  end
  local ok, tests = pcall(native.rule_tests)
  if not ok then
    files[home] = { { what = "policies load", problem = tests } }
    return files
  end
  for _, test in ipairs(tests) do
    if wanted[home] or wanted[test.path] then
      files[test.path] = files[test.path] or {}
      table.insert(files[test.path], test)
    end
  end
  return files
end

local function name_of(test)
  if not test.sql then
    return test.what
  end
  return ("%s %d: %s"):format(test.what, test.number, test.sql:gsub("%s+", " "):sub(1, 60))
end

local function as_it_is(_, trace)
  return trace
end

-- A policy's tests are specs of its file.
local function load_policy(path, tests)
  busted.executors.file(path, setmetatable({ getTrace = as_it_is }, {
    __call = function()
      for _, test in ipairs(tests) do
        it(name_of(test), function() -- luacheck: ignore
          if test.problem then
            error(test.problem .. (test.sql and "\n" .. test.sql or ""), 0)
          end
        end)
      end
    end,
  }))
end

local function load_policies()
  local files, names = policy_tests(), {}
  for path in pairs(files) do
    names[#names + 1] = path
  end
  table.sort(names)
  for _, path in ipairs(names) do
    load_policy(path, files[path])
  end
  return #names
end

local function spec_paths()
  local list = {}
  for _, path in ipairs(native.paths) do
    list[#list + 1] = not is_policy(path) and path or nil
  end
  return list
end

local load_files, _, list_files = require "busted.modules.test_file_loader"(busted, { "lua" })
local patterns, options = { "_spec%.lua$" }, { excludes = {}, recursive = true }
local files = list_files(spec_paths(), patterns, options)
if load_policies() == 0 and #files == 0 then
  return nil, "none", table.concat(native.paths, ", ")
end
if #files > 0 then
  load_files(files, {}, options)
end
require "busted.execute"(busted)(1, {})

if native.report == "json" then
  native.print(native.json.encode {
    passed = total.passed,
    failed = total.failed,
    pending = total.pending,
    specs = specs,
  })
else
  native.print(("%d passed, %d failed"):format(total.passed, total.failed))
end
return total.failed
