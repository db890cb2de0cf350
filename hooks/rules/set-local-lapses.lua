policy {
  about = "SET LOCAL lasts until the end of its transaction, which is at once",
  family = "tx-control",
  level = "warning",
  why = "outside of a transaction SET LOCAL is a warning and does nothing; in a file that runs statement by statement each statement is "
    .. "a transaction of its own",
  safe = "SET lock_timeout = '5s';   -- for the file: Stint cleans the session between files",
  transaction = function(t)
    if #t.statements > 1 then
      return allow()
    end
    local s = t.statements[1]
    local node = s and s.node
    if not node or node.tag ~= "VariableSetStmt" or not node.is_local or s.inside ~= "top" then
      return allow()
    end
    local last = t.migration.statements[#t.migration.statements]
    if s ~= last then
      return warn(("SET LOCAL %s has no effect: the file runs statement by statement"):format(node.name or ""), { at = s })
    end
  end,
  tests = {
    bad = {
      "SET LOCAL lock_timeout = '1s'; CREATE INDEX CONCURRENTLY i ON t (a)",
      "-- stint: no-transaction\nSET LOCAL statement_timeout = 0;\nUPDATE t SET a = 1 WHERE b = 2;",
      "SET LOCAL search_path = app; ALTER TYPE mood ADD VALUE 'x'; ALTER TABLE t ADD COLUMN a int",
    },
    good = {
      "SET LOCAL lock_timeout = '1s'; ALTER TABLE t ADD COLUMN a int",
      "BEGIN; SET LOCAL lock_timeout = '1s'; ALTER TABLE t ADD COLUMN a int; COMMIT; VACUUM t",
      "SET lock_timeout = '1s'; CREATE INDEX CONCURRENTLY i ON t (a)",
    },
  },
}
