-- Partitions attached and detached, inheritance.
local native = ...

local expressions = native.use("impact/expressions")
local read = native.use("impact/read")

local partitions = {}

local AEL, SUE, AS = "AccessExclusive", "ShareUpdateExclusive", "AccessShare"

-- The default partition of a table, or nil.
function partitions.default_of(world, relation)
  if relation.default_partition then
    return not relation.default_partition.dropped and relation.default_partition or nil
  end
  local id = relation.facts and relation.facts.default_partition
  local default = id and world:of_facts(id)
  return default and default.parent ~= false and default or nil
end

function partitions.is_one(relation)
  if relation.is_partition ~= nil then
    return relation.is_partition
  end
  return relation.facts ~= nil and relation.facts.partition == true
end

-- Does a validated CHECK (or NOT NULL) say that the column is not null?
local function not_null(I, child, column)
  local it = child.columns[column]
  if it and it.not_null then
    return true
  end
  for _, constraint in pairs(child.constraints) do
    if constraint.type == "c" and constraint.validated
      and expressions.proves_not_null(I.world:expression(constraint), column) then
      return true
    end
  end
  return false
end

local flipped = { ["<"] = ">", [">"] = "<", ["<="] = ">=", [">="] = "<=", ["="] = "=" }

-- { column, operator, value } of a comparison with a constant
local function comparison(node)
  if not node or node.tag ~= "A_Expr" or node.kind ~= "AEXPR_OP" then
    return nil
  end
  local operator = read.text((node.name or {})[1])
  local left, right = node.lexpr, node.rexpr
  local column, value = read.column(left), read.constant(right)
  if not column then
    column, value, operator = read.column(right), read.constant(left), flipped[operator]
  end
  if column and value and operator then
    return { column = column, operator = operator, value = value }
  end
end

-- Are both numbers, or texts of the same length and form (dates)? Then they can be compared.
local function at_most(a, b)
  if a == b then
    return true
  end
  local x, y = tonumber(a), tonumber(b)
  if x and y then
    return x <= y
  end
  local form = "^%d%d%d%d%-%d%d%-%d%d"
  return #a == #b and a:find(form) and b:find(form) and a <= b or false
end

local function checks_of(I, child)
  local terms = {}
  for _, constraint in pairs(child.constraints) do
    if constraint.type == "c" and constraint.validated then
      expressions.terms(I.world:expression(constraint), terms)
    end
  end
  return terms
end

local function bounded(I, child, column, from, to)
  local low, high = from == nil, to == nil
  for _, term in ipairs(checks_of(I, child)) do
    local it = comparison(term)
    if it and it.column == column then
      low = low or (it.operator == ">=" or it.operator == ">") and at_most(from, it.value)
      high = high or it.operator == "<" and at_most(it.value, to)
      if it.operator == "=" then
        low = low or at_most(from, it.value)
        high = high or at_most(it.value, to) and it.value ~= to
      end
    end
  end
  return low and high
end

