local subject = require "stint.subject"

-- The columns of a view in their order, or nil where they are not known.
local function columns_of(view)
  if view.outputs or view.reshaped or not view.facts or not view.facts.columns then
    return view.outputs
  end
  local list = {}
  for name in pairs(view.facts.columns) do
    list[#list + 1] = name
  end
  table.sort(list, function(a, b)
    return (view.facts.columns[a].position or 0) < (view.facts.columns[b].position or 0)
  end)
  return list
end

policy {
  about = "CREATE OR REPLACE VIEW takes columns away, or gives them other names",
  family = "will-fail",
  on = "ViewStmt",
  why = "the server lets it add columns at the end only; everything else is refused",
  safe = [[
BEGIN;
DROP VIEW v;
CREATE VIEW v AS SELECT ...;
COMMIT;]],
  statement = function(s)
    local node = s.node
    local world = node and node.replace and not s.conditional and s.impact and s.impact.world
    local view = world and world:find(node.view)
    local old, new = view and columns_of(view), view and world:outputs(node)
    for i, name in ipairs(new and old or {}) do
      if new[i] ~= name then
        return deny(("column %d of %s is %s: it cannot %s"):format(i, subject.name(view), name, new[i] and "become " .. new[i] or "go"), {
          object = view.id, certainty = "certain",
        })
      end
    end
  end,
  tests = {
    facts = { relations = { ["public.v"] = { kind = "view", columns = { id = { position = 1 }, name = { position = 2 } } } } },
    bad = {
      "CREATE OR REPLACE VIEW v AS SELECT name, id FROM t",
      "CREATE OR REPLACE VIEW v AS SELECT id FROM t",
      { sql = "CREATE VIEW w (a) AS SELECT id FROM t; CREATE OR REPLACE VIEW w AS SELECT id FROM t", facts = {} },
    },
    good = {
      "CREATE OR REPLACE VIEW v AS SELECT id, name, mail FROM t",
      "ALTER VIEW v RENAME COLUMN name TO nick; CREATE OR REPLACE VIEW v AS SELECT id, nick FROM t",
      "CREATE OR REPLACE VIEW v AS SELECT * FROM t; CREATE OR REPLACE VIEW v AS SELECT id, upper(name) FROM t",
      "DROP VIEW v; CREATE VIEW v AS SELECT name FROM t",
      { sql = "CREATE OR REPLACE VIEW w AS SELECT id FROM t; CREATE OR REPLACE VIEW w AS SELECT id, id + 1 AS next FROM t", facts = {} },
    },
  },
}
