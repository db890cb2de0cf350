local subject = require "stint.subject"

policy {
  about = "CLUSTER writes the table anew while everybody waits",
  family = "table-rewrite",
  on = "ClusterStmt",
  why = "It holds ACCESS EXCLUSIVE while the table and all of its indexes are written anew in the order of an index.",
  safe = "-- pg_repack --order-by; without it, leave the rows where they are",
  statement = function(s)
    if not s.node or s.node.tag ~= "ClusterStmt" then
      return
    end
    local relation = subject.first(s.rewrites)
    if relation or not s.node.relation then
      return deny(("CLUSTER rewrites %s under ACCESS EXCLUSIVE"):format(relation and subject.sized(relation)
        or "every clustered table"), { object = relation and relation.id, certainty = "certain" })
    end
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } } },
    bad = {
      "CLUSTER t USING t_a",
      "CLUSTER VERBOSE app.t",
      "CLUSTER",
    },
    good = {
      "ALTER TABLE t CLUSTER ON t_a",
      "ALTER TABLE t SET WITHOUT CLUSTER",
      "CREATE TABLE n (a int PRIMARY KEY); CLUSTER n USING n_pkey",
      "CLUSTER tiny USING tiny_a",
    },
  },
}
