local subject = require "stint.subject"

-- The first view over the relation (that reads the column), and whether that is certain.
local function reader(world, relation, column)
  local view = world:views(relation, column)[1]
  if not view then
    return nil
  end
  for _, made in ipairs(column and relation.used_by or {}) do
    if made == view then
      return view, "assumed" -- of a view that a file makes not every name is known to be of this table
    end
  end
  return view, "certain"
end

local uses = { AT_DropColumn = "is dropped", AT_AlterColumnType = "gets another type" }

local function columns(s, found)
  for cmd in s:each "AlterTableCmd" do
    local what = uses[cmd.subtype]
    local cascades = cmd.subtype == "AT_DropColumn" and cmd.behavior == "DROP_CASCADE"
    local view, certainty
    if what and s.table and not cascades then
      view, certainty = reader(s.impact.world, s.table, cmd.name)
    end
    if view then
      found[#found + 1] = deny(("%s.%s %s, but the view %s reads it"):format(subject.name(s.table), cmd.name, what, subject.name(view)), {
        at = cmd, object = s.table.id .. "." .. cmd.name, certainty = certainty,
      })
    end
  end
end

local function tables(s, found)
  local world, gone = s.impact.world, {}
  local kinds = { "TABLE", "VIEW", "MATVIEW" }
  for _, kind in ipairs(kinds) do
    for object in subject.dropped(s, "OBJECT_" .. kind) do
      gone[world:find(subject.range(object)) or false] = true
    end
  end
  gone[false] = nil
  if s.node.behavior == "DROP_CASCADE" then
    return
  end
  for relation in pairs(gone) do
    for _, from in ipairs(world:referrers(relation)) do
      if not gone[from.relation] and from.relation ~= relation then
        found[#found + 1] = deny(("%s is dropped, but the foreign key %s of %s points to it"):format(subject.name(relation), from.name,
          subject.name(from.relation)), { object = relation.id, certainty = "certain" })
      end
    end
    for _, view in ipairs(world:views(relation)) do
      if not gone[view] then
        found[#found + 1] = deny(("%s is dropped, but the view %s reads it"):format(subject.name(relation), subject.name(view)), {
          object = relation.id, certainty = "certain",
        })
      end
    end
  end
end

-- A key that foreign keys point to.
local function keys(s, found)
  for cmd in s:each "AlterTableCmd" do
    local relation = s.table
    local key = relation and cmd.subtype == "AT_DropConstraint" and cmd.behavior ~= "DROP_CASCADE" and relation.constraints[cmd.name]
    if key and (key.type == "p" or key.type == "u") then
      local columns_of = table.concat(key.columns or {}, ",")
      for _, from in ipairs(s.impact.world:referrers(relation, key.columns)) do
        if from.relation ~= relation and table.concat(from.constraint.to_columns or {}, ",") == columns_of then
          found[#found + 1] = deny(("%s is dropped, but the foreign key %s of %s needs it"):format(cmd.name, from.name,
            subject.name(from.relation)), { at = cmd, object = relation.id .. "." .. cmd.name, certainty = "certain" })
        end
      end
    end
  end
end

-- TRUNCATE refuses what foreign keys of other tables point to, whatever rows there are.
local function emptied(s, found)
  local world, all = s.impact.world, {}
  if s.node.tag ~= "TruncateStmt" or s.node.behavior == "DROP_CASCADE" then
    return
  end
  for _, range in ipairs(s.node.relations) do
    all[s.impact.world:relation(range)] = true
  end
  for relation in pairs(all) do
    for _, from in ipairs(world:referrers(relation)) do
      if not all[from.relation] then
        found[#found + 1] = deny(("%s is emptied, but the foreign key %s of %s points to it"):format(subject.name(relation), from.name,
          subject.name(from.relation)), { object = relation.id, certainty = "certain" })
      end
    end
  end
end

-- The index of a constraint goes with the constraint only.
local function indexes(s, found)
  for object in subject.dropped(s, "OBJECT_INDEX") do
    local at = s.impact.world:index(subject.range(object))
    local constraint = at and at.relation.constraints[at.name]
    if constraint and (constraint.type == "p" or constraint.type == "u" or constraint.type == "x") then
      found[#found + 1] = deny(("the index %s is that of a constraint of %s: drop the constraint"):format(at.name, subject.name(at.relation)), {
        at = object, object = at.name, certainty = "certain",
      })
    end
  end
end

