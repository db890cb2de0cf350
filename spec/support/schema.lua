-- JSON Schema, as much of draft 4 as the schemas beside this file use:
--   schema.problems(schema, value) -> { "/runs/0/tool: driver is missing", ... }
local json = require "dkjson"

local schema = {}

local function is_list(value)
  local meta = getmetatable(value)
  return type(value) == "table" and meta ~= nil and meta.__jsontype == "array"
end

local kinds = {
  object = function(v) return type(v) == "table" and not is_list(v) end,
  array = is_list,
  string = function(v) return type(v) == "string" end,
  boolean = function(v) return type(v) == "boolean" end,
  number = function(v) return type(v) == "number" end,
  integer = function(v) return math.type(v) == "integer" end,
  null = function(v) return v == json.null end,
}

local check

local function count(root, list, value, at)
  local fit = 0
  for _, one in ipairs(list) do
    local out = {}
    check(root, one, value, at, out)
    fit = fit + (#out == 0 and 1 or 0)
  end
  return fit
end

-- Patterns of the schema that Lua has words for.
local patterns = {
  ["^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$"] = "^%a%a",
  ["[^/]+/.+"] = "[^/]+/.+",
  ["^[0-9]+(\\.[0-9]+){3}$"] = "^%d+%.%d+%.%d+%.%d+$",
}

local asks = {
  type = function(_, want, v, say)
    return kinds[want](v) or say("is no " .. want)
  end,
  enum = function(_, want, v, say)
    for _, one in ipairs(want) do
      if one == v then
        return
      end
    end
    say("is none of the values allowed: " .. tostring(v))
  end,
  required = function(_, want, v, say)
    for _, name in ipairs(want) do
      if v[name] == nil then
        say(name .. " is missing")
      end
    end
  end,
  minimum = function(_, want, v, say)
    return v >= want or say("is too small")
  end,
  maximum = function(_, want, v, say)
    return v <= want or say("is too large")
  end,
  minItems = function(_, want, v, say)
    return #v >= want or say("has too few items")
  end,
  uniqueItems = function(_, _, v, say)
    local seen = {}
    for _, one in ipairs(v) do
      local text = json.encode(one, { keyorder = { "id", "ruleId", "text" } })
      if seen[text] then
        say("has an item twice")
      end
      seen[text] = true
    end
  end,
  pattern = function(_, want, v, say)
    local pattern = patterns[want] or say("has a pattern that this file does not know: " .. want)
    return not pattern or v:find(pattern) or say("does not look as it must")
  end,
  anyOf = function(root, want, v, say, at)
    return count(root, want, v, at) > 0 or say("fits nothing of anyOf")
  end,
  oneOf = function(root, want, v, say, at)
    return count(root, want, v, at) == 1 or say("does not fit exactly one of oneOf")
  end,
}

local function resolve(root, reference)
  local at = root
  for name in reference:gsub("^#/?", ""):gmatch "[^/]+" do
    at = at[name]
  end
  return at
end

local function check_fields(root, rule, value, at, out)
  for name, field in pairs(value) do
    local known = rule.properties and rule.properties[name]
    if known then
      check(root, known, field, at .. "/" .. name, out)
    elseif rule.additionalProperties == false then
      out[#out + 1] = ("%s: %s is not known"):format(at, name)
    elseif type(rule.additionalProperties) == "table" then
      check(root, rule.additionalProperties, field, at .. "/" .. name, out)
    end
  end
end

function check(root, rule, value, at, out)
  if rule["$ref"] then
    return check(root, resolve(root, rule["$ref"]), value, at, out)
  end
  local function say(what)
    out[#out + 1] = ("%s: %s"):format(at, what)
  end
  for name, ask in pairs(asks) do
    if rule[name] ~= nil then
      ask(root, rule[name], value, say, at)
    end
  end
  if is_list(value) then
    for i, one in ipairs(value) do
      if rule.items then
        check(root, rule.items, one, ("%s/%d"):format(at, i - 1), out)
      end
    end
  elseif type(value) == "table" then
    check_fields(root, rule, value, at, out)
  end
end

function schema.problems(rule, value)
  local out = {}
  check(rule, rule, value, "", out)
  return out
end

return schema
