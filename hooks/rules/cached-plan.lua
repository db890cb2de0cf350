policy {
  about = "prepared SELECT * fail once when a column gets another type",
  family = "compat",
  on = "AlterTableStmt",
  level = "notice",
  why = "a session that has prepared a statement whose result changes gets \"cached plan must not change result type\" until it "
    .. "prepares it again; poolers and drivers keep such statements for hours",
  safe = "a new column and a backfill; or name columns in SELECT, and let clients connect anew after the migration",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      if cmd.subtype == "AT_AlterColumnType" and s.table and not s.table.is_new and not s.table.is_temp then
        found[#found + 1] = notice(("statements prepared over %s.%s fail once after its type has changed"):format(s.table.id, cmd.name), {
          at = cmd, object = s.table.id .. "." .. cmd.name, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ALTER COLUMN a TYPE bigint",
      "ALTER TABLE t ALTER a SET DATA TYPE text USING a::text",
      "ALTER TABLE app.t ADD COLUMN b int, ALTER a TYPE varchar(40)",
    },
    good = {
      "ALTER TABLE t ADD COLUMN a bigint",
      "CREATE TABLE t (a int); ALTER TABLE t ALTER a TYPE bigint",
      "CREATE TEMP TABLE t (a int); ALTER TABLE t ALTER a TYPE bigint",
    },
  },
}
