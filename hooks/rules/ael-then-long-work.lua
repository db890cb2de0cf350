local modes = require "stint.modes"
local subject = require "stint.subject"
local tree = require "stint.tree"

-- The first lock held that others wait behind.
local function blocking(held)
  for _, lock in ipairs(held) do
    if modes.blocks_writes(lock.mode) and subject.is_shared(lock.relation) then
      return lock
    end
  end
end

local function sleeps(s)
  for call in s:each "FuncCall" do
    local names = tree.names(call.funcname)
    if names[#names]:find "^pg_sleep" then
      return "waits"
    end
  end
end

-- Rows changed by a key that is said are few.
local function by_key(where)
  return where and where.tag == "A_Expr" and where.kind == "AEXPR_OP" and where.name[1].sval == "="
    and (where.rexpr.tag == "A_Const" or where.rexpr.tag == "TypeCast")
end

-- Rows of another table are read to fill one.
local function fills(s, node)
  local query = node.tag == "CreateTableAsStmt" and not node.into.skipData and node.query or node.tag == "InsertStmt" and node.selectStmt
  if not query or query.valuesLists then
    return nil
  end
  for range in query:each "RangeVar" do
    local relation = s.impact.world:find(range)
    if relation and s.impact.at[relation] and subject.matters(relation) then
      return "reads " .. subject.sized(relation)
    end
  end
end

local function changes(s)
  local node = s.node
  local tag = node and node.tag
  local filled = node and fills(s, node)
  if filled then
    return filled
  elseif tag == "InsertStmt" and not (node.selectStmt and not node.selectStmt.valuesLists) or tag == "CopyStmt" then
    return nil
  elseif (tag == "UpdateStmt" or tag == "DeleteStmt") and by_key(node.whereClause) then
    return nil
  end
  local relation = s.table
  if (tag == "UpdateStmt" or tag == "DeleteStmt" or tag == "InsertStmt" or tag == "MergeStmt") and relation and subject.matters(relation) then
    return "changes rows of " .. subject.sized(relation)
  end
end

local works = { rewrites = "writes %s anew", builds = "builds an index of %s", scans = "reads all of %s" }

-- The foreign key of a table that is new and has got no rows: PostgreSQL does not look at the other side.
local function compares_nothing(s, what)
  return what == "scans" and s.kind == "ALTER TABLE" and s.table and s.table.is_new and not s.table.populated
end

local function work(s)
  for _, what in ipairs { "rewrites", "builds", "scans" } do
    local relation = subject.first(s[what])
    if relation and not compares_nothing(s, what) then
      return works[what]:format(subject.sized(relation))
    end
  end
  return changes(s) or sleeps(s)
end

policy {
  about = "long work is done while a lock is held that others wait behind",
  family = "lock-scope",
  why = "a lock lives until the end of its transaction: what took ACCESS EXCLUSIVE for a moment holds it through all that follows",
  safe = "two files: first the work (batches, VALIDATE, CREATE INDEX CONCURRENTLY), then the short statement, or the other way round",
  transaction = function(t)
    local held, found = {}, {}
    for _, outer in ipairs(t.statements) do
      for _, s in ipairs(subject.flat(outer)) do
        local lock = s.impact and held[1] and blocking(held)
        local what = lock and work(s)
        if what then
          found[#found + 1] = deny(("%s %s while %s is held on %s since line %d"):format(s.kind, what, modes.words(lock.mode),
            subject.name(lock.relation), lock.s.line), { at = s, object = lock.relation.id })
        end
        for _, one in ipairs(s.impact and s.locks or {}) do
          held[#held + 1] = { relation = one.relation, mode = one.mode, s = s }
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = b WHERE b > 0",
      "ALTER TABLE t ADD COLUMN a int; CREATE INDEX i ON u (a)",
      "BEGIN; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT",
      "LOCK TABLE t IN EXCLUSIVE MODE; SELECT pg_sleep(10)",
      "ALTER TABLE t ADD COLUMN a int; INSERT INTO u SELECT * FROM v",
      "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f(); DELETE FROM u",
      "DO $$ BEGIN ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 1; END $$",
      "CREATE TABLE n (t int REFERENCES t); INSERT INTO n SELECT id FROM t",
      "CREATE TABLE n (t int REFERENCES t, u int); INSERT INTO n SELECT 1, 2; ALTER TABLE n ADD FOREIGN KEY (u) REFERENCES u",
    },
    good = {
      "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD COLUMN b int; COMMENT ON COLUMN t.a IS 'x'",
      "ALTER TABLE t ADD COLUMN a int; UPDATE settings SET value = 'x' WHERE id = 1; INSERT INTO u VALUES (1)",
      "UPDATE t SET a = 1 WHERE b > 0; ALTER TABLE t ADD COLUMN c int",
      "CREATE TABLE n (a int); INSERT INTO n SELECT 1; CREATE INDEX i ON n (a); UPDATE n SET a = 2",
      "BEGIN; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; COMMIT; BEGIN; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT",
      { sql = "ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 1", facts = { relations = { ["public.t"] = { kind = "table", rows = 90, columns = {} } } } },
      "ALTER TABLE t ADD COLUMN a int; CREATE TABLE n (a int); CREATE INDEX i ON n (a)",
      "CREATE TABLE n (t int REFERENCES t, u int); ALTER TABLE n ADD FOREIGN KEY (u) REFERENCES u",
    },
  },
}
