-- The state of the database as the pending files will have made it: facts, and on top of them what
-- each statement creates, renames, drops and fills. It never asks a server.
--   local w = world.new(facts)
--   w:begin(); s.impact = impact.of(w, s); w:apply(s); w:commit()
-- A relation is one table all along, whatever it is called meanwhile:
--   { schema, name, id, kind, is_new, is_temp, populated, rows, bytes, facts, columns, constraints,
--     indexes, parent, children, complete }
-- `complete` says that all columns, constraints and indexes are known; facts or CREATE TABLE gave them.
local native = ...

local modes = native.use("impact/modes")
local relations = native.use("world/relation")
local tree = native.use("tree")
local types = native.use("impact/types")

local World = {}
World.__index = World

local Relation, copy, folded = relations.Relation, relations.copy, relations.folded

local world = { World = World }

-- facts: as `stint doctor --snapshot` writes them, or {}.
function world.new(facts)
  local self = setmetatable({
    facts = facts or {}, -- a world without a database knows nothing
    relations = {}, -- by id; false: dropped
    origin = {}, -- by the id that facts use
    types = {}, -- by id: { enum = true } or a domain; false: dropped
    functions = {},
    indexes = {}, -- by id: { relation, name }; false: dropped
    made = {}, -- the new relations
    schemas = {}, -- the new schemas, with the run that made them
    run = 0, -- files that run together are one
    referring = {}, -- the relations seen so far that have foreign keys
  }, World)
  self:clean()
  return self
end

-- The next file begins, with a clean session. What was made before is new no more, and may hold any
-- rows by now, unless the files run together.
function World:file(migration)
  if not migration.together then
    for relation in pairs(self.made) do
      relation.is_new, relation.populated, relation.rows, relation.bytes = false, nil, nil, nil
    end
    self.made, self.run = {}, self.run + 1
  end
  self:clean()
end

function World:clean()
  self.settings = {}
  self.path = self.facts.search_path or { "public" }
  for id in pairs(self.temporary or {}) do
    self.relations[id] = nil
  end
  self.temporary = {}
  self.tx = nil
end

function World:begin()
  self.tx = { locks = {}, strongest = {}, settings = copy(self.settings), path = self.path }
end

function World:commit()
  if self.tx and self.tx.has_local then
    self.settings, self.path = self.tx.settings, self.tx.path
  end
  self.tx = nil
end

-- Another world like this one: what is done there leaves no trace here. Nodes of trees and facts stay
-- who they are.
function World:aside()
  local twins = { [self.facts] = self.facts }
  local function twin(value)
    if type(value) ~= "table" then
      return value
    elseif twins[value] then
      return twins[value]
    end
    local meta = getmetatable(value)
    if meta ~= nil and meta ~= World and meta ~= Relation then
      return value
    end
    local other = setmetatable({}, meta)
    twins[value] = other
    for key, field in pairs(value) do
      other[twin(key)] = twin(field)
    end
    return other
  end
  return twin(self)
end

-- The strongest lock on the relation that the transaction has taken so far, or nil.
function World:held(relation)
  return self.tx and self.tx.strongest[relation]
end

