local subject = require "stint.subject"

policy {
  about = "a dropped column takes its data with it, and breaks code that still uses it",
  family = "data-loss",
  on = "AlterTableStmt",
  why = "the data of the column are gone at once, and code that still reads or writes it fails",
  safe = "stop using the column in a release before, then drop it: -- stint: allow drop-column reason=\"...\"",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_DropColumn") do
      local relation = s:relation(s.node.relation)
      local is_gone = cmd.missing_ok and relation.complete and not relation.columns[cmd.name]
      if subject.is_shared(relation) and not relation:is_new_column(cmd.name) and not is_gone then
        local name = ("%s.%s"):format(subject.name(relation), subject.ident(cmd.name))
        found[#found + 1] = deny(("%s is dropped, and its data with it"):format(name), {
          at = cmd,
          object = relation.id .. "." .. cmd.name,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.known"] = { kind = "table", rows = 10, columns = { a = {} } } } },
    bad = {
      "ALTER TABLE t DROP COLUMN c",
      "ALTER TABLE app.t ADD COLUMN d int, DROP COLUMN IF EXISTS c CASCADE",
      "CREATE TABLE u (a int); ALTER TABLE t DROP c",
      "ALTER TABLE known RENAME TO other; ALTER TABLE other DROP a",
    },
    good = {
      "ALTER TABLE t ADD COLUMN c int",
      "CREATE TABLE t (c int, d int); ALTER TABLE t DROP COLUMN c",
      "ALTER TABLE t DROP CONSTRAINT c",
      "CREATE TEMP TABLE x AS SELECT 1 AS a, 2 AS b; ALTER TABLE x DROP b",
      "ALTER TABLE t ADD COLUMN scratch int; ALTER TABLE t DROP COLUMN scratch",
      "ALTER TABLE known DROP COLUMN IF EXISTS never_was",
    },
  },
}
