local modes = require "stint.modes"
local subject = require "stint.subject"

-- The lock of the statement that others would wait behind, or nil.
local function waits(s)
  for _, lock in ipairs(s.impact and s.impact.transaction ~= "refused" and s.locks or {}) do
    if modes.blocks_writes(lock.mode) and subject.is_shared(lock.relation) then
      return lock
    end
  end
end

local function look(s, state, found)
  local node = s.node
  local is_set, value, is_local = subject.setting(s, "lock_timeout")
  if is_set and not (is_local and state.alone and s.inside ~= "do") then
    state.off = value == nil or subject.milliseconds(value) == 0
    if not is_local then
      state.session_off = state.off
    end
  elseif node and node.tag == "TransactionStmt" and node.kind == "TRANS_STMT_SAVEPOINT" then
    state.saved[node.savepoint_name] = state.off
  elseif node and node.tag == "TransactionStmt" and node.kind == "TRANS_STMT_ROLLBACK_TO" then
    local before = state.saved[node.savepoint_name]
    state.off = before == nil and state.off or before or false
  end
  local lock = state.off and waits(s)
  if lock then
    found[#found + 1] = deny(("%s takes %s on %s with lock_timeout switched off: who comes later waits as long as it waits"):format(s.kind,
      modes.words(lock.mode), subject.name(lock.relation)), { at = s, object = lock.relation.id, certainty = "certain" })
  end
  for _, one in ipairs(s.inner or {}) do
    if one.inside == "do" then
      look(one, state, found)
    end
  end
end

policy {
  about = "a lock is waited for without end",
  family = "lock-timeout",
  why = "a lock that waits behind a long query stops everybody who comes after it. Stint sets lock_timeout (config.ini) and tries again; "
    .. "the file switches it off: SET lock_timeout = 0, RESET, DISCARD ALL",
  safe = "leave lock_timeout to Stint, or: -- stint: lock-timeout 5s",
  file = function(m)
    local found = {}
    local session_off = m.directives and m.directives.lock_timeout == 0
    for _, part in ipairs(m.parts or {}) do
      local state = { off = session_off, session_off = session_off, saved = {}, alone = part.first == part.last }
      for i = part.first, part.last do
        look(m.statements[i], state, found)
      end
      session_off = state.session_off
    end
    return found
  end,
  tests = {
    bad = {
      "SET lock_timeout = 0; ALTER TABLE t ADD COLUMN a int",
      "SET LOCAL lock_timeout TO '0s'; CREATE INDEX i ON t (a)",
      "SELECT set_config('lock_timeout', '0', true); ALTER TABLE t DROP CONSTRAINT c",
      "RESET lock_timeout; CREATE TABLE n (a int REFERENCES t)",
      "RESET ALL; DROP TABLE t",
      "SET lock_timeout TO DEFAULT; ALTER TABLE t ADD COLUMN a int",
      "SAVEPOINT a; SET lock_timeout = 0; RELEASE a; ALTER TABLE t ADD COLUMN a int",
      "SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a); ALTER TABLE t ADD UNIQUE USING INDEX i",
      "DO $$ BEGIN SET LOCAL lock_timeout = 0; ALTER TABLE t ADD COLUMN a int; END $$",
      "-- stint: lock-timeout 0s\nALTER TABLE t ADD COLUMN a int",
    },
    good = {
      "ALTER TABLE t ADD COLUMN a int",
      "SET lock_timeout = '2s'; ALTER TABLE t ADD COLUMN a int",
      "SET lock_timeout = 0; SET lock_timeout = '2s'; ALTER TABLE t ADD COLUMN a int",
      "SET lock_timeout = 0; CREATE INDEX CONCURRENTLY i ON t (a)",
      "SET lock_timeout = 0; CREATE TABLE n (a int); CREATE INDEX i ON n (a); INSERT INTO t VALUES (1)",
      "SAVEPOINT a; SET lock_timeout = 0; ROLLBACK TO a; ALTER TABLE t ADD COLUMN a int",
      "BEGIN; SET LOCAL lock_timeout = 0; SELECT 1; COMMIT; ALTER TABLE t ADD COLUMN a int",
      "SET statement_timeout = 0; ALTER TABLE t ADD COLUMN a int",
    },
  },
}
