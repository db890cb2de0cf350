-- The safe way of statements that are unsafe: for each kind what it becomes, as a list of pieces in
-- their order. A piece is { way, sql, name, down, undoes }: way "keep" runs together with its
-- neighbours, "alone" stands in a file of its own, "backfill" is a file in Lua; `undoes` is what a
-- statement of the way down is known by that belongs to it. nil, why, sketch: a person must do it.
local native = ...

local clauses = native.use("fix/clauses")

local recipes = {}

local function bare(name)
  return clauses.name(name)
end

local function columns_of(list)
  local names = {}
  for i, one in ipairs(list or {}) do
    names[i] = one.sval
  end
  return names
end

-- Runs in a transaction of its own, after all that came before.
local function validate(relation, name)
  return { way = "alone", name = "validate", sql = ("ALTER TABLE %s VALIDATE CONSTRAINT %s"):format(relation, name), down = "" }
end

-- The part with a name, whether it had one or not.
local function named(s, part, node, generated)
  if node.conname then
    return part.sql, bare(node.conname), node.conname
  end
  local rest = clauses.span(s.sql, part.tokens[2], part.tokens[#part.tokens])
  return ("ADD CONSTRAINT %s %s"):format(generated, rest), generated, (generated:gsub('^"(.*)"$', "%1"))
end

local function drop_constraint(alter, name)
  return ("ALTER TABLE %s DROP CONSTRAINT %s"):format(alter.relation, name)
end

local function not_valid(s, alter, part, node, generated)
  local sql, name, plain = named(s, part, node, generated)
  return {
    {
      way = "keep",
      name = "add_constraint",
      sql = ("%s %s NOT VALID"):format(alter.head, sql),
      down = drop_constraint(alter, name),
      undoes = { "constraint", plain },
    },
    validate(alter.relation, name),
  }
end

local function check_columns(node)
  local seen, list = {}, {}
  for ref in node.raw_expr:each "ColumnRef" do
    local last = ref.fields[#ref.fields]
    if last.sval and not seen[last.sval] then
      seen[last.sval], list[#list + 1] = true, last.sval
    end
  end
  return list
end

local constraints = {}

function constraints.CONSTR_CHECK(s, alter, part, node)
  local columns, t = check_columns(node), s.node.relation.relname
  return not_valid(s, alter, part, node, #columns == 1 and clauses.name(t, columns[1], "check") or clauses.name(t, "check"))
end

function constraints.CONSTR_FOREIGN(s, alter, part, node, relation)
  local world = relation.world
  if relation.kind == "partitioned" and not (world:version() and world:since(18)) then
    return nil, "up to PostgreSQL 17 a foreign key of a partitioned table cannot be NOT VALID",
      "add the foreign key to each partition, NOT VALID, and validate it there"
  end
  local columns = columns_of(node.fk_attrs)
  columns[#columns + 1] = "fkey"
  return not_valid(s, alter, part, node, clauses.name(s.node.relation.relname, table.unpack(columns)))
end

-- A column that a CHECK has proved becomes NOT NULL without a scan.
local function not_null(alter, t, column, plain)
  local proof = clauses.name(t, plain, "not_null")
  return {
    {
      way = "keep",
      name = "not_null",
      sql = ("%s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID"):format(alter.head, proof, column),
      down = ("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s"):format(alter.relation, proof),
    },
    validate(alter.relation, proof),
    {
      way = "keep",
      name = "not_null",
      sql = ("%s ALTER COLUMN %s SET NOT NULL"):format(alter.head, column),
      down = ("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL"):format(alter.relation, column),
      undoes = { "not_null", plain },
    },
    { way = "keep", name = "not_null", sql = ("%s DROP CONSTRAINT %s"):format(alter.head, proof), down = "" },
  }
end

local function is_not_null(relation, column)
  local known = relation.columns[column]
  return known and known.not_null
end

local function index_constraint(s, alter, part, node, relation)
  if relation.kind == "partitioned" then
    return nil, "an index of a partitioned table cannot be built concurrently",
      "build a unique index on each partition concurrently, then one on ONLY the table, and attach them"
  end
  if node.indexname then
    return nil, "it uses an index already"
  end
  if node.options or node.indexspace then
    return nil, "its index has options of its own", "create the index concurrently with them, then add the constraint USING INDEX"
  end
  local primary = node.contype == "CONSTR_PRIMARY"
  local columns, t = columns_of(node.keys), s.node.relation.relname
  local generated = primary and clauses.name(t, "pkey") or clauses.name(t, table.concat(columns, "_"), "key")
  local name = node.conname and bare(node.conname) or generated
  local _, before, at = clauses.from(s, part, { UNIQUE = true, PRIMARY = true })
  local list, last = clauses.parentheses(s, part.tokens, before and at or 1)
  if not list then
    return nil, "it is written in a way that cannot be taken apart"
  end
  local including = clauses.is(part.tokens[last + 1], "INCLUDE") and " INCLUDE " .. clauses.parentheses(s, part.tokens, last + 1) or ""
  local pieces = {}
  for _, column in ipairs(primary and columns or {}) do
    if not is_not_null(relation, column) then
      table.move(not_null(alter, t, bare(column), column), 1, 4, #pieces + 1, pieces)
    end
  end
  pieces[#pieces + 1] = {
    way = "alone",
    name = "index",
    sql = ("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %s%s%s"):format(name, alter.relation, list, including,
      node.nulls_not_distinct and " NULLS NOT DISTINCT" or ""),
    down = "",
  }
  pieces[#pieces + 1] = {
    way = "keep",
    name = "constraint",
    sql = ("%s ADD CONSTRAINT %s %s USING INDEX %s%s%s"):format(alter.head, name, primary and "PRIMARY KEY" or "UNIQUE", name,
      node.deferrable and " DEFERRABLE" or "", node.initdeferred and " INITIALLY DEFERRED" or ""),
    down = drop_constraint(alter, name),
    undoes = { "constraint", node.conname or (generated:gsub('^"(.*)"$', "%1")) },
  }
  return pieces
end
constraints.CONSTR_UNIQUE = index_constraint
constraints.CONSTR_PRIMARY = index_constraint

function constraints.CONSTR_EXCLUSION()
  return nil, "an exclusion constraint can only be made under a lock that blocks everybody",
    "in a window: -- stint: allow RULE reason=\"...\" above it"
end

local commands = {}

function commands.AT_AddConstraint(s, alter, part, cmd, relation)
  local node = cmd.def
  local make = not node.skip_validation and constraints[node.contype]
  if make then
    return make(s, alter, part, node, relation)
  end
end

function commands.AT_SetNotNull(s, alter, part, cmd)
  local tokens = part.tokens
  local column = clauses.is(tokens[2], "COLUMN") and tokens[3] or tokens[2]
  return not_null(alter, s.node.relation.relname, column.text, cmd.name)
end

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

-- A column with a default that differs from row to row.
local function add_column(s, alter, part, cmd)
  local def, default, required = cmd.def, nil, false
  for _, one in ipairs(def.constraints or {}) do
    default = one.contype == "CONSTR_DEFAULT" and one or default
    required = required or one.contype == "CONSTR_NOTNULL"
    if one.contype ~= "CONSTR_DEFAULT" and one.contype ~= "CONSTR_NOTNULL" and one.contype ~= "CONSTR_NULL" then
      return nil, "the column brings a constraint along", "add the column first, then its constraint as a statement of its own"
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
    table.move(not_null(alter, s.node.relation.relname, column, def.colname), 1, 4, 4, pieces)
  end
  return pieces
end

commands.AT_AddColumn = add_column

function commands.AT_AlterColumnType(_, alter, _, cmd)
  return nil, "a change of type cannot be made in place without a rewrite", table.concat({
    ("expand:    ALTER TABLE %s ADD COLUMN %s_new ...;"):format(alter.relation, cmd.name),
    ("backfill:  stint new fill_%s_new --backfill %s    (set %s_new, writes = \"trigger\")"):format(cmd.name, alter.relation, cmd.name),
    ("           release code that reads %s_new"):format(cmd.name),
    ("contract:  ALTER TABLE %s DROP COLUMN %s;"):format(alter.relation, cmd.name),
  }, "\n")
end

-- Which findings a command's recipe is for, by their family.
local families = {
  AT_AddConstraint = { ["constraint-validation"] = true, ["unique-build"] = true, ["lock-scope"] = true },
  AT_SetNotNull = { ["not-null"] = true },
  AT_AddColumn = { ["table-rewrite"] = true, ["required-column"] = true, ["not-null"] = true },
  AT_AlterColumnType = { ["table-rewrite"] = true },
}

local function is_meant(cmd, found)
  for family in pairs(families[cmd.subtype] or {}) do
    if found[family] then
      return true
    end
  end
  return false
end

local function alter_table(s, relation, found)
  local alter, pieces, rest, changed = clauses.alter(s), {}, nil, false
  if not alter then
    return nil, "it is written in a way that cannot be taken apart"
  end
  for i, part in ipairs(alter) do
    local cmd = s.node.cmds[i]
    local made, why, sketch
    if is_meant(cmd, found) then
      made, why, sketch = commands[cmd.subtype](s, alter, part, cmd, relation)
    end
    if why then
      return nil, why, sketch
    end
    if made then
      rest, changed = nil, true
      table.move(made, 1, #made, #pieces + 1, pieces)
    elseif rest then
      rest.sql = ("%s, %s"):format(rest.sql, part.sql)
    else
      rest = { way = "keep", name = "rest", own = true, sql = ("%s %s"):format(alter.head, part.sql) }
      pieces[#pieces + 1] = rest
    end
  end
  return changed and pieces or nil
end

local statements = {}

function statements.AlterTableStmt(s, world, found)
  if s.node.objtype ~= "OBJECT_TABLE" then
    return nil
  end
  return alter_table(s, world:relation(s.node.relation), found)
end

local function is_plain(node)
  for _, one in ipairs(node.indexParams) do
    if not one.name then
      return false
    end
  end
  return true
end

function statements.IndexStmt(s, world, found)
  local node, tokens = s.node, s.tokens
  if node.concurrent or not found["index-build"] then
    return nil
  end
  local relation = world:relation(node.relation)
  if relation.kind == "partitioned" then
    return nil, "an index of a partitioned table cannot be built concurrently",
      "CREATE INDEX ... ON ONLY the table, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX ... ATTACH PARTITION"
  end
  local at = clauses.is(tokens[2], "UNIQUE") and 3 or 2
  local on = at + 1
  while not clauses.is(tokens[on], "ON") do
    on = on + 1
  end
  local name = node.idxname and tokens[on - 1].text
  if not name and is_plain(node) then
    local columns = {}
    for i, one in ipairs(node.indexParams) do
      columns[i] = one.name
    end
    name = clauses.name(node.relation.relname, table.concat(columns, "_"), "idx")
  end
  local plain = node.idxname or (name and name:gsub('^"(.*)"$', "%1"))
  local schema = node.relation.schemaname and clauses.name(node.relation.schemaname) .. "." or ""
  return {
    {
      way = "alone",
      name = "index",
      sql = ("%s CONCURRENTLY %s%s"):format(clauses.span(s.sql, tokens[1], tokens[at]), name and name .. " " or "",
        clauses.span(s.sql, tokens[on], tokens[#tokens])),
      down = name and ("DROP INDEX CONCURRENTLY %s%s"):format(schema, name),
      undoes = plain and { "index", plain },
    },
  }
end

function statements.DropStmt(s, _, found)
  local node, tokens = s.node, s.tokens
  if node.removeType ~= "OBJECT_INDEX" or node.concurrent or not found["index-build"] then
    return nil
  end
  if node.behavior == "DROP_CASCADE" then
    return nil, "DROP INDEX CONCURRENTLY knows no CASCADE", "drop first what depends on it"
  end
  local from, pieces = 3, {}
  local exists = ""
  if clauses.is(tokens[3], "IF") then
    from, exists = 5, "IF EXISTS "
  end
  for i = from, #tokens do
    if i == #tokens or tokens[i + 1].text == "," or clauses.is(tokens[i + 1], "RESTRICT") then
      pieces[#pieces + 1] = {
        way = "alone",
        name = "drop_index",
        sql = ("DROP INDEX CONCURRENTLY %s%s"):format(exists, clauses.span(s.sql, tokens[from], tokens[i])),
      }
      from = i + 2
      if tokens[i + 1] and tokens[i + 1].text ~= "," then
        break
      end
    end
  end
  return pieces
end

function statements.ReindexStmt(s, _, found)
  local tokens, at = s.tokens, 2
  if not found["index-build"] or s.node.kind == "REINDEX_OBJECT_SYSTEM" then
    return nil
  end
  if tokens[2].text == "(" then
    local _, last = clauses.parentheses(s, tokens, 2)
    at = last + 1
  end
  for i = 2, at + 1 do
    if clauses.is(tokens[i], "CONCURRENTLY") then
      return nil
    end
  end
  return {
    {
      way = "alone",
      name = "reindex",
      sql = ("%s CONCURRENTLY %s"):format(clauses.span(s.sql, tokens[1], tokens[at]), clauses.span(s.sql, tokens[at + 1], tokens[#tokens])),
    },
  }
end

-- The pieces of a statement with findings of these families, or nil; nil, why, sketch.
function recipes.of(s, world, found)
  local make = s.node and statements[s.node.tag]
  if make then
    return make(s, world, found)
  end
end

return recipes
