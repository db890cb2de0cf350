-- ALTER TABLE, and what else comes as AlterTableStmt: each command with its lock, and what it does.
-- One ALTER takes the strongest lock that any of its commands needs, for all of them.
local native = ...

local columns = native.use("impact/columns")
local constraints = native.use("impact/constraints")
local modes = native.use("impact/modes")
local partitions = native.use("impact/partitions")
local settings = native.use("impact/settings")

local AEL, SRE, SUE = "AccessExclusive", "ShareRowExclusive", "ShareUpdateExclusive"

-- mode: a lock, or f(I, relation, cmd) giving one. deep: partitions and inheritors are locked too.
-- each: f(I, member, cmd, context) for the relation and, where deep, for all below it.
-- once: f(I, relation, cmd, context).
local commands = {
  AT_AddColumn = { mode = AEL, deep = true, each = columns.add },
  AT_DropColumn = { mode = AEL, deep = true, each = columns.drop },
  AT_AlterColumnType = { mode = AEL, deep = true, each = columns.change_type },
  AT_SetNotNull = { mode = AEL, deep = columns.not_null_goes_down, each = columns.set_not_null },
  AT_DropNotNull = { mode = AEL, deep = true },
  AT_ColumnDefault = { mode = AEL, deep = true },
  AT_SetStorage = { mode = AEL, deep = true },
  AT_SetCompression = { mode = AEL },
  AT_AddIdentity = { mode = AEL },
  AT_SetIdentity = { mode = AEL },
  AT_DropIdentity = { mode = AEL },
  AT_SetExpression = { mode = AEL, deep = true, each = columns.set_expression },
  AT_DropExpression = { mode = AEL, deep = true },
  AT_SetStatistics = { mode = SUE, deep = true },
  AT_SetOptions = { mode = SUE },
  AT_ResetOptions = { mode = SUE },
  AT_AddConstraint = { mode = constraints.add_mode, deep = constraints.goes_down, each = constraints.add },
  AT_DropConstraint = { mode = AEL, deep = true, each = constraints.drop },
  AT_AlterConstraint = { mode = AEL, deep = constraints.alters_down, each = constraints.alter },
  AT_ValidateConstraint = { mode = SUE, deep = constraints.validates_down, each = constraints.validate },
  AT_AttachPartition = { mode = SUE, once = partitions.attach },
  AT_DetachPartition = { mode = partitions.detach_mode, once = partitions.detach },
  AT_DetachPartitionFinalize = { mode = SUE, once = partitions.finalize },
  AT_MergePartitions = { mode = AEL, once = partitions.merge },
  AT_SplitPartition = { mode = AEL, once = partitions.split },
  AT_AddInherit = { mode = AEL, once = partitions.inherit },
  AT_DropInherit = { mode = AEL, once = partitions.disinherit },
  AT_AddOf = { mode = AEL },
  AT_DropOf = { mode = AEL },
  AT_SetRelOptions = { mode = settings.mode },
  AT_ResetRelOptions = { mode = settings.mode },
  AT_ReplaceRelOptions = { mode = AEL },
  AT_ClusterOn = { mode = SUE },
  AT_DropCluster = { mode = SUE },
  AT_SetLogged = { mode = AEL, once = settings.set_logged },
  AT_SetUnLogged = { mode = AEL, once = settings.set_logged },
  AT_SetTableSpace = { mode = AEL, once = settings.set_tablespace },
  AT_SetAccessMethod = { mode = AEL, once = settings.set_access_method },
  AT_ChangeOwner = { mode = AEL },
  AT_ReplicaIdentity = { mode = AEL },
  AT_GenericOptions = { mode = AEL },
  AT_AlterColumnGenericOptions = { mode = AEL },
  AT_DropOids = { mode = AEL },
}

for name in ("EnableTrig EnableAlwaysTrig EnableReplicaTrig DisableTrig EnableTrigAll DisableTrigAll EnableTrigUser"
  .. " DisableTrigUser"):gmatch("%S+") do
  commands["AT_" .. name] = { mode = SRE, deep = partitions.triggers_go_down }
