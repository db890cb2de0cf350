-- The safe way of a new column, as pieces (recipes.lua): its default and a backfill, and the constraints that are written at it as
-- those of the table.
local native = ...

local clauses = native.use("fix/clauses")
local constraints = native.use("fix/constraints")
local statement = native.use("statement")

local columns = {}

-- A column's definition before its constraints, and its default.
local function cut_default(s, tokens)
  local first, from, to, depth = nil, nil, nil, 0
  for i, token in ipairs(tokens) do
    depth = depth + (token.text == "(" and 1 or token.text == ")" and -1 or 0)
    local begins = depth == 0 and (clauses.is(token, "DEFAULT") or clauses.is(token, "NOT") or clauses.is(token, "NULL"))
    if begins and not first then
      first = i
    end
    if begins and clauses.is(token, "DEFAULT") then
      from = i + 1
    elseif begins and from and i > from and not to then
      to = i - 1
    end
  end
  return clauses.span(s.sql, tokens[1], tokens[first - 1]), clauses.span(s.sql, tokens[from], tokens[to or #tokens])
end

-- A column without constraints of its own, whose default differs from row to row.
local function filled(s, alter, part, cmd)
  local def, default, required = cmd.def, nil, false
  for _, one in ipairs(def.constraints or {}) do
    default = one.contype == "CONSTR_DEFAULT" and one or default
    required = required or one.contype == "CONSTR_NOTNULL"
    if one.contype == "CONSTR_IDENTITY" or one.contype == "CONSTR_GENERATED" then
      return nil, "its values are computed for each row", "a plain column, filled by a backfill, and made an identity or kept by a trigger then"
    end
  end
  if not default and not required then
    return nil
  end
  if not default then
    return nil, "what shall rows have that are there already?",
      ("add the column without NOT NULL, fill it: stint new NAME --backfill %s; then SET NOT NULL"):format(alter.relation)
  end
  local before, value = cut_default(s, part.tokens)
  local tokens, at = part.tokens, 2
  at = clauses.is(tokens[at], "COLUMN") and at + 1 or at
  at = clauses.is(tokens[at], "IF") and at + 3 or at
  local column = tokens[at].text
  local pieces = {
    {
      way = "keep",
      name = "expand",
      sql = ("%s %s"):format(alter.head, before),
      down = ("ALTER TABLE %s DROP COLUMN %s"):format(alter.relation, column),
      undoes = { "column", def.colname },
    },
    { way = "keep", name = "expand", sql = ("%s ALTER COLUMN %s SET DEFAULT %s"):format(alter.head, column, value), down = "" },
    {
      way = "backfill",
      name = "backfill",
      relation = alter.relation,
      column = def.colname,
      where = ("%s IS NULL"):format(column),
      value = value,
      down = "",
    },
  }
  if required then
    table.move(constraints.not_null(alter, s.node.relation.relname, column, def.colname), 1, 4, 4, pieces)
  end
  return pieces
end

local apart = { CONSTR_CHECK = true, CONSTR_FOREIGN = true, CONSTR_UNIQUE = true, CONSTR_PRIMARY = true }

-- The constraints of a column as they are written, in their order: { node, sql, body (without the name) }.
local function written(s, part, def)
  local list, last = {}, part.tokens[#part.tokens]
  for i, node in ipairs(def.constraints) do
    local behind = def.constraints[i + 1]
    list[i] = { node = node, sql = s.sql:sub(node.location + 1, behind and behind.location or last.at + #last.text - 1):gsub("%s+$", "") }
    local skip = node.conname and 2 or 0
    for _, token in ipairs(part.tokens) do
      if token.at > node.location and not list[i].body then
        list[i].body = skip == 0 and s.sql:sub(token.at, node.location + #list[i].sql) or nil
        skip = skip - 1
      end
    end
  end
  return list
end

-- The same as a constraint of the table, or nil.
local function of_table(one, column)
  local node, body = one.node, one.body
  local name = node.conname and ("CONSTRAINT %s "):format(clauses.name(node.conname)) or ""
  if node.contype == "CONSTR_FOREIGN" then
    body = ("FOREIGN KEY (%s) %s"):format(column, body)
  elseif node.contype ~= "CONSTR_CHECK" then
    if node.options or node.indexspace or node.including then
      return nil
    end
    body = ("%s (%s)"):format(body, column)
  end
  return name .. body
end

local function again(s, sql)
  return statement.new { sql = sql, file = s.file, line = s.line, column = s.column, index = s.index, inside = s.inside, migration = s.migration }
end

-- What of the column's constraints stays with it, and what becomes one of the table; nil where that cannot be told apart.
local function divided(s, part, def, column)
  local stay, go, target = {}, {}, nil
  for _, one in ipairs(written(s, part, def)) do
    if apart[one.node.contype] then
      target = go
      one.sql = of_table(one, column)
      if not one.sql then
        return nil
      end
    end
    if one.node.contype:find "^CONSTR_ATTR" and target == go then
      go[#go] = go[#go] .. " " .. one.sql
    else
      target = apart[one.node.contype] and go or stay
      target[#target + 1] = one.sql
    end
  end
  return stay, go
end

-- add(s, alter, part, cmd, relation, found)
function columns.add(s, alter, part, cmd, relation, found)
  local def, has = cmd.def, {}
  for _, one in ipairs(def.constraints or {}) do
    has[one.contype] = true
    has.apart = has.apart or apart[one.contype]
  end
  if not has.apart then
    return filled(s, alter, part, cmd)
  elseif cmd.missing_ok or def.collClause then
    return nil, "the column brings a constraint along", "add the column first, then its constraint as a statement of its own"
  elseif has.CONSTR_PRIMARY and not has.CONSTR_DEFAULT then
    return nil, "what shall rows have that are there already?", "add the column, fill it by a backfill, then make it the primary key"
  end
  local column = clauses.is(part.tokens[2], "COLUMN") and part.tokens[3].text or part.tokens[2].text
  local stay, go = divided(s, part, def, column)
  if not stay then
    return nil, "its index has options of its own", "create the index concurrently with them, then add the constraint USING INDEX"
  end
  local head = s.sql:sub(part.tokens[1].at, def.constraints[1].location):gsub("%s+$", "")
  local plain = again(s, ("%s %s"):format(alter.head, table.concat({ head, table.unpack(stay) }, " ")))
  local pieces, why, sketch
  if found["table-rewrite"] or found["required-column"] then
    local its = clauses.alter(plain)
    pieces, why, sketch = filled(plain, its, its[1], plain.node.cmds[1])
    if why then
      return nil, why, sketch
    end
  end
  pieces = pieces or { {
    way = "keep", name = "expand", sql = plain.sql, down = ("ALTER TABLE %s DROP COLUMN %s"):format(alter.relation, column),
    undoes = { "column", def.colname },
  } }
  for _, text in ipairs(go) do
    local one = again(s, ("%s ADD %s"):format(alter.head, text))
    local its = clauses.alter(one)
    local node = one.node.cmds[1].def
    local made, no, instead = constraints.of[node.contype](one, its, its[1], node, relation)
    if not made then
      return nil, no, instead
    end
    table.move(made, 1, #made, #pieces + 1, pieces)
  end
  return pieces
end

return columns
