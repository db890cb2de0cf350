policy {
  about = "a table or view that moves to another schema breaks running code",
  family = "compat",
  why = "statements that say the old schema fail, and so do those that find it by their search_path",
  safe = [[
BEGIN;
ALTER TABLE users SET SCHEMA app;
CREATE VIEW public.users AS SELECT * FROM app.users;   -- until nothing uses the old name
COMMIT;]],
  transaction = function(t)
    local found = {}
    for i, s in ipairs(t.statements) do
      local node = s.node
      local moves = node and node.tag == "AlterObjectSchemaStmt" and node.relation and s.table
      if moves and not s.table.is_new and not s.table.is_temp and node.objectType ~= "OBJECT_SEQUENCE" then
        local kept = false
        for k = i + 1, #t.statements do
          local later = t.statements[k].node
          local view = later and later.tag == "ViewStmt" and later.view
          kept = kept or view and view.relname == node.relation.relname and view.schemaname ~= node.newschema
        end
        if not kept then
          local name = node.relation.relname
          found[#found + 1] = deny(("%s moves to the schema %s: code that runs does not find it any more"):format(name, node.newschema), {
            at = s, object = name, certainty = "certain",
          })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE users SET SCHEMA app",
      "ALTER VIEW v SET SCHEMA app",
      "ALTER MATERIALIZED VIEW IF EXISTS public.m SET SCHEMA app",
    },
    good = {
      "ALTER TABLE users SET SCHEMA app; CREATE VIEW public.users AS SELECT * FROM app.users",
      "CREATE TABLE t (a int); ALTER TABLE t SET SCHEMA app",
      "ALTER EXTENSION hstore SET SCHEMA app",
      "ALTER TABLE users SET (fillfactor = 70)",
    },
  },
}
