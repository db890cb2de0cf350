local tree = require "stint.tree"

-- What is only asked for its effect: CALL, EXECUTE, SELECT f() or SELECT * FROM f() without a table.
local function is_asked_for_effect(node)
  return node.tag == "CallStmt" or node.tag == "ExecuteStmt" or node.tag == "SelectStmt" and not node:find "RangeVar"
end

local function who(s)
  local call = s:find "FuncCall"
  return call and tree.dotted(call.funcname) .. "()" or s.kind
end

policy {
  about = "what a function or prepared statement does is not to be seen here",
  family = "dynamic-sql",
  on = { "CallStmt", "ExecuteStmt", "SelectStmt" },
  level = "warning",
  why = "it may lock, rewrite or drop anything; nobody has read it for this run",
  safe = "the statements themselves, or the function with its body in the same file",
  statement = function(s)
    local node = s.node
    if node and s.impact.certainty == "opaque" and is_asked_for_effect(node) then
      return warn(("what %s does is not seen"):format(who(s)), { certainty = "opaque" })
    end
  end,
  tests = {
    bad = {
      "SELECT app.rebuild_everything()",
      "CALL refill(10)",
      "SELECT * FROM create_partitions('events', 12)",
      "PREPARE p AS DELETE FROM t WHERE a = $1; EXECUTE p (1)",
      "DO $$ BEGIN PERFORM rebuild_everything(); END $$",
    },
    good = {
      "SELECT setval('t_id_seq', 7)",
      "SELECT 1",
      "SELECT * FROM generate_series(1, 3)",
      "SELECT pg_catalog.set_config('search_path', '', false)",
      "UPDATE t SET slug = slugify(name) WHERE id = 1",
      "CREATE FUNCTION f() RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'; SELECT f()",
    },
  },
}
