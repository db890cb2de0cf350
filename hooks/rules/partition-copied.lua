local subject = require "stint.subject"

policy {
  about = "partitions are merged or split by copying their rows under ACCESS EXCLUSIVE on the whole table",
  family = "partition",
  on = "AlterTableStmt",
  why = "Nobody reads or writes any partition while all rows of those that change are written to new ones, with their indexes.",
  safe = "CREATE TABLE new (LIKE parent INCLUDING ALL); copy in batches; then DETACH ... CONCURRENTLY and ATTACH, with a CHECK that proves the bound",
  statement = function(s)
    local found = {}
    for _, subtype in ipairs { "AT_MergePartitions", "AT_SplitPartition" } do
      for cmd in subject.commands(s, subtype) do
        local copied = subject.first(s.rewrites)
        if copied then
          local parent = s:relation(s.node.relation)
          found[#found + 1] = deny(("the rows of %s are copied under ACCESS EXCLUSIVE on %s"):format(subject.sized(copied),
            subject.name(parent)), { at = cmd, object = parent.id, certainty = "certain" })
        end
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } } },
    bad = {
      "ALTER TABLE log MERGE PARTITIONS (tiny, app.log_2) INTO tiny",
      "ALTER TABLE log MERGE PARTITIONS (log_1, log_2) INTO log_h1",
      "ALTER TABLE app.log SPLIT PARTITION app.log_2020 INTO (PARTITION app.log_a FOR VALUES FROM (1) TO (2), PARTITION app.log_b DEFAULT)",
    },
    good = {
      "ALTER TABLE log ATTACH PARTITION log_1 DEFAULT",
      "ALTER TABLE log MERGE PARTITIONS (tiny) INTO log_h1",
      "ALTER TABLE log DETACH PARTITION log_1 CONCURRENTLY",
    },
  },
}
