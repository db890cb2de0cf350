local subject = require "stint.subject"

local function unique_index(relation)
  for _, index in pairs(relation.indexes) do
    if index.unique and not index.partial and not index.expression and index.valid ~= false then
      return true
    end
  end
  return false
end

policy {
  about = "a materialized view is filled anew while nobody can read it",
  family = "matview",
  on = "RefreshMatViewStmt",
  level = "warning",
  why = "REFRESH holds ACCESS EXCLUSIVE while its query runs. CONCURRENTLY lets others read, and wants a unique index over columns, "
    .. "without WHERE",
  safe = [[
CREATE UNIQUE INDEX CONCURRENTLY totals_id ON totals (id);
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;]],
  statement = function(s)
    local node, view = s.node, s.table
    if not node or node.tag ~= "RefreshMatViewStmt" or not view then
      return allow()
    end
    local known = view.is_new or view.complete
    if node.concurrent and node.skipData then
      return deny("CONCURRENTLY and WITH NO DATA exclude each other", { object = view.id, certainty = "certain" })
    elseif node.concurrent and view.populated == false then
      return deny(("%s holds no rows yet: CONCURRENTLY fails"):format(view.name), { object = view.id, certainty = "certain" })
    elseif node.concurrent and known and not unique_index(view) then
      return deny(("%s has no unique index over columns: CONCURRENTLY fails"):format(view.name), { object = view.id, certainty = "certain" })
    elseif node.concurrent or not subject.matters(view) or view.populated == false then
      return allow()
    elseif node.skipData then
      return warn(("%s is emptied: who reads it gets an error until it is filled"):format(view.name), { object = view.id })
    end
    return warn(("nobody can read %s while it is filled anew"):format(subject.sized(view)), { object = view.id, certainty = "certain" })
  end,
  tests = {
    bad = {
      "REFRESH MATERIALIZED VIEW totals",
      "REFRESH MATERIALIZED VIEW app.totals WITH NO DATA",
      "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; REFRESH MATERIALIZED VIEW CONCURRENTLY m",
      "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA; CREATE UNIQUE INDEX ON m (a); REFRESH MATERIALIZED VIEW CONCURRENTLY m",
      "DO $$ BEGIN REFRESH MATERIALIZED VIEW totals; END $$",
      "REFRESH MATERIALIZED VIEW CONCURRENTLY totals WITH NO DATA",
      { sql = "REFRESH MATERIALIZED VIEW CONCURRENTLY m", facts = { relations = { ["public.m"] = { kind = "matview", columns = { a = {} } } } } },
    },
    good = {
      "REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
      "BEGIN; REFRESH MATERIALIZED VIEW CONCURRENTLY totals; COMMIT",
      "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a WITH NO DATA; REFRESH MATERIALIZED VIEW m",
      "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE UNIQUE INDEX ON m (a); REFRESH MATERIALIZED VIEW CONCURRENTLY m",
      "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'REFRESH MATERIALIZED VIEW totals'",
    },
  },
}
