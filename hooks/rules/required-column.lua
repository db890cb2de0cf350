local subject = require "stint.subject"

local fills = { "CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED" }

local function is_filled(def, parts)
  for _, kind in ipairs(fills) do
    local node = parts[kind]
    local is_null = node and node.raw_expr and node.raw_expr.tag == "A_Const" and node.raw_expr.isnull
    if node and not is_null then
      return true
    end
  end
  return subject.serial[def.type] ~= nil
end

policy {
  about = "a new column that must not be null and has no default",
  family = "required-column",
  on = "AlterTableStmt",
  why = "ADD COLUMN ... NOT NULL without a default fails as soon as the table has a row, and code that does not know the"
    .. " column can insert none.",
  safe = "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0;  -- a constant rewrites nothing\n"
    .. "-- or: ADD COLUMN c int, fill it by a backfill, then NOT NULL (stint help set-not-null-scans)",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AddColumn") do
      local parts = subject.parts(cmd.def)
      local required = parts.CONSTR_NOTNULL or parts.CONSTR_PRIMARY
      local relation = required and not is_filled(cmd.def, parts) and s:relation(s.node.relation)
      local is_there = relation and cmd.missing_ok and relation.columns[cmd.def.colname]
      local is_empty = relation and (relation.is_new or relation.is_temp) and not relation.populated
      if relation and not is_there and not is_empty and relation.kind ~= "foreign" then
        found[#found + 1] = deny(("%s.%s must not be null and has no default: it fails on any row of the table"):format(
          subject.name(relation), cmd.def.colname), {
          at = cmd,
          object = relation.id .. "." .. cmd.def.colname,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ADD COLUMN c int NOT NULL",
      "ALTER TABLE app.t ADD d text, ADD c text NOT NULL DEFAULT NULL",
      "ALTER TABLE t ADD COLUMN IF NOT EXISTS id uuid PRIMARY KEY",
      "CREATE TABLE n AS SELECT 1 AS a; ALTER TABLE n ADD COLUMN c int NOT NULL",
      "CREATE TABLE n (a int); INSERT INTO n VALUES (1); ALTER TABLE n ADD COLUMN c int NOT NULL",
    },
    good = {
      "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 0",
      "ALTER TABLE t ADD COLUMN c timestamptz NOT NULL DEFAULT now()",
      "ALTER TABLE t ADD COLUMN c int",
      "ALTER TABLE t ADD COLUMN c bigserial NOT NULL",
      "ALTER TABLE t ADD COLUMN c int NOT NULL GENERATED ALWAYS AS IDENTITY",
      "ALTER TABLE t ADD COLUMN c int NOT NULL GENERATED ALWAYS AS (a + 1) STORED",
      "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN c int NOT NULL",
      "CREATE TABLE n (a int NOT NULL)",
    },
  },
}