end
for name in ("EnableRule EnableAlwaysRule EnableReplicaRule DisableRule EnableRowSecurity DisableRowSecurity"
  .. " ForceRowSecurity NoForceRowSecurity"):gmatch("%S+") do
  commands["AT_" .. name] = { mode = AEL }
end

local function value(of, I, relation, cmd)
  if type(of) == "function" then
    return of(I, relation, cmd)
  end
  return of
end

-- What the commands of this ALTER know of each other.
local function context_of(node)
  local context = { added = {}, dropped = {}, rewritten = {}, commands = node.cmds or {} }
  for _, cmd in ipairs(context.commands) do
    if cmd.subtype == "AT_AddColumn" then
      context.added[cmd.def.colname] = cmd
    elseif cmd.subtype == "AT_DropConstraint" then
      context.dropped[cmd.name] = true
    end
  end
  return context
end

local words = {}

local function reason(cmd)
  local word = words[cmd.subtype]
  if not word then
    word = cmd.subtype:gsub("^AT_", ""):gsub("(%l)(%u)", "%1 %2"):lower()
    words[cmd.subtype] = word
  end
  return cmd.name and word .. " " .. cmd.name or word
end

local function alter_table(I, node)
  local relation = I.world:relation(node.relation)
  I.table = relation
  if node.missing_ok and not I.world:find(node.relation) and I.world.facts.relations then
    return
  end
  local mode, why, deep
  for _, cmd in ipairs(node.cmds or {}) do
    local command = commands[cmd.subtype]
    if not command then
      I:cannot_see(("nobody has told what %s does"):format(cmd.subtype))
      return
    end
    local own = value(command.mode, I, relation, cmd)
    if modes.rank(own) > modes.rank(mode) then
      mode, why = own, reason(cmd)
    end
    deep = deep or node.relation.inh and value(command.deep, I, relation, cmd)
  end
  I:lock(relation, mode, why)
  if deep then
    I:lock_family(relation, mode, why)
  end
  local context = context_of(node)
  context.mode = mode
  for _, cmd in ipairs(node.cmds or {}) do
    local command = commands[cmd.subtype]
    if command.once then
      command.once(I, relation, cmd, context)
    end
    local down = node.relation.inh and value(command.deep, I, relation, cmd)
    for _, member in ipairs(command.each and (down and relation:family() or { relation }) or {}) do
      command.each(I, member, cmd, context, member ~= relation)
    end
  end
end

-- ALTER INDEX ... touches no rows, and its lock is on the index alone.
local index_modes = { AT_SetTableSpace = AEL, AT_SetStatistics = SUE, AT_AttachPartition = SUE, AT_ReplaceRelOptions = AEL,
  AT_SetRelOptions = settings.index_mode, AT_ResetRelOptions = settings.index_mode, AT_AlterColumnGenericOptions = AEL }

local function alter_index(I, node)
  local at = I.world:index(node.relation)
  if not at then
    I:assume(("the table of the index %s is not known"):format(node.relation.relname))
    return
  end
  I.table = at.relation
  for _, cmd in ipairs(node.cmds or {}) do
    I.on_index = modes.stronger(value(index_modes[cmd.subtype], I, at.relation, cmd) or AEL, I.on_index)
    if cmd.subtype == "AT_AttachPartition" then
      I:lock(at.relation, "AccessShare", "attach an index")
      local other = I.world:index(cmd.def.name)
      if other then
        I:lock(other.relation, "AccessShare", "attach an index")
      end
    elseif cmd.subtype == "AT_SetTableSpace" then
      I:build(at.relation, "its index moves")
    end
  end
end

local forms = {}

function forms.AlterTableStmt(I, node)
  if node.objtype == "OBJECT_INDEX" or not I.world:find(node.relation) and I.world:index(node.relation) then
    return alter_index(I, node)
  end
  -- A composite type: only tables made of it matter, which is refused where there are any.
  if node.objtype ~= "OBJECT_TYPE" then
    return alter_table(I, node)
  end
end

-- ALTER TABLE ALL IN TABLESPACE
function forms.AlterTableMoveAllStmt(I)
  I:cannot_see("which tables are moved is not known")
end

return forms
