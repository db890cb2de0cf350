policy {
  about = "a renamed column breaks running code",
  family = "compat",
  on = "RenameStmt",
  why = "the lock is short, but from its commit on every statement that uses the old name fails, and code that is deployed "
    .. "before or after the migration uses one of the two names only",
  safe = [[
ALTER TABLE users ADD COLUMN full_name text;   -- expand: new code writes both, then a backfill copies
-- or keep both names in a view that takes the table's name:
ALTER TABLE users RENAME TO users_base;
CREATE VIEW users AS SELECT id, name, name AS full_name FROM users_base;]],
  statement = function(s)
    local node = s.node
    if not node or node.tag ~= "RenameStmt" or node.renameType ~= "OBJECT_COLUMN" or not s.table then
      return allow()
    end
    if s.table.is_new or s.table.is_temp then
      return allow()
    end
    return deny(("%s.%s is renamed to %s: code that runs knows only one of the names"):format(s.table.id, node.subname, node.newname), {
      object = s.table.id .. "." .. node.subname,
      certainty = "certain",
    })
  end,
  tests = {
    bad = {
      "ALTER TABLE users RENAME COLUMN name TO full_name",
      'ALTER TABLE app."Users" RENAME name TO full_name',
      "ALTER TABLE IF EXISTS ONLY users RENAME name TO full_name",
      "ALTER VIEW active_users RENAME COLUMN name TO full_name",
      "DO $$ BEGIN ALTER TABLE users RENAME COLUMN a TO b; END $$",
      { files = { ["1.sql"] = "CREATE TABLE t (a int)", ["2.sql"] = "ALTER TABLE t RENAME a TO b" } },
    },
    good = {
      "ALTER TABLE users RENAME CONSTRAINT users_key TO users_name_key",
      "ALTER INDEX users_name RENAME TO users_full_name",
      "CREATE TABLE t (a int); ALTER TABLE t RENAME COLUMN a TO b",
      "CREATE TEMP TABLE t (a int); ALTER TABLE t RENAME a TO b",
      "CREATE TABLE t_new (a int); ALTER TABLE t_new RENAME TO t; ALTER TABLE t RENAME a TO b",
      "ALTER TABLE users ADD COLUMN full_name text",
    },
  },
}
