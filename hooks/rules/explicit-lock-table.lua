local modes = require "stint.modes"
local subject = require "stint.subject"

policy {
  about = "a file locks a table by hand",
  family = "lock-scope",
  on = "LockStmt",
  level = "warning",
  why = "LOCK TABLE takes partitions and inheritors too, lock_timeout counts anew for each of them, and all is held to the end of the "
    .. "transaction",
  safe = "leave it out: Stint bounds and repeats the wait of the statement itself",
  statement = function(s)
    if not s.node or s.node.tag ~= "LockStmt" then
      return allow()
    end
    for _, lock in ipairs(s.locks) do
      if modes.blocks_writes(lock.mode) and subject.is_shared(lock.relation) then
        local nowait = s.node.nowait and " (NOWAIT)" or ""
        return warn(("%s is locked in %s mode%s: %s wait until the transaction ends"):format(subject.sized(lock.relation),
          modes.words(lock.mode), nowait, subject.waiting(lock.mode)), { object = lock.relation.id })
      end
    end
  end,
  tests = {
    bad = {
      "LOCK TABLE t",
      "LOCK a, b IN SHARE ROW EXCLUSIVE MODE",
      "BEGIN; LOCK TABLE ONLY app.t IN EXCLUSIVE MODE NOWAIT; COMMIT",
      "DO $$ BEGIN LOCK TABLE t IN ACCESS EXCLUSIVE MODE; END $$",
    },
    good = {
      "LOCK TABLE t IN ACCESS SHARE MODE",
      "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE",
      "CREATE TABLE n (a int); LOCK TABLE n",
      "SELECT * FROM t WHERE id = 1 FOR UPDATE",
    },
  },
}
