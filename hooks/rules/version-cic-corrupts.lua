local tree = require "stint.tree"

policy {
  about = "CREATE INDEX CONCURRENTLY may leave a wrong index on PostgreSQL 14.0 to 14.3",
  family = "version",
  on = { "IndexStmt", "ReindexStmt" },
  why = "rows that are updated meanwhile may be missing from the index, without an error (mended in 14.4)",
  safe = "upgrade to 14.4 or later first",
  statement = function(s, facts)
    local version, node = facts.server_version, s.node
    if not node or not version or version < 140000 or version >= 140004 then
      return allow()
    end
    if node.tag == "IndexStmt" and node.concurrent or node.tag == "ReindexStmt" and tree.is_on(node.params, "concurrently") then
      return deny(("on PostgreSQL 14.%d an index built concurrently may lack rows"):format(version % 10000), { certainty = "certain" })
    end
  end,
  tests = {
    bad = {
      { sql = "CREATE INDEX CONCURRENTLY i ON t (a)", server_version = 140002 },
      { sql = "REINDEX INDEX CONCURRENTLY i", server_version = 140000 },
      { sql = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON app.t (a)", server_version = 140003 },
    },
    good = {
      { sql = "CREATE INDEX CONCURRENTLY i ON t (a)", server_version = 140004 },
      { sql = "CREATE INDEX i ON t (a)", server_version = 140002 },
      { sql = "CREATE INDEX CONCURRENTLY i ON t (a)", server_version = 130009 },
      "CREATE INDEX CONCURRENTLY i ON t (a)",
    },
  },
}
