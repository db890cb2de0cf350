-- The safe way of statements that are unsafe: for each kind what it becomes, as a list of pieces in
-- their order. A piece is { way, sql, name, down, undoes }: way "keep" runs together with its
-- neighbours, "alone" stands in a file of its own, "backfill" is a file in Lua. "steps" run one by
-- one, in one file, so that its way down leads to what was before: half of the way has none that is
-- exact and cheap. `undoes` is what a statement of the way down is known by that belongs to it.
-- nil, why, sketch: a person must do it.
local native = ...

local clauses = native.use("fix/clauses")
local constraints = native.use("fix/constraints")

local recipes = {}

local commands = {}

function commands.AT_AddConstraint(s, alter, part, cmd, relation)
  local node = cmd.def
  local make = not node.skip_validation and constraints.of[node.contype]
  if make then
    return make(s, alter, part, node, relation)
  end
end

function commands.AT_SetNotNull(s, alter, part, cmd)
  local tokens = part.tokens
  local column = clauses.is(tokens[2], "COLUMN") and tokens[3] or tokens[2]
  return constraints.not_null(alter, s.node.relation.relname, column.text, cmd.name)
end

commands.AT_AddColumn = native.use("fix/columns").add

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
  AT_AddColumn = {
    ["table-rewrite"] = true, ["required-column"] = true, ["not-null"] = true, ["constraint-validation"] = true, ["unique-build"] = true,
  },
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
      made, why, sketch = commands[cmd.subtype](s, alter, part, cmd, relation, found)
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
