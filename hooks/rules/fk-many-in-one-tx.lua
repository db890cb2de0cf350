local subject = require "stint.subject"

policy {
  about = "foreign keys to several tables in one transaction hold the locks of all of them together",
  family = "constraint-validation",
  level = "warning",
  why = "Each ADD FOREIGN KEY, NOT VALID too, holds SHARE ROW EXCLUSIVE on the table that it points to until the"
    .. " transaction ends: writes to all of these tables wait together, and another order elsewhere is a deadlock.",
  safe = "-- one foreign key a migration",
  transaction = function(t)
    local seen, count, last = {}, 0, nil
    for _, s in ipairs(t.statements) do
      for cmd in subject.commands(s, "AT_AddConstraint") do
        local parent = s.impact and cmd.def.contype == "CONSTR_FOREIGN" and s:relation(cmd.def.pktable)
        local child = parent and s:relation(s.node.relation)
        if parent and subject.is_shared(parent) and subject.is_shared(child) and parent ~= child and not seen[parent] then
          seen[parent], count, last = true, count + 1, cmd
        end
      end
    end
    if count > 1 then
      return warn(("foreign keys to %d tables are added in one transaction"):format(count), { at = last, certainty = "certain" })
    end
  end,
  tests = {
    bad = {
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES q NOT VALID",
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p, ADD FOREIGN KEY (b) REFERENCES q",
      "BEGIN; ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; ALTER TABLE u ADD FOREIGN KEY (b) REFERENCES q NOT VALID; COMMIT",
    },
    good = {
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID",
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID",
      "BEGIN; ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID; COMMIT;"
        .. "BEGIN; ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES q NOT VALID; COMMIT",
      "CREATE TABLE n (a int REFERENCES p, b int REFERENCES q)",
    },
  },
}
