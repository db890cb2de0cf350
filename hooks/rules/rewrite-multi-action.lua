local subject = require "stint.subject"

local function first_alter(s)
  return s.impact and s.node and s.node.tag == "AlterTableStmt" and subject.first(s.rewrites) or nil
end

policy {
  about = "a table is rewritten twice where once would do",
  family = "table-rewrite",
  level = "notice",
  why = "One ALTER TABLE with several actions that rewrite does it once; several statements rewrite as often as there are of"
    .. " them.",
  safe = "ALTER TABLE t ALTER a TYPE bigint, ALTER b TYPE bigint;  -- if it has to be: together",
  transaction = function(t)
    local seen, found = {}, {}
    for _, s in ipairs(t.statements) do
      local relation = first_alter(s)
      if relation and seen[relation] then
        found[#found + 1] = notice(("%s is rewritten again: in one ALTER TABLE with line %d it would be once"):format(
          subject.sized(relation), seen[relation]), { at = s, object = relation.id })
      elseif relation then
        seen[relation] = s.line
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid(); ALTER TABLE t ADD COLUMN b bigserial",
      "ALTER TABLE t ALTER a TYPE bigint USING a + 0; ALTER TABLE t ALTER b TYPE bigint USING b + 0",
      "ALTER TABLE app.t SET UNLOGGED; CREATE TABLE n (a int); ALTER TABLE app.t ADD COLUMN b bigserial",
    },
    good = {
      "ALTER TABLE t ALTER a TYPE bigint USING a + 0, ALTER b TYPE bigint USING b + 0",
      "ALTER TABLE t ADD COLUMN a uuid DEFAULT gen_random_uuid(); ALTER TABLE u ADD COLUMN b bigserial",
      "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD COLUMN b int",
    },
  },
}
