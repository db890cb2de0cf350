policy {
  about = "a dropped schema takes all that is in it",
  family = "data-loss",
  on = "DropStmt",
  why = "DROP SCHEMA ... CASCADE drops every table, function and type of the schema, and what depends on them elsewhere.",
  safe = "-- drop what is in it one by one, then: DROP SCHEMA s RESTRICT",
  statement = function(s)
    local node, found = s.node, {}
    if not node or node.tag ~= "DropStmt" or node.removeType ~= "OBJECT_SCHEMA" then
      return
    end
    for _, object in ipairs(node.objects) do
      local world, name = s.impact.world, object.sval
      if world.schemas[name] ~= world.run then
        local is_all = node.behavior == "DROP_CASCADE"
        found[#found + 1] = (is_all and deny or warn)(is_all and ("the schema %s is dropped with all that is in it"):format(name)
          or ("the schema %s is dropped"):format(name), { object = name, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "DROP SCHEMA app CASCADE",
      "DROP SCHEMA IF EXISTS a, b CASCADE",
      'DROP SCHEMA "Old"',
      { files = { ["1_a.sql"] = "CREATE SCHEMA s", ["2_b.sql"] = "DROP SCHEMA s CASCADE" } },
    },
    good = {
      "CREATE SCHEMA scratch; CREATE TABLE scratch.t (a int); DROP SCHEMA scratch CASCADE",
      "CREATE SCHEMA s",
      "ALTER SCHEMA s OWNER TO app",
    },
  },
}
