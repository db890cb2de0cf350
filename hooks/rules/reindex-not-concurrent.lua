local subject = require "stint.subject"
local tree = require "stint.tree"

local kinds = {
  REINDEX_OBJECT_INDEX = "INDEX",
  REINDEX_OBJECT_TABLE = "TABLE",
  REINDEX_OBJECT_SCHEMA = "SCHEMA",
  REINDEX_OBJECT_SYSTEM = "SYSTEM",
  REINDEX_OBJECT_DATABASE = "DATABASE",
}

-- Of everything there is: never in a migration.
local everything = { SYSTEM = true, DATABASE = true }

local function relation_of(s, kind)
  if kind == "TABLE" then
    return s:relation(s.node.relation)
  elseif kind == "INDEX" then
    local at = s:index_of(s.node.relation)
    return at and at.relation
  end
end

policy {
  about = "an index is rebuilt while writes, and mostly reads too, wait",
  family = "index-build",
  on = "ReindexStmt",
  why = "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index: every query whose plan looks at the index"
    .. " waits, not only writes.",
  safe = "REINDEX INDEX CONCURRENTLY trips_started_idx;",
  statement = function(s)
    local node = s.node
    local kind = node and node.tag == "ReindexStmt" and kinds[node.kind]
    if not kind or tree.is_on(node.params, "concurrently") and not everything[kind] then
      return
    end
    local relation = relation_of(s, kind)
    if relation and not subject.matters(relation) then
      return
    end
    local of = relation and subject.sized(relation) or kind == "INDEX" and "its table" or "every table of it"
    return deny(("REINDEX %s keeps reads and writes of %s waiting"):format(kind, of), {
      object = relation and relation.id,
      certainty = "certain",
    })
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 9, columns = {}, indexes = { tiny_a = { columns = { "a" } } } },
      },
    },
    bad = {
      "REINDEX TABLE t",
      "REINDEX INDEX app.t_a",
      "REINDEX (CONCURRENTLY false, VERBOSE) TABLE t",
      "REINDEX SCHEMA app",
      "REINDEX DATABASE CONCURRENTLY app",
      "REINDEX SYSTEM app",
    },
    good = {
      "REINDEX TABLE CONCURRENTLY t",
      "REINDEX (CONCURRENTLY) INDEX t_a",
      "REINDEX (VERBOSE, CONCURRENTLY true) INDEX t_a",
      "CREATE TABLE n (a int PRIMARY KEY); REINDEX TABLE n",
      "REINDEX INDEX tiny_a",
    },
  },
}
