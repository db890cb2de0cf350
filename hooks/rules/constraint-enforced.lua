local subject = require "stint.subject"

policy {
  about = "a constraint that is enforced again is tried on every row",
  family = "constraint-validation",
  on = "AlterTableStmt",
  why = "ALTER CONSTRAINT ... ENFORCED reads the table, and for a foreign key the other one too, under ACCESS EXCLUSIVE.",
  safe = "ALTER TABLE t DROP CONSTRAINT c;\nALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES u NOT VALID;\n"
    .. "ALTER TABLE t VALIDATE CONSTRAINT c;",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AlterConstraint") do
      local relation = cmd.def.is_enforced and s:relation(s.node.relation)
      local read = relation and subject.first_of(s.scans, relation)
      if read then
        found[#found + 1] = deny(("all of %s is read under ACCESS EXCLUSIVE for %s"):format(subject.sized(read), cmd.def.conname), {
          at = cmd, object = relation.id .. "." .. cmd.def.conname,
        })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = { a = {} } } } },
    bad = {
      "ALTER TABLE t ALTER CONSTRAINT t_a ENFORCED",
      "ALTER TABLE app.t ALTER CONSTRAINT t_a DEFERRABLE ENFORCED",
      "ALTER TABLE t ALTER CONSTRAINT t_a NOT ENFORCED, ALTER CONSTRAINT t_b ENFORCED",
    },
    good = {
      "ALTER TABLE t ALTER CONSTRAINT t_a NOT ENFORCED",
      "ALTER TABLE t ALTER CONSTRAINT t_a DEFERRABLE INITIALLY DEFERRED",
      "ALTER TABLE tiny ALTER CONSTRAINT t_a ENFORCED",
    },
  },
}
