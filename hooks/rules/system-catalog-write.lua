local subject = require "stint.subject"

local function is_catalog(range)
  local schema = range.schemaname
  return schema == "pg_catalog" or not schema and range.relname:find "^pg_" ~= nil
end

-- Those that may stand in a WITH.
local nested = { InsertStmt = true, UpdateStmt = true, DeleteStmt = true }

local function said(range)
  return deny(("%s is written by hand"):format(range.relname), { at = range, object = range.relname, certainty = "certain" })
end

policy {
  about = "a system catalog is written by hand",
  family = "security",
  on = { "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "TruncateStmt", "AlterTableStmt", "SelectStmt", "VariableSetStmt" },
  why = "nothing checks what stands there, other sessions keep what they have read, and a mistake may end in a database that cannot be read",
  safe = "the statement that is made for it: ALTER TABLE, ALTER TYPE, COMMENT",
  statement = function(s)
    local node = s.node
    local first = node.relation or node.relations and node.relations[1]
    if first and node.tag ~= "SelectStmt" and first.tag == "RangeVar" and is_catalog(first) then
      return said(first)
    end
    for tag in pairs(node.withClause and nested or {}) do
      for change in s:each(tag) do
        if is_catalog(change.relation) then
          return said(change.relation)
        end
      end
    end
    local is_set, value = subject.setting(s, "allow_system_table_mods")
    if is_set and value then
      return deny "allow_system_table_mods opens the system catalogs"
    end
  end,
  tests = {
    bad = {
      "DELETE FROM pg_enum WHERE enumlabel = 'old'",
      "UPDATE pg_catalog.pg_attribute SET atttypmod = 84 WHERE attrelid = 't'::regclass",
      "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'i'::regclass",
      "WITH gone AS (DELETE FROM pg_depend RETURNING *) SELECT * FROM gone",
      "SET allow_system_table_mods = on",
      "DO $$ BEGIN UPDATE pg_constraint SET convalidated = true WHERE conname = 'c'; END $$",
    },
    good = {
      "SELECT * FROM pg_class",
      "UPDATE app.pg_settings_copy SET a = 1 WHERE b = 2",
      "DELETE FROM t WHERE oid IN (SELECT oid FROM pg_class)",
      "ALTER TYPE mood ADD VALUE 'x'",
    },
  },
}
