-- What takes the old name later in the same transaction: a view over it, or a table that replaces it.
local function takes(s, schema, name)
  local node = s.node
  local range = node and (node.tag == "ViewStmt" and node.view or node.tag == "CreateStmt" and node.relation)
  if range then
    return range.relname == name and (not range.schemaname or range.schemaname == schema)
  end
  return node and node.tag == "RenameStmt" and node.renameType == "OBJECT_TABLE" and node.newname == name
end

policy {
  about = "a renamed table breaks running code",
  family = "compat",
  why = "from the commit on every statement that uses the old name fails; a view of the old name, made in the same transaction, keeps "
    .. "code running",
  safe = [[
BEGIN;
ALTER TABLE users RENAME TO accounts;
CREATE VIEW users AS SELECT * FROM accounts;   -- until nothing uses the old name
COMMIT;]],
  transaction = function(t)
    local found, began = {}, {} -- the names that tables had before the transaction
    for i, s in ipairs(t.statements) do
      local node = s.node
      local renames = node and node.tag == "RenameStmt" and node.renameType == "OBJECT_TABLE" and s.table
      if renames and not s.table.is_new and not s.table.is_temp and s.table.kind ~= "sequence" then
        local range = node.relation
        began[s.table] = began[s.table] or range.relname
        local kept = began[s.table] == node.newname -- it has its name again
        for k = i + 1, #t.statements do
          kept = kept or takes(t.statements[k], range.schemaname, range.relname)
        end
        if not kept then
          local name = range.schemaname and range.schemaname .. "." .. range.relname or range.relname
          found[#found + 1] = deny(("%s is renamed to %s: code that runs still uses the old name"):format(name, node.newname), {
            at = s,
            object = name,
            certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE users RENAME TO accounts",
      'ALTER TABLE app."Users" RENAME TO users',
      "ALTER TABLE users RENAME TO accounts; CREATE VIEW other AS SELECT * FROM accounts",
      "CREATE VIEW users AS SELECT 1; ALTER TABLE users2 RENAME TO users3",
    },
    good = {
      "ALTER TABLE users RENAME TO accounts; CREATE VIEW users AS SELECT * FROM accounts",
      "CREATE TABLE t (a int); ALTER TABLE t RENAME TO u",
      "CREATE TABLE users_new (a int); ALTER TABLE users RENAME TO users_old; ALTER TABLE users_new RENAME TO users",
      "CREATE TEMP TABLE t (a int); ALTER TABLE t RENAME TO u",
      "ALTER INDEX a RENAME TO b",
      "CREATE TABLE t (a int, CONSTRAINT k UNIQUE (a)); ALTER TABLE t RENAME CONSTRAINT k TO l",
      "ALTER SEQUENCE a RENAME TO b",
      "ALTER TABLE t RENAME TO t_1; CREATE TABLE t (a int); DROP TABLE t; ALTER TABLE t_1 RENAME TO t",
    },
  },
}
