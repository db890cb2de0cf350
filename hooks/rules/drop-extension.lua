policy {
  about = "an extension dropped with CASCADE takes every column of its types",
  family = "data-loss",
  on = "DropStmt",
  why = "citext, hstore, PostGIS: columns of their types go with their data, indexes of their operators and functions too.",
  safe = "DROP EXTENSION hstore;  -- without CASCADE it fails while anything uses it",
  statement = function(s)
    local node, found = s.node, {}
    if not node or node.tag ~= "DropStmt" or node.removeType ~= "OBJECT_EXTENSION" or node.behavior ~= "DROP_CASCADE" then
      return
    end
    for _, object in ipairs(node.objects) do
      found[#found + 1] = deny(("with the extension %s goes all that uses it"):format(object.sval), { object = object.sval })
    end
    return found
  end,
  tests = {
    bad = { "DROP EXTENSION hstore CASCADE", "DROP EXTENSION IF EXISTS postgis, citext CASCADE", 'DROP EXTENSION "uuid-ossp" CASCADE' },
    good = { "DROP EXTENSION hstore", "CREATE EXTENSION IF NOT EXISTS citext CASCADE", "DROP EXTENSION IF EXISTS pg_trgm RESTRICT" },
  },
}
