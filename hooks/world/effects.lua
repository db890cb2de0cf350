-- What a statement leaves behind in the world: one function for each kind of statement that changes
-- what later ones find.
local native = ...

local read = native.use("impact/read")
local types = native.use("impact/types")
local columns = native.use("world/columns")
local expressions = native.use("impact/expressions")

local world

local function id_of(schema, name)
  return schema .. "." .. name
end

local function make(self, range, kind)
  local relation = self:draft(range, kind)
  self.relations[relation.id], self.made[relation] = relation, true
  if relation.is_temp then
    self.temporary[relation.id] = true
  end
  return relation
end

-- Columns (and with INCLUDING ALL the rest) of another one; not complete where that one is not.
local LIKE = { defaults = 4, identity = 16, indexes = 64, constraints = 2 }

local function like(relation, clause)
  local source = relation.world:relation(clause.relation)
  local options = clause.options or 0
  relation.complete = relation.complete and source.complete
  for name, column in pairs(source.columns) do
    relation.columns[name] = { type = column.type, not_null = column.not_null, collation = column.collation,
      has_default = options & LIKE.defaults ~= 0 and column.has_default or nil }
  end
  relation.named_by_server = options & LIKE.indexes ~= 0 or nil
  for name, constraint in pairs(source.constraints) do
    local wanted = constraint.type == "c" and LIKE.constraints or constraint.type ~= "f" and LIKE.indexes or 0
    if options & wanted ~= 0 then
      relation.constraints[name] = world.copy({ constraint })[1]
    end
  end
  for name, index in pairs(options & LIKE.indexes ~= 0 and source.indexes or {}) do
    relation.indexes[name] = world.copy({ index })[1]
  end
end

local function inherit(relation, parent)
  parent.world:children(parent)
  table.insert(parent.children, relation)
  relation.parent = relation.parent or parent
  relation.complete, relation.named_by_server = relation.complete and parent.complete, true
  for name, column in pairs(parent.columns) do
    relation.columns[name] = relation.columns[name] or world.copy({ column })[1]
  end
  for name, constraint in pairs(parent.constraints) do
    relation.constraints[name] = relation.constraints[name] or world.copy({ constraint })[1]
  end
end

local effects = {}

-- The columns of PARTITION BY; an expression counts as one without a name.
local function key_of(spec)
  local key = {}
  for i, element in ipairs(spec.partParams or {}) do
    key[i] = element.name or false
  end
  return key
end

function effects.CreateStmt(self, node)
  if node.if_not_exists and self:find(node.relation) then
    return
  end
  local relation = make(self, node.relation, node.partspec and "partitioned" or "table")
  relation.partition_key = node.partspec and key_of(node.partspec)
  for _, parent in ipairs(node.inhRelations or {}) do
    inherit(relation, self:relation(parent))
    relation.is_partition = node.partbound ~= nil
    if node.partbound and node.partbound.is_default then
      self:relation(parent).default_partition = relation
    end
  end
  for _, element in ipairs(node.tableElts or {}) do
    if element.tag == "ColumnDef" then
      columns.add(relation, element)
    elseif element.tag == "Constraint" then
      columns.constrain(relation, element)
    elseif element.tag == "TableLikeClause" then
      like(relation, element)
    end
  end
  for _, constraint in ipairs(node.constraints or {}) do
    columns.constrain(relation, constraint)
  end
  if node.ofTypename then
    relation.complete = false
  end
end

function effects.CreateForeignTableStmt(self, node)
  effects.CreateStmt(self, node.base or node.base_stmt or node)
  self:relation((node.base or node.base_stmt or node).relation).kind = "foreign"
end

local as_kinds = { OBJECT_MATVIEW = "matview", OBJECT_TABLE = "table" }

