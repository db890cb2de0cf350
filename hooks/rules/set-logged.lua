local subject = require "stint.subject"

local words = { AT_SetLogged = "LOGGED", AT_SetUnLogged = "UNLOGGED" }

policy {
  about = "SET LOGGED and UNLOGGED write the table anew while everybody waits",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "The table and all of its indexes are written anew under ACCESS EXCLUSIVE. An unlogged table is emptied by a crash,"
    .. " and replicas have nothing of it.",
  safe = "-- decide it when the table is made: CREATE UNLOGGED TABLE",
  statement = function(s)
    local found = {}
    for subtype, word in pairs(words) do
      for cmd in subject.commands(s, subtype) do
        local relation = subject.first_of(s.rewrites, s:relation(s.node.relation))
        if relation then
          found[#found + 1] = deny(("SET %s rewrites all of %s under ACCESS EXCLUSIVE"):format(word, subject.sized(relation)), {
            at = cmd,
            object = relation.id,
          })
        end
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = {}, persistence = "p" },
        ["public.big"] = { kind = "table", rows = 1e8, columns = {}, persistence = "p" },
      },
    },
    bad = {
      "ALTER TABLE big SET UNLOGGED",
      "ALTER TABLE t SET LOGGED",
      "ALTER TABLE app.t ADD COLUMN a int, SET UNLOGGED",
    },
    good = {
      "ALTER TABLE big SET LOGGED",
      "ALTER TABLE tiny SET UNLOGGED",
      "CREATE UNLOGGED TABLE n (a int); ALTER TABLE n SET LOGGED",
    },
  },
}
