local subject = require "stint.subject"

local function restarts(options)
  for _, option in ipairs(options or {}) do
    if option.defname == "restart" then
      return true
    end
  end
  return false
end

policy {
  about = "a sequence begins again: numbers that are in use come a second time",
  family = "data-loss",
  on = { "AlterSeqStmt", "AlterTableStmt" },
  level = "warning",
  why = "Rows get numbers that others have: inserts fail on the key, or where there is none, two things have one number.",
  safe = "SELECT setval('t_id_seq', (SELECT max(id) FROM t));",
  statement = function(s)
    local node, found = s.node, {}
    if node and node.tag == "AlterSeqStmt" and restarts(node.options) then
      local sequence = s:relation(node.sequence)
      if subject.is_shared(sequence) then
        found[1] = warn(("%s begins again"):format(subject.name(sequence)), { object = sequence.id, certainty = "certain" })
      end
    end
    for cmd in subject.commands(s, "AT_SetIdentity") do
      local relation = s:relation(node.relation)
      if restarts(cmd.def.items or cmd.def) and subject.is_shared(relation) then
        found[#found + 1] = warn(("the numbers of %s.%s begin again"):format(subject.name(relation), cmd.name), {
          at = cmd,
          object = relation.id .. "." .. cmd.name,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER SEQUENCE t_id_seq RESTART",
      "ALTER SEQUENCE app.s RESTART WITH 1",
      "ALTER TABLE t ALTER COLUMN id RESTART WITH 1",
    },
    good = {
      "ALTER SEQUENCE s OWNED BY t.id",
      "CREATE SEQUENCE n; ALTER SEQUENCE n RESTART WITH 100",
      "ALTER TABLE t ALTER COLUMN id SET GENERATED ALWAYS",
      "CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY); ALTER TABLE n ALTER id RESTART WITH 5",
    },
  },
}