-- What a view reads, so that its locks and its dependence are known.
local function read_by(self, view, query)
  view.bases, view.reads = {}, expressions.read_columns(query)
  for range in query:each "RangeVar" do
    local base = self:find(range)
    if base and base ~= view then
      view.bases[#view.bases + 1] = base
      base.used_by = base.used_by or {}
      table.insert(base.used_by, view)
    end
  end
end

function effects.CreateTableAsStmt(self, node)
  local into = node.into
  if node.if_not_exists and self:find(into.rel) then
    return
  end
  local relation = make(self, into.rel, as_kinds[node.objtype] or "table")
  relation.populated, relation.complete = not into.skipData, false
  relation.rows, relation.bytes = nil, nil
  if relation.kind == "matview" then
    read_by(self, relation, node.query)
  end
end

function effects.SelectStmt(self, node)
  if node.intoClause then
    local relation = make(self, node.intoClause.rel, "table")
    relation.populated, relation.complete, relation.rows, relation.bytes = true, false, nil, nil
  end
end

function effects.ViewStmt(self, node)
  local old = node.replace and self:find(node.view)
  local view = old or make(self, node.view, "view")
  view.complete, view.reshaped, view.outputs = false, nil, self:outputs(node)
  read_by(self, view, node.query)
end

function effects.CreateSeqStmt(self, node)
  if not (node.if_not_exists and self:find(node.sequence)) then
    make(self, node.sequence, "sequence")
  end
end

function effects.IndexStmt(self, node)
  local relation = self:relation(node.relation)
  columns.index(relation, node)
end

function effects.CreateTrigStmt(self, node)
  local relation = self:relation(node.relation)
  relation.triggers = relation.triggers or {}
  table.insert(relation.triggers, node.trigname)
end

function effects.CreateSchemaStmt(self, node)
  self.schemas[node.schemaname or ""] = self.run
  local path = self.path
  self.path = { node.schemaname, table.unpack(path) }
  for _, element in ipairs(node.schemaElts or {}) do
    self:effect(element)
  end
  self.path = path
end

local function type_id(self, names)
  names = read.names(names)
  return id_of(names[#names - 1] or self.path[1] or "public", names[#names])
end

function effects.CreateEnumStmt(self, node)
  local values = {}
  for _, value in ipairs(node.vals or {}) do
    values[read.text(value)] = true
  end
  self.types[type_id(self, node.typeName)] = { enum = true, is_new = true, values = values }
end

function effects.AlterEnumStmt(self, node)
  local values = self:enum(node.typeName)
  if values then
    values[node.newVal] = true
    if node.oldVal then
      values[node.oldVal] = nil
    end
  end
end

function effects.CompositeTypeStmt(self, node)
  self.types[id_of(self:schema_of(node.typevar), node.typevar.relname)] = { composite = true, is_new = true }
end

function effects.CreateRangeStmt(self, node)
  self.types[type_id(self, node.typeName)] = { range = true, is_new = true }
end

function effects.CreateDomainStmt(self, node)
  local domain = { domain = true, is_new = true, type = types.of_node(node.typeName), constrained = false }
  for _, constraint in ipairs(node.constraints or {}) do
    domain.not_null = domain.not_null or constraint.contype == "CONSTR_NOTNULL"
    domain.constrained = domain.constrained or domain.not_null or constraint.contype == "CONSTR_CHECK"
  end
  self.types[type_id(self, node.domainname)] = domain
end

-- C: a CHECK is added, O: NOT NULL
function effects.AlterDomainStmt(self, node)
  local names = read.names(node.typeName)
  local domain = self:domain { name = names[#names], schema = names[#names - 1] }
  if domain and (node.subtype == "C" or node.subtype == "O") then
    domain.constrained = true
    domain.not_null = domain.not_null or node.subtype == "O"
  end
end

-- The one expression of a function's body, where it is no more than that.
local function only_expression(text)
  local select = world.parse(text)
  if not select or select.tag ~= "SelectStmt" or select.fromClause or select.withClause then
    return nil
  end
  local target = #(select.targetList or {}) == 1 and select.targetList[1]
  return target and target.val or nil
end

function effects.CreateFunctionStmt(self, node)
  local fn = { volatility = "volatile", is_new = true }
  for _, option in ipairs(node.options or {}) do
    if option.defname == "volatility" then
      fn.volatility = read.text(option.arg)
    elseif option.defname == "language" then
      fn.language = (read.text(option.arg) or ""):lower()
    elseif option.defname == "as" then
      fn.body = read.text(read.list(option.arg)[1])
    end
  end
  if node.sql_body then
    fn.language = fn.language or "sql"
    fn.body = node.sql_body.returnval
  elseif fn.language == "sql" and fn.body then
    fn.body = only_expression(fn.body)
  else
    fn.body = nil
  end
  self.functions[type_id(self, node.funcname)] = fn
end

function effects.VariableSetStmt(self, node)
  if node.is_local and not self.tx then
    return -- only a warning there
  end
  if node.is_local and not self.tx.has_local then
    self.tx.has_local = true
    self.tx.settings, self.tx.path = world.copy(self.settings), self.path
  end
  if node.kind == "VAR_RESET_ALL" then
    self.settings, self.path = {}, self.facts.search_path or { "public" }
    return
  end
  local name = (node.name or ""):lower()
  local values = {}
  for i, arg in ipairs(node.args or {}) do
    values[i] = read.constant(arg) or read.text(arg)
  end
  self.settings[name] = values[1]
  if name == "search_path" then
    self.path = #values > 0 and values or self.facts.search_path or { "public" }
  end
end

local function filled(self, range)
  local relation = self:relation(range)
  for _, member in ipairs(relation:family()) do
    member.populated = true
    member.rows, member.bytes = member.is_new and nil or member.rows, member.is_new and nil or member.bytes
  end
end

function effects.InsertStmt(self, node)
  filled(self, node.relation)
end

function effects.CopyStmt(self, node)
  if node.is_from and node.relation then
    filled(self, node.relation)
  end
end

effects.MergeStmt = effects.InsertStmt

function effects.TruncateStmt(self, node)
  for _, range in ipairs(node.relations or {}) do
    for _, member in ipairs(self:relation(range):family()) do
      member.populated, member.rows, member.bytes = false, 0, 0
    end
  end
end

function effects.RefreshMatViewStmt(self, node)
  self:relation(node.relation).populated = not node.skipData
end

return function(given)
  world = given

  function world.World:effect(node)
    local effect = effects[node.tag]
    if effect then
      effect(self, node)
    end
  end

  -- Takes the statement for done: its locks (of s.impact) are held, its effects are there.
  function world.World:apply(s)
    for _, lock in ipairs(s.impact and s.impact.locks or {}) do
      self:lock(lock.relation, lock.mode, lock.why, s)
    end
    if s.node and s.inside ~= "function" then
      self:effect(s.node)
    end
  end

  native.use("world/alters")(world, effects, columns)
  return effects
end
