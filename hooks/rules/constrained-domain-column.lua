local subject = require "stint.subject"

policy {
  about = "a new column of a domain with a constraint: the table is rewritten",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "PostgreSQL tries the domain's constraint on each row, and writes the table and all of its indexes anew to do so,"
    .. " under ACCESS EXCLUSIVE, even where the column has no default.",
  safe = "-- a column of the domain's base type and a CHECK of its own:\nALTER TABLE t ADD COLUMN c text;\n"
    .. "ALTER TABLE t ADD CONSTRAINT t_c CHECK (c ~ '^x') NOT VALID;  -- then VALIDATE",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AddColumn") do
      local relation = s.impact.causes[cmd] == "domain" and s:relation(s.node.relation)
      if relation and subject.first_of(s.rewrites, relation) then
        found[#found + 1] = deny(("%s of the domain %s rewrites all of %s under ACCESS EXCLUSIVE"):format(cmd.def.colname,
          cmd.def.type, subject.sized(relation)), {
          at = cmd,
          object = relation.id .. "." .. cmd.def.colname,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      types = {},
      domains = {
        ["public.email"] = { base = "text", constrained = true },
        ["public.note"] = { base = "text", constrained = false },
      },
    },
    bad = {
      "ALTER TABLE t ADD COLUMN c email",
      "ALTER TABLE t ADD COLUMN c public.email DEFAULT NULL",
      { sql = "CREATE DOMAIN d AS int CHECK (VALUE > 0); ALTER TABLE t ADD COLUMN c d", facts = {} },
    },
    good = {
      "ALTER TABLE t ADD COLUMN c note",
      { sql = "CREATE DOMAIN d AS int; ALTER TABLE t ADD COLUMN c d", facts = {} },
      "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN c email",
      { sql = "ALTER TABLE t ADD COLUMN c some_enum", facts = {} },
    },
  },
}
