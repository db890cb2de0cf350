policy {
  about = "IF NOT EXISTS takes any index of that name for the one that is wanted",
  family = "index-build",
  on = "IndexStmt",
  level = "notice",
  why = "A failed CREATE INDEX CONCURRENTLY leaves an invalid index behind, and IF NOT EXISTS then skips the statement in"
    .. " silence. Stint drops and rebuilds an invalid one; psql and other tools do not, and an index of the same name on"
    .. " other columns is taken for this one everywhere.",
  safe = "CREATE INDEX CONCURRENTLY trips_started_idx ON trips (started_at);",
  statement = function(s)
    local node = s.node
    if node and node.tag == "IndexStmt" and node.concurrent and node.if_not_exists then
      return notice("an index of this name is taken for the one that is wanted, whatever it is on", { object = node.idxname })
    end
  end,
  tests = {
    bad = {
      "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)",
      "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON app.t (lower(a)) WHERE a IS NOT NULL",
      'create index concurrently if not exists "I" on "T" using gin (a)',
    },
    good = {
      "CREATE INDEX CONCURRENTLY i ON t (a)",
      "CREATE INDEX CONCURRENTLY ON t (a)",
      "CREATE TABLE n (a int); CREATE INDEX IF NOT EXISTS i ON n (a)",
    },
  },
}
