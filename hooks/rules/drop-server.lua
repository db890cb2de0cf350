local kinds = { OBJECT_FOREIGN_SERVER = "server", OBJECT_FDW = "foreign data wrapper" }

policy {
  about = "a foreign server dropped with CASCADE takes its foreign tables and all that reads them",
  family = "data-loss",
  on = "DropStmt",
  why = "Foreign tables, the views over them and the user mappings, with their passwords, go without being named.",
  safe = "DROP FOREIGN TABLE a, b;\nDROP SERVER erp;  -- without CASCADE it fails while anything uses it",
  statement = function(s)
    local found = {}
    local kind = s.node.behavior == "DROP_CASCADE" and kinds[s.node.removeType]
    for _, object in ipairs(kind and s.node.objects or {}) do
      found[#found + 1] = deny(("with the %s %s goes all that uses it"):format(kind, object.sval), { object = object.sval, certainty = "certain" })
    end
    return found
  end,
  tests = {
    bad = { "DROP SERVER erp CASCADE", "DROP SERVER IF EXISTS a, b CASCADE", "DROP FOREIGN DATA WRAPPER mysql_fdw CASCADE" },
    good = { "DROP SERVER erp", "DROP FOREIGN DATA WRAPPER IF EXISTS mysql_fdw", "DROP USER MAPPING FOR app SERVER erp" },
  },
}
