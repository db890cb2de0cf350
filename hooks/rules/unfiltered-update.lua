local rows = require "stint.rows"
local subject = require "stint.subject"

-- Columns that this run has added hold nothing that could be lost.
local function only_new_columns(node, relation)
  for _, target in ipairs(node.targetList or {}) do
    if not (target.name and relation:is_new_column(target.name)) then
      return false
    end
  end
  return true
end

policy {
  about = "UPDATE without a WHERE, or with one that is always true",
  family = "data-loss",
  why = "Every row of the table gets the new value, and what was there before is gone.",
  safe = "UPDATE t SET a = 1 WHERE a IS NULL AND id BETWEEN 1 AND 5000;  -- what is meant, in batches: a backfill",
  statement = function(s)
    local found = {}
    for node in rows.each(s, "UpdateStmt") do
      local relation = s:relation(node.relation)
      local is_joined = #(node.fromClause or {}) > 0 and node.whereClause ~= nil
      local is_all = not is_joined and rows.are_all(node.whereClause, relation)
      if is_all and subject.is_shared(relation) and not only_new_columns(node, relation) then
        found[#found + 1] = deny(("every row of %s is changed"):format(subject.sized(relation)), {
          at = node,
          object = relation.id,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "UPDATE t SET a = 1",
      "UPDATE app.users SET active = false WHERE 1 = 1",
      "UPDATE t SET a = 1 WHERE (b IS NULL OR b IS NOT NULL) AND true",
      "WITH x AS (UPDATE t SET a = 1 RETURNING id) SELECT count(*) FROM x",
      "DO $$ BEGIN UPDATE t SET a = 1; END $$",
      "UPDATE t SET a = u.a FROM u",
    },
    good = {
      "UPDATE t SET a = 1 WHERE a IS NULL",
      "UPDATE t SET a = u.a FROM u WHERE u.id = t.u_id",
      "ALTER TABLE t ADD COLUMN b int; UPDATE t SET b = a",
      "CREATE TABLE n AS SELECT 1 AS a; UPDATE n SET a = 2",
      "CREATE TEMP TABLE x (a int); UPDATE x SET a = 2",
      "INSERT INTO t (id, a) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET a = excluded.a",
    },
  },
}
