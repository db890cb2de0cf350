local rows = require "stint.rows"
local subject = require "stint.subject"

policy {
  about = "DELETE without a WHERE, or with one that is always true",
  family = "data-loss",
  why = "Every row of the table is deleted.",
  safe = "DELETE FROM t WHERE id BETWEEN 1 AND 5000;  -- what is meant, in batches: a backfill",
  statement = function(s)
    local found = {}
    for node in rows.each(s, "DeleteStmt") do
      local relation = s:relation(node.relation)
      local is_joined = #(node.usingClause or {}) > 0 and node.whereClause ~= nil
      if not is_joined and rows.are_all(node.whereClause, relation) and subject.is_shared(relation) then
        found[#found + 1] = deny(("every row of %s is deleted"):format(subject.sized(relation)), {
          at = node,
          object = relation.id,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.t"] = { kind = "table", rows = 10, columns = { id = { not_null = true }, a = {} } } } },
    bad = {
      "DELETE FROM t",
      "DELETE FROM app.orders WHERE 1 = 1",
      "DELETE FROM t WHERE true OR a > 5",
      "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO archive SELECT * FROM gone",
      "EXPLAIN (ANALYZE) DELETE FROM t WHERE id = id",
      "PREPARE p AS DELETE FROM t",
      "DELETE FROM t WHERE id IS NOT NULL",
      "CREATE RULE r AS ON INSERT TO u DO ALSO DELETE FROM t",
    },
    good = {
      "DELETE FROM t WHERE a = 5",
      "DELETE FROM t WHERE a IS NOT NULL",
      "DELETE FROM t USING u WHERE t.id = u.id",
      "EXPLAIN DELETE FROM t",
      "CREATE TEMP TABLE x (a int); DELETE FROM x",
      "CREATE TABLE n AS SELECT 1 AS a; DELETE FROM n",
      "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM t'",
    },
  },
}
