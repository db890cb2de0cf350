local subject = require "stint.subject"
local tree = require "stint.tree"

-- They differ from call to call or from session to session: no index can stand on them.
local changing = {
  now = true, clock_timestamp = true, statement_timestamp = true, transaction_timestamp = true, random = true, gen_random_uuid = true,
  uuid_generate_v4 = true, nextval = true, timeofday = true, current_setting = true, to_char = false,
}

local function changes(node)
  if not node or type(node) ~= "table" or not node.tag then
    return nil
  end
  for call in node:each "FuncCall" do
    local names = tree.names(call.funcname)
    if changing[names[#names]] then
      return names[#names] .. "()"
    end
  end
  return node:find "SQLValueFunction" and "the time or the user" or nil
end

local function indexes(s, found)
  for index in s:each "IndexStmt" do
    local parts = { index.whereClause }
    for _, element in ipairs(index.indexParams or {}) do
      parts[#parts + 1] = element.expr
    end
    for _, part in ipairs(parts) do
      local what = changes(part)
      if what then
        found[#found + 1] = deny(("an index cannot stand on %s: it is not immutable"):format(what), { at = part, certainty = "certain" })
      end
    end
  end
end

local function generated(s, found)
  for constraint in s:each "Constraint" do
    local what = constraint.contype == "CONSTR_GENERATED" and changes(constraint.raw_expr)
    if what then
      found[#found + 1] = deny(("a generated column cannot stand on %s: it is not immutable"):format(what), {
        at = constraint, certainty = "certain",
      })
    end
    if constraint.contype == "CONSTR_CHECK" and constraint.raw_expr:find "SubLink" then
      found[#found + 1] = deny("a CHECK cannot hold a subquery", { at = constraint, certainty = "certain" })
    end
    if constraint.contype == "CONSTR_DEFAULT" and constraint.raw_expr and constraint.raw_expr:find "SubLink" then
      found[#found + 1] = deny("a default cannot hold a subquery", { at = constraint, certainty = "certain" })
    end
  end
end

local function one_table(create, found)
  local seen, keys = {}, 0
  for _, element in ipairs(create.tableElts or {}) do
    if element.tag == "ColumnDef" then
      if seen[element.colname] then
        found[#found + 1] = deny(("the column %s stands there twice"):format(element.colname), { at = element, certainty = "certain" })
      end
      seen[element.colname] = true
      keys = keys + (subject.parts(element).CONSTR_PRIMARY and 1 or 0)
    elseif element.tag == "Constraint" and element.contype == "CONSTR_PRIMARY" then
      keys = keys + 1
    end
  end
  if keys > 1 then
    found[#found + 1] = deny("a table has one primary key", { at = create, certainty = "certain" })
  end
end

local function has_all(columns, key)
  local set = {}
  for _, name in ipairs(columns) do
    set[name] = true
  end
  for _, name in ipairs(key or {}) do
    if name and not set[name] then
      return name
    end
  end
end

local unique = { CONSTR_PRIMARY = true, CONSTR_UNIQUE = true }

local function said(name, at)
  return deny(("a unique index of a partitioned table must hold all of its partition key: %s is missing"):format(name), {
    at = at, certainty = "certain",
  })
end

-- Unique keys of partitioned tables.
local function partition_keys(s, found)
  local node = s.node
  if node.tag == "CreateStmt" and node.partspec then
    local key = {}
    for i, element in ipairs(node.partspec.partParams or {}) do
      key[i] = element.name or false
    end
    for constraint in s:each "Constraint" do
      if unique[constraint.contype] then
        local columns = tree.names(constraint.keys)
        columns[1] = columns[1] or constraint.parent and constraint.parent.colname
        local name = has_all(columns, key)
        found[#found + 1] = name and said(name, constraint) or nil
      end
    end
    return
  end
  local relation = s.table
  local key = relation and (relation.partition_key or relation.facts and relation.facts.partition_key)
  if not key or relation.kind ~= "partitioned" then
    return
  end
  for cmd in subject.commands(s, "AT_AddConstraint") do
    local name = unique[cmd.def.contype] and not cmd.def.indexname and has_all(tree.names(cmd.def.keys), key)
    found[#found + 1] = name and said(name, cmd) or nil
  end
  if node.tag == "IndexStmt" and node.unique then
    local columns = {}
    for i, element in ipairs(node.indexParams) do
      columns[i] = element.name or "?"
    end
    local name = has_all(columns, key)
    found[#found + 1] = name and said(name, node) or nil
  end
end

-- The same columns, in any order.
local function same(columns, wanted)
  return #(columns or {}) == #wanted and has_all(columns, wanted) == nil
end

local function words(text)
  local set = {}
  for word in text:gmatch "%S+" do
    set[word] = true
  end
  return set
end

local texts = words "text varchar bpchar citext name"
local numbers = words "int2 int4 int8 numeric float4 float8"
local others = words "bool date time timetz timestamp timestamptz interval uuid json jsonb inet cidr bytea"

-- Has PostgreSQL a cast that it takes by itself? Only what is known for certain is said to have none.
local function has_no_cast(from, to)
  if texts[from.name] then
    return (numbers[to.name] or others[to.name]) and not to.array
  end
  local pair = { from.name, to.name }
  return numbers[pair[1]] and others[pair[2]] or others[pair[1]] and numbers[pair[2]]
end

-- Types that are not to be compared.
local function differ(a, b)
  return a and b and not a.array and not b.array and (has_no_cast(a, b) or has_no_cast(b, a))
end

local function primary_of(relation)
  for _, key in pairs(relation.constraints) do
    if key.type == "p" then
      return key.columns
    end
  end
  return {}
end

local function unlike_keys(s, constraint, other, wanted, found)
  local own = tree.names(constraint.fk_attrs)
  own[1] = own[1] or constraint.parent and constraint.parent.colname
  for i, name in ipairs(own) do
    local a, b = s.table and s.table:type_of(name), wanted[i] and other:type_of(wanted[i])
    for def in s:each "ColumnDef" do
      local names = def.colname == name and def.typeName and not def.typeName.arrayBounds and tree.names(def.typeName.names)
      a = names and { name = names[#names] } or a
    end
    if differ(a, b) then
      found[#found + 1] = deny(("%s is %s, and %s.%s is %s: they cannot be compared"):format(name, a.name, subject.name(other), wanted[i], b.name), {
        at = constraint, object = other.id, certainty = "certain",
      })
    end
  end
end

-- As many columns here as there.
local function pairs_up(constraint, found)
  local own = constraint.fk_attrs and #constraint.fk_attrs or 1
  if constraint.contype == "CONSTR_FOREIGN" and constraint.pk_attrs and #constraint.pk_attrs ~= own then
    found[#found + 1] = deny(("a foreign key of %d columns cannot point to %d"):format(own, #constraint.pk_attrs), { at = constraint, certainty = "certain" })
  end
end

-- What a foreign key points to must be unique.
local function targets(s, found)
  for constraint in s:each "Constraint" do
    pairs_up(constraint, found)
    local other = constraint.contype == "CONSTR_FOREIGN" and constraint.pktable and s.impact.world:find(constraint.pktable)
    if other and other.complete and other ~= s.table and (other.facts or other.is_new) then
      local wanted, fits = tree.names(constraint.pk_attrs), false
      unlike_keys(s, constraint, other, #wanted > 0 and wanted or primary_of(other), found)
      for _, key in pairs(other.constraints) do
        fits = fits or #wanted == 0 and key.type == "p" or (key.type == "p" or key.type == "u") and same(key.columns, wanted)
      end
      for _, index in pairs(fits and {} or other.indexes) do
        fits = fits or index.unique and not index.partial and #wanted > 0 and same(index.columns, wanted)
      end
      if not fits then
        found[#found + 1] = deny(("%s has no unique key%s for a foreign key to point to"):format(subject.name(other),
          #wanted > 0 and " over " .. table.concat(wanted, ",") or ""), { at = constraint, object = other.id, certainty = "certain" })
      end
    end
  end
end

local function altered(s, found)
  local relation = s.table
  for cmd in subject.commands(s, "AT_AlterColumnType") do
    local from, to = relation:type_of(cmd.name), cmd.def.typeName
    local names = to and tree.names(to.names)
    if from and not from.array and names and not cmd.def.raw_default and has_no_cast(from, { name = names[#names], array = to.arrayBounds }) then
      found[#found + 1] = deny(("%s is %s: it becomes %s only with USING"):format(cmd.name, from.name, names[#names]), {
        at = cmd, object = relation.id .. "." .. cmd.name, certainty = "certain", hint = ("USING %s::%s"):format(cmd.name, names[#names]),
      })
    end
  end
  for cmd in subject.commands(s, "AT_AddIdentity") do
    local column = relation.columns[cmd.name]
    if column and column.not_null == false then
      found[#found + 1] = deny(("%s may be null: an identity column must be NOT NULL first"):format(cmd.name), { at = cmd, certainty = "certain" })
    end
  end
  for _, key in pairs(relation and relation.constraints or {}) do
    for cmd in subject.commands(s, key.type == "p" and "AT_DropNotNull" or "") do
      for _, name in ipairs(key.columns or {}) do
        if name == cmd.name then
          found[#found + 1] = deny(("%s is in the primary key: it stays NOT NULL"):format(name), { at = cmd, certainty = "certain" })
        end
      end
    end
  end
end

local no_index = { view = true, sequence = true, foreign = true }

-- A second primary key; an index on what has no rows.
local function misplaced(s, found)
  local relation, has_key, drops = s.table, false, false
  if relation and s.node.tag == "IndexStmt" and no_index[relation.kind] then
    found[#found + 1] = deny(("%s is a %s: it has no indexes"):format(subject.name(relation), relation.kind), { certainty = "certain" })
  end
  for _, key in pairs(relation and relation.constraints or {}) do
    has_key = has_key or key.type == "p"
  end
  for _ in subject.commands(s, "AT_DropConstraint") do
    drops = true
  end
  for cmd in subject.commands(s, "AT_AddConstraint") do
    if cmd.def.contype == "CONSTR_PRIMARY" and has_key and not drops then
      found[#found + 1] = deny(("%s has a primary key already"):format(subject.name(relation)), { at = cmd, certainty = "certain" })
    end
  end
end

local function dropped(node, found)
  if node.removeType == "OBJECT_INDEX" and node.concurrent and (#node.objects > 1 or node.behavior == "DROP_CASCADE") then
    found[#found + 1] = deny("DROP INDEX CONCURRENTLY takes one index, and no CASCADE", { certainty = "certain" })
  end
end

policy {
  about = "what is defined is refused by the server",
  family = "will-fail",
  why = "an index over now(), a unique key without the partition key, a foreign key to what is not unique: the statement fails on every "
    .. "server",
  safe = "CREATE UNIQUE INDEX CONCURRENTLY ... on what is pointed to; constants instead of now(); the partition key in the unique key",
  statement = function(s)
    local found, node = {}, s.node
    if not node or not s.impact then
      return found
    end
    indexes(s, found)
    generated(s, found)
    if node.tag == "CreateStmt" then
      one_table(node, found)
    elseif node.tag == "DropStmt" then
      dropped(node, found)
    end
    partition_keys(s, found)
    if s.conditional then
      return found
    elseif node.tag == "AlterTableStmt" then
      altered(s, found)
    end
    if node.tag == "AlterTableStmt" or node.tag == "IndexStmt" then
      misplaced(s, found)
    end
    targets(s, found)
    return found
  end,
  tests = {
    bad = {
      "CREATE INDEX CONCURRENTLY i ON t (a) WHERE created_at > now() - interval '30 days'",
      "CREATE INDEX i ON t (a) WHERE day = CURRENT_DATE",
      "CREATE TABLE n (id bigint PRIMARY KEY, day date NOT NULL) PARTITION BY RANGE (day)",
      "CREATE TABLE n (id bigint, day date) PARTITION BY RANGE (day); ALTER TABLE n ADD PRIMARY KEY (id)",
      "CREATE TABLE n (id bigint, day date) PARTITION BY RANGE (day); CREATE UNIQUE INDEX ON n (id)",
      "CREATE TABLE n (a int, A text)",
      "CREATE TABLE n (a int REFERENCES p (x, y))",
      "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p text REFERENCES p)",
      "CREATE TABLE p (id uuid PRIMARY KEY); CREATE TABLE c (p int); ALTER TABLE c ADD FOREIGN KEY (p) REFERENCES p (id)",
      "DROP INDEX CONCURRENTLY i, j",
      "CREATE TABLE n (a int PRIMARY KEY, b int PRIMARY KEY)",
      "CREATE TABLE p (id int); CREATE TABLE c (p int REFERENCES p (id))",
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a IN (SELECT id FROM u)) NOT VALID",
      "CREATE TABLE n (a text); ALTER TABLE n ALTER a TYPE integer",
      "CREATE TABLE n (id int PRIMARY KEY); ALTER TABLE n ADD PRIMARY KEY (id)",
      "CREATE TABLE n (id int PRIMARY KEY); ALTER TABLE n ALTER id DROP NOT NULL",
      "CREATE VIEW v AS SELECT 1 AS a; CREATE INDEX ON v (a)",
      "ALTER TABLE t ADD COLUMN age interval GENERATED ALWAYS AS (now() - born) STORED",
    },
    good = {
      "CREATE INDEX CONCURRENTLY i ON t (a) WHERE created_at > '2026-01-01'",
      "CREATE TABLE n (id bigint, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day)",
      "CREATE TABLE p (id int UNIQUE); CREATE TABLE c (p int REFERENCES p (id))",
      "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE c (x int, y int, FOREIGN KEY (y, x) REFERENCES p (b, a))",
      "CREATE TABLE p (id int); CREATE UNIQUE INDEX ON p (id); CREATE TABLE c (p int REFERENCES p (id))",
      'CREATE TABLE n (a int, "A" text)',
      "CREATE TABLE n (a int REFERENCES p, FOREIGN KEY (a) REFERENCES q (x)); DROP INDEX CONCURRENTLY IF EXISTS i",
      "CREATE TABLE n (a text, b int); ALTER TABLE n ALTER a TYPE integer USING a::integer, ALTER b TYPE bigint, ALTER b TYPE text",
      "CREATE TABLE n (id int CONSTRAINT k PRIMARY KEY); ALTER TABLE n DROP CONSTRAINT k, ADD PRIMARY KEY (id)",
      "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE INDEX ON v (a)",
      "CREATE INDEX i ON t (lower(email)) WHERE deleted_at IS NULL",
      "CREATE TABLE n (at timestamptz DEFAULT now(), CHECK (at < now()))",
      "CREATE TABLE n (id int PRIMARY KEY, parent int REFERENCES n)",
      "CREATE TABLE p (id bigserial PRIMARY KEY, code varchar(3) UNIQUE); CREATE TABLE c (p int REFERENCES p, q text REFERENCES p (code))",
      "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES u (id) NOT VALID",
    },
  },
}
