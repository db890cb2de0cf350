-- The safe way of a constraint, as pieces (recipes.lua): proved after it has been added, or by an index that was built before.
local native = ...

local clauses = native.use("fix/clauses")

local constraints = {}

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

local function validate(relation, name)
  return { way = "steps", name = "validate", sql = ("ALTER TABLE %s VALIDATE CONSTRAINT %s"):format(relation, name), down = "" }
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
      way = "steps",
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

local of = {}

function of.CONSTR_CHECK(s, alter, part, node)
  local columns, t = check_columns(node), s.node.relation.relname
  return not_valid(s, alter, part, node, #columns == 1 and clauses.name(t, columns[1], "check") or clauses.name(t, "check"))
end

function of.CONSTR_FOREIGN(s, alter, part, node, relation)
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
function constraints.not_null(alter, t, column, plain)
  local proof = clauses.name(t, plain, "not_null")
  return {
    {
      way = "steps",
      name = "not_null",
      sql = ("%s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID"):format(alter.head, proof, column),
      down = ("ALTER TABLE %s DROP CONSTRAINT IF EXISTS %s"):format(alter.relation, proof),
    },
    validate(alter.relation, proof),
    {
      way = "steps",
      name = "not_null",
      sql = ("%s ALTER COLUMN %s SET NOT NULL"):format(alter.head, column),
      down = ("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL"):format(alter.relation, column),
      undoes = { "not_null", plain },
    },
    { way = "steps", name = "not_null", sql = ("%s DROP CONSTRAINT %s"):format(alter.head, proof), down = "" },
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
      table.move(constraints.not_null(alter, t, bare(column), column), 1, 4, #pieces + 1, pieces)
    end
  end
  pieces[#pieces + 1] = {
    way = "steps",
    name = "index",
    sql = ("CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %s%s%s"):format(name, alter.relation, list, including,
      node.nulls_not_distinct and " NULLS NOT DISTINCT" or ""),
    down = "",
  }
  pieces[#pieces + 1] = {
    way = "steps",
    name = "constraint",
    sql = ("%s ADD CONSTRAINT %s %s USING INDEX %s%s%s"):format(alter.head, name, primary and "PRIMARY KEY" or "UNIQUE", name,
      node.deferrable and " DEFERRABLE" or "", node.initdeferred and " INITIALLY DEFERRED" or ""),
    down = drop_constraint(alter, name),
    undoes = { "constraint", node.conname or (generated:gsub('^"(.*)"$', "%1")) },
  }
  return pieces
end
of.CONSTR_UNIQUE = index_constraint
of.CONSTR_PRIMARY = index_constraint

function of.CONSTR_EXCLUSION()
  return nil, "an exclusion constraint can only be made under a lock that blocks everybody",
    "in a window: -- stint: allow RULE reason=\"...\" above it"
end

-- By what PostgreSQL's tree calls them: make(s, alter, part, node, relation).
constraints.of = of

return constraints
