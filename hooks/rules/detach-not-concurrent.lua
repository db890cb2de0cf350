local subject = require "stint.subject"

policy {
  about = "a partition is detached under ACCESS EXCLUSIVE on the whole table",
  family = "partition",
  on = "AlterTableStmt",
  why = "DETACH PARTITION locks the parent against reading and writing, however short, behind every query that runs.",
  safe = "ALTER TABLE parent DETACH PARTITION p CONCURRENTLY;  -- 14 and later, no default partition; FINALIZE if it was broken off",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_DetachPartition") do
      local parent = s:relation(s.node.relation)
      local beside = parent.default_partition or parent.facts and parent.facts.default_partition
      if cmd.def.concurrent and beside and not s.conditional then
        found[#found + 1] = deny(("%s has a default partition: CONCURRENTLY fails"):format(subject.name(parent)), {
          at = cmd, object = parent.id, certainty = "certain",
        })
      end
      if not cmd.def.concurrent and subject.is_shared(parent) then
        local can = s.impact.world:since(14) and not beside
        found[#found + 1] = (can and deny or warn)(("%s is detached under ACCESS EXCLUSIVE on %s"):format(
          subject.name(s:relation(cmd.def.name)), subject.name(parent)), {
          at = cmd,
          object = parent.id,
          certainty = "certain",
          fix = can and { (s.sql:gsub("%s*;?%s*$", "")) .. " CONCURRENTLY" } or nil,
          hint = not can and "CONCURRENTLY is not possible here: keep lock_timeout short and retry" or nil,
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE log DETACH PARTITION log_2020",
      "ALTER TABLE app.log DETACH PARTITION app.log_2020",
      { sql = "ALTER TABLE log DETACH PARTITION log_2020", server_version = 130004 },
      { sql = "ALTER TABLE log DETACH PARTITION log_1 CONCURRENTLY", facts = { relations = {
        ["public.log"] = { kind = "partitioned", columns = {}, default_partition = "public.log_rest" } } } },
    },
    good = {
      "ALTER TABLE log DETACH PARTITION log_2020 CONCURRENTLY",
      "ALTER TABLE log DETACH PARTITION log_2020 FINALIZE",
      "CREATE TABLE l (a int) PARTITION BY LIST (a); CREATE TABLE l_1 PARTITION OF l FOR VALUES IN (1);"
        .. "ALTER TABLE l DETACH PARTITION l_1",
    },
  },
}
