local subject = require "stint.subject"

local function first_column(node)
  local attr = (node.fk_attrs or {})[1]
  local def = node.parent
  return attr and attr.sval or def and def.tag == "ColumnDef" and def.colname or nil
end

policy {
  about = "a foreign key without an index: every DELETE from the other table reads this one as a whole",
  family = "constraint-validation",
  on = "AlterTableStmt",
  level = "notice",
  why = "PostgreSQL makes no index for a foreign key. A DELETE, or an UPDATE of the key, of the table that it points to then"
    .. " reads this one from end to end, for each row.",
  safe = "CREATE INDEX CONCURRENTLY t_p_id_idx ON t (p_id);",
  statement = function(s)
    if not s.node or s.node.tag ~= "AlterTableStmt" then
      return
    end
    local relation, found = nil, {}
    for node in s:each "Constraint" do
      local column = node.contype == "CONSTR_FOREIGN" and first_column(node)
      relation = column and (relation or s:relation(s.node.relation))
      if relation and relation.facts and subject.matters(relation) then
        local is_indexed = false
        for _, index in pairs(relation.indexes) do
          is_indexed = is_indexed or (index.columns or {})[1] == column
        end
        if not is_indexed then
          found[#found + 1] = notice(("no index of %s begins with %s"):format(subject.sized(relation), column), {
            at = node,
            object = relation.id .. "." .. column,
            certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 5e7,
          columns = { a = {}, b = {} },
          indexes = { t_b = { columns = { "b", "a" }, valid = true } },
        },
        ["public.p"] = { kind = "table", rows = 5e7, columns = { id = {} } },
      },
    },
    bad = {
      "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID",
      "ALTER TABLE t ADD COLUMN c int REFERENCES p",
      "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a, b) REFERENCES p (x, y) NOT VALID",
    },
    good = {
      "ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p NOT VALID",
      "CREATE INDEX CONCURRENTLY ON t (a); ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID",
      { sql = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p NOT VALID", facts = {} },
      "CREATE TABLE n (a int REFERENCES p)",
    },
  },
}
