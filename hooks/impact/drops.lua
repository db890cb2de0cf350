-- What is dropped, and what goes with it.
local native = ...

local partitions = native.use("impact/partitions")
local read = native.use("impact/read")

local forms = {}

local AEL, SUE = "AccessExclusive", "ShareUpdateExclusive"

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
  local relation = I:about(range)
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
    I:lock(I:about(read.range(object, 1)), mode, "a part of it is dropped")
  end
end
drops.OBJECT_RULE, drops.OBJECT_POLICY = drop_within(AEL), drop_within(AEL)

function drops.OBJECT_TRIGGER(I, object)
  I:lock_family(I:about(read.range(object, 1)), AEL, "a trigger is dropped")
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

function forms.DropOwnedStmt(I)
  I:cannot_see("what the role owns is not known")
end

function forms.DropdbStmt(I, node)
  I:alone()
  I:lose("database", node.dbname)
end

return forms
