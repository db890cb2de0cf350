local subject = require "stint.subject"

policy {
  about = "a renamed view or foreign table breaks running code",
  family = "compat",
  why = "from the commit on every statement that reads the old name fails",
  safe = [[
CREATE VIEW new_name AS SELECT * FROM old_name;   -- both names, until nothing reads the old one]],
  transaction = function(t)
    local found = {}
    for i, s in ipairs(t.statements) do
      local node = s.node
      if node and node.tag == "RenameStmt" and subject.views[node.renameType] and not s.table.is_new then
        local kept = false
        for k = i + 1, #t.statements do
          for _, tag in ipairs { "ViewStmt", "CreateTableAsStmt", "RenameStmt" } do
            local later = t.statements[k].node
            if later and later.tag == tag then
              local range = later.view or later.into and later.into.rel
              kept = kept or (range and range.relname or later.newname) == node.relation.relname
            end
          end
        end
        if not kept then
          found[#found + 1] = deny(("the %s %s is renamed to %s: code that runs still reads the old name"):format(
            subject.views[node.renameType], node.relation.relname, node.newname), { at = s, object = node.relation.relname, certainty = "certain" })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER VIEW active_users RENAME TO live_users",
      "ALTER MATERIALIZED VIEW app.totals RENAME TO sums",
      "ALTER FOREIGN TABLE erp.articles RENAME TO products",
      "ALTER VIEW IF EXISTS v RENAME TO w; CREATE VIEW x AS SELECT 1",
    },
    good = {
      "ALTER VIEW v RENAME TO v_old; CREATE VIEW v AS SELECT 1 AS a",
      "CREATE VIEW v AS SELECT 1 AS a; ALTER VIEW v RENAME TO w",
      "CREATE MATERIALIZED VIEW m2 AS SELECT 1 AS a; ALTER MATERIALIZED VIEW m RENAME TO m_old; "
        .. "ALTER MATERIALIZED VIEW m2 RENAME TO m",
      "ALTER VIEW v OWNER TO app",
    },
  },
}
