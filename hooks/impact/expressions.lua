-- Is an expression volatile? What the server decides from pg_proc is told here by the world's
-- functions, then by the list of PostgreSQL's own; a function that neither knows counts as volatile,
-- and is said to be assumed.
local native = ...

local builtins = native.use("impact/builtins")
local read = native.use("impact/read")

local expressions = {}

local is_volatile

-- Is what a SQL function computes put in its place? Then its body counts, not what it declares.
local function inlined(world, fn, assume, depth)
  if fn.language ~= "sql" or depth > 5 then
    return nil
  end
  if not fn.body then
    return nil
  end
  return is_volatile(world, fn.body, assume, depth + 1)
end

local function calls_volatile(world, call, assume, depth)
  local names = read.names(call.funcname)
  local name, schema = names[#names], names[#names - 1]
  local fn = world:func(schema, name)
  if fn then
    if fn.volatility ~= "volatile" then
      return false
    end
    local answer = inlined(world, fn, assume, depth)
    if answer == nil and fn.language == "sql" then
      assume(("whether the body of %s() is volatile is not known"):format(name))
    end
    return answer ~= false
  end
  if builtins.volatile[name] then
    return true
  end
  if builtins.steady[name] or (not schema or schema == "pg_catalog") and builtins.types[name] then
    return false
  end
  assume(("whether %s() is volatile is not known"):format(table.concat(names, ".")))
  return true
end

function is_volatile(world, node, assume, depth)
  if type(node) ~= "table" then
    return false
  end
  for call in node:each "FuncCall" do
    if calls_volatile(world, call, assume, depth or 0) then
      return true
    end
  end
  return false
end

-- assume(text) is told what was not known.
expressions.is_volatile = is_volatile

-- The functions that a statement calls and that somebody has made: what they do is not to be seen.
function expressions.foreign_calls(world, node)
  local list = {}
  for call in node:each "FuncCall" do
    local names = read.names(call.funcname)
    local name, schema = names[#names], names[#names - 1]
    local fn = world:func(schema, name)
    local ours = not fn and (builtins.steady[name] or builtins.volatile[name] or schema == "pg_catalog")
    if not ours and not (fn and fn.volatility ~= "volatile") then
      list[#list + 1] = table.concat(names, ".")
    end
  end
  return list
end

-- Does the expression, where it holds, prove that the column is not null?
function expressions.proves_not_null(node, column)
  if not node then
    return false
  end
  if node.tag == "NullTest" then
    return node.nulltesttype == "IS_NOT_NULL" and read.column(node.arg) == column
  end
  if node.tag ~= "BoolExpr" then
    return false
  end
  local args = node.args or {}
  if node.boolop == "NOT_EXPR" then
    local arg = args[1]
    return arg.tag == "NullTest" and arg.nulltesttype == "IS_NULL" and read.column(arg.arg) == column
  end
  local all = #args > 0
  for _, arg in ipairs(args) do
    local proves = expressions.proves_not_null(arg, column)
    if proves and node.boolop == "AND_EXPR" then
      return true
    end
    all = all and proves
  end
  return all and node.boolop == "OR_EXPR"
end

-- What a conjunction says, term by term.
function expressions.terms(node, out)
  out = out or {}
  if node and node.tag == "BoolExpr" and node.boolop == "AND_EXPR" then
    for _, arg in ipairs(node.args or {}) do
      expressions.terms(arg, out)
    end
  else
    out[#out + 1] = node
  end
  return out
end

-- The columns that an expression speaks of.
function expressions.columns(node)
  local set = {}
  if type(node) == "table" then
    for ref in node:each "ColumnRef" do
      local name = read.column(ref)
      if name then
        set[name] = true
      end
    end
  end
  return set
end

-- The columns that a query reads, as a set; nil where it reads some without their names: *, whole rows, NATURAL JOIN,
-- and names that its own FROM gives them.
function expressions.read_columns(query)
  if query:find "A_Star" then
    return nil
  end
  local set, tables = expressions.columns(query), {}
  for range in query:each "RangeVar" do
    tables[range.relname] = true
    if range.alias then
      if range.alias.colnames then
        return nil
      end
      tables[range.alias.aliasname] = true
    end
  end
  for join in query:each "JoinExpr" do
    if join.isNatural or join.alias then
      return nil
    end
    for _, name in ipairs(read.names(join.usingClause)) do
      set[name] = true
    end
  end
  for name in pairs(set) do
    if tables[name] then
      return nil
    end
  end
  return set
end

return expressions