-- Types that columns have.
local function types(s, found)
  for _, kind in ipairs(s.node.behavior ~= "DROP_CASCADE" and { "OBJECT_TYPE", "OBJECT_DOMAIN" } or {}) do
    for object in subject.dropped(s, kind) do
      local range = subject.range(object.names or object)
      for _, relation in ipairs(s.impact.world:all()) do
        for name in pairs(relation.columns) do
          local type = relation:type_of(name)
          if type and type.name == range.relname and (not type.schema or not range.schemaname or type.schema == range.schemaname) then
            found[#found + 1] = deny(("%s is dropped, but %s.%s is of it"):format(range.relname, subject.name(relation), name), {
              at = object, object = range.relname, certainty = "certain",
            })
          end
        end
      end
    end
  end
end

policy {
  about = "what others depend on is dropped or changed",
  family = "will-fail",
  on = { "AlterTableStmt", "TruncateStmt", "DropStmt" },
  why = "the server refuses it while a view or a foreign key depends on it",
  safe = [[
BEGIN;
DROP VIEW v;
ALTER TABLE t ALTER a TYPE bigint;
CREATE VIEW v AS SELECT ...;
COMMIT;]],
  statement = function(s)
    local found = {}
    if s.node and s.impact and not s.conditional then
      columns(s, found)
      keys(s, found)
      emptied(s, found)
      if s.node.tag == "DropStmt" then
        indexes(s, found)
        types(s, found)
        tables(s, found)
      end
    end
    return found
  end,
  tests = {
    facts = { relations = {
      ["public.t"] = { kind = "table", columns = { a = { type = "integer" }, b = { type = "integer" } },
        constraints = { t_pkey = { type = "p", columns = { "a" } } }, dependents = { { kind = "view", name = "public.v", columns = { "a" } } } },
      ["public.v"] = { kind = "view", columns = { a = { type = "integer" } } },
      ["public.c"] = { kind = "table", columns = { a = { type = "integer" } }, constraints = {
        k = { type = "f", columns = { "a" }, validated = true, references = "public.t", to_columns = { "a" } } } },
    } },
    bad = {
      "ALTER TABLE t DROP COLUMN a",
      "ALTER TABLE t ALTER COLUMN a TYPE bigint",
      "DROP TABLE t",
      "ALTER TABLE t DROP CONSTRAINT t_pkey",
      "TRUNCATE t",
      { sql = "CREATE TABLE n (a int CONSTRAINT k UNIQUE); DROP INDEX k", facts = {} },
      { sql = "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE n (m mood); DROP TYPE mood", facts = {} },
      { sql = "CREATE TABLE n (a int); CREATE VIEW w AS SELECT a FROM n; ALTER TABLE n ALTER a TYPE text", facts = {} },
      { sql = "CREATE TABLE n (a int, b int); CREATE VIEW w AS SELECT * FROM n; ALTER TABLE n DROP b", facts = {} },
      { sql = "CREATE TABLE n (a int, b int); CREATE VIEW w AS SELECT to_json(x) FROM n x; ALTER TABLE n DROP b", facts = {} },
      { sql = "CREATE TABLE n (a int); CREATE VIEW w AS SELECT 1 AS one FROM n JOIN n m USING (a); ALTER TABLE n DROP a", facts = {} },
      { sql = "CREATE TABLE n (a int); CREATE VIEW w AS SELECT a FROM n; ALTER TABLE n RENAME a TO b; ALTER TABLE n DROP b", facts = {} },
      { sql = "CREATE TABLE n (a int PRIMARY KEY); CREATE TABLE m (a int REFERENCES n); DROP TABLE n", facts = {} },
    },
    good = {
      "ALTER TABLE t DROP COLUMN b",
      "ALTER TABLE t DROP COLUMN a CASCADE",
      "DROP VIEW v; ALTER TABLE t ALTER COLUMN a TYPE bigint; CREATE VIEW v AS SELECT a FROM t",
      "DROP TABLE t, c CASCADE",
      "TRUNCATE t, c; TRUNCATE t CASCADE",
      { sql = "CREATE TABLE n (a int); CREATE INDEX k ON n (a); DROP INDEX k; DROP TYPE IF EXISTS mood", facts = {} },
      "ALTER TABLE t ALTER COLUMN b TYPE bigint; DROP TABLE c",
      { sql = "ALTER TABLE t DROP COLUMN a; DROP TABLE u", facts = {} },
      { sql = "CREATE TABLE n (a int, b text); CREATE VIEW w AS SELECT a FROM n; ALTER TABLE n ALTER b TYPE varchar(20), DROP b", facts = {} },
      { sql = "CREATE TABLE n (a int, b text); CREATE VIEW w AS SELECT count(*) FROM n; ALTER TABLE n DROP b", facts = {} },
    },
  },
}
