local subject = require "stint.subject"

-- A column that comes with a value is compared; one that comes with nulls is not.
local function fills(def)
  local parts = subject.parts(def)
  return parts.CONSTR_DEFAULT or parts.CONSTR_IDENTITY or parts.CONSTR_GENERATED
end

local function foreign_of(cmd)
  local node = cmd.def
  if cmd.subtype == "AT_AddConstraint" then
    return node.contype == "CONSTR_FOREIGN" and not node.skip_validation and node or nil
  elseif cmd.subtype == "AT_AddColumn" then
    return fills(node) and subject.parts(node).CONSTR_FOREIGN or nil
  end
end

policy {
  about = "the rows of a new foreign key are compared while writes to both tables wait",
  family = "constraint-validation",
  on = "AlterTableStmt",
  why = "ADD FOREIGN KEY without NOT VALID reads both tables and holds SHARE ROW EXCLUSIVE on both: nothing can be written"
    .. " to either.",
  safe = "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES p NOT VALID;\n"
    .. "-- in a migration of its own:\nALTER TABLE t VALIDATE CONSTRAINT f;",
  statement = function(s)
    if not s.node or s.node.tag ~= "AlterTableStmt" or #s.scans == 0 then
      return
    end
    local found = {}
    for _, cmd in ipairs(s.node.cmds or {}) do
      local node = foreign_of(cmd)
      local relation = node and s:relation(s.node.relation)
      if relation and subject.first_of(s.scans, relation) then
        local parent = s:relation(node.pktable)
        local mode = s.impact.under[subject.first_of(s.scans, relation)]
        found[#found + 1] = deny(("all rows of %s are compared with %s under %s"):format(subject.sized(relation),
          subject.sized(parent), subject.words(mode)), {
          at = cmd,
          object = relation.id,
          certainty = "certain",
          hint = relation.kind == "partitioned" and not (s.impact.world:version() and s.impact.world:since(18))
            and "before PostgreSQL 18 a partitioned table takes no NOT VALID: add it to each partition first" or nil,
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = { p_id = {} } },
        ["public.big"] = { kind = "table", rows = 5e7, columns = { p_id = {} } },
        ["public.p"] = { kind = "table", rows = 5e7, columns = { id = {} } },
      },
    },
    bad = {
      "ALTER TABLE big ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id)",
      "ALTER TABLE t ADD FOREIGN KEY (p_id) REFERENCES p ON DELETE CASCADE",
      "ALTER TABLE big ADD COLUMN q_id int DEFAULT 5 REFERENCES p (id)",
      "ALTER TABLE big ADD COLUMN q_id int, ADD FOREIGN KEY (q_id) REFERENCES p (id)",
      "CREATE TABLE q (id int PRIMARY KEY); ALTER TABLE big ADD FOREIGN KEY (p_id) REFERENCES q",
    },
    good = {
      "ALTER TABLE big ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID",
      "ALTER TABLE big ADD COLUMN q_id int REFERENCES p (id)",
      "ALTER TABLE big ADD COLUMN q_id int REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED",
      "CREATE TABLE n (p_id int REFERENCES p (id))",
      "CREATE TABLE n (p_id int); ALTER TABLE n ADD FOREIGN KEY (p_id) REFERENCES p (id)",
      "CREATE TABLE n (p_id int, CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id)); ALTER TABLE n DROP CONSTRAINT f",
      "ALTER TABLE tiny ADD FOREIGN KEY (p_id) REFERENCES p (id)",
      "ALTER TABLE big ADD COLUMN q_id int, ADD FOREIGN KEY (q_id) REFERENCES p (id) NOT VALID",
    },
  },
}
