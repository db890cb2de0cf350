-- Turns a table of fields (hooks/kinds.lua) into the declaring function of a kind, with its errors;
-- the same table writes the editor stubs (hooks/types.lua) and the help.
--
-- A kind is { about = "...", fields = { NAME = { TYPE, TYPE..., doc = "...", required = true,
-- default = VALUE, of = TYPE (of a list or map), values = { ... } (of a list: of its items),
-- editor = "fun(...)" } }, one_of = { "A", "B" } (exactly one of these fields is given) }. Types:
-- string, integer, number, boolean, function, duration, list, map.
local native = ...

local declare = {}

local function article(word)
  if word == "nil" then
    return word
  end
  return (word:find("^[aeiou]") and "an " or "a ") .. word
end

local function is_list(value)
  local count = 0
  for _ in pairs(value) do
    count = count + 1
  end
  return count == #value
end

-- has: the Lua type that is looked for; say: how people call it; wrong: what is wrong with a value
-- of that Lua type; editor: how LuaLS calls it.
local types = {
  string = {
    has = "string",
    say = "a string",
    wrong = function(value)
      if value == "" then
        return "must not be empty"
      end
      return value:find("\0", 1, true) and "must not hold a NUL byte"
    end,
  },
  integer = {
    has = "number",
    say = "an integer",
    wrong = function(value)
      return not math.tointeger(value) and ("must be an integer, not %s"):format(value)
    end,
  },
  number = { has = "number", say = "a number" },
  boolean = { has = "boolean", say = "true or false" },
  ["function"] = { has = "function", say = "a function", editor = "fun(db: stint.db)" },
  duration = {
    has = "string",
    say = 'a duration such as "250ms"',
    editor = "string",
    wrong = function(value)
      local ms = native.duration(value)
      if not ms then
        return ('must be a duration such as "250ms", "5s" or "1h30m", not "%s"'):format(value)
      end
      return ms == 0 and "must be longer than nothing"
    end,
  },
}

local wrong_value

types.list = {
  has = "table",
  say = function(field)
    return "a list of " .. field.of .. "s"
  end,
  editor = function(field)
    return field.of .. "[]"
  end,
  wrong = function(value, field, path)
    if not is_list(value) then
      return ("must be a list of %ss, such as { ... }, without names and gaps"):format(field.of)
    end
    if #value == 0 then
      return "must not be empty"
    end
    for i, item in ipairs(value) do
      local wrong, where = wrong_value(item, { field.of }, ("%s[%d]"):format(path, i))
      if wrong then
        return wrong, where
      end
    end
  end,
}

types.map = {
  has = "table",
  say = function(field)
    return ("a table of %ss by name"):format(field.of)
  end,
  editor = function(field)
    return ("table<string, %s>"):format(field.of)
  end,
  wrong = function(value, field, path)
    if next(value) == nil then
      return "must not be empty"
    end
    local names = {}
    for name in pairs(value) do
      if type(name) ~= "string" then
        return ("must be a table of %ss by name, such as { name = ... }"):format(field.of)
      end
      names[#names + 1] = name
    end
    table.sort(names)
    for _, name in ipairs(names) do
      local wrong, where = wrong_value(value[name], { field.of }, path .. "." .. name)
      if wrong then
        return wrong, where
      end
    end
  end,
}

local function property(kind, name, field)
  local value = types[kind][name]
  if type(value) == "function" then
    return value(field)
  end
  return value
end

local function each(field, name)
  local list = {}
  for i, kind in ipairs(field) do
    list[i] = property(kind, name, field) or kind
  end
  return list
end

-- What is wrong with a value, and where (a path), or nil.
function wrong_value(value, field, path)
  for _, kind in ipairs(field) do
    local checked = types[kind]
    if type(value) == checked.has then
      local wrong, where
      if checked.wrong then
        wrong, where = checked.wrong(value, field, path)
      end
      return wrong, where or path
    end
  end
  return ("must be %s, not %s"):format(table.concat(each(field, "say"), " or "), article(type(value))), path
end

local function quoted(values)
  local list = {}
  for i, value in ipairs(values) do
    list[i] = ('"%s"'):format(value)
  end
  return list
end

local function suggestion(word, names)
  local near = type(word) == "string" and native.nearest(word, names)
  return near and (', did you mean "%s"?'):format(near) or ""
end

local function wrong_choice(value, field, path)
  if type(value) == "table" then
    for i, item in ipairs(value) do
      local wrong, where = wrong_choice(item, field, ("%s[%d]"):format(path, i))
      if wrong then
        return wrong, where
      end
    end
    return nil
  end
  for _, known in ipairs(field.values) do
    if known == value then
      return nil
    end
  end
  local choices = table.concat(quoted(field.values), ", ")
  return ('must be one of %s, not "%s"%s'):format(choices, value, suggestion(value, field.values)), path
end

-- Required fields first, then by name.
local function sorted(fields)
  local names = {}
  for name in pairs(fields) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    local first, second = fields[a].required or false, fields[b].required or false
    if first ~= second then
      return first
    end
    return a < b
  end)
  return names
end

