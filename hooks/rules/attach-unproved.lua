local subject = require "stint.subject"

-- A CHECK that has been validated: where the parent's key is not known, it may be the proof.
local function may_be_proved(parent, child)
  if parent.partition_key or parent.facts and parent.facts.partition_key then
    return false
  end
  for _, constraint in pairs(child.constraints) do
    if constraint.validated and (constraint.type == "c" or not constraint.type) then
      return true
    end
  end
  return false
end

policy {
  about = "a partition is attached that no constraint proves to fit",
  family = "partition",
  on = "AlterTableStmt",
  why = "ATTACH PARTITION reads the whole table under ACCESS EXCLUSIVE, unless a validated CHECK (and NOT NULL) proves that all"
    .. " rows lie within the bound; builds each index that the table lacks under the same lock; and reads the default"
    .. " partition, if there is one.",
  safe = "ALTER TABLE p ADD CONSTRAINT c CHECK (k IS NOT NULL AND k >= 1 AND k < 100) NOT VALID;\n"
    .. "-- in a migration of its own:\nALTER TABLE p VALIDATE CONSTRAINT c;\n"
    .. "-- the parent's indexes CONCURRENTLY, then:\nALTER TABLE parent ATTACH PARTITION p FOR VALUES FROM (1) TO (100);",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AttachPartition") do
      local parent = s:relation(s.node.relation)
      local index = not s.impact.world:find(s.node.relation) and s:index_of(s.node.relation)
      local child = s:relation(cmd.def.name)
      local function note(format, relation)
        found[#found + 1] = deny(format:format(subject.sized(relation)), { at = cmd, object = relation.id })
      end
      local scanned, built = subject.first_of(s.scans, child), subject.first_of(s.builds, child)
      if scanned and not may_be_proved(parent, child) and not index then
        note("all of %s is read under ACCESS EXCLUSIVE: no CHECK proves that its rows fit", scanned)
      elseif built then
        note("%s lacks an index of the parent, which is built under ACCESS EXCLUSIVE", built)
      end
      for _, relation in ipairs(s.scans) do
        local of_child = subject.first_of({ relation }, child)
        if not of_child and subject.matters(relation) then
          note("the default partition %s is read under ACCESS EXCLUSIVE", relation)
        end
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.log"] = { kind = "partitioned", partition_key = { "at" }, columns = { at = { type = "date", not_null = true } } },
        ["public.old"] = { kind = "table", rows = 5e7, columns = { at = { type = "date", not_null = true } } },
        ["public.proved"] = {
          kind = "table",
          rows = 5e7,
          columns = { at = { type = "date", not_null = true } },
          constraints = {
            c = {
              type = "c",
              columns = { "at" },
              validated = true,
              definition = "CHECK (((at >= '2024-01-01'::date) AND (at < '2025-01-01'::date)))",
            },
          },
        },
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
      "ALTER TABLE log ATTACH PARTITION old FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
      "ALTER TABLE log ATTACH PARTITION proved FOR VALUES FROM ('2024-06-01') TO ('2025-01-01')",
      { sql = "ALTER TABLE app.p ATTACH PARTITION app.c FOR VALUES IN ('a')", facts = {} },
      "CREATE TABLE n (at date); ALTER TABLE events ATTACH PARTITION n FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
    },
    good = {
      "ALTER TABLE log ATTACH PARTITION proved FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
      "CREATE TABLE n (at date NOT NULL); ALTER TABLE log ATTACH PARTITION n FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
      "ALTER TABLE old ADD CONSTRAINT c CHECK (at >= '2024-01-01' AND at < '2025-01-01') NOT VALID;"
        .. "ALTER TABLE old VALIDATE CONSTRAINT c;"
        .. "ALTER TABLE log ATTACH PARTITION old FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
      {
        sql = "ALTER TABLE c VALIDATE CONSTRAINT c_range; ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM (1) TO (5)",
        facts = {},
      },
      "CREATE TABLE p (a int) PARTITION BY RANGE (a); CREATE TABLE c (a int); ALTER TABLE p ATTACH PARTITION c DEFAULT",
      "ALTER INDEX i ATTACH PARTITION j",
    },
  },
}
