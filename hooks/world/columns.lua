-- Columns, constraints and indexes of a relation, as statements make and unmake them.
local native = ...

local builtins = native.use("impact/builtins")
local read = native.use("impact/read")
local types = native.use("impact/types")

local columns = {}

local contypes = {
  CONSTR_CHECK = "c", CONSTR_NOTNULL = "n", CONSTR_FOREIGN = "f", CONSTR_PRIMARY = "p", CONSTR_UNIQUE = "u", CONSTR_EXCLUSION = "x",
}

local endings = { c = "check", n = "not_null", f = "fkey", p = "pkey", u = "key", x = "excl" }

-- As makeObjectName of the server: the longer of the two names gives way.
local function joined(a, b, ending)
  local room = 63 - #ending - 1 - (b and 1 or 0)
  while #a + (b and #b or 0) > room do
    if b and #b > #a then
      b = b:sub(1, -2)
    else
      a = a:sub(1, -2)
    end
  end
  return a .. (b and "_" .. b or "") .. "_" .. ending
end

local function free_name(relation, base)
  local name, number = base, 0
  while relation.constraints[name] or relation.indexes[name] do
    number = number + 1
    name = base .. number
  end
  return name
end

-- The name that the server chooses.
local function chosen(relation, type, names)
  if type == "p" then
    return free_name(relation, joined(relation.name, nil, "pkey"))
  end
  local middle = #names > 0 and table.concat(names, "_") or nil
  return free_name(relation, joined(relation.name, middle, endings[type]))
end

local function key_columns(node, column)
  local names = read.names(node.contype == "CONSTR_FOREIGN" and node.fk_attrs or node.keys)
  for _, pair in ipairs(node.exclusions or {}) do
    local element = read.list(pair)[1]
    names[#names + 1] = element and element.name
  end
  if #names == 0 and column then
    names[1] = column
  end
  return names
end

local function add_index(relation, name, index)
  relation.indexes[name] = index
  relation.world.indexes[relation.schema .. "." .. name] = { relation = relation, name = name }
end

-- Adds what a Constraint node says; `column` is the one that it was written at, if any.
function columns.constrain(relation, node, column)
  local type = contypes[node.contype]
  if not type or type == "n" and column then
    return columns.attribute(relation, node, column)
  end
  local names = key_columns(node, column)
  if type == "c" and not column then
    for name in pairs(columns.of_expression(node.raw_expr)) do
      names[#names + 1] = name
    end
    table.sort(names)
  end
  local name_columns = (type ~= "c" or #names == 1) and names or {}
  local name = node.conname or (node.indexname and node.indexname) or chosen(relation, type, name_columns)
  local constraint = {
    type = type, columns = names, validated = not node.skip_validation, expression = node.raw_expr, name = name,
  }
  relation.constraints[name] = constraint
  if type == "f" then
    constraint.references = relation.world:relation(node.pktable)
    constraint.on_delete = node.fk_del_action
    constraint.to_columns = columns.referred(constraint.references, read.names(node.pk_attrs))
    relation.world.referring[relation] = true
  elseif type == "p" or type == "u" or type == "x" then
    local index = node.indexname and relation.indexes[node.indexname]
    if index then
      columns.drop_index(relation, node.indexname)
      constraint.columns = index.columns
    end
    add_index(relation, name, { columns = constraint.columns, unique = type ~= "x", primary = type == "p", valid = true })
  end
  local forbids_null = type == "p" or type == "n" and constraint.validated
  for _, key in ipairs(forbids_null and constraint.columns or {}) do
    relation.columns[key] = relation.columns[key] or {}
    relation.columns[key].not_null = true
  end
  return constraint
end

-- The columns that a foreign key points to: the primary key where it names none; nil: not known.
function columns.referred(relation, names)
  if #names > 0 then
    return names
  end
  for _, constraint in pairs(relation.constraints) do
    if constraint.type == "p" then
      return constraint.columns
    end
  end
end

function columns.of_expression(node)
  local set = {}
  for ref in (node and node:each "ColumnRef" or function() end) do
    local name = read.column(ref)
    if name then
      set[name] = true
    end
  end
  return set
end

-- NOT NULL, DEFAULT, GENERATED: what a constraint of the grammar says of its column.
function columns.attribute(relation, node, column)
  local it = column and relation.columns[column]
  if not it then
    return
  end
  if node.contype == "CONSTR_NOTNULL" then
    it.not_null = true
  elseif node.contype == "CONSTR_DEFAULT" then
    it.has_default = true
  elseif node.contype == "CONSTR_IDENTITY" then
    it.identity, it.not_null = node.generated_when or "a", true
  elseif node.contype == "CONSTR_GENERATED" then
    it.generated = node.generated_kind == "v" and "virtual" or "stored"
  end
end

function columns.add(relation, def)
  local column = { is_new = true, made = relation.world.run }
  if def.typeName then
    local type = types.of_node(def.typeName)
    local serial = builtins.serial[type.name]
    column.type = serial and { name = serial } or type
    column.has_default = serial and true or nil
    column.not_null = serial and true or nil
  end
  local collation = def.collClause and read.names(def.collClause.collname)
  column.collation = collation and collation[#collation]
  relation.columns[def.colname] = column
  for _, node in ipairs(def.constraints or {}) do
    columns.constrain(relation, node, def.colname)
  end
  if def.raw_default then
    column.has_default = true
  end
end

function columns.drop_index(relation, name)
  relation.indexes[name] = nil
  relation.world.indexes[relation.schema .. "." .. name] = false
end

function columns.drop_constraint(relation, name)
  local constraint = relation.constraints[name]
  relation.constraints[name] = nil
  if constraint and relation.indexes[name] then
    columns.drop_index(relation, name)
  end
  local nullable = constraint and constraint.type == "n" and relation.columns[constraint.columns[1]]
  if nullable then
    nullable.not_null = false
  end
end

function columns.drop(relation, name)
  relation.columns[name] = nil
  for constraint in pairs(relation:using("constraints", name)) do
    columns.drop_constraint(relation, constraint)
  end
  for index in pairs(relation:using("indexes", name)) do
    columns.drop_index(relation, index)
  end
end

local function renamed(list, from, to)
  for i, name in ipairs(list or {}) do
    list[i] = name == from and to or name
  end
end

function columns.rename(relation, from, to)
  relation.columns[to], relation.columns[from] = relation.columns[from], nil
  for _, map in ipairs { relation.constraints, relation.indexes } do
    for _, it in pairs(map) do
      renamed(it.columns, from, to)
    end
  end
end

-- What an IndexStmt makes. Its name is the server's where it has none.
function columns.index(relation, node)
  local names = {}
  for i, element in ipairs(node.indexParams or {}) do
    names[i] = element.name or "expr"
  end
  local name = node.idxname
  if not name then
    local base = joined(relation.name, table.concat(names, "_"), "idx")
    name = free_name(relation, base)
  end
  local list = {}
  for i, element in ipairs(node.indexParams or {}) do
    list[i] = element.name
  end
  for _, part in ipairs { node.whereClause or false, node.indexParams or false } do
    for _, item in ipairs(part and (part.tag and { part } or part) or {}) do
      for column in pairs(columns.of_expression(item)) do
        list[#list + 1] = column
      end
    end
  end
  if relation.indexes[name] then
    return
  end
  add_index(relation, name, {
    columns = list, unique = node.unique or false, valid = true, primary = false, partial = node.whereClause ~= nil,
    is_new = true,
  })
end

columns.add_index = add_index

return columns
