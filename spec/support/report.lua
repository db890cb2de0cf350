-- busted's output for the test runner: failures as text, and the counts in the file that
-- STINT_TEST_COUNTS names. The counts are written last: a spec file that has none has crashed.
return function(options)
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local pretty = require "pl.pretty"

  handler.options = options

  local function text_of(message)
    if type(message) == "string" then
      return message
    end
    if message == nil then
      return "(no message)"
    end
    local meta = getmetatable(message)
    return meta and meta.__tostring and tostring(message) or pretty.write(message)
  end

  local function indented(text)
    return "    " .. text:gsub("%s+$", ""):gsub("\n", "\n    ")
  end

  local function show(word, list)
    for _, entry in ipairs(list) do
      local trace = entry.element and entry.element.trace or entry.trace or {}
      local at = trace.short_src and ("%s:%s: "):format(trace.short_src, trace.currentline) or ""
      print(("%s  %s%s"):format(word, at, entry.name))
      if entry.message ~= nil or word ~= "pending" then
        print(indented(text_of(entry.message)))
      end
      local stack = entry.trace and entry.trace.traceback
      if stack and word ~= "pending" then
        print(indented((stack:gsub("^%s*stack traceback:%s*", "at "))))
      end
    end
  end

  busted.subscribe({ "suite", "end" }, function()
    show("pending", handler.pendings)
    show("FAILED", handler.failures)
    show("ERROR", handler.errors)
    local failed = handler.failuresCount + handler.errorsCount
    local counts = os.getenv("STINT_TEST_COUNTS")
    if counts then
      local file = assert(io.open(counts, "w"))
      file:write(("%d %d %d\n"):format(handler.successesCount, failed, handler.pendingsCount))
      file:close()
    end
    return nil, true
  end)

  return handler
end
