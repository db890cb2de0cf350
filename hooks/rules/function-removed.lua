local subject = require "stint.subject"
local tree = require "stint.tree"

policy {
  about = "a dropped function breaks code that calls it",
  family = "compat",
  level = "notice",
  why = "every statement that calls it fails from the commit on",
  safe = "stop calling it in a release before; to change it, CREATE OR REPLACE, or DROP and CREATE in one transaction",
  file = function(m)
    local made, found = {}, {}
    for _, s in ipairs(m.statements) do
      for create in s:each "CreateFunctionStmt" do
        local names = tree.names(create.funcname)
        made[names[#names]] = true
      end
    end
    for _, s in ipairs(m.statements) do
      local node = s.node
      local what = node and node.tag == "DropStmt" and subject.routines[node.removeType]
      for _, object in ipairs(what and node.objects or {}) do
        local names = tree.names(object.objname)
        if not made[names[#names]] then
          local name = table.concat(names, ".")
          found[#found + 1] = notice(("the %s %s is dropped: code that runs may still call it"):format(what, name), {
            at = s, object = name, certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "DROP FUNCTION app.slugify(text)",
      "DROP PROCEDURE IF EXISTS refill",
      "DROP FUNCTION a(int), b(int); CREATE FUNCTION a(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    },
    good = {
      "DROP FUNCTION a(int); CREATE FUNCTION a(int) RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
      "CREATE OR REPLACE FUNCTION a(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE FUNCTION tmp() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION tmp()",
    },
  },
}
