local subject = require "stint.subject"

local LONGEST = 5000 -- ms

local function said(ms, at)
  return warn(("lock_timeout is raised to %g s: as long may everybody wait who comes later"):format(ms / 1000), {
    at = at, certainty = "certain",
  })
end

policy {
  about = "a lock may be waited for long",
  family = "lock-timeout",
  on = { "VariableSetStmt", "SelectStmt" },
  level = "warning",
  why = "while a statement waits for a strong lock, all who come after it wait too, even for reading",
  safe = "SET lock_timeout = '2s';   -- Stint tries again, with growing pauses",
  statement = function(s)
    local _, value = subject.setting(s, "lock_timeout")
    local ms = value and subject.milliseconds(value)
    if ms and ms > LONGEST then
      return said(ms)
    end
  end,
  file = function(m)
    local ms = m.directives and m.directives.lock_timeout
    if ms and ms > LONGEST then
      return said(ms)
    end
  end,
  tests = {
    bad = {
      "SET lock_timeout = '10min'; ALTER TABLE t ADD COLUMN a int",
      "SET LOCAL lock_timeout = 60000",
      "SELECT set_config('lock_timeout', '1h', true)",
      "-- stint: lock-timeout 60s\nALTER TABLE t ADD COLUMN a int",
    },
    good = {
      "SET lock_timeout = '5s'; ALTER TABLE t ADD COLUMN a int",
      "SET lock_timeout = 2000",
      "SET statement_timeout = '1h'",
      "SET lock_timeout = 0",
      "-- stint: lock-timeout 3s\nALTER TABLE t ADD COLUMN a int",
    },
  },
}
