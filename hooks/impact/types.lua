-- Types, brought to one form from parse trees and from PostgreSQL's own names for them, and what a
-- change of one costs: "none", "indexes" (they are built again) or "rewrite".
local native = ...

local builtins = native.use("impact/builtins")
local read = native.use("impact/read")

local types = {}

-- PostgreSQL's long names, as format_type gives them.
local short = {
  ["character varying"] = "varchar", character = "bpchar", ["char"] = "bpchar", integer = "int4", int = "int4",
  bigint = "int8", smallint = "int2", real = "float4", ["double precision"] = "float8", boolean = "bool",
  decimal = "numeric", ["bit varying"] = "varbit", ["timestamp without time zone"] = "timestamp",
  ["timestamp with time zone"] = "timestamptz", ["time without time zone"] = "time",
  ["time with time zone"] = "timetz",
}

local FULL_INTERVAL = 32767

-- One form for each modifier: numeric(10) is numeric(10,0), char is char(1), interval(3) has all its fields.
local function settle(type)
  local mods = type.mods
  if type.name == "numeric" and mods and #mods == 1 then
    mods[2] = 0
  elseif type.name == "interval" and mods and #mods == 1 and type.from_text then
    type.mods = { FULL_INTERVAL, mods[1] }
  elseif type.name == "interval" and mods and #mods == 1 and mods[1] == FULL_INTERVAL then
    type.mods = nil
  end
  return type
end

