policy {
  about = "a dropped column breaks running code",
  family = "data-loss",
  why = "the data of the column are gone at once, and code that still reads or writes it fails",
  safe = "stop using the column in a release before, then drop it: -- stint: allow drop-column reason=\"...\"",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      local relation = s.node.relation
      local table_of = relation and s.table
      if cmd.subtype == "AT_DropColumn" and not (table_of and table_of.is_new) then
        local name = relation.schemaname and relation.schemaname .. "." .. relation.relname or relation.relname
        found[#found + 1] = deny(("%s.%s is dropped, and its data with it"):format(name, cmd.name), {
          at = cmd,
          object = name .. "." .. cmd.name,
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t DROP COLUMN c",
      "ALTER TABLE app.t ADD COLUMN d int, DROP COLUMN IF EXISTS c CASCADE",
      "CREATE TABLE u (a int); ALTER TABLE t DROP c",
    },
    good = {
      "ALTER TABLE t ADD COLUMN c int",
      "CREATE TABLE t (c int, d int); ALTER TABLE t DROP COLUMN c",
      "ALTER TABLE t DROP CONSTRAINT c",
    },
  },
}
