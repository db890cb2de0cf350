local subject = require "stint.subject"

-- What goes with it by CASCADE, where somebody knows: " and with it ..."
local function others(s, relation)
  local list = {}
  for _, lock in ipairs(s.node.behavior == "DROP_CASCADE" and s.locks or {}) do
    if lock.relation ~= relation and subject.is_shared(lock.relation) then
      list[#list + 1] = subject.name(lock.relation)
    end
  end
  return #list > 0 and ", with CASCADE into " .. table.concat(list, ", ") or ""
end

policy {
  about = "a dropped table takes its data with it",
  family = "data-loss",
  on = "DropStmt",
  why = "The rows are gone, and code that still uses the table fails. Every table that it refers to by a foreign key is locked"
    .. " ACCESS EXCLUSIVE, too.",
  safe = "-- rename it away in one release, drop it in a later one, with a backup:\n"
    .. "ALTER TABLE t RENAME TO t_unused;  -- later: -- stint: allow drop-table t_unused reason=\"...\"",
  statement = function(s)
    local found = {}
    for object in subject.dropped(s, "OBJECT_TABLE") do
      local range = subject.range(object)
      local relation = s:relation(range)
      local is_gone = s.node.missing_ok and s.impact.world.facts.relations and relation.unknown
      if subject.is_shared(relation) and not is_gone then
        found[#found + 1] = deny(("%s is dropped, and its data with it%s"):format(subject.sized(relation), others(s, relation)), {
          at = object,
          object = relation.id,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.known"] = { kind = "table", rows = 10, columns = { a = {} }, dependents = { { kind = "view", name = "public.v" } } },
        ["public.v"] = { kind = "view" },
      },
    },
    bad = {
      "DROP TABLE known CASCADE",
      { sql = "DROP TABLE IF EXISTS t", facts = {} },
      'DROP TABLE app.a, "Legacy Orders"',
      "ALTER TABLE known RENAME TO old; DROP TABLE old",
      "CREATE TABLE app.known (a int); DROP TABLE public.known",
    },
    good = {
      "CREATE TABLE n (a int); DROP TABLE n",
      "CREATE TEMP TABLE known (a int); DROP TABLE known",
      "CREATE TABLE n (a int); ALTER TABLE n RENAME TO m; DROP TABLE IF EXISTS m CASCADE",
      "DROP TABLE IF EXISTS never_was",
      "DROP VIEW v",
    },
  },
}
