local subject = require "stint.subject"
local tree = require "stint.tree"

policy {
  about = "a new column of a domain that is NOT NULL, without a default",
  family = "required-column",
  on = "AlterTableStmt",
  why = "Every row gets a null, which the domain refuses: the statement fails on any row; with a default it rewrites the"
    .. " whole table.",
  safe = "-- a column of the domain's base type, a backfill, then the constraint (NOT VALID, VALIDATE)",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AddColumn") do
      local def = cmd.def
      local names = def.typeName and tree.names(def.typeName.names) or {}
      local domain = s.impact.world:domain { name = names[#names], schema = names[#names - 1] }
      local relation = domain and domain.not_null and not subject.parts(def).CONSTR_DEFAULT and s:relation(s.node.relation)
      if relation and not ((relation.is_new or relation.is_temp) and not relation.populated) then
        found[#found + 1] = deny(("%s of the domain %s must not be null and has no default: it fails on any row"):format(
          def.colname, def.type), { at = cmd, object = relation.id .. "." .. def.colname, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    facts = {
      domains = {
        ["public.code"] = { base = "text", constrained = true, not_null = true },
        ["public.note"] = { base = "text", constrained = false },
      },
    },
    bad = {
      "ALTER TABLE t ADD COLUMN c code",
      "ALTER TABLE app.t ADD COLUMN b int, ADD COLUMN c public.code",
      { sql = "CREATE DOMAIN d AS int NOT NULL; ALTER TABLE t ADD COLUMN c d", facts = {} },
    },
    good = {
      "ALTER TABLE t ADD COLUMN c note",
      "ALTER TABLE t ADD COLUMN c text",
      "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN c code",
      { sql = "ALTER TABLE t ADD COLUMN c some_type", facts = {} },
    },
  },
}
