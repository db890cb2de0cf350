local function said(s, where)
  return deny(("%s is refused %s"):format(s.kind, where), { at = s, certainty = "certain" })
end

-- Statements of a body that runs in one transaction, or will.
local function inside(s, where, found)
  for _, one in ipairs(s.inner or {}) do
    if one.impact and one.impact.transaction == "refused" then
      found[#found + 1] = said(one, where)
    end
    inside(one, where, found)
  end
end

policy {
  about = "a statement stands in a transaction that PostgreSQL refuses there",
  family = "tx-incompatible",
  why = "CREATE INDEX CONCURRENTLY, VACUUM, ALTER SYSTEM and their like run in no transaction block; a DO block and a function are "
    .. "always within one. Standing by itself in a file, Stint runs such a statement outside of any",
  safe = [[
CREATE INDEX CONCURRENTLY t_a_idx ON t (a);   -- between no BEGIN and COMMIT, in no DO block, no function]],
  transaction = function(t)
    local found = {}
    for _, s in ipairs(t.statements) do
      if t.kind ~= "solo" and s.impact and s.impact.transaction == "refused" then
        found[#found + 1] = said(s, "in a transaction, and here it is in one")
      end
      local node = s.node
      if node and node.tag == "DoStmt" then
        inside(s, "in a DO block, which is a transaction", found)
      elseif node and node.tag == "CreateFunctionStmt" and not node.is_procedure then
        inside(s, "in a function, whose caller is a transaction", found)
      elseif node and node.is_procedure then
        inside(s, "in a procedure", found)
      end
    end
    return found
  end,
  tests = {
    bad = {
      "BEGIN; CREATE INDEX CONCURRENTLY i ON t (a); COMMIT",
      "DO $$ BEGIN CREATE INDEX CONCURRENTLY i ON t (a); END $$",
      "DO $$ BEGIN EXECUTE 'VACUUM t'; END $$",
      "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN REINDEX TABLE CONCURRENTLY t; END $$",
      "BEGIN; ALTER TABLE t ADD COLUMN a int; VACUUM FULL t; COMMIT;",
      { sql = "REINDEX TABLE p", facts = { relations = { ["public.p"] = { kind = "partitioned", columns = {} } } } },
    },
    good = {
      "CREATE INDEX CONCURRENTLY i ON t (a)",
      "ALTER TABLE t ADD COLUMN a int; CREATE INDEX CONCURRENTLY i ON t (a)",
      "SET lock_timeout = 0; DROP INDEX CONCURRENTLY i",
      "BEGIN; ALTER TABLE t ADD COLUMN a int; COMMIT; VACUUM t",
      "BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY m; COMMIT",
      "BEGIN; ALTER TYPE mood ADD VALUE 'x'; COMMIT",
      "BEGIN; REINDEX TABLE t; CLUSTER t USING i; COMMIT",
      "VACUUM (ANALYZE) t",
    },
  },
}
