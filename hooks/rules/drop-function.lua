local subject = require "stint.subject"

policy {
  about = "a function dropped with CASCADE takes the triggers, defaults, views and indexes that use it",
  family = "data-loss",
  on = "DropStmt",
  why = "Triggers that kept data right are gone without a word, and their tables are locked ACCESS EXCLUSIVE; generated columns"
    .. " that call the function go with their data.",
  safe = "DROP TRIGGER t_audit ON t;\nDROP FUNCTION audit();  -- without CASCADE it fails while anything uses it",
  statement = function(s)
    local node, found = s.node, {}
    local kind = node and node.tag == "DropStmt" and node.behavior == "DROP_CASCADE" and subject.routines[node.removeType]
    if not kind then
      return
    end
    for _, object in ipairs(node.objects) do
      local range = subject.range(object.objname)
      local here = s.impact.world:func(range.schemaname, range.relname)
      if not (here and here.is_new) then
        found[#found + 1] = deny(("with the %s %s goes all that uses it"):format(kind, range.relname), { object = range.relname })
      end
    end
    return found
  end,
  tests = {
    bad = { "DROP FUNCTION audit() CASCADE", "DROP FUNCTION IF EXISTS app.f(int), g CASCADE", "DROP PROCEDURE p CASCADE" },
    good = {
      "DROP FUNCTION audit()",
      "CREATE OR REPLACE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
      "CREATE FUNCTION tmp() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION tmp() CASCADE",
    },
  },
}