function World:lock(relation, mode, why, s)
  local tx = self.tx
  if not tx then
    return
  end
  tx.locks[#tx.locks + 1] = { relation = relation, mode = mode, why = why, statement = s }
  tx.strongest[relation] = modes.stronger(mode, tx.strongest[relation] or mode)
end

local function id_of(schema, name)
  return schema .. "." .. name
end

local function wrap(self, id, entry)
  local schema, name = entry.schema, entry.name
  if not name then
    schema, name = id:match("^(.-)%.(.*)$")
  end
  local relation = setmetatable({
    world = self, schema = schema, name = name, id = id, kind = entry.kind or "table", facts = entry, rows = entry.rows,
    bytes = entry.bytes, populated = entry.rows ~= 0, complete = entry.columns ~= nil, is_new = false, is_temp = false,
    columns = copy(entry.columns), constraints = copy(entry.constraints), indexes = copy(entry.indexes),
  }, Relation)
  self.relations[id], self.origin[id], relation.fact_id = relation, relation, id
  for _, constraint in pairs(relation.constraints) do
    self.referring[relation] = self.referring[relation] or constraint.type == "f" or nil
  end
  for index in pairs(relation.indexes) do
    self.indexes[id_of(schema, index)] = { relation = relation, name = index }
  end
  return relation
end

-- By the id that facts use, whatever it is called by now; nil: not known, or dropped.
function World:of_facts(id)
  local known = self.origin[id]
  if known then
    return not known.dropped and known or nil
  end
  local entry = self.facts.relations and self.facts.relations[id]
  return entry and wrap(self, id, entry)
end

-- What is called so now: a relation, nil (nobody knows), or false (dropped in this run).
function World:at(schema, name)
  local id = id_of(schema, name)
  local relation = self.relations[id]
  if relation ~= nil then
    return relation
  end
  if self.origin[id] then
    return nil -- it has another name by now
  end
  return self:of_facts(id)
end

function World:schema_of(range)
  if range.schemaname then
    return folded(range.schemaname)
  end
  if range.relpersistence == "t" then
    return "pg_temp"
  end
  return self.path[1] or "public"
end

-- A relation of that name that nobody has told anything about; `gone`: this run has dropped it.
local function stranger(self, schema, name)
  local relation = setmetatable({
    world = self, schema = schema, name = name, id = id_of(schema, name), kind = "table", is_new = false,
    is_temp = schema == "pg_temp", populated = nil, complete = false, columns = {}, constraints = {}, indexes = {},
    unknown = true, gone = self.relations[id_of(schema, name)] == false,
  }, Relation)
  self.relations[relation.id] = relation
  return relation
end

-- A relation that a statement is about to make: it is in no list yet.
function World:draft(range, kind)
  local temporary = range.relpersistence == "t" or range.schemaname == "pg_temp"
  local schema = temporary and "pg_temp" or self:schema_of(range)
  local name = folded(range.relname)
  return setmetatable({
    world = self, schema = schema, name = name, id = id_of(schema, name), kind = kind, is_new = true,
    is_temp = temporary, populated = false, complete = true, columns = {}, constraints = {}, indexes = {},
    rows = 0, bytes = 0,
  }, Relation)
end

-- Every relation that is known, by name.
function World:all()
  for id in pairs(self.facts.relations or {}) do
    self:of_facts(id)
  end
  local list = {}
  for _, relation in pairs(self.relations) do
    if relation then
      list[#list + 1] = relation
    end
  end
  table.sort(list, function(a, b)
    return a.id < b.id
  end)
  return list
end

-- What a name means here, or nil where nobody has told of it.
function World:find(range)
  local name = folded(range.relname)
  if range.schemaname then
    return self:at(folded(range.schemaname), name) or nil
  end
  local temporary = self.relations[id_of("pg_temp", name)]
  if temporary then
    return temporary
  end
  for _, schema in ipairs(self.path) do
    local found = self:at(schema, name)
    if found then
      return found
    end
  end
end

-- As find, but always a relation: one with `unknown` set where nobody has told of it.
function World:relation(range)
  local found = self:find(range)
  if found then
    return found
  end
  return stranger(self, self:schema_of(range), folded(range.relname))
end

-- The index of that name: { relation, name, columns, ... } or nil. Indexes are named beside tables.
function World:index(range)
  local name = folded(range.relname)
  local schemas = range.schemaname and { folded(range.schemaname) } or { "pg_temp", table.unpack(self.path) }
  for _, schema in ipairs(schemas) do
    local found = self.indexes[id_of(schema, name)]
    if found == nil then
      found = self:index_of_facts(id_of(schema, name))
    end
    if found then
      return found
    end
  end
end

-- Who indexes what in the facts: by the index's id, the id of its table.
function World:index_of_facts(id)
  if not self.indexed then
    self.indexed = {}
    for table_id, entry in pairs(self.facts.relations or {}) do
      local schema = entry.schema or table_id:match("^(.-)%.")
      for name in pairs(entry.indexes or {}) do
        self.indexed[id_of(schema, name)] = table_id
      end
    end
  end
  return self.indexed[id] and self:of_facts(self.indexed[id]) and self.indexes[id]
end

-- The tree of a statement, or nil.
function world.parse(text)
  local how, root = tree.parse(text)
  return how == "parsed" and root or nil
end

-- The expression of a CHECK, as a tree: from the file that made it or from the server's text.
function World.expression(_, constraint)
  if constraint.expression == nil and constraint.definition then
    local root = world.parse("ALTER TABLE t ADD " .. constraint.definition)
    local node = root and root:find "Constraint"
    constraint.expression = node and node.raw_expr or false
  end
  return constraint.expression or nil
end

-- A type's domain: { type, constrained, not_null }, or nil and whether it is known to be none.
function World:domain(type)
  if types.is_builtin(type) then
    return nil, true
  end
  for _, schema in ipairs(type.schema and { type.schema } or self.path) do
    local id = id_of(schema, type.name)
    local here = self.types[id]
    if here then
      return here.domain and here or nil, true
    end
    local domain = self.facts.domains and self.facts.domains[id]
    if domain and here == nil then
      local it = { domain = true, type = types.of_text(domain.base), constrained = domain.constrained,
        not_null = domain.not_null }
      self.types[id] = it
      return it, true
    end
  end
  return nil, self.facts.types ~= nil
end

-- { volatility, language, body } of a function that somebody has made, or nil.
function World:func(schema, name)
  for _, at in ipairs(schema and { schema } or self.path) do
    local id = id_of(at, name)
    local fn = self.functions[id]
    if fn == nil then
      fn = self.facts.functions and self.facts.functions[id]
    end
    if fn then
      return fn
    end
  end
end

function World:version()
  return self.facts.server_version
end

-- Is the server at least of this major version? True where its version is not known.
function World:since(major)
  local version = self.facts.server_version
  return not version or version >= major * 10000
end

world.folded = folded
world.id = id_of
world.copy = copy

native.use("world/links")(World)
native.use("world/effects")(world)

return world
