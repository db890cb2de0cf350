local modes = require "stint.modes"
local subject = require "stint.subject"

-- Does the one have a foreign key to the other?
local function refers(child, parent)
  for _, constraint in pairs(child.constraints) do
    if constraint.type == "f" and child.world:references(constraint) == parent then
      return true
    end
  end
  return false
end

policy {
  about = "tables are locked in the order opposite to that of running code",
  family = "lock-scope",
  level = "notice",
  why = "an INSERT locks its table and then the row that its foreign key points to. A transaction that locks the parent first and then the "
    .. "child waits for such an INSERT while that waits for it: a deadlock",
  safe = "lock the child first, then the table that it points to; or two transactions",
  transaction = function(t)
    local parents, found = {}, {}
    for _, s in ipairs(t.statements) do
      for _, lock in ipairs(s.impact and s.locks or {}) do
        local relation = lock.relation
        for _, before in ipairs(modes.blocks_writes(lock.mode) and subject.is_shared(relation) and parents or {}) do
          if before.s ~= s and before.relation ~= relation and refers(relation, before.relation) and not before.told then
            before.told = true
            found[#found + 1] = notice(("%s is locked after %s (line %d), which its foreign key points to: code that inserts goes the other "
              .. "way round"):format(subject.name(relation), subject.name(before.relation), before.s.line), { at = s, object = relation.id })
          end
        end
      end
      for _, lock in ipairs(s.impact and s.locks or {}) do
        if modes.conflict(lock.mode, "RowShare") and subject.is_shared(lock.relation) then
          parents[#parents + 1] = { relation = lock.relation, s = s }
        end
      end
    end
    return found
  end,
  tests = {
    facts = { relations = {
      ["public.p"] = { kind = "table", columns = { id = { type = "integer" } } },
      ["public.c"] = { kind = "table", columns = { p = { type = "integer" } }, constraints = {
        k = { type = "f", columns = { "p" }, validated = true, references = "public.p" } } },
    } },
    bad = {
      "ALTER TABLE p ADD COLUMN x int; ALTER TABLE c ADD COLUMN x int",
      "LOCK TABLE p IN EXCLUSIVE MODE; CREATE INDEX i ON c (p)",
      "BEGIN; ALTER TABLE p RENAME COLUMN id TO key; CREATE TRIGGER g BEFORE UPDATE ON c FOR EACH ROW EXECUTE FUNCTION f(); COMMIT",
    },
    good = {
      "ALTER TABLE c ADD COLUMN x int; ALTER TABLE p ADD COLUMN x int",
      "BEGIN; ALTER TABLE p ADD COLUMN x int; COMMIT; BEGIN; ALTER TABLE c ADD COLUMN x int; COMMIT",
      "ALTER TABLE p ADD COLUMN x int; UPDATE c SET p = 1",
      { sql = "ALTER TABLE p ADD COLUMN x int; ALTER TABLE c ADD COLUMN x int", facts = {} },
    },
  },
}
