policy {
  about = "a column that may be null again surprises code that reads it",
  family = "compat",
  on = "AlterTableStmt",
  level = "notice",
  why = "the lock is short and nothing is lost, but code that runs may not expect a null",
  safe = "first code that takes a null, then DROP NOT NULL",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      if cmd.subtype == "AT_DropNotNull" and s.table and not s.table.is_new and not s.table.is_temp then
        found[#found + 1] = notice(("%s.%s may be null from now on"):format(s.table.id, cmd.name), {
          at = cmd, object = s.table.id .. "." .. cmd.name, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
      'ALTER TABLE app."T" ADD COLUMN b int, ALTER "A" DROP NOT NULL',
      "ALTER TABLE IF EXISTS ONLY t ALTER a DROP NOT NULL",
    },
    good = {
      "CREATE TABLE t (a int NOT NULL); ALTER TABLE t ALTER a DROP NOT NULL",
      "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
      "ALTER TABLE t ALTER COLUMN a DROP DEFAULT",
    },
  },
}