-- The values that k = v, k IN (...) and k = ANY (ARRAY[...]) allow, or nil.
local function allowed(term, column)
  if not term or term.tag ~= "A_Expr" then
    return nil
  end
  local one = comparison(term)
  if one then
    return one.column == column and one.operator == "=" and { one.value } or nil
  end
  if read.column(term.lexpr) ~= column or read.text((term.name or {})[1]) ~= "=" then
    return nil
  end
  local right = term.rexpr
  while right and right.tag == "TypeCast" do
    right = right.arg
  end
  local values = {}
  for _, item in ipairs(read.list(right and right.tag == "A_ArrayExpr" and right.elements or right)) do
    values[#values + 1] = read.constant(item) or "\0"
  end
  return values
end

local function listed(I, child, column, bound)
  local wanted = {}
  for _, node in ipairs(bound.listdatums or {}) do
    wanted[read.constant(node) or "\1"] = true
  end
  for _, term in ipairs(checks_of(I, child)) do
    local values = allowed(term, column)
    local inside = values ~= nil
    for _, value in ipairs(values or {}) do
      inside = inside and wanted[value] == true
    end
    if inside then
      return true
    end
  end
  return false
end

local function limit(datums)
  local node = datums and datums[1]
  if not node or #datums > 1 then
    return nil, false
  end
  local name = read.column(node)
  if name == "minvalue" or name == "maxvalue" then
    return nil, true
  end
  local value = read.constant(node)
  return value, value ~= nil
end

-- Do constraints of the child prove that all of its rows lie within the bound?
local function proved(I, parent, child, bound)
  local key = parent.partition_key or parent.facts and parent.facts.partition_key
  if not key then
    return nil
  end
  local column = #key == 1 and key[1]
  if bound.is_default then
    I:assume("whether constraints keep the rows of other partitions out is not looked at")
  end
  if not column or bound.is_default then
    return false
  end
  if bound.strategy == "l" then
    return not_null(I, child, column) and listed(I, child, column, bound)
  end
  if bound.strategy ~= "r" or not not_null(I, child, column) then
    return false
  end
  local from, low = limit(bound.lowerdatums)
  local to, high = limit(bound.upperdatums)
  return low and high and bounded(I, child, column, from, to)
end

-- Indexes of the parent that the child has none for are built.
local function missing_index(parent, child)
  for _, index in pairs(parent.indexes) do
    local found = false
    for _, own in pairs(child.indexes) do
      local same = (own.unique or false) == (index.unique or false) and own.valid ~= false
        and table.concat(own.columns or {}, ",") == table.concat(index.columns or {}, ",")
      found = found or same
    end
    if not found then
      return true
    end
  end
  return false
end

-- The default partition is read: none of its rows may belong to the new one.
function partitions.scan_default(I, parent)
  local default = partitions.default_of(I.world, parent)
  if not default then
    return
  end
  I:lock(default, AEL, "none of its rows may belong to the new partition")
  for _, leaf in ipairs(default:family()) do
    if leaf:holds_rows() then
      I:scan(leaf, "none of its rows may belong to the new partition")
    end
  end
end

function partitions.attach(I, relation, cmd)
  local child = I.world:relation(cmd.def.name)
  if not I.world:find(cmd.def.name) and I.world:index(cmd.def.name) then
    return
  end
  I:lock_family(child, AEL, "it is attached")
  local is_proved = proved(I, relation, child, cmd.def.bound or {})
  if is_proved == nil then
    I:assume(("the partition key of %s is not known"):format(relation.name))
  end
  for _, leaf in ipairs(not is_proved and child:family() or {}) do
    if leaf:holds_rows() then
      I:scan(leaf, "all of its rows must lie within the bound")
    end
  end
  if missing_index(relation, child) then
    for _, leaf in ipairs(child:family()) do
      I:build(leaf, "it lacks an index that the parent has")
    end
  end
  if not relation.complete then
    I:assume(("indexes and default partition of %s are not known"):format(relation.name))
  end
  partitions.scan_default(I, relation)
  for _, constraint in pairs(relation.constraints) do
    local other = constraint.type == "f" and I.world:references(constraint)
    if other then
      I:lock(other, "ShareRowExclusive", "the foreign key is made for the partition too")
    end
  end
end

function partitions.detach_mode(_, _, cmd)
  return cmd.def.concurrent and SUE or AEL
end

function partitions.detach(I, relation, cmd)
  local child = I.world:relation(cmd.def.name)
  I:lock(child, I.world:since(14) and AEL or SUE, "it is detached")
  local default = partitions.default_of(I.world, relation)
  if default then
    I:lock(default, AEL, "its bound changes")
  end
  if cmd.def.concurrent then
    I:alone()
  end
end

function partitions.finalize(I, _, cmd)
  I:lock(I.world:relation(cmd.def.name), AEL, "it is detached")
end

function partitions.inherit(I, _, cmd)
  I:lock(I.world:relation(cmd.def), SUE, "it gets an inheritor")
end

function partitions.disinherit(I, _, cmd)
  I:lock(I.world:relation(cmd.def), AS, "it loses an inheritor")
end

local function copied(I, child)
  I:lock_family(child, AEL, "its rows go to new partitions")
  for _, leaf in ipairs(child:family()) do
    if leaf:holds_rows() then
      I:rewrite(leaf, "its rows are copied to new partitions")
    end
  end
end

-- The default partition only where it is one of them.
function partitions.merge(I, _, cmd)
  for _, range in ipairs(cmd.def.partlist) do
    copied(I, I.world:relation(range))
  end
end

function partitions.split(I, _, cmd)
  copied(I, I.world:relation(cmd.def.name))
end

-- Partitions have copies of the triggers of their parent.
function partitions.triggers_go_down(_, relation)
  local triggers = relation.facts and relation.facts.triggers or {}
  return relation.kind == "partitioned" and (next(triggers) ~= nil or #(relation.triggers or {}) > 0)
end

return partitions
