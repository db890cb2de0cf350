-- What ALTER TABLE does to columns: added, dropped, of another type, no longer null.
local native = ...

local builtins = native.use("impact/builtins")
local constraints = native.use("impact/constraints")
local expressions = native.use("impact/expressions")
local read = native.use("impact/read")
local types = native.use("impact/types")

local columns = {}

local AEL = "AccessExclusive"

-- Why every row is written anew when such a column is added, in words and in one; or nil.
local function why_rewritten(I, def, parts)
  local type = def.typeName and types.of_node(def.typeName)
  if type and builtins.serial[type.name] then
    return "its default is nextval(), another one for each row", "serial"
  end
  if parts.CONSTR_IDENTITY then
    return "an identity is another one for each row", "identity"
  end
  if parts.CONSTR_GENERATED and parts.CONSTR_GENERATED.generated_kind ~= "v" then
    return "what is generated is computed and stored for each row", "generated"
  end
  local default = parts.CONSTR_DEFAULT and parts.CONSTR_DEFAULT.raw_expr
  local function assume(text)
    I:assume(text)
  end
  if default and expressions.is_volatile(I.world, default, assume) then
    return "its default is volatile: another value for each row", "volatile"
  end
  if not type then
    return nil
  end
  local _, known, constrained = types.ground(I.world, type)
  if constrained then
    return ("the domain %s is checked for each row"):format(type.name), "domain"
  end
  if not known then
    I:assume(("whether %s is a domain with a constraint is not known"):format(type.name))
  end
end

local function is_null(node)
  return not node or read.constant(node) == ""
end

function columns.add(I, relation, cmd, context, is_below)
  local def = cmd.def
  local there = relation.columns[def.colname]
  if cmd.missing_ok and there then
    return
  end
  if cmd.missing_ok and not relation.complete then
    I:assume(("whether the column %s exists is not known"):format(def.colname))
  end
  local parts = read.parts(def)
  local why, cause = why_rewritten(I, def, parts)
  I.causes[cmd] = cause
  if why and relation:holds_rows() then
    context.rewritten[relation] = true
    I:rewrite(relation, why)
  end
  local default = parts.CONSTR_DEFAULT and parts.CONSTR_DEFAULT.raw_expr
  local has_default = why ~= nil or default ~= nil
  local filled = why or not is_null(default)
  if parts.CONSTR_NOTNULL and not filled and relation:holds_rows() then
    I:scan(relation, "no row may be null")
  end
  for _, node in ipairs(def.constraints or {}) do
    constraints.at_column(I, relation, node, { name = def.colname, has_default = has_default, is_below = is_below })
  end
end

-- A foreign key that goes with the column takes its lock on the other table too.
function columns.drop(I, relation, cmd, _, is_below)
  if cmd.missing_ok and relation.complete and not relation.columns[cmd.name] then
    return
  end
  for name, constraint in pairs(relation:using("constraints", cmd.name)) do
    constraints.let_go(I, relation, name, constraint, cmd)
  end
  if cmd.behavior == "DROP_CASCADE" then
    for _, view in ipairs(I.world:all_views(relation, cmd.name)) do
      I:lock(view, AEL, "it reads the column")
    end
  end
  if not is_below then
    I:lose("column", relation.id .. "." .. cmd.name, relation)
  end
end

local costs = { none = 0, indexes = 1, rewrite = 2 }

-- The types that USING leads the column's values through: nil where it computes something.
local function path_of(using, column)
  local path = {}
  while using and using.tag == "TypeCast" do
    table.insert(path, 1, types.of_node(using.typeName))
    using = using.arg
  end
  return (not using or read.column(using) == column) and path or nil
end

local function cost_of(I, relation, cmd, target)
  local from = relation:type_of(cmd.name)
  local path = path_of(cmd.def.raw_default, cmd.name)
  if not path then
    return "rewrite"
  end
  if not from then
    I:assume(("the type that %s.%s has now is not known"):format(relation.name, cmd.name))
    return "rewrite"
  end
  local cost = "none"
  path[#path + 1] = target
  for _, to in ipairs(path) do
    local step = types.change(I.world, from, to, function(text)
      I:assume(text)
    end)
    cost = costs[step] > costs[cost] and step or cost
    from = to
  end
  return cost
end

local function collation_changes(relation, cmd)
  local clause = cmd.def.collClause
  local names = clause and read.names(clause.collname)
  local column = relation.columns[cmd.name]
  if column then
    return column.collation ~= (names and names[#names])
  end
  return clause ~= nil
end

-- Indexes, checks and foreign keys of a column that gets another type.
local function with_it(I, relation, cmd, cost)
  for name, index in pairs(relation:holds_rows() and relation:using("indexes", cmd.name) or {}) do
    if cost ~= "none" or index.partial or index.expression then
      I:build(relation, ("the index %s is built again"):format(name))
    end
  end
  if cost == "indexes" and not relation.complete and relation:holds_rows() then
    I:build(relation, "its indexes on the column are built again")
    I:assume(("the indexes of %s are not known"):format(relation.name))
  end
  for name, constraint in pairs(relation:using("constraints", cmd.name)) do
    constraints.made_again(I, relation, name, constraint, cost)
  end
  for _, from in ipairs(I.world:referrers(relation, { cmd.name })) do
    constraints.partner_changes(I, relation, from, cost)
  end
end

local causes = { rewrite = "type", indexes = "indexes" }

function columns.change_type(I, relation, cmd, context)
  local target = types.of_node(cmd.def.typeName)
  I.types[cmd] = target
  local cost = cost_of(I, relation, cmd, target)
  if cost == "rewrite" and relation:holds_rows() then
    context.rewritten[relation] = true
    I:rewrite(relation, ("%s becomes %s"):format(cmd.name, target.name))
  end
  if cost == "none" and collation_changes(relation, cmd) then
    cost = "indexes"
  end
  I.causes[cmd] = causes[cost] or I.causes[cmd]
  with_it(I, relation, cmd, cost)
end

function columns.set_expression(I, relation, cmd)
  local column = relation.columns[cmd.name]
  if relation:holds_rows() and not (column and column.generated == "virtual") then
    I.causes[cmd] = "generated"
    I:rewrite(relation, ("%s is computed and stored for each row"):format(cmd.name))
  end
end

-- Where the column is NOT NULL already, so are those below.
function columns.not_null_goes_down(_, relation, cmd)
  local column = relation.columns[cmd.name]
  return not (column and column.not_null)
end

-- A validated CHECK that says so makes the scan needless; drops of the same ALTER run before.
function columns.set_not_null(I, relation, cmd, context)
  local column = relation.columns[cmd.name]
  if not relation:holds_rows() or column and column.not_null then
    return
  end
  for name, constraint in pairs(relation.constraints) do
    local counts = constraint.type == "c" and constraint.validated and not context.dropped[name]
    if counts and expressions.proves_not_null(I.world:expression(constraint), cmd.name) then
      return
    end
  end
  I:scan(relation, ("no row may have a null in %s"):format(cmd.name))
  if not relation.complete and not (column and column.is_new) then
    I:assume(("whether a constraint of %s proves it is not known"):format(relation.name))
  end
end

return columns
