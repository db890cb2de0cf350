-- What stands inside a statement that has a body: a DO block, a function. Its statements, each with
-- its place in the file, and where it builds SQL that nobody can read before it runs.
local native = ...

local statement = native.use("statement")
local tree = native.use("tree")

local routine = {}

-- Fields of PL/pgSQL's nodes that hold an expression with a statement in it.
local queries = {
  PLpgSQL_stmt_execsql = "sqlstmt",
  PLpgSQL_stmt_perform = "expr",
  PLpgSQL_stmt_call = "expr",
  PLpgSQL_stmt_fors = "query",
  PLpgSQL_stmt_return_query = "query",
}

-- And those of SQL that is made when it runs.
local dynamic = {
  PLpgSQL_stmt_dynexecute = "query",
  PLpgSQL_stmt_dynfors = "query",
  PLpgSQL_stmt_return_query = "dynquery",
}

local control = { PLpgSQL_stmt_commit = "COMMIT", PLpgSQL_stmt_rollback = "ROLLBACK" }

-- What runs only if, or as often as, something holds that is not known.
local conditional = {
  PLpgSQL_stmt_if = true,
  PLpgSQL_stmt_case = true,
  PLpgSQL_stmt_loop = true,
  PLpgSQL_stmt_while = true,
  PLpgSQL_stmt_fori = true,
  PLpgSQL_stmt_fors = true,
  PLpgSQL_stmt_dynfors = true,
  PLpgSQL_stmt_foreach_a = true,
  PLpgSQL_exception_block = true,
}

