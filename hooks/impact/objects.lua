-- What is no table: comments, triggers, rules, policies, domains, sequences, publications, databases.
local native = ...

local read = native.use("impact/read")

local forms = {}

local AEL, SRE, S, SUE, AS = "AccessExclusive", "ShareRowExclusive", "Share", "ShareUpdateExclusive", "AccessShare"

-- How much of the name is not the relation's.
local within = {
  OBJECT_TABLE = 0, OBJECT_VIEW = 0, OBJECT_MATVIEW = 0, OBJECT_SEQUENCE = 0, OBJECT_FOREIGN_TABLE = 0,
  OBJECT_COLUMN = 1, OBJECT_TABCONSTRAINT = 1, OBJECT_TRIGGER = 1, OBJECT_RULE = 1, OBJECT_POLICY = 1,
}

local comment_modes = { OBJECT_TABCONSTRAINT = AS, OBJECT_TRIGGER = AS, OBJECT_RULE = AS, OBJECT_POLICY = AS }

local function remark(I, node)
  local less = within[node.objtype]
  if less then
    I:lock(I:about(read.range(node.object, less)), comment_modes[node.objtype] or SUE, "it is described")
  elseif node.objtype == "OBJECT_INDEX" then
    I.on_index = SUE
  end
end
forms.CommentStmt, forms.SecLabelStmt = remark, remark

function forms.CreateTrigStmt(I, node)
  local relation = I:about(node.relation)
  I:lock(relation, SRE, "a trigger is made")
  if node.row and relation.kind == "partitioned" then
    I:lock_family(relation, SRE, "a trigger is made")
  end
  if node.constrrel then
    I:lock(I.world:relation(node.constrrel), AS, "a constraint trigger names it")
  end
end

function forms.RuleStmt(I, node)
  I:lock(I:about(node.relation), AEL, "a rule is made")
  for _, action in ipairs(node.actions or {}) do
    for range in action:each "RangeVar" do
      local other = range.relname ~= "old" and range.relname ~= "new" and I.world:find(range)
      local is_target = action.relation == range and action.tag ~= "SelectStmt"
      if other then
        I:lock(other, is_target and "RowExclusive" or AS, "the rule names it")
      end
    end
  end
end

local function policy(I, node)
  I:lock(I:about(node.table), AEL, "a policy changes")
end
forms.CreatePolicyStmt, forms.AlterPolicyStmt = policy, policy

-- C: ADD CHECK, O: SET NOT NULL, V: VALIDATE
local domain_words = { C = "its new CHECK", O = "NOT NULL", V = "its CHECK" }

function forms.AlterDomainStmt(I, node)
  local what = domain_words[node.subtype]
  if not what or node.subtype == "C" and node.def.skip_validation then
    return
  end
  local names = read.names(node.typeName)
  local name, schema = names[#names], names[#names - 1]
  for _, relation in ipairs(I.world:all()) do
    for column in pairs(relation.columns) do
      local type = relation:type_of(column)
      local same = type and type.name == name and (not type.schema or not schema or type.schema == schema)
      if same and relation:holds_rows() then
        I:lock(relation, S, ("%s is of the domain"):format(column))
        I:scan(relation, ("%s of the domain is tried on every row"):format(what))
      end
    end
  end
  local ours = I.world:domain { name = name, schema = schema }
  if not I.world.facts.relations and not (ours and ours.is_new) then
    I:assume(("which tables use the domain %s is not known"):format(name))
    I.unseen = true
  end
end

local function owner_of(options)
  local owned = read.option(options, "owned_by")
  local names = owned and type(owned) == "table" and read.names(owned) or {}
  if #names > 1 then
    return read.range(names, 1)
  end
end

function forms.CreateSeqStmt(I, node)
  I.table = I.world:draft(node.sequence, "sequence")
  local owner = owner_of(node.options)
  if owner then
    I:lock(I.world:relation(owner), AS, "it owns the sequence")
  end
end

function forms.AlterSeqStmt(I, node)
  I:lock(I:about(node.sequence), SRE, "the sequence changes")
  local owner = owner_of(node.options)
  if owner then
    I:lock(I.world:relation(owner), AS, "it owns the sequence")
  end
end

local function published(I, node)
  for _, object in ipairs(node.pubobjects or {}) do
    local range = object.pubtable and object.pubtable.relation
    if range then
      I:lock(I:about(range), SUE, "it is published")
    end
  end
end
forms.CreatePublicationStmt, forms.AlterPublicationStmt = published, published

-- From 18 on names are looked up under a lock.
function forms.GrantStmt(I, node)
  local tables = node.targtype == "ACL_TARGET_OBJECT" and node.objtype == "OBJECT_TABLE" and node.objects or {}
  for _, range in ipairs(tables) do
    local relation = I:about(range)
    if I.world:since(18) then
      I:lock(relation, AS, "rights on it change")
    end
  end
end

-- What no transaction block can hold.
local function alone(I)
  I:alone()
end
for tag in ("CreatedbStmt CreateTableSpaceStmt DropTableSpaceStmt AlterSystemStmt"):gmatch("%S+") do
  forms[tag] = alone
end

function forms.AlterDatabaseStmt(I, node)
  if read.option(node.options, "tablespace") then
    I:alone()
  end
end

function forms.CreateSubscriptionStmt(I, node)
  if read.option(node.options, "connect") ~= false and read.option(node.options, "create_slot") ~= false then
    I:alone()
  end
end

function forms.DropSubscriptionStmt(I)
  I:alone()
end

local refreshes = read.set [[
  ALTER_SUBSCRIPTION_REFRESH ALTER_SUBSCRIPTION_SET_PUBLICATION ALTER_SUBSCRIPTION_ADD_PUBLICATION
  ALTER_SUBSCRIPTION_DROP_PUBLICATION
]]

function forms.AlterSubscriptionStmt(I, node)
  if refreshes[node.kind] and read.option(node.options, "refresh") ~= false then
    I:alone()
  end
end

function forms.DiscardStmt(I, node)
  if node.target == "DISCARD_ALL" then
    I:alone()
  end
end

function forms.ReassignOwnedStmt(I)
  I:cannot_see("what the role owns is not known")
end

return forms
