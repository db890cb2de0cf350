-- Relations made, renamed, moved, emptied and dropped.
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

local function range_of(I, range)
  local relation = I.world:relation(range)
  I.table = I.table or relation
  return relation
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
    empty(range_of(I, range), "it is emptied", range.inh)
  end
end

-- DROP and what goes with it -------------------------------------------------

local loses = { table = "table", partitioned = "table", foreign = nil, sequence = "sequence" }

local drop

local function drop_partners(I, relation, behavior)
  for name, constraint in pairs(relation.constraints) do
    local other = constraint.type == "f" and I.world:references(constraint)
    if other then
      I:lock(other, AEL, ("the foreign key %s points to it"):format(name))
    end
  end
  local parent = I.world:parent(relation)
  if parent and not parent.dropped and partitions.is_one(relation) then
    I:lock(parent, AEL, "it loses a partition")
    local default = partitions.default_of(I.world, parent)
    if default and default ~= relation then
      I:lock(default, AEL, "its bound changes")
    end
  end
  for _, child in ipairs(I.world:children(relation)) do
    drop(I, child, behavior, "inherits from " .. relation.name)
  end
  if behavior == "DROP_CASCADE" then
    for _, from in ipairs(I.world:referrers(relation)) do
      I:lock(from.relation, AEL, ("its foreign key %s goes too"):format(from.name))
    end
    for _, view in ipairs(I.world:views(relation)) do
      drop(I, view, behavior, "it reads what is dropped")
    end
  end
end

function drop(I, relation, behavior, why)
  local known = I.at[relation]
  if known and known.dropped then
    return
  end
  I:lock(relation, AEL, why)
  I.at[relation].dropped = true
  if loses[relation.kind] then
    I:lose(loses[relation.kind], relation.id, relation)
  end
  drop_partners(I, relation, behavior)
end

local drops = {}

local function drop_relation(I, object, node)
  local range = read.range(object)
  if node.missing_ok and not I.world:find(range) and I.world.facts.relations then
    return
  end
  local relation = range_of(I, range)
  drop(I, relation, node.behavior, "it is dropped")
  if not relation.complete and relation.kind ~= "view" and not relation.is_new then
    I.partners_unknown = true
  end
end
for kind in ("TABLE VIEW MATVIEW SEQUENCE FOREIGN_TABLE"):gmatch("%S+") do
  drops["OBJECT_" .. kind] = drop_relation
end

function drops.OBJECT_INDEX(I, object, node)
  local at = I.world:index(read.range(object))
  if node.concurrent then
    I:alone()
  end
  if not at and node.missing_ok and I.world.facts.relations then
    return
  end
  if not at then
    I.partners_unknown = true
    return I:assume(("the table of the index %s is not known"):format(table.concat(read.names(object), ".")))
  end
  I.table, I.on_index = at.relation, node.concurrent and SUE or AEL
  I:lock_family(at.relation, I.on_index, "its index is dropped")
end

-- What is named within a table: the last part of the name is not the table's.
local function drop_within(mode)
  return function(I, object)
    I:lock(range_of(I, read.range(object, 1)), mode, "a part of it is dropped")
  end
end
drops.OBJECT_RULE, drops.OBJECT_POLICY = drop_within(AEL), drop_within(AEL)

function drops.OBJECT_TRIGGER(I, object)
  I:lock_family(range_of(I, read.range(object, 1)), AEL, "a trigger is dropped")
end

local function each_relation(I, visit)
  for _, relation in ipairs(I.world:all()) do
    visit(relation)
  end
end

function drops.OBJECT_SCHEMA(I, object, node)
  if node.behavior ~= "DROP_CASCADE" then
    return
  end
  local name = read.text(object)
  each_relation(I, function(relation)
    if relation.schema == name then
      drop(I, relation, node.behavior, "its schema is dropped")
    end
  end)
  I:lose("schema", name)
  if not I.world.facts.relations then
    I:assume("what the schema holds is not known")
  end
end

-- Tables that have columns of a type lose them.
local function drop_type(I, object, node)
  if node.behavior ~= "DROP_CASCADE" then
    return
  end
  local names = read.names(object.names or object)
  local name = names[#names]
  each_relation(I, function(relation)
    for column in pairs(relation.columns) do
      local type = relation:type_of(column)
      if type and type.name == name and (not type.schema or not names[#names - 1] or type.schema == names[#names - 1]) then
        I:lock(relation, AEL, ("its column %s goes with the type"):format(column))
        for _, view in ipairs(I.world:all_views(relation, column)) do
          I:lock(view, AEL, "it reads a column that goes with the type")
        end
        I:lose("column", relation.id .. "." .. column, relation)
      end
    end
  end)
  if not I.world.facts.relations then
    I:assume("which columns are of the type is not known")
    I:lose("type", table.concat(names, "."))
  end
end
drops.OBJECT_TYPE, drops.OBJECT_DOMAIN = drop_type, drop_type

-- Triggers that call a function go with it.
function drops.OBJECT_FUNCTION(I, object, node)
  if node.behavior ~= "DROP_CASCADE" then
    return
  end
  local names = read.names(object.objname)
  each_relation(I, function(relation)
    for _, trigger in pairs(relation.facts and relation.facts.triggers or {}) do
      local called = trigger.func and trigger.func:match("([^.]+)$")
      if called == names[#names] then
        I:lock_family(relation, AEL, "a trigger goes with the function")
      end
    end
  end)
  I:assume("what goes with the function is not known")
end
drops.OBJECT_PROCEDURE, drops.OBJECT_ROUTINE = drops.OBJECT_FUNCTION, drops.OBJECT_FUNCTION

function drops.OBJECT_STATISTIC_EXT(I, object)
  local names = read.names(object)
  for _, relation in ipairs(I.world:all()) do
    for _, id in ipairs(relation.facts and relation.facts.statistics or {}) do
      if id:match("([^.]+)$") == names[#names] then
        I:lock(relation, SUE, "statistics of it are dropped")
      end
    end
  end
end

function drops.OBJECT_EXTENSION(I, object, node)
  I:lose("extension", read.text(object))
  if node.behavior == "DROP_CASCADE" then
    I:assume("what goes with the extension is not known")
  end
end

function forms.DropStmt(I, node)
  for _, object in ipairs(drops[node.removeType] and node.objects or {}) do
    drops[node.removeType](I, object, node)
  end
end

-- RENAME, SET SCHEMA ----------------------------------------------------------

local renames = {}

local function rename_relation(I, node)
  if not I.world:find(node.relation) and I.world:index(node.relation) then
    return renames.OBJECT_INDEX(I, node)
  end
  I:lock(range_of(I, node.relation), AEL, "it is renamed")
end
for kind in ("TABLE VIEW MATVIEW SEQUENCE FOREIGN_TABLE POLICY RULE"):gmatch("%S+") do
  renames["OBJECT_" .. kind] = rename_relation
end

local function rename_within(I, node)
  I:lock_family(range_of(I, node.relation), AEL, ("%s is renamed"):format(node.subname))
end
renames.OBJECT_COLUMN, renames.OBJECT_TRIGGER = rename_within, rename_within

function renames.OBJECT_TABCONSTRAINT(I, node)
  local relation = range_of(I, node.relation)
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
    I:lock(range_of(I, node.relation), AEL, "it moves to another schema")
  end
end

function forms.DropOwnedStmt(I)
  I:cannot_see("what the role owns is not known")
end

function forms.DropdbStmt(I, node)
  I:alone()
  I:lose("database", node.dbname)
end

return forms
