local subject = require "stint.subject"

local function columns_of(node)
  local list = {}
  for i, element in ipairs(node.indexParams or {}) do
    if not element.name or element.opclass or element.collation then
      return nil
    end
    list[i] = element.name
  end
  return table.concat(list, ",")
end

policy {
  about = "an index that another one makes needless",
  family = "index-build",
  on = "IndexStmt",
  level = "warning",
  why = "Every index costs each write, and one on the same columns, in the same order, answers no query that the other"
    .. " one does not.",
  safe = "-- leave it away, or drop the other one CONCURRENTLY",
  statement = function(s)
    local node = s.node
    local is_plain = node and node.tag == "IndexStmt" and not node.whereClause and not node.unique
      and node.accessMethod == "btree" and #(node.indexIncludingParams or {}) == 0
    local wanted = is_plain and columns_of(node)
    if not wanted then
      return
    end
    local relation = s:relation(node.relation)
    for name, index in pairs(relation.indexes) do
      local is_same = table.concat(index.columns or {}, ",") == wanted
      if is_same and name ~= node.idxname and index.valid ~= false and not index.partial and not index.expression then
        return warn(("%s has the index %s on the same columns"):format(subject.name(relation), name), {
          object = relation.id,
        })
      end
    end
  end,
  tests = {
    facts = {
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 4e6,
          columns = { a = {}, b = {} },
          indexes = {
            t_a = { columns = { "a" }, valid = true },
            t_b = { columns = { "b" }, valid = true, partial = true },
            t_ab = { columns = { "a", "b" }, valid = false },
          },
        },
      },
    },
    bad = {
      "CREATE INDEX CONCURRENTLY t_a2 ON t (a)",
      "CREATE INDEX CONCURRENTLY t_x ON u (x, y); CREATE INDEX CONCURRENTLY ON u (x, y)",
      "CREATE TABLE n (a int UNIQUE); CREATE INDEX ON n (a)",
    },
    good = {
      "CREATE INDEX CONCURRENTLY ON t (b)",
      "CREATE INDEX CONCURRENTLY ON t (a, b)",
      "CREATE INDEX CONCURRENTLY ON t (a) WHERE b > 0",
      "CREATE INDEX CONCURRENTLY ON t (lower(a))",
      "CREATE INDEX CONCURRENTLY ON t USING gin (a)",
      "CREATE UNIQUE INDEX CONCURRENTLY t_a_key ON t (a)",
      "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_a ON t (a)",
    },
  },
}
