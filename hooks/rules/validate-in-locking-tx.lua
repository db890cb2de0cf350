local subject = require "stint.subject"

policy {
  about = "VALIDATE under a stronger lock that the transaction, or the same ALTER TABLE, holds",
  family = "constraint-validation",
  on = "AlterTableStmt",
  why = "VALIDATE CONSTRAINT alone lets others read and write. In a transaction that has locked the table before, even by"
    .. " the ADD CONSTRAINT ... NOT VALID, or beside another action of one ALTER TABLE, it reads all rows under that lock.",
  safe = "-- in a migration (a transaction) of its own:\nALTER TABLE t VALIDATE CONSTRAINT c;",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_ValidateConstraint") do
      local relation = s:relation(s.node.relation)
      local scanned = subject.first_of(s.scans, relation)
      local mode = scanned and s.impact.under[scanned]
      local waiting = mode and subject.waiting(mode)
      if waiting then
        found[#found + 1] = deny(("%s is tried on all of %s under %s: %s wait"):format(cmd.name, subject.sized(scanned),
          subject.words(mode), waiting), { at = cmd, object = relation.id, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = { a = {} } } } },
    bad = {
      "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT t_a_fkey",
      "ALTER TABLE t ADD COLUMN b int; ALTER TABLE t VALIDATE CONSTRAINT c",
      "ALTER TABLE t VALIDATE CONSTRAINT c, ALTER a SET DEFAULT 3",
      "BEGIN; ALTER TABLE app.t DROP COLUMN b; ALTER TABLE app.t VALIDATE CONSTRAINT c; COMMIT",
    },
    good = {
      "ALTER TABLE t VALIDATE CONSTRAINT c",
      "ALTER TABLE t VALIDATE CONSTRAINT c, SET (fillfactor = 70)",
      "BEGIN; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; COMMIT; ALTER TABLE t VALIDATE CONSTRAINT c",
      "ALTER TABLE u ADD COLUMN b int; ALTER TABLE t VALIDATE CONSTRAINT c",
      "ALTER TABLE t VALIDATE CONSTRAINT c; ALTER TABLE t ADD COLUMN b int",
      "CREATE TABLE n (a int); ALTER TABLE n ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE n VALIDATE CONSTRAINT c",
      "ALTER TABLE tiny ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE tiny VALIDATE CONSTRAINT c",
    },
  },
}
