local subject = require "stint.subject"

policy {
  about = "a partition that is dropped while attached locks the whole table",
  family = "partition",
  on = "DropStmt",
  level = "warning",
  why = "DROP TABLE of a partition takes ACCESS EXCLUSIVE on the parent, and waits there in front of all queries of it.",
  safe = "ALTER TABLE parent DETACH PARTITION p CONCURRENTLY;\n-- in a later migration:\nDROP TABLE p;",
  statement = function(s)
    local found, world = {}, s.impact.world
    for object in subject.dropped(s, "OBJECT_TABLE") do
      local relation = s:relation(subject.range(object))
      local is_one = relation.is_partition or relation.is_partition == nil and relation.facts and relation.facts.partition
      local parent = is_one and world:parent(relation)
      if parent and subject.is_shared(parent) then
        found[#found + 1] = warn(("%s is a partition of %s, which is locked ACCESS EXCLUSIVE"):format(subject.name(relation),
          subject.name(parent)), { at = object, object = relation.id, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.log"] = { kind = "partitioned", columns = {} },
        ["public.log_1"] = { kind = "table", rows = 9e6, parent = "public.log", partition = true, columns = {} },
        ["public.log_2"] = { kind = "table", rows = 9e6, parent = "public.log", partition = true, columns = {} },
        ["public.child"] = { kind = "table", rows = 9, parent = "public.plain", columns = {} },
        ["public.plain"] = { kind = "table", rows = 9, columns = {} },
      },
    },
    bad = {
      "DROP TABLE log_1",
      "DROP TABLE IF EXISTS public.log_1, log_2",
      "CREATE TABLE log_3 PARTITION OF log FOR VALUES IN (3); DROP TABLE log_3",
    },
    good = {
      "ALTER TABLE log DETACH PARTITION log_1 CONCURRENTLY; DROP TABLE log_1",
      "DROP TABLE log",
      "DROP TABLE child",
      "CREATE TABLE l (a int) PARTITION BY LIST (a); CREATE TABLE l_1 PARTITION OF l FOR VALUES IN (1); DROP TABLE l_1",
    },
  },
}