-- { name, schema, mods = { 10, 2 } or nil, array } of a TypeName node
function types.of_node(node)
  local names = read.names(node.names)
  local type = { name = names[#names], schema = names[#names - 1], array = (node.arrayBounds and #node.arrayBounds > 0) }
  if type.schema == "pg_catalog" then
    type.schema = nil
  end
  for i, mod in ipairs(node.typmods or {}) do
    type.mods = type.mods or {}
    type.mods[i] = tonumber(read.constant(mod)) or read.constant(mod) or read.column(mod)
  end
  return settle(type)
end

local function unquoted(text)
  if text:sub(1, 1) == '"' then
    return (text:sub(2, -2):gsub('""', '"'))
  end
  return text
end

-- The same of what format_type says: "character varying(20)[]", public."Mood"
function types.of_text(text)
  local rest, arrays = text:gsub("%[%d*%]$", "")
  local name, mods, tail = rest:match("^([^(]*)%(([^)]*)%)(.*)$")
  name = (name or rest) .. (tail or "")
  local type = { from_text = true, array = arrays > 0 }
  local schema, within = name:match('^([%w_]+)%.(.+)$')
  if not schema then
    schema, within = name:match('^("[^"]+")%.(.+)$')
  end
  if name == '"char"' then
    type.name = "char"
  elseif schema then
    type.schema, type.name = unquoted(schema), unquoted(within)
  else
    type.name = short[name] or unquoted(name)
  end
  for mod in (mods or ""):gmatch("[^,%s]+") do
    type.mods = type.mods or {}
    type.mods[#type.mods + 1] = tonumber(mod) or mod
  end
  return settle(type)
end

function types.is_builtin(type)
  return not type.schema and builtins.types[type.name] or false
end

local function first(type)
  return type.mods and type.mods[1]
end

local function at_least(new, old)
  return new == nil or (old ~= nil and new >= old)
end

local function precision(new, old)
  local p, q = new and new[#new], old and old[#old]
  return p == nil or p == 6 or (q ~= nil and p >= q)
end

-- Does a change of the modifier leave every stored value as it is? (The others rewrite.)
local widens = {
  varchar = function(new, old)
    return at_least(first(new), first(old))
  end,
  varbit = function(new, old)
    return at_least(first(new), first(old))
  end,
  bpchar = function(new)
    return new.mods == nil
  end,
  numeric = function(new, old)
    local n, o = new.mods, old.mods
    return n == nil or (o ~= nil and n[2] == o[2] and n[1] >= o[1])
  end,
  interval = function(new, old)
    local n, o = new.mods, old.mods
    if n and n[1] ~= FULL_INTERVAL then
      return false
    end
    return precision(n, o)
  end,
}
for _, name in ipairs { "timestamp", "timestamptz", "time", "timetz" } do
  widens[name] = function(new, old)
    return precision(new.mods, old.mods)
  end
end

-- Types whose values are stored alike (pg_cast, method b). What differs in operator class, and so
-- has its indexes built again, is marked with a star.
local alike = {
  varchar = "text *bpchar *citext", text = "varchar *bpchar *citext", citext = "*text *varchar *bpchar",
  cidr = "inet", bit = "*varbit", varbit = "*bit", xml = "text varchar bpchar", int4 = "*oid", oid = "*int4",
}
for name in ("regproc regprocedure regoper regoperator regclass regtype regrole regnamespace regconfig regdictionary"
  .. " regcollation"):gmatch("%S+") do
  alike[name] = "oid *int4"
  alike.oid = alike.oid .. " " .. name
  alike.int4 = alike.int4 .. " *" .. name
end

local function same_mods(a, b)
  local x, y = a.mods or {}, b.mods or {}
  if #x ~= #y then
    return false
  end
  for i, mod in ipairs(x) do
    if mod ~= y[i] then
      return false
    end
  end
  return true
end

local function same(a, b)
  local schemas = a.schema == b.schema or not a.schema or not b.schema
  return a.name == b.name and (a.array or false) == (b.array or false) and schemas
end

local zones = read.set "UTC utc Etc/UTC GMT Etc/GMT UCT Etc/UCT Zulu Etc/Zulu Universal"

-- Between timestamp and timestamptz nothing is rewritten where the session's zone is UTC.
local function timestamps(new, world, assume)
  -- a precision of its own takes a second step, which knows nothing of the one before
  if new.mods and new.mods[1] ~= 6 then
    return "rewrite"
  end
  local zone = world.settings.timezone or world.facts.timezone
  if not zone then
    assume("the session's time zone is not known")
    return "rewrite"
  end
  return zones[zone] and "indexes" or "rewrite"
end

local function bare(old, new, world, assume)
  if same(old, new) then
    if same_mods(old, new) then
      return "none"
    end
    local wide = not old.array and widens[new.name]
    return wide and wide(new, old) and "none" or "rewrite"
  end
  if old.array or new.array then
    return "rewrite"
  end
  local pair = old.name .. ">" .. new.name
  if pair == "timestamp>timestamptz" or pair == "timestamptz>timestamp" then
    return timestamps(new, world, assume)
  end
  for star, to in (alike[old.name] or ""):gmatch("(%*?)(%w+)") do
    if to == new.name then
      local fits = new.mods == nil or (widens[new.name] and new.name ~= "bpchar" and at_least(first(new), first(old)))
      return fits and (star == "*" and "indexes" or "none") or "rewrite"
    end
  end
  return "rewrite"
end

-- A domain down to what it stands on; `constrained`: does one on the way check its values?
-- The second result is false where nobody knows whether the type is a domain.
local function ground(world, type)
  local constrained = false
  for _ = 1, 20 do
    local domain, known = world:domain(type)
    if not domain then
      return type, known, constrained
    end
    if type.array then
      return type, true, constrained
    end
    constrained = constrained or domain.constrained or false
    type = domain.type
  end
  return type, true, constrained
end
types.ground = ground

-- What it costs to make values of `old` ones of `new`; assume(text) is told what was not known.
function types.change(world, old, new, assume)
  if same(old, new) and same_mods(old, new) then
    return "none"
  end
  local from, from_known = ground(world, old)
  local to, to_known, constrained = ground(world, new)
  if constrained then
    return "rewrite"
  end
  if not from_known or not to_known then
    assume(("whether %s is a domain is not known"):format(from_known and new.name or old.name))
  end
  return bare(from, to, world, assume)
end

return types
