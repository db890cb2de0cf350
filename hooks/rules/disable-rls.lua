local subject = require "stint.subject"

local off = { AT_DisableRowSecurity = "row level security is switched off: every role with rights on %s sees all rows",
  AT_NoForceRowSecurity = "the owner of %s sees all rows, whatever its policies say" }

policy {
  about = "row level security is switched off",
  family = "security",
  on = "AlterTableStmt",
  why = "policies stay and do nothing; who had a part of the rows has all of them",
  safe = "ALTER POLICY ... USING (...);   -- or a role with BYPASSRLS for who must see all",
  statement = function(s)
    local found = {}
    for cmd in s:each "AlterTableCmd" do
      local text = off[cmd.subtype]
      if text and s.table and subject.is_shared(s.table) then
        local level = cmd.subtype == "AT_NoForceRowSecurity" and warn or deny
        found[#found + 1] = level(text:format(subject.name(s.table)), { at = cmd, object = s.table.id, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
      "ALTER TABLE app.t NO FORCE ROW LEVEL SECURITY",
      "ALTER TABLE t ADD COLUMN a int, DISABLE ROW LEVEL SECURITY",
    },
    good = {
      "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
      "ALTER TABLE t FORCE ROW LEVEL SECURITY",
      "CREATE TABLE n (a int); ALTER TABLE n ENABLE ROW LEVEL SECURITY; ALTER TABLE n DISABLE ROW LEVEL SECURITY",
    },
  },
}
