local subject = require "stint.subject"

local function check_of(cmd)
  local node = cmd.def
  if cmd.subtype == "AT_AddConstraint" then
    return node.contype == "CONSTR_CHECK" and not node.skip_validation and node or nil
  elseif cmd.subtype == "AT_AddColumn" then
    local check = subject.parts(node).CONSTR_CHECK
    return check and not check.skip_validation and check or nil
  end
end

policy {
  about = "a new CHECK is tried on every row while everybody waits",
  family = "constraint-validation",
  on = "AlterTableStmt",
  why = "ADD CHECK without NOT VALID, and a CHECK written at a new column, read the whole table under ACCESS EXCLUSIVE.",
  safe = "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n"
    .. "-- in a migration of its own:\nALTER TABLE t VALIDATE CONSTRAINT c;",
  statement = function(s)
    if not s.node or s.node.tag ~= "AlterTableStmt" or #s.scans == 0 then
      return
    end
    local found = {}
    for _, cmd in ipairs(s.node.cmds or {}) do
      local relation = check_of(cmd) and s:relation(s.node.relation)
      if relation and subject.first_of(s.scans, relation) then
        found[#found + 1] = deny(("a new CHECK is tried on all of %s under ACCESS EXCLUSIVE"):format(subject.sized(relation)), {
          at = cmd,
          object = relation.id,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = { a = {} } },
        ["public.parted"] = { kind = "partitioned", columns = { a = { type = "integer" } } },
        ["public.parted_1"] = { kind = "table", rows = 5e7, parent = "public.parted", partition = true, columns = { a = {} } },
      },
    },
    bad = {
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
      "ALTER TABLE t ADD CHECK (a > 0)",
      "ALTER TABLE t ADD COLUMN a int CHECK (a > 0)",
      "ALTER TABLE t ADD COLUMN b int, ADD COLUMN a int NOT NULL DEFAULT 5 CHECK (a > 0)",
      "ALTER TABLE parted ADD CHECK (a > 0)",
      "DO $$ BEGIN ALTER TABLE t ADD CHECK (a > 0); END $$",
    },
    good = {
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
      "ALTER TABLE t ADD COLUMN a int, ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
      "CREATE TABLE n (a int CHECK (a > 0)); ALTER TABLE n ADD CHECK (a < 9)",
      "CREATE TABLE n AS SELECT 1 AS a; ALTER TABLE n ADD CHECK (a > 0)",
      "ALTER TABLE tiny ADD CHECK (a > 0)",
      "CREATE TEMP TABLE n (a int); ALTER TABLE n ADD CHECK (a > 0)",
      "ALTER TABLE t ADD COLUMN a int",
    },
  },
}
