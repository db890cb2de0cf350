policy {
  about = "a database is dropped",
  family = "data-loss",
  on = "DropdbStmt",
  why = "All of it is gone, and no transaction can hold it back.",
  safe = "-- not in a migration: DROP DATABASE is for people, with a backup",
  statement = function(s)
    if s.node and s.node.tag == "DropdbStmt" then
      return deny(("the database %s is dropped"):format(s.node.dbname), { object = s.node.dbname, certainty = "certain" })
    end
  end,
  tests = {
    bad = { "DROP DATABASE app", "DROP DATABASE IF EXISTS app WITH (FORCE)", 'drop database "App"' },
    good = { "CREATE DATABASE app", "ALTER DATABASE app SET work_mem = '8MB'", "DROP SCHEMA s" },
  },
}
