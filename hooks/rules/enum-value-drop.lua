policy {
  about = "values of an enum are taken out of PostgreSQL's own catalog",
  family = "data-loss",
  why = "Rows and indexes that hold the value cannot be read any more. PostgreSQL has no way to drop one.",
  safe = "-- a new type, and a column of it that a backfill fills; or a CHECK that keeps the value out",
  statement = function(s)
    for _, tag in ipairs { "DeleteStmt", "UpdateStmt", "InsertStmt" } do
      local node = s:find(tag)
      if node and node.relation.relname == "pg_enum" then
        return deny("pg_enum is changed by hand: rows that hold the value can be read no more", { at = node, certainty = "certain" })
      end
    end
  end,
  tests = {
    bad = {
      "DELETE FROM pg_enum WHERE enumlabel = 'old'",
      "DELETE FROM pg_catalog.pg_enum e USING pg_type t WHERE e.enumtypid = t.oid AND t.typname = 'mood'",
      "UPDATE pg_enum SET enumlabel = 'new' WHERE enumlabel = 'old'",
    },
    good = {
      "SELECT * FROM pg_enum",
      "ALTER TYPE mood RENAME VALUE 'old' TO 'new'",
      "ALTER TYPE mood ADD VALUE 'new'",
    },
  },
}
