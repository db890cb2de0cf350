local subject = require "stint.subject"

local off = { AT_DisableTrig = "one", AT_DisableTrigAll = "all", AT_DisableTrigUser = "user" }
local on = { AT_EnableTrig = "one", AT_EnableTrigAll = "all", AT_EnableTrigUser = "user", AT_EnableAlwaysTrig = "one",
  AT_EnableReplicaTrig = "one" }

local function key(s, cmd, which)
  return s.table.id .. " " .. which .. " " .. (cmd.name or "")
end

policy {
  about = "triggers are switched off",
  family = "security",
  why = "DISABLE TRIGGER ALL and session_replication_role switch foreign keys off too, and rows that break them stay; what is not switched "
    .. "on again in the same transaction is off for everybody",
  safe = [[
ALTER TABLE t DISABLE TRIGGER t_audit;   -- one trigger, by name
UPDATE ...;
ALTER TABLE t ENABLE TRIGGER t_audit;    -- in the same transaction]],
  transaction = function(t)
    local found, open = {}, {}
    for _, outer in ipairs(t.statements) do
      for _, s in ipairs(subject.flat(outer)) do
        local is_set, value = subject.setting(s, "session_replication_role")
        if is_set and type(value) == "string" and value:lower() == "replica" then
          found[#found + 1] = deny("session_replication_role = replica: neither triggers nor foreign keys look at what is written", { at = s })
        end
        for cmd in s:each "AlterTableCmd" do
          local which = s.table and subject.is_shared(s.table) and (off[cmd.subtype] or on[cmd.subtype])
          if which and off[cmd.subtype] then
            open[#open + 1] = { key = key(s, cmd, which), which = which, cmd = cmd, s = s, name = cmd.name }
          elseif which then
            for _, one in ipairs(open) do
              one.ended = one.ended or one.key == key(s, cmd, which) or which == "all" and one.s.table == s.table
            end
          end
        end
      end
    end
    for _, one in ipairs(open) do
      local name = subject.name(one.s.table)
      if not one.ended then
        found[#found + 1] = deny(("%s of %s %s off and not on again in this transaction"):format(
          one.name and "the trigger " .. one.name or "the triggers", name, one.name and "is" or "are"), {
          at = one.cmd, object = one.s.table.id, certainty = "certain",
        })
      elseif one.which == "all" then
        found[#found + 1] = warn(("foreign keys of %s are off too: what is written meanwhile is not checked"):format(name), {
          at = one.cmd, object = one.s.table.id, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t DISABLE TRIGGER ALL",
      "ALTER TABLE t DISABLE TRIGGER ALL; UPDATE t SET a = 1 WHERE b = 2; ALTER TABLE t ENABLE TRIGGER ALL",
      "ALTER TABLE t DISABLE TRIGGER g; ALTER TABLE t ENABLE TRIGGER h",
      "SET session_replication_role = 'replica'; DELETE FROM t WHERE a = 1",
      "SELECT set_config('session_replication_role', 'replica', true)",
      "ALTER TABLE t DISABLE TRIGGER USER",
    },
    good = {
      "ALTER TABLE t DISABLE TRIGGER g; UPDATE t SET a = 1 WHERE b = 2; ALTER TABLE t ENABLE TRIGGER g",
      "ALTER TABLE t DISABLE TRIGGER USER; UPDATE t SET a = 1 WHERE b = 2; ALTER TABLE t ENABLE TRIGGER USER",
      "ALTER TABLE t ENABLE TRIGGER ALL",
      "SET session_replication_role = DEFAULT",
      "CREATE TABLE n (a int); ALTER TABLE n DISABLE TRIGGER ALL",
    },
  },
}
