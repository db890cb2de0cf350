local subject = require "stint.subject"
local tree = require "stint.tree"

policy {
  about = "a renamed function, or one that moves to another schema, breaks running code",
  family = "compat",
  why = "every statement that calls the old name fails from the commit on",
  safe = "a new function of the new name; the old one stays, and calls it, until nobody asks for it",
  file = function(m)
    local made, found = {}, {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      local tag = node and node.tag
      local what = subject.routines[tag == "RenameStmt" and node.renameType or tag == "AlterObjectSchemaStmt" and node.objectType or ""]
      if tag == "CreateFunctionStmt" then
        local names = tree.names(node.funcname)
        made[names[#names]] = true
      elseif what then
        local names = tree.names(node.object.objname)
        local name, new = table.concat(names, "."), node.newname or node.newschema
        if made[names[#names]] then
          made[new] = true
        else
          found[#found + 1] = deny(("the %s %s becomes %s: code that runs still calls the old name"):format(what, name,
            node.newname or new .. "." .. names[#names]), { at = s, object = name, certainty = "certain" })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER FUNCTION total(bigint) RENAME TO sum_of",
      "ALTER PROCEDURE app.refill RENAME TO fill",
      "ALTER FUNCTION app.total(bigint) SET SCHEMA core",
    },
    good = {
      "ALTER FUNCTION total(bigint) OWNER TO app",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION f() RENAME TO g",
      "ALTER TABLE t RENAME CONSTRAINT a TO b",
    },
  },
}
