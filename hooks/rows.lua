-- Which rows an INSERT, UPDATE, DELETE or MERGE is about: require "stint.rows".
local native = ...

local read = native.use "impact/read"
local tree = native.use "tree"

local rows = {}

-- The nodes of a tag that run when the statement runs: not those of EXPLAIN alone, nor of a function.
function rows.each(s, tag)
  local node = s.node
  local waits = node and (node.tag == "CreateFunctionStmt" or node.tag == "ExplainStmt" and not tree.is_on(node.options, "analyze"))
  if waits then
    return function() end
  end
  return s:each(tag)
end

local function same_column(a, b)
  return a and b and a.tag == "ColumnRef" and b.tag == "ColumnRef" and tree.dotted(a.fields) == tree.dotted(b.fields)
end

local operator_holds = {
  ["="] = function(a, b)
    return a == b
  end,
  ["<>"] = function(a, b)
    return a ~= b
  end,
}

local is_true

local bools = {}

function bools.AND_EXPR(args, relation)
  for _, arg in ipairs(args) do
    if not is_true(arg, relation) then
      return false
    end
  end
  return true
end

function bools.OR_EXPR(args, relation)
  local null, not_null = nil, nil
  for _, arg in ipairs(args) do
    if is_true(arg, relation) then
      return true
    end
    if arg.tag == "NullTest" then
      null = arg.nulltesttype == "IS_NULL" and arg.arg or null
      not_null = arg.nulltesttype == "IS_NOT_NULL" and arg.arg or not_null
    end
  end
  return same_column(null, not_null) or false
end

function bools.NOT_EXPR(args)
  return tree.constant(args[1]) == false
end

local function is_not_null(relation, column)
  local known = relation and relation.columns[read.column(column) or ""]
  return known and known.not_null or false
end

local shapes = {}

function shapes.A_Const(node)
  return tree.constant(node) == true
end

function shapes.TypeCast(node)
  local text = read.constant(node)
  return text == "true" or text == "t"
end

function shapes.BoolExpr(node, relation)
  return bools[node.boolop](node.args, relation)
end

function shapes.NullTest(node, relation)
  return node.nulltesttype == "IS_NOT_NULL" and is_not_null(relation, node.arg)
end

function shapes.A_Expr(node)
  local operator = tree.dotted(node.name)
  local holds = node.kind == "AEXPR_OP" and operator_holds[operator]
  if not holds then
    return false
  end
  local a, a_is = tree.constant(node.lexpr)
  local b, b_is = tree.constant(node.rexpr)
  if a_is and b_is then
    return a ~= nil and b ~= nil and holds(a, b)
  end
  return operator == "=" and same_column(node.lexpr, node.rexpr) or false
end

-- Does a WHERE let every row through: because it is not there, or is always true?
function is_true(node, relation)
  local shape = node and shapes[node.tag]
  return shape and shape(node, relation) or false
end

function rows.are_all(where, relation)
  return where == nil or is_true(where, relation)
end

-- Columns whose names say that one value means one row, or a few.
local keys = {
  "^id$", "_id$", "^uuid$", "_uuid$", "^key$", "_key$", "^name$", "^username$", "^code$", "_code$", "^slug$", "^sku$", "^email$", "^version$",
  "^version_num$", "^ctid$", "^label$",
}

local function is_key(relation, column)
  if relation.facts and relation.complete then
    for _, index in pairs(relation.indexes) do
      if (index.columns or {})[1] == column and (index.unique or column:find "_id$") then
        return true
      end
    end
  end
  for _, pattern in ipairs(relation.facts and relation.complete and { "^ctid$" } or keys) do
    if column:lower():find(pattern) then
      return true
    end
  end
  return not relation.complete and column:find "%lId$" ~= nil -- "userId"
end

local function is_limited(select)
  return select and select.tag == "SelectStmt" and select.limitCount ~= nil
end

local function is_bound(operator)
  return operator:find "^[<>]=?$" ~= nil
end

-- What one term of a WHERE does: "few" rows, one end of a range ("low", "high"), or nothing.
local function narrows(term, relation)
  if term.tag == "SubLink" then
    return is_limited(term.subselect) and "few"
  elseif term.tag == "CurrentOfExpr" then
    return "few"
  elseif term.tag ~= "A_Expr" then
    return nil
  end
  local operator, column = tree.dotted(term.name), read.column(term.lexpr)
  if not column or not is_key(relation, column) then
    return nil
  elseif term.kind == "AEXPR_BETWEEN" then
    return "few"
  elseif operator == "=" then
    local other = term.rexpr
    return not (other.tag == "SubLink" and not is_limited(other.subselect)) and read.column(other) == nil and "few"
  end
  return is_bound(operator) and (operator:find "<" and "high" or "low")
end

-- Is it a batch: a few rows by their key, a range of it, or as many as a LIMIT says?
function rows.are_few(where, relation)
  local terms = { where }
  if where and where.tag == "BoolExpr" and where.boolop == "AND_EXPR" then
    terms = where.args
  end
  local seen = {}
  for _, term in ipairs(terms) do
    seen[narrows(term, relation) or "any"] = true
  end
  return seen.few or seen.low and seen.high or false
end

return rows