-- Where the body begins: a byte of the statement, from 0.
local function body_byte(s, body)
  for _, token in ipairs(s.tokens) do
    if token.kind == "string" then
      local open = token.text:match "^%$[^$]*%$" or token.text:match "^[^']*'"
      local rest = token.text:sub(#open + 1)
      if rest:sub(1, #body) == body or rest:gsub("''", "'"):sub(1, #body) == body then
        return token.at - 1 + #open
      end
    end
  end
  return 0
end

local function line_start(body, number)
  local at = 1
  for _ = 2, number do
    at = (body:find("\n", at, true) or at - 1) + 1
  end
  return at
end

-- The byte of the body, from 1, where a statement stands: its text, sought from its line on.
-- PL/pgSQL writes PERFORM as SELECT and cuts INTO out, so the first word may have to do.
local function find(body, number, sql, taken)
  local first = line_start(body, number)
  for _, text in ipairs { sql, sql:match "^SELECT (.*)$" or sql, sql:match "^%S+" or sql } do
    local at = body:find(text, first, true)
    while at and taken[at] do
      at = body:find(text, at + 1, true)
    end
    if at then
      taken[at] = true
      return at
    end
  end
  return first
end

local function by_place(a, b)
  return a.at < b.at or (a.at == b.at and a.sql < b.sql)
end

-- Collects { at, sql, conditional } and, where nothing can be read, { at, sql, why }.
local function walk(node, state, is_conditional)
  local field = queries[node.tag]
  local query = field and node[field]
  local number = node.lineno or state.line
  state.line = number
  local function note(sql, why)
    table.insert(state.found, {
      at = find(state.body, number, sql, state.taken),
      sql = sql,
      why = why,
      conditional = is_conditional,
    })
  end
  if control[node.tag] then
    note(control[node.tag])
  elseif query then
    note(query.query)
  end
  local made = dynamic[node.tag] and node[dynamic[node.tag]]
  if made then
    local constant = state.constant(made.query)
    note(constant or made.query, not constant and "it builds SQL and executes it")
  end
  is_conditional = is_conditional or conditional[node.tag]
  for _, key in ipairs(state.keys(node)) do
    if type(node[key]) == "table" then
      walk(node[key], state, is_conditional)
    end
  end
end

local function keys(node)
  local list = {}
  for key in next, node do
    list[#list + 1] = key
  end
  table.sort(list, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return list
end

local fold

-- format() with nothing but constants: what %I, %L and %s stand for.
local function formatted(args)
  local texts, next_one, known = {}, 1, true
  for i, arg in ipairs(args) do
    texts[i] = fold(arg)
    known = known and texts[i] ~= nil
  end
  if not known or #texts == 0 then
    return nil
  end
  local whole = texts[1]:gsub("%%(.)", function(kind)
    local text = texts[next_one + 1]
    if kind == "%" then
      return "%"
    elseif not text or not kind:find "[sIL]" then
      known = false -- %1$I, or too few of them
      return ""
    end
    next_one = next_one + 1
    if kind == "L" then
      return "'" .. text:gsub("'", "''") .. "'"
    end
    local plain = kind == "s" or text:find "^[a-z_][a-z0-9_]*$"
    return plain and text or '"' .. text:gsub('"', '""') .. '"'
  end)
  return known and whole or nil
end

-- The text that a constant expression gives: 'a' || 'b', format('... %I', 'a'); nil: it is none.
function fold(node)
  local value = tree.constant(node)
  if type(value) == "string" then
    return value
  elseif node.tag == "TypeCast" then
    return fold(node.arg)
  elseif node.tag == "A_Expr" and node.lexpr and tree.dotted(node.name) == "||" then
    local left, right = fold(node.lexpr), fold(node.rexpr)
    return left and right and left .. right
  elseif node.tag == "FuncCall" and tree.dotted(node.funcname) == "format" then
    return formatted(node.args or {})
  end
end

-- The text of an expression that is constant: EXECUTE 'DROP TABLE t'
local function constant(expression)
  local how, root = tree.parse("SELECT " .. expression)
  local target = how == "parsed" and root.targetList and #root.targetList == 1 and root.targetList[1]
  return target and fold(target.val) or nil
end

local function plpgsql(s, body)
  local how, root = tree.parse(s.sql, s, native.routine)
  if how ~= "parsed" then
    return nil, root
  end
  local state = { body = body, found = {}, taken = {}, line = 1, keys = keys, constant = constant }
  for _, part in ipairs(root) do
    walk(part, state)
  end
  table.sort(state.found, by_place)
  return state.found
end

-- A body of LANGUAGE sql: cut as a file is.
local function plain(_, body)
  local read, problem = native.sqlfile("body", body)
  if not read then
    return nil, problem.message
  end
  local found = {}
  for i, raw in ipairs(read.up) do
    found[i] = { sql = raw.sql, at = line_start(body, raw.line) + raw.column - 1 }
  end
  return found
end

local languages = { plpgsql = plpgsql, sql = plain }

local function option(list, name)
  for _, one in ipairs(list or {}) do
    if one.defname == name then
      local arg = one.arg
      if arg and arg.tag == "List" then
        arg = arg.items[1]
      end
      return arg and arg.sval
    end
  end
end

local function body_of(s)
  local node = s.node
  if node and node.tag == "DoStmt" then
    return "do", option(node.args, "as"), (option(node.args, "language") or "plpgsql"):lower()
  elseif node and node.tag == "CreateFunctionStmt" then
    return "function", option(node.options, "as"), (option(node.options, "language") or ""):lower()
  end
end

local function inner(s, inside, one, start)
  local line, column = s:place(start + one.at - 1)
  return statement.new {
    sql = one.sql,
    file = s.file,
    line = line,
    column = column,
    index = s.index,
    inside = inside,
    outer = s.outer or s,
    migration = s.migration,
    conditional = one.conditional or s.conditional,
  }
end

-- EXECUTE takes several statements at once.
local function each_of(one)
  local read = native.sqlfile("body", one.sql)
  if not read or #read.up < 2 then
    return { one }
  end
  local list = {}
  for i, raw in ipairs(read.up) do
    list[i] = { sql = raw.sql, at = one.at, conditional = one.conditional }
  end
  return list
end

-- The statements inside `s`, and why not all of them are known: { line, column, why }. Nothing for
-- a statement without a body.
function routine.of(s)
  local inside, body, language = body_of(s)
  if not body or (s.outer and inside == "function") then
    return {}, {}
  end
  local read = languages[language]
  local found, problem
  if read then
    found, problem = read(s, body)
  else
    problem = "its language is " .. language
  end
  if not found then
    return {}, inside == "do" and { { line = s.line, column = s.column, why = "its body cannot be read: " .. problem } } or {}
  end
  local list, unknown, start = {}, {}, body_byte(s, body)
  for _, one in ipairs(found) do
    if one.why then
      local line, column = s:place(start + one.at - 1)
      unknown[#unknown + 1] = { line = line, column = column, why = one.why }
    else
      for _, part in ipairs(each_of(one)) do
        list[#list + 1] = inner(s, inside, part, start)
      end
    end
  end
  return list, inside == "do" and unknown or {}
end

return routine
