local subject = require "stint.subject"

-- A constraint that has been validated here, and of which nobody has told what it says, may be the proof.
local function may_be_proved(relation)
  for _, constraint in pairs(relation.constraints) do
    if constraint.validated and not constraint.type then
      return true
    end
  end
  return false
end

local function note(found, s, relation, cmd, column)
  local scanned = subject.first_of(s.scans, relation)
  if scanned and not may_be_proved(relation) then
    found[#found + 1] = deny(("all of %s is read under ACCESS EXCLUSIVE to see that no %s is null"):format(
      subject.sized(relation), column), { at = cmd, object = relation.id .. "." .. column })
  end
end

policy {
  about = "SET NOT NULL reads the whole table while everybody waits",
  family = "not-null",
  on = "AlterTableStmt",
  why = "It holds ACCESS EXCLUSIVE while every row is looked at, unless a CHECK that has been validated proves that none is"
    .. " null. In one ALTER TABLE with the DROP CONSTRAINT of that CHECK it reads all the same: drops run first.",
  safe = "ALTER TABLE t ADD CONSTRAINT t_a_nn CHECK (a IS NOT NULL) NOT VALID;\n"
    .. "-- in a migration of its own:\nALTER TABLE t VALIDATE CONSTRAINT t_a_nn;\n"
    .. "-- then:\nALTER TABLE t ALTER a SET NOT NULL;\nALTER TABLE t DROP CONSTRAINT t_a_nn;\n"
    .. "-- PostgreSQL 18: ALTER TABLE t ADD CONSTRAINT t_a_nn NOT NULL a NOT VALID; then VALIDATE",
  statement = function(s)
    local found = {}
    if not s.node or s.node.tag ~= "AlterTableStmt" or #s.scans == 0 then
      return
    end
    for cmd in subject.commands(s, "AT_SetNotNull") do
      local relation = s:relation(s.node.relation)
      local column = relation.columns[cmd.name]
      if not (column and column.not_null) then
        note(found, s, relation, cmd, cmd.name)
      end
    end
    for cmd in subject.commands(s, "AT_AddConstraint") do
      local key = cmd.def.contype == "CONSTR_NOTNULL" and not cmd.def.skip_validation and (cmd.def.keys or {})[1]
      if key then
        note(found, s, s:relation(s.node.relation), cmd, key.sval or key)
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = { a = {} } },
        ["public.big"] = {
          kind = "table",
          rows = 5e7,
          columns = { a = {}, b = { not_null = true }, c = {} },
          constraints = {
            proof = { type = "c", columns = { "c" }, validated = true, definition = "CHECK (((c IS NOT NULL) AND (c > 0)))" },
            no_proof = { type = "c", columns = { "a" }, validated = false, definition = "CHECK ((a IS NOT NULL)) NOT VALID" },
          },
        },
      },
    },
    bad = {
      "ALTER TABLE t ALTER a SET NOT NULL",
      "ALTER TABLE big ALTER COLUMN a SET NOT NULL",
      "ALTER TABLE big ALTER c SET NOT NULL, DROP CONSTRAINT proof",
      "ALTER TABLE big ADD CONSTRAINT x CHECK (a IS NOT NULL) NOT VALID, ALTER a SET NOT NULL",
      { sql = "ALTER TABLE big ADD CONSTRAINT x NOT NULL a", server_version = 180000 },
    },
    good = {
      "ALTER TABLE big ALTER c SET NOT NULL",
      "ALTER TABLE big ALTER b SET NOT NULL",
      "ALTER TABLE big VALIDATE CONSTRAINT no_proof; ALTER TABLE big ALTER a SET NOT NULL",
      "ALTER TABLE tiny ALTER a SET NOT NULL",
      "CREATE TABLE n (a int); ALTER TABLE n ALTER a SET NOT NULL",
      "ALTER TABLE t VALIDATE CONSTRAINT t_a_nn; ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t DROP CONSTRAINT t_a_nn",
      {
        files = {
          ["1_a.sql"] = "ALTER TABLE t ADD CONSTRAINT c CHECK (NOT (a IS NULL)) NOT VALID",
          ["2_b.sql"] = "ALTER TABLE t VALIDATE CONSTRAINT c",
          ["3_c.sql"] = "ALTER TABLE t ALTER a SET NOT NULL; ALTER TABLE t DROP CONSTRAINT c",
        },
      },
      { sql = "ALTER TABLE big ADD CONSTRAINT x NOT NULL a NOT VALID", server_version = 180000 },
      "ALTER TABLE big ALTER a DROP NOT NULL",
    },
  },
}
