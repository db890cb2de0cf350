-- What rules ask about the subject of a statement: require "stint.subject".
local native = ...

local builtins = native.use "impact/builtins"
local modes = native.use "impact/modes"
local read = native.use "impact/read"
local tree = native.use "tree"

local subject = {}

-- Fewer rows than this are read, written or indexed before anybody has noticed.
local FEW_ROWS, MANY_ROWS = 10000, 1000000

-- The RangeVar of a name with dots; `less` parts at its end name something within it.
subject.range = read.range

-- Can others be at work on it? Not on what this run has made, nor on temporary tables.
function subject.is_shared(relation)
  return not relation.is_new and not relation.is_temp
end

-- The rows of the relation and all below it; nil: not known.
function subject.rows(relation)
  local rows = 0
  for _, member in ipairs(relation:family()) do
    if member:holds_rows() then
      if not member.rows then
        return nil
      end
      rows = rows + member.rows
    end
  end
  return (relation:holds_rows() or relation.complete) and rows or nil
end

function subject.is_small(relation)
  local rows = subject.rows(relation)
  return rows ~= nil and rows < FEW_ROWS
end

function subject.is_large(relation)
  return (subject.rows(relation) or 0) >= MANY_ROWS
end

-- Does work on all of its rows keep others waiting? It does where nobody knows how many there are.
function subject.matters(relation)
  return subject.is_shared(relation) and not subject.is_small(relation)
end

-- The first relation of a list (of s.rewrites, s.scans, s.builds) that matters, or nil.
function subject.first(list)
  for _, relation in ipairs(list) do
    if subject.matters(relation) then
      return relation
    end
  end
end

-- The first of a list that matters and is the relation or below it, or nil.
function subject.first_of(list, relation)
  local members = {}
  for _, member in ipairs(relation:family()) do
    members[member] = true
  end
  for _, one in ipairs(list) do
    if members[one] and subject.matters(one) then
      return one
    end
  end
end

local function ident(name)
  if name:find "^[a-z_][a-z0-9_]*$" then
    return name
  end
  return '"' .. name:gsub('"', '""') .. '"'
end
subject.ident = ident

-- "t", or "app.t" where it is not in public; each part quoted where SQL wants it.
function subject.name(relation)
  if relation.schema == "public" or relation.schema == "pg_temp" then
    return ident(relation.name)
  end
  return ident(relation.schema) .. "." .. ident(relation.name)
end

local function grouped(number)
  local text = ("%d"):format(number)
  local more = 1
  while more > 0 do
    text, more = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  end
  return text
end

-- "t (12,000,000 rows)"; "t" where nobody knows.
function subject.sized(relation)
  local rows = subject.rows(relation)
  return subject.name(relation) .. (rows and (" (%s rows)"):format(grouped(rows)) or "")
end

-- Who waits for a lock: "reads and writes", "writes", or nil for neither.
function subject.waiting(mode)
  if modes.blocks_reads(mode) then
    return "reads and writes"
  end
  return modes.blocks_writes(mode) and "writes" or nil
end

-- "ACCESS EXCLUSIVE"
subject.words = modes.words

-- What a DROP, RENAME or SET SCHEMA is about, where it is a routine, or what is only read through.
subject.routines = { OBJECT_FUNCTION = "function", OBJECT_PROCEDURE = "procedure", OBJECT_ROUTINE = "routine", OBJECT_AGGREGATE = "aggregate" }
subject.views = { OBJECT_VIEW = "view", OBJECT_MATVIEW = "materialized view", OBJECT_FOREIGN_TABLE = "foreign table" }

-- { bigserial = "int8" }: types that number by themselves, and what they then are.
subject.serial = builtins.serial

-- The constraints of a ColumnDef, by their kind: { CONSTR_NOTNULL = node }
subject.parts = read.parts

-- The commands of this kind of an ALTER TABLE (not of a composite type), each with its place.
function subject.commands(s, subtype)
  local node = s.node
  local list = node and node.tag == "AlterTableStmt" and node.objtype ~= "OBJECT_TYPE" and node.cmds or {}
  local i = 0
  return function()
    repeat
      i = i + 1
    until not list[i] or list[i].subtype == subtype
    return list[i]
  end
end

-- The objects of a DROP of this kind of object, as lists of names.
function subject.dropped(s, kind)
  local node = s.node
  local list = node and node.tag == "DropStmt" and node.removeType == kind and node.objects or {}
  local i = 0
  return function()
    i = i + 1
    return list[i]
  end
end

local units = { us = 0.001, ms = 1, s = 1000, min = 60000, h = 3600000, d = 86400000 }

-- Milliseconds of a time as settings take it: 2 and "2ms", "5s"; nil: not to be read here.
function subject.milliseconds(value)
  local number, unit = tostring(value):match "^%s*(%d+%.?%d*)%s*(%a*)%s*$"
  local factor = number and (unit == "" and 1 or units[unit])
  return factor and tonumber(number) * factor
end

-- What a statement says of a setting: is it about it, its new value (nil: the server's own), for the
-- transaction only. SET, RESET, set_config(), DISCARD ALL.
function subject.setting(s, wanted)
  local node = s.node
  if not node then
    return false
  elseif node.tag == "DiscardStmt" then
    return node.target == "DISCARD_ALL"
  elseif node.tag == "VariableSetStmt" then
    local is_it = node.kind == "VAR_RESET_ALL" or (node.name or ""):lower() == wanted
    return is_it, is_it and node.kind == "VAR_SET_VALUE" and tree.constant(node.args[1]) or nil, node.is_local
  end
  for call in node.tag == "SelectStmt" and node:each "FuncCall" or function() end do
    local names = tree.names(call.funcname)
    if names[#names] == "set_config" and tree.constant(call.args[1]) == wanted then
      return true, tree.constant(call.args[2]), tree.constant(call.args[3]) == true
    end
  end
  return false
end

local word, quoted = ("[%w_$\x80-\xff]"):rep(63), '"' .. ('[^"]'):rep(63)

-- May a name of 63 bytes or more stand in the text? Reading its tokens costs more than this.
function subject.may_hold_long_name(sql)
  return #sql > 62 and (sql:find(word) or sql:find(quoted)) ~= nil
end

-- The name that a token is, as it was written; nil: it is none.
function subject.name_of(token)
  if token.kind == "quoted" and token.text:sub(1, 1) == '"' then
    return (token.text:sub(2, -2):gsub('""', '"'))
  end
  return token.kind == "word" and token.text:lower() or nil
end

-- The statement, and behind it those that it runs as a DO block.
function subject.flat(s, out)
  out = out or {}
  out[#out + 1] = s
  for _, one in ipairs(s.inner or {}) do
    if one.inside == "do" then
      subject.flat(one, out)
    end
  end
  return out
end

return subject