local function check_names(kind, fields, given)
  local names = sorted(fields)
  local strangers = {}
  for name in pairs(given) do
    if not fields[name] then
      strangers[#strangers + 1] = name
    end
  end
  table.sort(strangers, function(a, b)
    return tostring(a) < tostring(b)
  end)
  local name = strangers[1]
  if name == nil then
    return nil
  end
  if type(name) ~= "string" then
    return ("%s takes fields by name, such as %s = ..., and [%s] has none"):format(kind, names[1], tostring(name))
  end
  return ('%s has no field "%s"%s'):format(kind, name, suggestion(name, names))
end

local function check_field(kind, name, field, value)
  if value == nil then
    return field.required and ("%s needs %s: %s"):format(kind, article(name), field.doc)
  end
  local wrong, where = wrong_value(value, field, kind .. "." .. name)
  if not wrong and field.values then
    wrong, where = wrong_choice(value, field, kind .. "." .. name)
  end
  return wrong and where .. " " .. wrong
end

local function check_one_of(kind, names, given)
  local found
  for _, name in ipairs(names) do
    if given[name] ~= nil and found then
      return ("%s has %s and %s: it takes one of them"):format(kind, found, name)
    end
    found = found or given[name] ~= nil and name
  end
  return not found and ("%s needs one of %s"):format(kind, table.concat(names, ", "))
end

local function problem(kind, spec, given)
  local fields = spec.fields
  if type(given) ~= "table" then
    return ("%s takes one table, %s {...}, not %s"):format(kind, kind, article(type(given)))
  end
  local wrong = check_names(kind, fields, given)
  if wrong then
    return wrong
  end
  for _, name in ipairs(sorted(fields)) do
    wrong = check_field(kind, name, fields[name], given[name])
    if wrong then
      return wrong
    end
  end
  return spec.one_of and check_one_of(kind, spec.one_of, given)
end

-- The declaring function: checks what it is given, fills in defaults, and hands a copy to `found`.
function declare.kind(kind, spec, found)
  return function(given)
    local wrong = problem(kind, spec, given)
    if wrong then
      error(wrong, 2)
    end
    local fields = {}
    for name, field in pairs(spec.fields) do
      local value = given[name]
      if value == nil then
        value = field.default
      end
      fields[name] = value
    end
    found(fields)
  end
end

local function remark(field)
  if field.default == nil then
    return field.doc
  end
  local default = type(field.default) == "string" and '"' .. field.default .. '"' or tostring(field.default)
  return ("%s (default %s)"):format(field.doc, default)
end

function declare.help(kind, spec)
  local lines = { ("%s {...}: %s"):format(kind, spec.about), "" }
  for _, name in ipairs(sorted(spec.fields)) do
    local field = spec.fields[name]
    local say = field.values and (field.of and "some of " or "one of ") .. table.concat(quoted(field.values), ", ")
      or table.concat(each(field, "say"), " or ")
    lines[#lines + 1] = ("  %-14s %s%s"):format(name, say, field.required and ", required" or "")
    lines[#lines + 1] = ("  %-14s %s"):format("", remark(field))
  end
  return table.concat(lines, "\n") .. "\n"
end

local function editor_type(field)
  if field.editor then
    return field.editor
  end
  if field.values then
    local choices = table.concat(quoted(field.values), "|")
    return field.of and ("%s|(%s)[]"):format(choices, choices) or choices
  end
  return table.concat(each(field, "editor"), "|")
end

local function kind_stub(lines, kind, spec)
  lines[#lines + 1] = ("---@class stint.%s"):format(kind)
  for _, name in ipairs(sorted(spec.fields)) do
    local field = spec.fields[name]
    lines[#lines + 1] = ("---@field %s%s %s %s"):format(name, field.required and "" or "?", editor_type(field),
      remark(field))
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "---" .. spec.about
  lines[#lines + 1] = ("---@param declaration stint.%s"):format(kind)
  lines[#lines + 1] = ("function %s(declaration) end"):format(kind)
  lines[#lines + 1] = ""
end

local function function_stub(lines, entry)
  lines[#lines + 1] = "---" .. entry.doc
  local names = {}
  for i, argument in ipairs(entry) do
    names[i] = argument:match("^[%w_.]+")
    lines[#lines + 1] = "---@param " .. argument
  end
  if entry.returns then
    lines[#lines + 1] = "---@return " .. entry.returns
  end
  lines[#lines + 1] = ("function %s(%s) end"):format(entry.name, table.concat(names, ", "))
  lines[#lines + 1] = ""
end

-- The text of hooks/types.lua: stubs for LuaLS, from kinds.lua and api.lua.
function declare.types(kinds, api)
  local lines = {
    "---@meta",
    "-- Made from kinds.lua and api.lua, for editors: never run, and not to be edited.",
    "-- luacheck: ignore",
    "",
  }
  local names = {}
  for kind in pairs(kinds) do
    names[#names + 1] = kind
  end
  table.sort(names)
  for _, kind in ipairs(names) do
    kind_stub(lines, kind, kinds[kind])
  end
  for _, class in ipairs(api) do
    lines[#lines + 1] = ("---%s"):format(class.about)
    lines[#lines + 1] = ("---@class stint.%s"):format(class.name)
    for _, field in ipairs(class.fields or {}) do
      lines[#lines + 1] = "---@field " .. field
    end
    lines[#lines + 1] = ("%s%s = {}"):format(class.is_global and "" or "local ", class.name)
    lines[#lines + 1] = ""
    for _, entry in ipairs(class) do
      function_stub(lines, entry)
    end
  end
  return table.concat(lines, "\n")
end

return declare
