local subject = require "stint.subject"

policy {
  about = "SET ACCESS METHOD writes the table anew while everybody waits",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "The table and all of its indexes are written anew under ACCESS EXCLUSIVE.",
  safe = "-- a new table of that access method, filled by a backfill",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_SetAccessMethod") do
      local relation = subject.first_of(s.rewrites, s:relation(s.node.relation))
      if relation then
        found[#found + 1] = deny(("another access method rewrites all of %s under ACCESS EXCLUSIVE"):format(
          subject.sized(relation)), { at = cmd, object = relation.id })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = {}, access_method = "heap" },
        ["public.big"] = { kind = "table", rows = 1e8, columns = {}, access_method = "heap" },
      },
    },
    bad = {
      "ALTER TABLE big SET ACCESS METHOD columnar",
      "ALTER TABLE app.t SET ACCESS METHOD columnar",
      "ALTER TABLE t ADD COLUMN a int, SET ACCESS METHOD columnar",
    },
    good = {
      "ALTER TABLE big SET ACCESS METHOD heap",
      "ALTER TABLE tiny SET ACCESS METHOD columnar",
      "CREATE TABLE n (a int) USING columnar",
    },
  },
}
