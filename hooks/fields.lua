-- The types that a field of a declaration can have: how a value is checked, and how people and
-- editors call it. Refuses to know the kinds (kinds.lua).
--
-- A field is { TYPE, TYPE..., doc = "...", required = true, default = VALUE, of = TYPE (of a list or
-- map), least = N, most = N (of an integer; else 0 and any), fields = { NAME = field } (of a record),
-- values = { ... } (of a list or map: of its items), editor = "fun(...)" }.
local native = ...

local fields = {}

function fields.article(word)
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
    wrong = function(value, field)
      local whole, least, most = math.tointeger(value), field.least or 0, field.most
      local range = most and ("from %d to %d"):format(least, most) or ("from %d up"):format(least)
      return (not whole or whole < least or whole > (most or whole)) and ("must be an integer %s, not %s"):format(range, value)
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
  time = {
    has = "string",
    say = 'a time of day such as "22:00"',
    editor = "string",
    wrong = function(value)
      local hour, minute, rest = value:match "^(%d%d?):([0-5]%d)(.*)$"
      local fits = hour and (rest == "" or rest:find "^:[0-5]%d$")
      fits = fits and (tonumber(hour) < 24 or tonumber(hour) == 24 and not (minute .. rest):find "[1-9]")
      return not fits and ('must be a time of day such as "22:00", not "%s"'):format(value)
    end,
  },
}

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
      local wrong, where = fields.wrong(item, { field.of, fields = field.fields }, ("%s[%d]"):format(path, i))
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
      local wrong, where = fields.wrong(value[name], { field.of, fields = field.fields }, path .. "." .. name)
      if wrong then
        return wrong, where
      end
    end
  end,
}

-- Fields of its own, each checked as a declaration's are.
types.record = {
  has = "table",
  say = function(field)
    return "a table of " .. table.concat(fields.sorted(field.fields), ", ")
  end,
  editor = function(field)
    local list = {}
    for i, name in ipairs(fields.sorted(field.fields)) do
      local one = field.fields[name]
      list[i] = ("%s%s: %s"):format(name, one.required and "" or "?", fields.editor(one))
    end
    return "{ " .. table.concat(list, ", ") .. " }"
  end,
  wrong = function(value, field, path)
    return fields.check(path, field.fields, value), false
  end,
}

types.any = { say = "anything", editor = "any" }

local function property(kind, name, field)
  local value = types[kind][name]
  if type(value) == "function" then
    return value(field)
  end
  return value
end

-- What each of the field's types has for that name.
function fields.each(field, name)
  local list = {}
  for i, kind in ipairs(field) do
    list[i] = property(kind, name, field) or kind
  end
  return list
end

function fields.quoted(values)
  local list = {}
  for i, value in ipairs(values) do
    list[i] = ('"%s"'):format(value)
  end
  return list
end

-- Required fields first, then by name.
function fields.sorted(of)
  local names = {}
  for name in pairs(of) do
    names[#names + 1] = name
  end
  table.sort(names, function(a, b)
    local first, second = of[a].required or false, of[b].required or false
    if first ~= second then
      return first
    end
    return a < b
  end)
  return names
end


-- How LuaLS calls what the field takes.
function fields.editor(field)
  if field.editor then
    return field.editor
  end
  if field.values then
    local choices = table.concat(fields.quoted(field.values), "|")
    if field[1] == "map" then
      return ("table<string, %s>"):format(choices)
    end
    return field.of and ("%s|(%s)[]"):format(choices, choices) or choices
  end
  return table.concat(fields.each(field, "editor"), "|")
end

-- What is wrong with a value, and where (a path; false: the text says it), or nil.
function fields.wrong(value, field, path)
  for _, kind in ipairs(field) do
    local checked = types[kind]
    if not checked.has or type(value) == checked.has then
      local wrong, where
      if checked.wrong then
        wrong, where = checked.wrong(value, field, path)
      end
      return wrong, where == nil and path or where
    end
  end
  return ("must be %s, not %s"):format(table.concat(fields.each(field, "say"), " or "), fields.article(type(value))), path
end

local function suggestion(word, names)
  local near = type(word) == "string" and native.nearest(word, names)
  return near and (', did you mean "%s"?'):format(near) or ""
end

local function wrong_choice(value, field, path)
  if type(value) == "table" then
    for name, item in pairs(value) do
      local place = math.type(name) and ("%s[%d]"):format(path, name) or path .. "." .. name
      local wrong, where = wrong_choice(item, field, place)
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
  local choices = table.concat(fields.quoted(field.values), ", ")
  return ('must be one of %s, not "%s"%s'):format(choices, value, suggestion(value, field.values)), path
end

local function check_names(path, of, given)
  local names = fields.sorted(of)
  local strangers = {}
  for name in pairs(given) do
    if not of[name] then
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
    return ("%s takes fields by name, such as %s = ..., and [%s] has none"):format(path, names[1], tostring(name))
  end
  return ('%s has no field "%s"%s'):format(path, name, suggestion(name, names))
end

local function check_field(path, name, field, value)
  if value == nil then
    return field.required and ("%s needs %s: %s"):format(path, fields.article(name), field.doc)
  end
  local wrong, where = fields.wrong(value, field, path .. "." .. name)
  if not wrong and field.values then
    wrong, where = wrong_choice(value, field, path .. "." .. name)
  end
  return wrong and (where and where .. " " .. wrong or wrong)
end

-- What is wrong with a table of fields, the place first, or nil.
function fields.check(path, of, given)
  local wrong = check_names(path, of, given)
  if wrong then
    return wrong
  end
  for _, name in ipairs(fields.sorted(of)) do
    wrong = check_field(path, name, of[name], given[name])
    if wrong then
      return wrong
    end
  end
end

-- A copy with the defaults filled in.
function fields.filled(of, given)
  local copy = {}
  for name, field in pairs(of) do
    local value = given[name]
    if value == nil then
      value = field.default
    elseif field.fields and type(value) == "table" and field[#field] == "record" then
      value = fields.filled(field.fields, value)
    end
    copy[name] = value
  end
  return copy
end

return fields
