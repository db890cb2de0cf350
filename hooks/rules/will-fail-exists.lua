local subject = require "stint.subject"
local tree = require "stint.tree"

-- The relation that a statement makes, unless it is content with one that is there.
local function made(node)
  if node.tag == "CreateStmt" then
    return not node.if_not_exists and node.relation or nil
  elseif node.tag == "CreateTableAsStmt" then
    return not node.if_not_exists and node.into.rel or nil
  elseif node.tag == "ViewStmt" then
    return not node.replace and node.view or nil
  elseif node.tag == "CreateSeqStmt" then
    return not node.if_not_exists and node.sequence or nil
  elseif node.tag == "RenameStmt" and node.renameType == "OBJECT_TABLE" then
    return { relname = node.newname, schemaname = node.relation.schemaname }
  end
end

local function index_there(world, node, relation)
  return node.tag == "IndexStmt" and not node.if_not_exists and node.idxname and relation
    and world:index { relname = node.idxname, schemaname = relation.schema }
end

policy {
  about = "a statement makes what is there already",
  family = "will-fail",
  why = "the server refuses it, and the run stops in the middle of the deploy",
  safe = "another name; or IF NOT EXISTS, where what is there is known to be the same",
  statement = function(s)
    local node, found = s.node, {}
    if not node or s.conditional or not s.impact then
      return found
    end
    local world, range = s.impact.world, made(node)
    if range and range.relpersistence ~= "t" then
      local there = world:at(world:schema_of(range), range.relname)
      if there and not there.unknown then
        found[1] = deny(("%s is there already"):format(subject.name(there)), { object = there.id, certainty = "certain" })
      end
    end
    if index_there(world, node, s.table) then
      found[#found + 1] = deny(("the index %s is there already"):format(node.idxname), { object = node.idxname, certainty = "certain" })
    end
    local enum = node.tag == "AlterEnumStmt" and not node.skipIfNewValExists and world:enum(node.typeName)
    if enum and enum[node.newVal] then
      found[#found + 1] = deny(("%s has the value %s already"):format(tree.dotted(node.typeName), node.newVal), {
        object = node.newVal, certainty = "certain",
      })
    end
    local new = {}
    for cmd in s:each "AlterTableCmd" do
      local def = cmd.def
      if cmd.subtype == "AT_AddColumn" and s.table and not cmd.missing_ok then
        if s.table.columns[def.colname] or new[def.colname] then
          found[#found + 1] = deny(("%s has a column %s already"):format(subject.name(s.table), def.colname), {
            at = cmd, object = s.table.id .. "." .. def.colname, certainty = "certain",
          })
        end
        new[def.colname] = true
      elseif cmd.subtype == "AT_DropColumn" then
        new[cmd.name] = nil
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.t"] = { kind = "table", columns = { a = { type = "integer" } }, indexes = { t_i = { columns = { "a" } } } } } },
    bad = {
      "CREATE TABLE t (a int)",
      "ALTER TABLE t ADD COLUMN a int",
      "CREATE INDEX CONCURRENTLY t_i ON t (a)",
      "CREATE VIEW t AS SELECT 1",
      { sql = "CREATE TYPE mood AS ENUM ('a', 'b'); ALTER TYPE mood ADD VALUE 'b'", facts = {} },
      { sql = "ALTER TYPE mood RENAME VALUE 'b' TO 'a'", facts = { types = { ["public.mood"] = { kind = "enum", values = { "a", "b" } } } } },
      { sql = "CREATE TABLE n (a int); CREATE TABLE n (b int)", facts = {} },
      { sql = "ALTER TABLE x ADD COLUMN a int; ALTER TABLE x ADD COLUMN a int", facts = {} },
    },
    good = {
      "CREATE TABLE IF NOT EXISTS t (a int)",
      "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int",
      "CREATE TEMP TABLE t (a int)",
      "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood ADD VALUE 'b'; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'b'",
      "CREATE TABLE app.t (a int)",
      "DROP TABLE t; CREATE TABLE t (a int)",
      "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a bigint",
      "CREATE OR REPLACE VIEW v AS SELECT 1; CREATE INDEX IF NOT EXISTS t_i ON t (a)",
      { sql = "ALTER TABLE t ADD COLUMN a int", facts = {} },
    },
  },
}
