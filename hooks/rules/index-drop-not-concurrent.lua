local subject = require "stint.subject"

policy {
  about = "an index is dropped under ACCESS EXCLUSIVE",
  family = "index-build",
  on = "DropStmt",
  why = "DROP INDEX locks the whole table against reading and writing. That is short, but it queues behind every"
    .. " running query, and all later ones queue behind it.",
  safe = "DROP INDEX CONCURRENTLY trips_started_idx;  -- one index a statement, no CASCADE; not for a partitioned index",
  statement = function(s)
    if not s.node or s.node.tag ~= "DropStmt" or s.node.concurrent then
      return
    end
    local found = {}
    for object in subject.dropped(s, "OBJECT_INDEX") do
      local range = subject.range(object)
      local at = s:index_of(range)
      local relation = at and at.relation
      local is_gone = not at and s.node.missing_ok and s.impact.world.facts.relations
      if not is_gone and (not relation or subject.is_shared(relation)) then
        local parted = relation and relation.kind == "partitioned"
        local say = relation and (parted or subject.is_large(relation)) and deny or warn
        local name = (range.schemaname and subject.ident(range.schemaname) .. "." or "") .. subject.ident(range.relname)
        found[#found + 1] = say(("%s is dropped under ACCESS EXCLUSIVE on %s"):format(name,
          relation and subject.sized(relation) or "its table"), {
          at = object,
          object = name,
          certainty = "certain",
          hint = parted and "a partitioned index cannot be dropped concurrently: keep lock_timeout short and retry" or nil,
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.big"] = { kind = "table", rows = 5e7, columns = {}, indexes = { big_a = { columns = { "a" } } } },
      },
    },
    bad = {
      "DROP INDEX big_a",
      "DROP INDEX IF EXISTS app.i, public.big_a",
      "DROP INDEX nobody_knows CASCADE",
      { sql = 'DROP INDEX IF EXISTS "I x"', facts = {} },
    },
    good = {
      "DROP INDEX CONCURRENTLY big_a",
      "DROP INDEX CONCURRENTLY IF EXISTS app.i",
      "CREATE TABLE n (a int); CREATE INDEX n_a ON n (a); DROP INDEX n_a",
      "CREATE TEMP TABLE n (a int UNIQUE); CREATE INDEX n_a ON n (a); DROP INDEX n_a",
      "DROP INDEX IF EXISTS never_was",
      "DROP TABLE n",
    },
  },
}
