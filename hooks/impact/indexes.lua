-- Indexes built and built again, tables written anew in another order, statistics gathered.
local native = ...

local read = native.use("impact/read")

local forms = {}

local AEL, E, S, SUE, AS = "AccessExclusive", "Exclusive", "Share", "ShareUpdateExclusive", "AccessShare"

function forms.IndexStmt(I, node)
  local relation = I:about(node.relation)
  local mode = node.concurrent and SUE or S
  if node.concurrent then
    I:alone()
  end
  I:lock(relation, mode, "an index is built")
  if node.if_not_exists and node.idxname and I.world:index { relname = node.idxname, schemaname = relation.schema } then
    return
  end
  for _, member in ipairs(node.relation.inh and relation.kind == "partitioned" and relation:family() or { relation }) do
    I:lock(member, mode, "an index is built")
    if member:holds_rows() then
      I:build(member, "an index is built")
    end
  end
end

local many = read.set "REINDEX_OBJECT_SCHEMA REINDEX_OBJECT_SYSTEM REINDEX_OBJECT_DATABASE"

function forms.ReindexStmt(I, node)
  local concurrent = read.option(node.params, "concurrently")
  if concurrent or many[node.kind] then
    I:alone()
  end
  if many[node.kind] then
    return I:cannot_see("every table of the " .. node.kind:match("%a+$"):lower() .. " is concerned")
  end
  local relation
  if node.kind == "REINDEX_OBJECT_INDEX" then
    local at = I.world:index(node.relation)
    relation = at and at.relation
    if not relation then
      I:assume(("the table of the index %s is not known"):format(node.relation.relname))
      I.on_index = concurrent and SUE or AEL
      return
    end
    I.table = relation
  else
    relation = I:about(node.relation)
  end
  I.on_index = concurrent and SUE or AEL
  if relation.kind == "partitioned" then
    I:alone()
  end
  for _, member in ipairs(relation.kind == "partitioned" and relation:family() or { relation }) do
    I:lock(member, concurrent and SUE or S, "an index is built again")
    if member:holds_rows() and (node.kind == "REINDEX_OBJECT_INDEX" or not member.complete or next(member.indexes)) then
      I:build(member, "an index is built again")
    end
  end
end

-- REPACK too, which may do it beside those who read and write, and needs the table alone at its end.
function forms.ClusterStmt(I, node)
  if not node.relation then
    I:alone()
    return I:cannot_see(node.repacks and "every table is concerned" or "every clustered table is concerned")
  end
  local relation = I:about(node.relation)
  if relation.kind == "partitioned" or node.concurrent then
    I:alone()
  end
  local why = node.repacks and "it is written anew without its gaps" or "it is written anew in the order of an index"
  for _, member in ipairs(relation:family()) do
    I:lock(member, node.concurrent and SUE or AEL, why)
    if member:holds_rows() then
      I:rewrite(member, why)
    end
  end
end

local function vacuum(I, node, range)
  local relation = I:about(range)
  local full = read.option(node.options, "full")
  for _, member in ipairs(range.inh and relation:family() or { relation }) do
    I:lock(member, full and AEL or SUE, full and "it is written anew" or "it is vacuumed")
    if full and member:holds_rows() then
      I:rewrite(member, "it is written anew without its gaps")
    end
  end
end

local function analyze(I, _, range)
  local relation = I:about(range)
  I:lock(relation, SUE, "a sample of its rows is read")
  local own = range.inh and relation.kind == "partitioned"
  for _, child in ipairs((range.inh or relation.kind == "partitioned") and I.world:children(relation) or {}) do
    for _, member in ipairs(child:family()) do
      I:lock(member, own and SUE or AS, "a sample of its rows is read")
    end
  end
end

function forms.VacuumStmt(I, node)
  if node.is_vacuumcmd then
    I:alone()
  end
  I.samples = true
  for _, item in ipairs(node.rels or {}) do
    if item.relation then
      local work = node.is_vacuumcmd and vacuum or analyze
      work(I, node, item.relation)
    end
  end
  if #(node.rels or {}) == 0 then
    I:cannot_see("every table is concerned")
  end
end

function forms.RefreshMatViewStmt(I, node)
  local relation = I:about(node.relation)
  I:lock(relation, node.concurrent and E or AEL, "it is filled anew")
  for _, base in ipairs(not node.skipData and I.world:bases(relation) or {}) do
    I:lock(base, AS, "it is read")
  end
  I.runs_query = not node.skipData
  if node.concurrent then
    I:change(relation)
  else
    I:rewrite(relation, "it is filled anew")
  end
end

function forms.CreateStatsStmt(I, node)
  for _, range in ipairs(node.relations or {}) do
    I:lock(I:about(range), SUE, "statistics are declared for it")
  end
end

return forms
