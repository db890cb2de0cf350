-- The statements of a migration written in Lua: its `up` runs with a db that writes down what it is
-- told and has no database behind it. What it does with an answer of the database nobody can know:
-- there the recording ends, and it says so.
local native = ...

local statement = native.use("statement")

local recorder = {}

local MOST = 1000

local OVER = "the recording is over"

local function quoted_name(name)
  return '"' .. tostring(name):gsub('"', '""') .. '"'
end

local function literal(value)
  if value == nil or value == native.json.null then
    return "NULL"
  elseif type(value) == "number" or type(value) == "boolean" then
    return tostring(value)
  end
  return "'" .. tostring(value):gsub("'", "''") .. "'"
end

-- Where the text of a statement stands in the file, from the line of its call on; then places
-- within it are places in the file.
local function place(file, sql, line)
  local at = 1
  for _ = 2, line do
    at = (file.text:find("\n", at, true) or at - 1) + 1
  end
  local found = file.text:find(sql, at, true) or file.text:find(sql, 1, true)
  if not found then
    return line, 1
  end
  local before = file.text:sub(1, found - 1)
  local _, lines = before:gsub("\n", "")
  local last = before:match "[^\n]*$"
  return lines + 1, (utf8.len(last) or #last) + 1
end

local function make_db(file, list, state)
  local db = {}

  local function stop(why)
    local _, line = native.place()
    state.why = state.why or why
    state.line = state.line or line
    error(OVER, 0)
  end

  local function record(sql)
    if state.why then
      error(OVER, 0)
    elseif type(sql) ~= "string" then
      error("a statement is a string", 3)
    elseif #list == MOST then
      stop(("it runs more than %d statements"):format(MOST))
    end
    local where, line = native.place()
    local column = 1
    if where == file.path then
      line, column = place(file, sql, line)
    else
      line = native.declared[file.path].line
    end
    list[#list + 1] = statement.new {
      sql = sql,
      file = file.path,
      line = line,
      column = column,
      index = #list + 1,
      inside = "lua",
      migration = file,
    }
  end

  function db.exec(_, sql)
    record(sql)
    return 0
  end

  for _, name in ipairs { "query", "row", "value", "rows" } do
    db[name] = function(_, sql)
      record(sql)
      stop "what it does next depends on what the database answers"
    end
  end

  function db.transaction(_, body)
    return body()
  end

  function db.ident(_, ...)
    local names = table.pack(...)
    for i = 1, names.n do
      names[i] = quoted_name(names[i])
    end
    return table.concat(names, ".")
  end

  function db.literal(_, value)
    return literal(value)
  end

  function db.bytes(_, value)
    return value
  end

  return db
end

-- The statements that `up` runs, and why not all of them are known: { line, column, why }, or nil.
function recorder.record(file, up)
  local list, state = {}, {}
  local ok, message = pcall(up, make_db(file, list, state))
  if state.why then
    return list, { line = state.line, column = 1, why = state.why }
  elseif not ok then
    return list, {
      line = native.declared[file.path].line,
      column = 1,
      why = "its statements could not be recorded: " .. tostring(message),
    }
  end
  return list
end

return recorder
