local subject = require "stint.subject"

policy {
  about = "another collation or operator class of a column: its indexes are built again while everybody waits",
  family = "index-build",
  on = "AlterTableStmt",
  level = "warning",
  why = "The rows stay as they are, but every index of the column is built again under ACCESS EXCLUSIVE: nothing can be"
    .. " read or written meanwhile.",
  safe = "-- a new column of that collation, filled by a backfill, indexed CONCURRENTLY; then the names change places",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AlterColumnType") do
      local relation = s:relation(s.node.relation)
      local column = relation.columns[cmd.name]
      local cause = s.impact.causes[cmd]
      local unknown = cmd.def.collClause and not (column and column.type)
      if (unknown or cause == "indexes" and subject.first_of(s.builds, relation)) and subject.matters(relation) then
        found[#found + 1] = warn(("the indexes of %s.%s are built again under ACCESS EXCLUSIVE"):format(
          subject.sized(relation), cmd.name), { at = cmd, object = relation.id .. "." .. cmd.name })
      end
    end
    return found
  end,
  tests = {
    facts = {
      extensions = { citext = "1.6" },
      types = {},
      relations = {
        ["public.users"] = {
          kind = "table",
          rows = 4e6,
          columns = { email = { type = "character varying(200)" }, note = { type = "text" } },
          indexes = { users_email = { columns = { "email" }, unique = true, valid = true } },
        },
      },
    },
    bad = {
      'ALTER TABLE users ALTER COLUMN email TYPE varchar(200) COLLATE "C"',
      "ALTER TABLE users ALTER email TYPE citext",
      { sql = 'ALTER TABLE app.t ALTER a TYPE text COLLATE "de_DE"', facts = {} },
    },
    good = {
      "ALTER TABLE users ALTER email TYPE varchar(400)",
      "ALTER TABLE users ALTER email TYPE text",
      'ALTER TABLE users ALTER note TYPE text COLLATE "C"',
      'CREATE TABLE n (a text UNIQUE); ALTER TABLE n ALTER a TYPE text COLLATE "C"',
    },
  },
}
