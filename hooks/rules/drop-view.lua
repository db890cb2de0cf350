local subject = require "stint.subject"

policy {
  about = "a view dropped with CASCADE takes the views that read it",
  family = "data-loss",
  on = "DropStmt",
  why = "Every view, and materialized view with its rows, that reads it is dropped as well, with the rights granted on them.",
  safe = "CREATE OR REPLACE VIEW v AS ...;  -- keeps them; or drop them one by one, without CASCADE",
  statement = function(s)
    local node, found = s.node, {}
    local kind = node and node.tag == "DropStmt" and node.behavior == "DROP_CASCADE" and subject.views[node.removeType]
    for object in kind and subject.dropped(s, node.removeType) or function() end do
      local view = s:relation(subject.range(object))
      local readers = s.impact.world:all_views(view)
      local is_known = s.impact.world.facts.relations or view.is_new
      if subject.is_shared(view) and (#readers > 0 or not is_known) then
        local names = {}
        for i, reader in ipairs(readers) do
          names[i] = subject.name(reader)
        end
        found[#found + 1] = deny(("with the %s %s goes %s"):format(kind, subject.name(view),
          #names > 0 and table.concat(names, ", ") or "every view that reads it"), {
          at = object,
          object = view.id,
          certainty = #names > 0 and "certain" or "assumed",
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.v"] = { kind = "view", dependents = { { kind = "view", name = "public.w" } } },
        ["public.w"] = { kind = "view" },
      },
    },
    bad = {
      "DROP VIEW v CASCADE",
      { sql = "DROP VIEW IF EXISTS app.v CASCADE", facts = {} },
      { sql = "DROP FOREIGN TABLE erp.articles CASCADE", facts = {} },
      { sql = "DROP MATERIALIZED VIEW totals CASCADE", facts = {} },
    },
    good = {
      "DROP VIEW v",
      "DROP VIEW w CASCADE",
      "CREATE OR REPLACE VIEW v AS SELECT 1 AS a",
      { sql = "CREATE VIEW n AS SELECT 1; DROP VIEW n CASCADE", facts = {} },
    },
  },
}
