local subject = require "stint.subject"

policy {
  about = "SET TABLESPACE copies the table while everybody waits",
  family = "table-rewrite",
  on = { "AlterTableStmt", "AlterTableMoveAllStmt" },
  why = "Every byte of the table goes to the other place under ACCESS EXCLUSIVE: nothing can be read or written meanwhile.",
  safe = "-- pg_repack --tablespace; or a new table there, filled by a backfill",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_SetTableSpace") do
      local relation = s.impact.table
      local is_moved = relation and (subject.first_of(s.rewrites, relation) or subject.first_of(s.builds, relation))
      if is_moved or not relation then
        found[#found + 1] = deny(("%s moves to another tablespace under ACCESS EXCLUSIVE"):format(
          relation and subject.sized(relation) or s.node.relation.relname), { at = cmd, object = relation and relation.id })
      end
    end
    if s.node and s.node.tag == "AlterTableMoveAllStmt" then
      found[1] = deny("every relation of a tablespace moves under ACCESS EXCLUSIVE", { certainty = "certain" })
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = {}, tablespace = "pg_default" },
        ["public.big"] = { kind = "table", rows = 1e8, columns = {}, tablespace = "pg_default" },
      },
    },
    bad = {
      "ALTER TABLE big SET TABLESPACE fast",
      "ALTER TABLE app.t SET TABLESPACE fast",
      "ALTER TABLE ALL IN TABLESPACE slow SET TABLESPACE fast",
    },
    good = {
      "ALTER TABLE big SET TABLESPACE pg_default",
      "ALTER TABLE tiny SET TABLESPACE fast",
      "CREATE TABLE n (a int) TABLESPACE fast",
      "CREATE TABLE n (a int); ALTER TABLE n SET TABLESPACE fast",
    },
  },
}
