local subject = require "stint.subject"

policy {
  about = "a partition made by PARTITION OF locks the parent",
  family = "partition",
  on = "CreateStmt",
  why = "CREATE TABLE ... PARTITION OF holds ACCESS EXCLUSIVE on the parent, so every query of the whole table waits; and it"
    .. " reads the default partition, if there is one, under the same lock. ATTACH PARTITION lets others go on.",
  safe = "CREATE TABLE p (LIKE parent INCLUDING ALL);\n"
    .. "ALTER TABLE parent ATTACH PARTITION p FOR VALUES FROM (1) TO (100);",
  statement = function(s)
    local node = s.node
    if not node or node.tag ~= "CreateStmt" or not node.partbound then
      return
    end
    local parent = s:relation(node.inhRelations[1])
    local default = subject.first(s.scans)
    if default then
      return deny(("the default partition %s is read under ACCESS EXCLUSIVE"):format(subject.sized(default)), { object = parent.id })
    elseif subject.is_shared(parent) and #s.locks > 0 then
      return warn(("%s is locked ACCESS EXCLUSIVE: its queries wait"):format(subject.name(parent)), {
        object = parent.id,
        certainty = "certain",
      })
    end
  end,
  tests = {
    facts = {
      relations = {
        ["public.events"] = {
          kind = "partitioned",
          partition_key = { "at" },
          default_partition = "public.events_rest",
          columns = { at = { type = "date" } },
        },
        ["public.events_rest"] = { kind = "table", rows = 9e6, parent = "public.events", partition = true, columns = { at = {} } },
      },
    },
    bad = {
      "CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
      "CREATE TABLE events_a PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')",
      "CREATE TABLE IF NOT EXISTS app.l_x PARTITION OF app.l FOR VALUES IN ('x') PARTITION BY RANGE (a)",
    },
    good = {
      "CREATE TABLE l (a int) PARTITION BY LIST (a); CREATE TABLE l_1 PARTITION OF l FOR VALUES IN (1)",
      "CREATE TABLE l_1 (LIKE l INCLUDING ALL); ALTER TABLE l ATTACH PARTITION l_1 FOR VALUES IN (1)",
      "CREATE TABLE n (a int) INHERITS (parent)",
    },
  },
}
