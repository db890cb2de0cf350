local subject = require "stint.subject"
local tree = require "stint.tree"

local function is_made(m, name)
  for _, s in ipairs(m.statements) do
    local node = s.node
    local range = node and (node.tag == "ViewStmt" and node.view or node.tag == "CreateTableAsStmt" and node.into.rel
      or node.tag == "CreateStmt" and node.relation or node.tag == "CreateForeignTableStmt" and node.base.relation)
    if range and range.relname == name or node and node.tag == "RenameStmt" and node.newname == name then
      return true
    end
  end
  return false
end

policy {
  about = "a dropped view or foreign table breaks code that reads it",
  family = "compat",
  level = "warning",
  why = "no rows are lost, but every statement that reads the view fails from the commit on",
  safe = "stop reading the view in a release before; to change it, CREATE OR REPLACE VIEW, or DROP and CREATE in one transaction",
  file = function(m)
    local found = {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      local drops = node and node.tag == "DropStmt" and not (s.table and s.table.is_new) and subject.views[node.removeType]
      for _, object in ipairs(drops and node.objects or {}) do
        local names = tree.names(object.items)
        if not is_made(m, names[#names]) then
          local name = table.concat(names, ".")
          found[#found + 1] = warn(("the %s %s is dropped: code that runs may still read it"):format(drops, name), {
            at = s, object = name, certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "DROP VIEW active_users",
      "DROP MATERIALIZED VIEW IF EXISTS app.totals CASCADE",
      "DROP FOREIGN TABLE IF EXISTS erp.articles",
      "DROP VIEW a, b; CREATE VIEW a AS SELECT 1 AS x",
    },
    good = {
      "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT 1 AS a",
      "CREATE OR REPLACE VIEW v AS SELECT 1 AS a",
      "CREATE VIEW v AS SELECT 1 AS a; DROP VIEW v",
      "DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT 1 AS a",
    },
  },
}
