local rows = require "stint.rows"
local subject = require "stint.subject"

-- Rows known: an error from a million on; not known: a warning.
local function verdict_on(relation, node, what)
  local say = subject.is_large(relation) and deny or warn
  return say(("%s in one transaction: locks and dead rows stay until its end"):format(what:format(subject.sized(relation))), {
    at = node,
    object = relation.id,
    certainty = subject.rows(relation) and "certain" or "assumed",
  })
end

-- Does it stand in a subquery of a condition (EXISTS), which gives no rows?
local function is_asked(range)
  local node = range.parent
  while node do
    if node.tag == "SubLink" then
      return true
    end
    node = node.parent
  end
  return false
end

-- The first table that a query reads whole, and that may be large.
local function source_of(s, node)
  local query = node.selectStmt or node.sourceRelation
  for select in query and query:each "SelectStmt" or function() end do
    if select.limitCount then
      return nil
    end
  end
  for range in query and query:each "RangeVar" or function() end do
    local relation = not range.schemaname and s.impact.world:find(range) or range.schemaname and s:relation(range)
    relation = relation or s:relation(range)
    if not is_asked(range) and subject.matters(relation) and relation.schema ~= "pg_catalog" and relation.schema ~= "information_schema" then
      local select = range.parent
      local where = select and select.tag == "SelectStmt" and select.whereClause
      if not (where and rows.are_few(where, relation)) then
        return relation
      end
    end
  end
end

local function ctes(s)
  local names = {}
  for cte in s:each "CommonTableExpr" do
    names[cte.ctename] = true
  end
  return names
end

local words = { UpdateStmt = "rows of %s are changed", DeleteStmt = "rows of %s are deleted" }

-- A WHERE that compares with a CTE of a few rows (WITH batch AS (SELECT ... LIMIT 1000)).
local function is_batched(s)
  for select in s:each "SelectStmt" do
    if select.limitCount then
      return true
    end
  end
  return false
end

policy {
  about = "many rows are changed in one transaction",
  family = "dml-volume",
  why = "Every changed row stays locked until the transaction ends, replicas fall behind, and no VACUUM can clean up"
    .. " meanwhile; if it fails near the end, all of it was for nothing.",
  safe = "-- stint new NAME --backfill t: batches by key, each in a transaction of its own that remembers how far it came",
  statement = function(s)
    local found = {}
    for tag, what in pairs(words) do
      for node in rows.each(s, tag) do
        local relation = s:relation(node.relation)
        local is_few = rows.are_few(node.whereClause, relation) or is_batched(s)
        if subject.matters(relation) and not is_few then
          found[#found + 1] = verdict_on(relation, node, what)
        end
      end
    end
    local names = ctes(s)
    for _, tag in ipairs { "InsertStmt", "MergeStmt" } do
      for node in rows.each(s, tag) do
        local target = s:relation(node.relation)
        local source = not target.is_temp and source_of(s, node)
        local counts = source and (subject.is_shared(target) or subject.is_large(source))
        if counts and not (names[source.name] and source.unknown) then
          found[#found + 1] = verdict_on(source, node, "rows of %s are copied to " .. subject.name(target):gsub("%%", "%%%%"))
        end
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.big"] = {
          kind = "table",
          rows = 5e7,
          columns = { id = { not_null = true }, status = {} },
          indexes = { big_pkey = { columns = { "id" }, unique = true, primary = true, valid = true } },
        },
        ["public.few_more"] = { kind = "table", rows = 2e5, columns = { id = {}, status = {} } },
        ["public.tiny"] = { kind = "table", rows = 12, columns = { id = {}, status = {} } },
      },
    },
    bad = {
      "UPDATE big SET status = 'new' WHERE status IS NULL",
      "DELETE FROM few_more WHERE status = 'old'",
      "UPDATE nobody_knows SET a = b",
      "INSERT INTO other SELECT * FROM big",
      "CREATE TABLE n (LIKE big); INSERT INTO n SELECT * FROM big",
      "ALTER TABLE big ADD COLUMN x int; UPDATE big SET x = id",
      "UPDATE big SET status = 'x' WHERE id > 5",
      "DO $$ BEGIN UPDATE big SET status = 'x'; END $$",
    },
    good = {
      "UPDATE big SET status = 'x' WHERE id BETWEEN 1 AND 5000",
      "UPDATE big SET status = 'x' WHERE id >= 1 AND id < 5000 AND status IS NULL",
      "DELETE FROM big WHERE id IN (1, 2, 3)",
      "DELETE FROM big WHERE id IN (SELECT id FROM big WHERE status = 'old' LIMIT 1000)",
      "UPDATE tiny SET status = 'x'",
      "CREATE TABLE n (a int); INSERT INTO n VALUES (1); UPDATE n SET a = 2",
      "INSERT INTO big (id, status) VALUES (1, 'a'), (2, 'b')",
      "INSERT INTO roles (name) SELECT 'admin' WHERE NOT EXISTS (SELECT 1 FROM tiny)",
      "INSERT INTO t (a) SELECT 'x' WHERE NOT EXISTS (SELECT 1 FROM t WHERE a = 'x')",
      "UPDATE settings SET value = 'on' WHERE key = 'feature'",
      "CREATE TABLE n AS SELECT * FROM big",
      "CREATE TABLE n (LIKE old INCLUDING ALL); INSERT INTO n SELECT * FROM old",
    },
  },
}
