local modes = require "stint.modes"
local subject = require "stint.subject"

policy {
  about = "an ALTER TABLE does its gentle work under the strong lock of another action",
  family = "lock-scope",
  on = "AlterTableStmt",
  why = "one ALTER takes the strongest lock that any of its actions needs, for all of them: VALIDATE, which others can write beside, "
    .. "reads the whole table with reads and writes waiting",
  safe = [[
ALTER TABLE t ALTER a SET DEFAULT 3;
-- in a file of its own:
ALTER TABLE t VALIDATE CONSTRAINT c;]],
  statement = function(s)
    local node = s.node
    local relation = s.table
    local own = relation and s.impact.at[relation]
    if not node or node.tag ~= "AlterTableStmt" or not own or not subject.matters(relation) or not modes.blocks_writes(own.mode) then
      return allow()
    end
    local found = {}
    for cmd in subject.commands(s, "AT_ValidateConstraint") do
      found[#found + 1] = deny(("VALIDATE CONSTRAINT %s runs under %s because of the other actions of this ALTER"):format(cmd.name,
        modes.words(own.mode)), { at = cmd, object = relation.id })
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t VALIDATE CONSTRAINT c, ALTER COLUMN a SET DEFAULT 3",
      "ALTER TABLE t ADD COLUMN b int, VALIDATE CONSTRAINT c",
      "ALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c",
    },
    good = {
      "ALTER TABLE t VALIDATE CONSTRAINT c, SET (fillfactor = 70)",
      "ALTER TABLE t VALIDATE CONSTRAINT c, VALIDATE CONSTRAINT d",
      "ALTER TABLE t ADD COLUMN b int, ALTER a SET DEFAULT 3",
      "CREATE TABLE n (a int); ALTER TABLE n ADD CONSTRAINT c CHECK (a > 0) NOT VALID, VALIDATE CONSTRAINT c",
    },
  },
}
