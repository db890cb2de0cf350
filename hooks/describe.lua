-- What people and editors are told of the kinds: help and the stubs of hooks/types.lua, from the
-- table that checks declarations.
local native = ...

local fields = native.use("fields")

local describe = {}

local function remark(field)
  if field.default == nil then
    return field.doc
  end
  local default = type(field.default) == "string" and '"' .. field.default .. '"' or tostring(field.default)
  return ("%s (default %s)"):format(field.doc, default)
end

local function say_of(field)
  local choices = field.values and table.concat(fields.quoted(field.values), ", ")
  if field[1] == "map" and choices then
    return "a table of these by name: " .. choices
  elseif choices then
    return (field.of and "some of " or "one of ") .. choices
  end
  return table.concat(fields.each(field, "say"), " or ")
end

local function add_field(lines, indent, name, field)
  lines[#lines + 1] = ("%s%-14s %s%s"):format(indent, name, say_of(field), field.required and ", required" or "")
  lines[#lines + 1] = ("%s%-14s %s"):format(indent, "", remark(field))
  for _, inner in ipairs(field.fields and fields.sorted(field.fields) or {}) do
    add_field(lines, indent .. "    ", inner, field.fields[inner])
  end
end

function describe.help(kind, spec)
  local lines = { ("%s {...}: %s"):format(kind, spec.about), "" }
  for _, name in ipairs(fields.sorted(spec.fields)) do
    add_field(lines, "  ", name, spec.fields[name])
  end
  return table.concat(lines, "\n") .. "\n"
end

local function kind_stub(lines, kind, spec)
  lines[#lines + 1] = ("---@class stint.%s"):format(kind)
  for _, name in ipairs(fields.sorted(spec.fields)) do
    local field = spec.fields[name]
    lines[#lines + 1] = ("---@field %s%s %s %s"):format(name, field.required and "" or "?", fields.editor(field),
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
function describe.types(kinds, api)
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

return describe
