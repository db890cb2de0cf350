-- What ALTER, RENAME and DROP leave behind in the world.
local native = ...

local read = native.use("impact/read")
local types = native.use("impact/types")

return function(world, effects, columns)
  local function id_of(schema, name)
    return schema .. "." .. name
  end

  local function forget(self, relation)
    relation.dropped = true
    self.relations[relation.id] = false
    self.referring[relation] = nil
    for name in pairs(relation.indexes) do
      self.indexes[id_of(relation.schema, name)] = false
    end
    for _, child in ipairs(self:children(relation)) do
      forget(self, child)
    end
  end

  -- The relation goes by another name from now on.
  local function move(self, relation, schema, name)
    if self.relations[relation.id] == relation then
      self.relations[relation.id] = nil
    end
    for index in pairs(relation.indexes) do
      self.indexes[id_of(relation.schema, index)] = false
      self.indexes[id_of(schema, index)] = { relation = relation, name = index }
    end
    relation.schema, relation.name, relation.id = schema, name, id_of(schema, name)
    relation.unknown = nil
    self.relations[relation.id] = relation
  end

  local function column(relation, name)
    relation.columns[name] = relation.columns[name] or {}
    return relation.columns[name]
  end

  local commands = {}

  function commands.AT_AddColumn(relation, cmd)
    if not (cmd.missing_ok and relation.columns[cmd.def.colname]) then
      columns.add(relation, cmd.def)
    end
  end

  function commands.AT_DropColumn(relation, cmd)
    columns.drop(relation, cmd.name)
  end

  function commands.AT_AlterColumnType(relation, cmd)
    local it = column(relation, cmd.name)
    it.type = types.of_node(cmd.def.typeName)
    local collation = cmd.def.collClause and read.names(cmd.def.collClause.collname)
    it.collation = collation and collation[#collation]
  end

  function commands.AT_SetNotNull(relation, cmd)
    column(relation, cmd.name).not_null = true
  end

  function commands.AT_DropNotNull(relation, cmd)
    column(relation, cmd.name).not_null = false
  end

  function commands.AT_ColumnDefault(relation, cmd)
    column(relation, cmd.name).has_default = cmd.def ~= nil
  end

  function commands.AT_AddIdentity(relation, cmd)
    column(relation, cmd.name).identity = "a"
  end

  function commands.AT_DropIdentity(relation, cmd)
    column(relation, cmd.name).identity = nil
  end

  function commands.AT_DropExpression(relation, cmd)
    column(relation, cmd.name).generated = nil
  end

  function commands.AT_AddConstraint(relation, cmd)
    columns.constrain(relation, cmd.def)
  end

  function commands.AT_DropConstraint(relation, cmd)
    columns.drop_constraint(relation, cmd.name)
  end

  function commands.AT_ValidateConstraint(relation, cmd)
    local constraint = relation.constraints[cmd.name]
    if constraint then
      constraint.validated = true
    elseif not relation.complete then
      relation.constraints[cmd.name] = { validated = true } -- which kind nobody has told
    end
    if constraint and constraint.type == "n" then
      column(relation, constraint.columns[1]).not_null = true
    end
  end

  -- Enforced again it has been tried on every row.
  function commands.AT_AlterConstraint(relation, cmd)
    local constraint = relation.constraints[cmd.def.conname]
    if constraint and cmd.def.alterEnforceability then
      constraint.validated = cmd.def.is_enforced
    end
  end

  function commands.AT_EnableRowSecurity(relation)
    relation.rls = true
  end

  function commands.AT_AttachPartition(relation, cmd)
    local child = relation.world:relation(cmd.def.name)
    if child.kind == "index" then
      return
    end
    relation.world:children(relation)
    table.insert(relation.children, child)
    child.parent, child.is_partition = relation, true
    if cmd.def.bound and cmd.def.bound.is_default then
      relation.default_partition = child
    end
  end

  -- A partition that other partitions' rows are in from now on: in use at once, as they were.
  local function settle(parent, range, bound)
    local child = parent.world:draft(range, "table")
    child.is_new, child.populated, child.rows, child.bytes, child.complete = false, true, nil, nil, false
    child.columns, child.constraints = world.copy(parent.columns), world.copy(parent.constraints)
    child.parent, child.is_partition = parent, true
    parent.world.relations[child.id] = child
    table.insert(parent.children, child)
    if bound and bound.is_default then
      parent.default_partition = child
    end
  end

  local function take_out(parent, range)
    local child = parent.world:relation(range)
    for i, it in ipairs(parent.world:children(parent)) do
      if it == child then
        table.remove(parent.children, i)
        break
      end
    end
    if parent.default_partition == child then
      parent.default_partition = nil
    end
    return child
  end

  function commands.AT_DetachPartition(relation, cmd)
    local child = take_out(relation, cmd.def.name)
    child.parent, child.is_partition = false, false
  end

  function commands.AT_MergePartitions(relation, cmd)
    for _, range in ipairs(cmd.def.partlist) do
      forget(relation.world, take_out(relation, range))
    end
    settle(relation, cmd.def.name)
  end

  function commands.AT_SplitPartition(relation, cmd)
    forget(relation.world, take_out(relation, cmd.def.name))
    for _, part in ipairs(cmd.def.partlist) do
      settle(relation, part.name, part.bound)
    end
  end

  -- What goes down to partitions and inheritors.
  local deep = read.set [[
    AT_AddColumn AT_DropColumn AT_AlterColumnType AT_SetNotNull AT_DropNotNull AT_ColumnDefault AT_AddConstraint
    AT_DropConstraint AT_ValidateConstraint
  ]]

  function effects.AlterTableStmt(self, node)
    if node.objtype == "OBJECT_INDEX" then
      return
    end
    local relation = self:relation(node.relation)
    for _, cmd in ipairs(node.cmds or {}) do
      local command = commands[cmd.subtype]
      local goes_down = deep[cmd.subtype] and node.relation.inh and not (cmd.def and cmd.def.is_no_inherit)
      local family = goes_down and relation:family() or { relation }
      for _, member in ipairs(command and family or {}) do
        command(member, cmd)
      end
    end
  end

  local renames = {}

  function renames.OBJECT_TABLE(self, node)
    local index = not self:find(node.relation) and self:index(node.relation)
    if index then
      return renames.OBJECT_INDEX(self, node)
    end
    local relation = self:relation(node.relation)
    move(self, relation, relation.schema, world.folded(node.newname))
  end
  renames.OBJECT_VIEW, renames.OBJECT_MATVIEW = renames.OBJECT_TABLE, renames.OBJECT_TABLE
  renames.OBJECT_SEQUENCE, renames.OBJECT_FOREIGN_TABLE = renames.OBJECT_TABLE, renames.OBJECT_TABLE

  function renames.OBJECT_COLUMN(self, node)
    for _, member in ipairs(self:relation(node.relation):family()) do
      columns.rename(member, node.subname, world.folded(node.newname))
      member.outputs, member.reshaped = nil, true
      for _, view in ipairs(member.used_by or {}) do
        view.reads = nil -- its text has the old name
      end
    end
  end

  function renames.OBJECT_TABCONSTRAINT(self, node)
    local relation = self:relation(node.relation)
    local constraint = relation.constraints[node.subname]
    if constraint then
      relation.constraints[node.newname], relation.constraints[node.subname] = constraint, nil
    end
  end

  function renames.OBJECT_INDEX(self, node)
    local at = self:index(node.relation)
    if at then
      local index = at.relation.indexes[at.name]
      columns.drop_index(at.relation, at.name)
      columns.add_index(at.relation, node.newname, index)
      at.relation.constraints[node.newname], at.relation.constraints[at.name] = at.relation.constraints[at.name], nil
    end
  end

  -- Each is known before the first of them changes its name.
  local function all_in(self, schema)
    local list = {}
    for _, relation in ipairs(self:all()) do
      list[#list + 1] = relation.schema == schema and relation or nil
    end
    return list
  end

  function renames.OBJECT_SCHEMA(self, node)
    for _, relation in ipairs(all_in(self, node.subname)) do
      move(self, relation, node.newname, relation.name)
    end
  end

  function effects.RenameStmt(self, node)
    local rename = renames[node.renameType]
    if rename then
      rename(self, node)
    end
  end

  local relations = read.set "OBJECT_TABLE OBJECT_VIEW OBJECT_MATVIEW OBJECT_SEQUENCE OBJECT_FOREIGN_TABLE"

  function effects.AlterObjectSchemaStmt(self, node)
    if relations[node.objectType] then
      local relation = self:relation(node.relation)
      move(self, relation, node.newschema, relation.name)
    end
  end

  local function drop_type(self, object)
    local names = read.names(object.names or object)
    self.types[id_of(names[#names - 1] or self.path[1] or "public", names[#names])] = false
  end

  local drops = { OBJECT_TYPE = drop_type, OBJECT_DOMAIN = drop_type }

  function drops.OBJECT_INDEX(self, object)
    local at = self:index(read.range(object))
    if at then
      columns.drop_index(at.relation, at.name)
    end
  end

  function drops.OBJECT_FUNCTION(self, object)
    local names = read.names(object.objname)
    self.functions[id_of(names[#names - 1] or self.path[1] or "public", names[#names])] = false
  end

  -- Where the schema is gone, all in it is.
  function drops.OBJECT_SCHEMA(self, object)
    for _, relation in ipairs(all_in(self, read.text(object))) do
      forget(self, relation)
    end
  end

  function effects.DropStmt(self, node)
    for _, object in ipairs(node.objects or {}) do
      if relations[node.removeType] then
        forget(self, self:relation(read.range(object)))
      elseif drops[node.removeType] then
        drops[node.removeType](self, object)
      end
    end
  end
end
