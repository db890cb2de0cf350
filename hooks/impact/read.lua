-- Small readings of parse trees that more than one family of statements needs.
local read = {}

-- A String node, or the text itself.
function read.text(item)
  if type(item) == "table" then
    return item.sval or item.str
  end
  return item
end

-- A List node, or the array itself; a single item is a list of one.
function read.list(item)
  if type(item) ~= "table" then
    return item ~= nil and { item } or {}
  end
  if item.tag == "List" then
    return item.items or {}
  end
  return item.tag and { item } or item
end

-- { "a", "t" } of a name with dots
function read.names(item)
  local names = {}
  for i, part in ipairs(read.list(item)) do
    names[i] = read.text(part)
  end
  return names
end

-- A name with dots as what world:relation takes; `less` parts at its end name something within.
function read.range(item, less)
  local names = read.names(item)
  for _ = 1, less or 0 do
    names[#names] = nil
  end
  return { tag = "RangeVar", schemaname = names[#names - 1], relname = names[#names], inh = true }
end

local no = { ["false"] = true, off = true, ["0"] = true, no = true }

-- The option of a list of DefElem: nil if it is not there, false if it is off, else its value.
function read.option(list, name)
  for _, item in ipairs(list or {}) do
    if item.defname == name then
      local arg = item.arg
      if arg == nil then
        return true
      end
      if type(arg) ~= "table" then
        return not no[tostring(arg):lower()] and arg
      end
      if arg.tag == "Integer" then
        return (arg.ival or 0) ~= 0 and arg.ival
      end
      if arg.tag == "Boolean" then
        return arg.boolval == true
      end
      local text = read.text(arg)
      if text == nil then
        return arg
      end
      return not no[text:lower()] and text
    end
  end
end

-- The value of a constant as text ("" for NULL), or nil: what is no constant, casts left aside.
function read.constant(node)
  while node and node.tag == "TypeCast" do
    node = node.arg
  end
  if not node then
    return nil
  end
  if node.tag == "A_Const" then
    if node.isnull then
      return ""
    end
    for _, kind in ipairs { "ival", "fval", "sval", "boolval", "bsval", "val" } do
      local value = node[kind]
      if type(value) == "table" then
        value = value[kind] or value.ival or value.fval or value.sval or value.str or (kind == "boolval" and false or 0)
      end
      if value ~= nil then
        return tostring(value)
      end
    end
    return "0"
  end
  -- -5 is an operator and a number
  if node.tag == "A_Expr" and not node.lexpr and read.text((node.name or {})[1]) == "-" then
    local value = read.constant(node.rexpr)
    return value and "-" .. value
  end
  return nil
end

-- The name of a column where a node is nothing else.
function read.column(node)
  if node and node.tag == "ColumnRef" then
    local names = read.names(node.fields)
    return names[#names]
  end
end

-- The constraints of a ColumnDef, by their kind: { CONSTR_NOTNULL = node }
function read.parts(def)
  local parts = {}
  for _, node in ipairs(def.constraints or {}) do
    parts[node.contype] = parts[node.contype] or node
  end
  return parts
end

-- Is a word in a list of words?
function read.set(words)
  local set = {}
  for word in words:gmatch("%S+") do
    set[word] = true
  end
  return set
end

return read
