policy {
  about = "code that leaves a column out fails when its default is gone",
  family = "compat",
  on = "AlterTableStmt",
  level = "warning",
  why = "a NOT NULL column without default must be in every INSERT: code that runs and counts on the default fails",
  safe = "first code that writes the column in every INSERT, then DROP DEFAULT",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      local relation = s.table
      local drops = cmd.subtype == "AT_ColumnDefault" and not cmd.def or cmd.subtype == "AT_DropIdentity"
      if drops and relation and not relation.is_new and not relation.is_temp then
        local column = relation.columns[cmd.name]
        local not_null = column and column.not_null
        -- where it is given its default only to fill the rows that are there, it goes again
        if not (column and column.is_new) and (not_null or not_null == nil and not relation.complete) then
          found[#found + 1] = warn(("%s.%s has no default any more: an INSERT without it %s"):format(relation.id, cmd.name,
            not_null and "fails" or "fails if the column is NOT NULL"), {
            at = cmd, object = relation.id .. "." .. cmd.name, certainty = not_null and "certain" or "assumed",
          })
        end
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.t"] = { kind = "table", columns = {
      a = { type = "integer", not_null = true, has_default = true }, b = { type = "integer", has_default = true },
    } } } },
    bad = {
      "ALTER TABLE t ALTER COLUMN a DROP DEFAULT",
      "ALTER TABLE t ALTER a DROP IDENTITY",
      { sql = "ALTER TABLE app.u ALTER a DROP DEFAULT", facts = {} },
    },
    good = {
      "ALTER TABLE t ALTER COLUMN b DROP DEFAULT",
      "ALTER TABLE t ALTER COLUMN a SET DEFAULT 7",
      "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0; ALTER TABLE t ALTER c DROP DEFAULT",
      "CREATE TABLE n (a int NOT NULL DEFAULT 1); ALTER TABLE n ALTER a DROP DEFAULT",
    },
  },
}
