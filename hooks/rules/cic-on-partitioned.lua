local tree = require "stint.tree"

local function partitioned(relation)
  return relation and relation.kind == "partitioned"
end

policy {
  about = "CONCURRENTLY on a partitioned table fails",
  family = "tx-incompatible",
  on = { "IndexStmt", "DropStmt", "ReindexStmt" },
  why = "PostgreSQL (13 to 18) builds and drops the index of a partitioned table only with locks on all partitions",
  safe = [[
CREATE INDEX trips_i ON ONLY trips (started_at);                    -- no build
CREATE INDEX CONCURRENTLY trips_2025_i ON trips_2025 (started_at);  -- each partition
ALTER INDEX trips_i ATTACH PARTITION trips_2025_i;]],
  statement = function(s, facts)
    local node = s.node
    if not node then
      return allow()
    end
    if node.tag == "IndexStmt" and node.concurrent and partitioned(s.table) then
      return deny(("%s is partitioned: its index cannot be built concurrently"):format(s.table.id), { object = s.table.id })
    end
    local drops = node.tag == "DropStmt" and node.removeType == "OBJECT_INDEX" and node.concurrent
    if drops and partitioned(s.table) then
      return deny(("%s is partitioned: its index cannot be dropped concurrently"):format(s.table.id), { object = s.table.id })
    end
    local old = facts.server_version and facts.server_version < 140000
    if node.tag == "ReindexStmt" and old and tree.is_on(node.params, "concurrently") and partitioned(s.table) then
      return deny(("%s is partitioned: before PostgreSQL 14 REINDEX skips it"):format(s.table.id), { object = s.table.id })
    end
  end,
  tests = {
    facts = { relations = {
      ["public.p"] = { kind = "partitioned", columns = { a = { type = "integer" } }, indexes = { p_i = { columns = { "a" } } } },
      ["public.p1"] = { kind = "table", parent = "public.p", partition = true, columns = { a = { type = "integer" } } },
      ["public.t"] = { kind = "table", columns = { a = { type = "integer" } }, indexes = { t_i = { columns = { "a" } } } },
    } },
    bad = {
      "CREATE INDEX CONCURRENTLY i ON p (a)",
      "DROP INDEX CONCURRENTLY p_i",
      { sql = "REINDEX TABLE CONCURRENTLY p", server_version = 130010 },
      "CREATE TABLE n (a int) PARTITION BY RANGE (a); CREATE INDEX CONCURRENTLY i ON n (a)",
    },
    good = {
      "CREATE INDEX CONCURRENTLY i ON p1 (a)",
      "CREATE INDEX i ON ONLY p (a)",
      "DROP INDEX CONCURRENTLY t_i",
      { sql = "REINDEX TABLE CONCURRENTLY p", server_version = 150004 },
    },
  },
}
