local subject = require "stint.subject"
local tree = require "stint.tree"

policy {
  about = "VACUUM FULL writes the table anew while everybody waits",
  family = "table-rewrite",
  on = "VacuumStmt",
  why = "It holds ACCESS EXCLUSIVE on the table while it and all of its indexes are written anew, in as much space again.",
  safe = "VACUUM (ANALYZE) t;  -- makes the room usable; to give it back: pg_repack or pg_squeeze",
  statement = function(s)
    local node = s.node
    if not node or node.tag ~= "VacuumStmt" or not tree.is_on(node.options, "full") then
      return
    end
    local relation = subject.first(s.rewrites)
    if relation or #(node.rels or {}) == 0 then
      return deny(("VACUUM FULL rewrites %s under ACCESS EXCLUSIVE"):format(relation and subject.sized(relation)
        or "every table of the database"), { object = relation and relation.id, certainty = "certain" })
    end
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } } },
    bad = {
      "VACUUM FULL t",
      "VACUUM (FULL, VERBOSE) app.t",
      "VACUUM (ANALYZE, FULL true) t",
      "VACUUM FULL",
    },
    good = {
      "VACUUM t",
      "VACUUM (FULL false, ANALYZE) t",
      "VACUUM (FULL off) t",
      "VACUUM FULL tiny",
      "ANALYZE t",
    },
  },
}
