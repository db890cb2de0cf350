local tree = require "stint.tree"

local function look(list)
  local definer, has_path = false, false
  for _, option in ipairs(list or {}) do
    if option.defname == "security" then
      definer = tree.option(option) == true or tree.option(option) == 1
    elseif option.defname == "set" and option.arg and (option.arg.name or ""):lower() == "search_path" then
      has_path = true
    end
  end
  return definer, has_path
end

-- Does the file set it by ALTER FUNCTION ... SET search_path?
local function set_later(m, name)
  for _, s in ipairs(m.statements) do
    local node = s.node
    if node and node.tag == "AlterFunctionStmt" then
      local names = tree.names(node.func.objname)
      local _, has_path = look(node.actions)
      if names[#names] == name and has_path then
        return true
      end
    end
  end
  return false
end

policy {
  about = "a SECURITY DEFINER function without a search_path of its own",
  family = "security",
  why = "it runs with its owner's rights, and finds tables and functions by the caller's search_path: the caller puts his own in front",
  safe = [[
CREATE FUNCTION f() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS '...';]],
  file = function(m)
    local found = {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      local tag = node and node.tag
      local names, list
      if tag == "CreateFunctionStmt" then
        names, list = tree.names(node.funcname), node.options
      elseif tag == "AlterFunctionStmt" then
        names, list = tree.names(node.func.objname), node.actions
      end
      local definer, has_path = look(list)
      if definer and not has_path and not set_later(m, names[#names]) then
        local name = table.concat(names, ".")
        found[#found + 1] = deny(("%s runs with its owner's rights and the caller's search_path"):format(name), {
          at = s, object = name, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
      "CREATE OR REPLACE PROCEDURE app.p() LANGUAGE plpgsql SECURITY DEFINER SET work_mem = '1MB' AS $$ BEGIN END $$",
      "ALTER FUNCTION f() SECURITY DEFINER",
    },
    good = {
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = app, pg_temp AS 'SELECT 1'",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY INVOKER AS 'SELECT 1'",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'; ALTER FUNCTION f() SET search_path = ''",
      "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path TO '' AS 'SELECT 1'",
    },
  },
}
