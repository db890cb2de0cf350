local subject = require "stint.subject"

local BLINK = 100 -- ms: no lock is waited for so shortly on purpose

policy {
  about = "with so short a lock_timeout autovacuum never gives way",
  family = "lock-timeout",
  on = { "VariableSetStmt", "SelectStmt" },
  level = "notice",
  why = "autovacuum is cancelled by who has waited deadlock_timeout (1 s) for it; a lock_timeout below that ends first, each time, until "
    .. "the vacuum is through",
  safe = "SET lock_timeout = '2s';",
  statement = function(s)
    local _, value = subject.setting(s, "lock_timeout")
    local ms = value and subject.milliseconds(value)
    if ms and ms > 0 and ms < BLINK and tonumber(value) then
      return warn(("lock_timeout is %g ms: a number without a unit means milliseconds"):format(ms), { hint = ("'%gs'"):format(ms) })
    end
    if ms and ms > 0 and ms < 1000 then
      return notice(("lock_timeout is %g ms: shorter than deadlock_timeout (1 s), so autovacuum never gives way"):format(ms))
    end
  end,
  tests = {
    bad = { "SET lock_timeout = '500ms'", "SET LOCAL lock_timeout = 200", "SET lock_timeout TO 2" },
    good = { "SET lock_timeout = '2s'", "SET lock_timeout = 0", "SET statement_timeout = '500ms'", "SET lock_timeout = '1min'" },
  },
}
