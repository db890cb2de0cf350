policy {
  about = "a migration changes the settings of the whole server",
  family = "security",
  on = "AlterSystemStmt",
  why = "ALTER SYSTEM is of every database of the server, is undone by no rollback, and may keep it from starting",
  safe = "ALTER DATABASE shop SET work_mem = '64MB';   -- or the server's own configuration",
  statement = function(s)
    if s.node and s.node.tag == "AlterSystemStmt" then
      local setting = s.node.setstmt and s.node.setstmt.name or "all"
      return deny(("ALTER SYSTEM changes %s for every database of the server"):format(setting), { object = setting })
    end
  end,
  tests = {
    bad = { "ALTER SYSTEM SET work_mem = '1GB'", "ALTER SYSTEM RESET ALL", "ALTER TABLE t ADD COLUMN a int; ALTER SYSTEM SET fsync = off" },
    good = { "ALTER DATABASE shop SET work_mem = '64MB'", "SET work_mem = '1GB'", "ALTER ROLE app SET statement_timeout = '5s'" },
  },
}
