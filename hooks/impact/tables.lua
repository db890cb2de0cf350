-- Relations made, renamed, moved and emptied.
local native = ...

local partitions = native.use("impact/partitions")
local read = native.use("impact/read")

local forms = {}

local AEL, SRE, SUE, AS = "AccessExclusive", "ShareRowExclusive", "ShareUpdateExclusive", "AccessShare"

-- Foreign keys of a table that is made lock what they point to.
local function references(I, node)
  for constraint in node:each "Constraint" do
    if constraint.contype == "CONSTR_FOREIGN" and constraint.pktable then
      local other = I.world:find(constraint.pktable) or I.world:relation(constraint.pktable)
      if other.id ~= I.table.id then
        I:lock(other, SRE, "a foreign key points to it")
      end
    end
  end
end

local function partition_of(I, node)
  local parent = I.world:relation(node.inhRelations[1])
  I:lock(parent, AEL, "it gets a partition")
  if not parent.complete then
    I:assume(("whether %s has a default partition is not known"):format(parent.name))
  end
  partitions.scan_default(I, parent)
  for _, constraint in pairs(parent.constraints) do
    local other = constraint.type == "f" and I.world:references(constraint)
    if other then
      I:lock(other, SRE, "the partition's foreign key points to it")
    end
  end
end

function forms.CreateStmt(I, node)
  I.table = I.world:draft(node.relation, node.partspec and "partitioned" or "table")
  if node.if_not_exists and I.world:find(node.relation) then
    return
  end
  if node.partbound then
    partition_of(I, node)
  end
  for _, parent in ipairs(not node.partbound and node.inhRelations or {}) do
    I:lock(I.world:relation(parent), SUE, "it gets an inheritor")
  end
  for _, element in ipairs(node.tableElts or {}) do
    if element.tag == "TableLikeClause" then
      I:lock(I.world:relation(element.relation), AS, "its columns are read")
    end
  end
  references(I, node)
end

function forms.CreateForeignTableStmt(I, node)
  forms.CreateStmt(I, node.base or node.base_stmt)
end

function forms.CreateTableAsStmt(I, node)
  I.table = I.world:draft(node.into.rel, node.objtype == "OBJECT_MATVIEW" and "matview" or "table")
  if not (node.if_not_exists and I.world:find(node.into.rel)) then
    I.no_data = node.into.skipData
    I:examine(node.query)
  end
end

function forms.ViewStmt(I, node)
  local old = node.replace and I.world:find(node.view)
  I.table = old or I.world:draft(node.view, "view")
  if old then
    I:lock(old, AEL, "the view is replaced")
  end
  for range in node.query:each "RangeVar" do
    local base = I.world:find(range)
    if base then
      I:lock(base, AS, "the view reads it")
    end
  end
end

function forms.CreateSchemaStmt(I, node)
  for _, element in ipairs(node.schemaElts or {}) do
    I:examine(element)
  end
end

function forms.TruncateStmt(I, node)
  local function empty(relation, why, family)
    for _, member in ipairs(family and relation:family() or { relation }) do
      if not I.at[member] then
        I:lock(member, AEL, why)
        if member:holds_rows() then
          I:lose("rows", member.id, member)
        end
        for _, from in ipairs(node.behavior == "DROP_CASCADE" and I.world:referrers(member) or {}) do
          empty(from.relation, ("its foreign key %s points there"):format(from.name), true)
        end
      end
    end
  end
  for _, range in ipairs(node.relations or {}) do
    empty(I:about(range), "it is emptied", range.inh)
  end
end

local renames = {}

local function rename_relation(I, node)
  if not I.world:find(node.relation) and I.world:index(node.relation) then
    return renames.OBJECT_INDEX(I, node)
  end
  I:lock(I:about(node.relation), AEL, "it is renamed")
end
for kind in ("TABLE VIEW MATVIEW SEQUENCE FOREIGN_TABLE POLICY RULE"):gmatch("%S+") do
  renames["OBJECT_" .. kind] = rename_relation
end

local function rename_within(I, node)
  I:lock_family(I:about(node.relation), AEL, ("%s is renamed"):format(node.subname))
end
renames.OBJECT_COLUMN, renames.OBJECT_TRIGGER = rename_within, rename_within

function renames.OBJECT_TABCONSTRAINT(I, node)
  local relation = I:about(node.relation)
  local constraint = relation.constraints[node.subname]
  local whole = not constraint or constraint.type == "c"
  I:lock(relation, AEL, ("%s is renamed"):format(node.subname))
  if whole then
    I:lock_family(relation, AEL, ("%s is renamed"):format(node.subname))
  end
end

function renames.OBJECT_INDEX(I, node)
  local at = I.world:index(node.relation)
  I.on_index = SUE
  I.table = at and at.relation
end

function forms.RenameStmt(I, node)
  local rename = renames[node.renameType]
  return rename and rename(I, node)
end

local moves = read.set "OBJECT_TABLE OBJECT_VIEW OBJECT_MATVIEW OBJECT_SEQUENCE OBJECT_FOREIGN_TABLE"

function forms.AlterObjectSchemaStmt(I, node)
  if moves[node.objectType] then
    I:lock(I:about(node.relation), AEL, "it moves to another schema")
  end
end

return forms
