local subject = require "stint.subject"

policy {
  about = "CLUSTER and REPACK write the table anew while everybody waits",
  family = "table-rewrite",
  on = "ClusterStmt",
  why = "It holds ACCESS EXCLUSIVE while the table and all of its indexes are written anew in the order of an index.",
  safe = "REPACK (CONCURRENTLY) t;  -- from PostgreSQL 19 on; else pg_repack --order-by, or leave the rows where they are",
  statement = function(s)
    if s.node.concurrent then
      return
    end
    local relation = subject.first(s.rewrites)
    if relation or not s.node.relation then
      return deny(("%s rewrites %s under ACCESS EXCLUSIVE"):format(s.kind, relation and subject.sized(relation)
        or s.node.repacks and "every table" or "every clustered table"), { object = relation and relation.id, certainty = "certain" })
    end
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } } },
    bad = {
      "CLUSTER t USING t_a",
      "CLUSTER VERBOSE app.t",
      "CLUSTER",
      "REPACK app.t USING INDEX t_a",
      "REPACK (VERBOSE, ANALYZE) t",
      "REPACK",
    },
    good = {
      "ALTER TABLE t CLUSTER ON t_a",
      "ALTER TABLE t SET WITHOUT CLUSTER",
      "CREATE TABLE n (a int PRIMARY KEY); CLUSTER n USING n_pkey",
      "CLUSTER tiny USING tiny_a",
      "REPACK (CONCURRENTLY) t",
    },
  },
}
