local subject = require "stint.subject"

local function look(s, subtype, name_of, found)
  for cmd in subject.commands(s, subtype) do
    local relation = s.impact.causes[cmd] == "generated" and s:relation(s.node.relation)
    if relation and subject.first_of(s.rewrites, relation) then
      found[#found + 1] = deny(("the generated column %s is computed and stored for all of %s under ACCESS EXCLUSIVE"):format(
        name_of(cmd), subject.sized(relation)), { at = cmd, object = relation.id .. "." .. name_of(cmd), certainty = "certain" })
    end
  end
end

policy {
  about = "a stored generated column is computed for every row: the table is rewritten",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "GENERATED ALWAYS AS (...) STORED, and SET EXPRESSION of such a column, write the table and all of its indexes anew"
    .. " under ACCESS EXCLUSIVE.",
  safe = "-- a plain column, filled by a trigger for new rows and a backfill for old ones; PostgreSQL 18: VIRTUAL, which stores"
    .. " nothing",
  statement = function(s)
    local found = {}
    look(s, "AT_AddColumn", function(cmd)
      return cmd.def.colname
    end, found)
    look(s, "AT_SetExpression", function(cmd)
      return cmd.name
    end, found)
    return found
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } } },
    bad = {
      "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a * 2) STORED",
      "ALTER TABLE app.t ADD b int, ADD COLUMN c tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED",
      "DO $$ BEGIN ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a) STORED; END $$",
    },
    good = {
      "CREATE TABLE n (a int, c int GENERATED ALWAYS AS (a * 2) STORED)",
      "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN c int GENERATED ALWAYS AS (a * 2) STORED",
      { sql = "ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS (a * 2) VIRTUAL", server_version = 180000 },
      "ALTER TABLE tiny ADD COLUMN c int GENERATED ALWAYS AS (1) STORED",
      "ALTER TABLE t ALTER COLUMN c DROP EXPRESSION",
    },
  },
}
