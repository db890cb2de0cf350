local subject = require "stint.subject"

policy {
  about = "TRUNCATE empties tables; with CASCADE those that refer to them, too",
  family = "data-loss",
  on = "TruncateStmt",
  why = "All rows are gone, under ACCESS EXCLUSIVE. CASCADE goes on to every table with a foreign key to one of them.",
  safe = "-- a backup first, then: -- stint: allow truncate t reason=\"...\"",
  statement = function(s)
    if not s.node or s.node.tag ~= "TruncateStmt" then
      return
    end
    local found = {}
    for _, range in ipairs(s.node.relations) do
      local relation = s:relation(range)
      if subject.is_shared(relation) then
        found[#found + 1] = deny(("%s loses all of its rows%s"):format(subject.sized(relation),
          s.node.behavior == "DROP_CASCADE" and ", and every table that refers to it" or ""), {
          at = range,
          object = relation.id,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = { "TRUNCATE t", "TRUNCATE TABLE ONLY app.t, u RESTART IDENTITY CASCADE", 'DO $$ BEGIN TRUNCATE "T"; END $$' },
    good = {
      "CREATE TABLE n AS SELECT 1 AS a; TRUNCATE n",
      "CREATE TEMP TABLE t (a int); TRUNCATE t",
      "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'TRUNCATE t'",
    },
  },
}
