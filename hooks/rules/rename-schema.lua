policy {
  about = "a renamed schema breaks running code",
  family = "compat",
  why = "every name in the schema changes at once: statements that say the schema fail, and so does every search_path that has it",
  safe = [[
CREATE SCHEMA new_name;   -- and views there over the old tables, until nothing uses the old schema]],
  file = function(m)
    local made, found = {}, {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      if node and node.tag == "CreateSchemaStmt" then
        made[node.schemaname or ""] = true
      elseif node and node.tag == "RenameStmt" and node.renameType == "OBJECT_SCHEMA" then
        if not made[node.subname] then
          found[#found + 1] = deny(("the schema %s is renamed to %s: code that runs still uses the old name"):format(node.subname,
            node.newname), { at = s, object = node.subname, certainty = "certain" })
        end
        made[node.newname] = made[node.subname]
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER SCHEMA app RENAME TO core",
      'ALTER SCHEMA "App" RENAME TO app',
      "CREATE SCHEMA other; ALTER SCHEMA app RENAME TO old_app",
    },
    good = {
      "CREATE SCHEMA app; ALTER SCHEMA app RENAME TO core",
      "ALTER SCHEMA app OWNER TO admin",
      "CREATE SCHEMA IF NOT EXISTS core",
    },
  },
}
