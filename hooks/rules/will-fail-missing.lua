local subject = require "stint.subject"
local tree = require "stint.tree"

local foreign = { pg_catalog = true, information_schema = true, pg_temp = true, pg_toast = true }

-- Is it known that there is no such relation? Dropped by this run, or not in the facts.
local function is_missing(world, range)
  local there = world:find(range)
  if foreign[range.schemaname] or there and not there.unknown or world:index(range) then
    return false
  end
  return there ~= nil and there.gone or world.facts.relations ~= nil and not range.relname:find "^pg_"
end

-- The relations that a statement cannot do without.
local function needed(s)
  local node, list = s.node, {}
  local tag = node.tag
  if tag == "AlterTableStmt" or tag == "RenameStmt" or tag == "AlterObjectSchemaStmt" then
    list[1] = not node.missing_ok and node.objtype ~= "OBJECT_TYPE" and node.relationType ~= "OBJECT_TYPE" and node.relation or nil
  elseif tag == "IndexStmt" or tag == "CreateTrigStmt" or tag == "UpdateStmt" or tag == "DeleteStmt" or tag == "InsertStmt" then
    list[1] = node.relation
  elseif tag == "TruncateStmt" or tag == "LockStmt" then
    list = node.relations or {}
  elseif tag == "RefreshMatViewStmt" then
    list[1] = node.relation
  end
  for constraint in s:each "Constraint" do
    if constraint.contype == "CONSTR_FOREIGN" and constraint.pktable then
      list[#list + 1] = constraint.pktable
    end
  end
  for _, kind in ipairs(tag == "DropStmt" and { "TABLE", "VIEW", "MATVIEW" } or {}) do
    for object in subject.dropped(s, "OBJECT_" .. kind) do
      list[#list + 1] = not node.missing_ok and subject.range(object) or nil
    end
  end
  return list
end

local with_column = {
  AT_DropColumn = true, AT_AlterColumnType = true, AT_SetNotNull = true, AT_DropNotNull = true, AT_ColumnDefault = true,
  AT_SetStatistics = true, AT_SetStorage = true, AT_DropIdentity = true, AT_AddIdentity = true, AT_DropExpression = true,
}

local function added(node)
  local set = {}
  for _, cmd in ipairs(node.cmds or {}) do
    if cmd.subtype == "AT_AddColumn" then
      set[cmd.def.colname] = true
    end
  end
  return set
end

-- The columns that a statement names, where it can be said without its queries: { name, node }
local function columns(s)
  local node, list = s.node, {}
  local function names(of, at)
    for _, item in ipairs(of or {}) do
      list[#list + 1] = { item.sval or item.name, at }
    end
  end
  if node.tag == "RenameStmt" and node.renameType == "OBJECT_COLUMN" then
    list[1] = { node.subname }
  elseif node.tag == "IndexStmt" then
    names(node.indexParams, node)
  elseif node.tag == "CreateTrigStmt" then
    names(node.columns, node)
  elseif node.tag == "InsertStmt" or node.tag == "UpdateStmt" then
    names(node.cols or node.targetList, node)
  end
  for cmd in s:each "AlterTableCmd" do
    if with_column[cmd.subtype] and cmd.name and not cmd.missing_ok then
      list[#list + 1] = { cmd.name, cmd }
    elseif cmd.subtype == "AT_AddConstraint" and not cmd.def.indexname then
      names(cmd.def.keys, cmd)
      names(cmd.def.fk_attrs, cmd)
    end
  end
  return list
end

local with_columns = { AlterTableStmt = true, CreateTrigStmt = true, IndexStmt = true, RenameStmt = true, InsertStmt = true, UpdateStmt = true }

local function missing_columns(s, found)
  local relation, node = s.table, s.node
  if not with_columns[node.tag] then
    return
  elseif not relation or not relation.complete or relation.kind == "view" or relation.kind == "matview" or relation.kind == "sequence" then
    return
  end
  local new = node.tag == "AlterTableStmt" and added(node) or {}
  for _, column in ipairs(columns(s)) do
    local name = column[1]
    if name and not relation.columns[name] and not new[name] then
      found[#found + 1] = deny(("%s has no column %s"):format(subject.name(relation), name), {
        at = column[2], object = relation.id .. "." .. name, certainty = "certain",
      })
    end
  end
end

-- The keys that a CREATE TABLE names, and whose columns it does not have.
local function missing_keys(s, found)
  local node, has = s.node, {}
  if node.tag ~= "CreateStmt" or node.inhRelations or node.ofTypename or node.partbound then
    return
  end
  for _, element in ipairs(node.tableElts or {}) do
    if element.tag == "TableLikeClause" then
      return
    end
    has[element.colname or ""] = true
  end
  for constraint in s:each "Constraint" do
    for _, key in ipairs(constraint.keys or constraint.fk_attrs or {}) do
      if not has[key.sval or key.name] then
        found[#found + 1] = deny(("%s has no column %s"):format(node.relation.relname, key.sval or key.name), { at = constraint, certainty = "certain" })
      end
    end
  end
end

local of_constraint = { AT_DropConstraint = true, AT_ValidateConstraint = true, AT_AlterConstraint = true }

local function missing_constraints(s, found)
  local relation, new = s.table, {}
  if not relation or not relation.complete or relation.named_by_server or s.node.tag ~= "AlterTableStmt" then
    return
  end
  for cmd in s:each "AlterTableCmd" do
    local name = cmd.name or cmd.def and cmd.def.conname
    if cmd.subtype == "AT_AddConstraint" and name then
      new[name] = true
    elseif of_constraint[cmd.subtype] and name and not cmd.missing_ok and not relation.constraints[name] and not new[name]
      and (relation.facts or not name:find "_not_null%d*$") then
      found[#found + 1] = deny(("%s has no constraint %s"):format(subject.name(relation), name), {
        at = cmd, object = relation.id .. "." .. name, certainty = "certain",
      })
    end
  end
end

-- A value that an enum lacks.
local function missing_values(s, found)
  local node = s.node
  local enum = node.tag == "AlterEnumStmt" and s.impact.world:enum(node.typeName)
  for _, value in ipairs(enum and { node.oldVal or node.newValNeighbor } or {}) do
    if not enum[value] then
      found[1] = deny(("%s has no value %s"):format(tree.dotted(node.typeName), value), { object = value, certainty = "certain" })
    end
  end
end

policy {
  about = "a statement names what is not there",
  family = "will-fail",
  why = "the server refuses it, and the run stops in the middle of the deploy",
  safe = "the right name; IF EXISTS where both states are fine",
  statement = function(s)
    local found = {}
    if not s.node or s.conditional or not s.impact then
      return found
    end
    for _, range in ipairs(needed(s)) do
      if range.tag == "RangeVar" and is_missing(s.impact.world, range) then
        local name = range.schemaname and range.schemaname .. "." .. range.relname or range.relname
        found[#found + 1] = deny(("there is no %s at this point"):format(name), { object = name, certainty = "certain" })
      end
    end
    if #found == 0 then
      missing_columns(s, found)
      missing_keys(s, found)
      missing_constraints(s, found)
      missing_values(s, found)
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.t"] = { kind = "table", columns = { a = { type = "integer" } }, indexes = {}, constraints = {
      c = { type = "c", columns = { "a" }, definition = "CHECK ((a > 0))" } } } } },
    bad = {
      "ALTER TABLE u ADD COLUMN a int",
      "ALTER TABLE t DROP COLUMN b",
      "ALTER TABLE t VALIDATE CONSTRAINT d",
      "ALTER TABLE t RENAME COLUMN b TO c",
      "DROP TABLE u",
      "CREATE INDEX CONCURRENTLY i ON t (b)",
      { sql = "CREATE TABLE n (a int); ALTER TABLE n ALTER b SET NOT NULL", facts = {} },
      { sql = "DROP TABLE t; ALTER TABLE t ADD COLUMN a int", facts = {} },
      "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES nobody NOT VALID",
      "INSERT INTO t (a, b) VALUES (1, 2)",
      "CREATE TABLE n (a int, UNIQUE (a, b))",
      "CREATE TRIGGER g BEFORE UPDATE OF b ON t FOR EACH ROW EXECUTE FUNCTION f()",
      { sql = "CREATE TABLE n (id int PRIMARY KEY, a int); UPDATE n SET b = 1 WHERE id = 7", facts = {} },
      { sql = "CREATE TABLE n (id int PRIMARY KEY); ALTER TABLE n DROP CONSTRAINT n_key", facts = {} },
      { sql = "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood ADD VALUE 'c' BEFORE 'b'", facts = {} },
      { sql = "ALTER TYPE mood RENAME VALUE 'b' TO 'c'", facts = { types = { ["public.mood"] = { kind = "enum", values = { "a" } } } } },
    },
    good = {
      "ALTER TABLE t ADD COLUMN b int; ALTER TABLE t DROP COLUMN b",
      "ALTER TABLE t ADD COLUMN b int, ADD CONSTRAINT k UNIQUE (b)",
      "ALTER TABLE IF EXISTS u ADD COLUMN a int; DROP TABLE IF EXISTS u",
      "ALTER TABLE t DROP COLUMN IF EXISTS b, DROP CONSTRAINT IF EXISTS d",
      { sql = "ALTER TABLE u DROP COLUMN b", facts = {} },
      "CREATE TABLE u (a int); ALTER TABLE u RENAME TO v; ALTER TABLE v ADD COLUMN b int; CREATE INDEX i ON v (lower(b::text))",
      "CREATE TABLE u AS SELECT 1 AS b; ALTER TABLE u DROP COLUMN b",
      "CREATE TABLE n (id int PRIMARY KEY, a int CHECK (a > 0), UNIQUE (a, id)); ALTER TABLE n DROP CONSTRAINT n_pkey,"
        .. " DROP CONSTRAINT n_a_check, DROP CONSTRAINT n_a_id_key",
      "CREATE TABLE n (b int) INHERITS (t); CREATE TABLE m (LIKE t, UNIQUE (a)); CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))",
      "CREATE TABLE n (LIKE t INCLUDING ALL); ALTER TABLE n DROP CONSTRAINT n_c; INSERT INTO t (a) VALUES (1)",
      "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood ADD VALUE 'c' BEFORE 'a'; ALTER TYPE other RENAME VALUE 'x' TO 'y'",
      "DO $$ BEGIN IF false THEN ALTER TABLE u ADD COLUMN a int; END IF; END $$",
    },
  },
}
