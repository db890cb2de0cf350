-- Who inherits from a relation, who refers to it, who reads it. Facts tell it from the other side.

local native = ...

local read = native.use("impact/read")

local links = {}

-- What the facts say against the direction in which they are written: who inherits, who refers.
local function backward(self)
  if self.backward then
    return self.backward
  end
  local back = { children = {}, referrers = {}, users = {} }
  self.backward = back
  local function add(map, id, item)
    map[id] = map[id] or {}
    table.insert(map[id], item)
  end
  for id, entry in pairs(self.facts.relations or {}) do
    for _, parent in ipairs(entry.parents or { entry.parent }) do
      add(back.children, parent, id)
    end
    for _, constraint in pairs(entry.constraints or {}) do
      if constraint.references then
        add(back.referrers, constraint.references, id)
      end
    end
    for _, user in ipairs(entry.dependents or {}) do
      add(back.users, user.name, id)
    end
  end
  for _, map in pairs(back) do
    for _, list in pairs(map) do
      table.sort(list)
    end
  end
  return back
end

local function resolved(self, list)
  local out = {}
  for _, id in ipairs(list or {}) do
    out[#out + 1] = self:of_facts(id)
  end
  return out
end

-- Partitions and inheritors, directly below.
function links:children(relation)
  if not relation.children then
    relation.children = relation.facts and resolved(self, backward(self).children[relation.fact_id]) or {}
    for _, child in ipairs(relation.children) do
      child.parent = child.parent or relation
    end
  end
  local alive = {}
  for _, child in ipairs(relation.children) do
    if not child.dropped then
      alive[#alive + 1] = child
    end
  end
  return alive
end

function links:parent(relation)
  if relation.parent == nil and relation.facts then
    relation.parent = relation.facts.parent and self:of_facts(relation.facts.parent) or false
  end
  return relation.parent or nil
end

local function meets(list, columns)
  for _, a in ipairs(list or {}) do
    for _, b in ipairs(columns) do
      if a == b then
        return true
      end
    end
  end
  return list == nil
end

-- The tables whose foreign keys point here, or to one of the columns: { { relation, name, constraint } ... }
function links:referrers(relation, columns)
  local out, seen = {}, {}
  local function look(from)
    if seen[from] then
      return
    end
    seen[from] = true
    for name, constraint in pairs(from.constraints) do
      local here = constraint.type == "f" and self:references(constraint) == relation
      if here and (not columns or meets(constraint.to_columns, columns)) then
        out[#out + 1] = { relation = from, name = name, constraint = constraint }
      end
    end
  end
  if relation.facts then
    for _, from in ipairs(resolved(self, backward(self).referrers[relation.fact_id])) do
      look(from)
    end
  end
  for from in pairs(self.referring) do
    if not from.dropped then
      look(from)
    end
  end
  table.sort(out, function(a, b)
    return a.relation.id .. a.name < b.relation.id .. b.name
  end)
  return out
end

-- The table that a foreign key points to, or nil.
function links:references(constraint)
  local to = constraint.references
  return type(to) == "string" and self:of_facts(to) or type(to) == "table" and to or nil
end

-- The views over a relation (that read the column): { relation ... }
function links:views(relation, column)
  local out = {}
  for _, user in ipairs(relation.facts and relation.facts.dependents or {}) do
    local reads = not column or meets(user.columns, { column })
    if reads then
      out[#out + 1] = self:of_facts(user.name)
    end
  end
  for _, view in ipairs(relation.used_by or {}) do
    if not view.dropped and (not column or not view.reads or view.reads[column]) then
      out[#out + 1] = view
    end
  end
  return out
end

-- The same, and the views over those views.
function links:all_views(relation, column, out)
  out = out or {}
  for _, view in ipairs(self:views(relation, column)) do
    out[#out + 1] = view
    self:all_views(view, nil, out)
  end
  return out
end

-- The values of an enum: { value = true }, or nil where nobody has told of them.
function links:enum(names)
  names = read.names(names)
  local schema = names[#names - 1]
  for _, at in ipairs(schema and { schema } or self.path) do
    local id = at .. "." .. names[#names]
    local told = self.facts.types and self.facts.types[id]
    if self.types[id] == nil and told and told.values then
      local values = {}
      for _, value in ipairs(told.values) do
        values[value] = true
      end
      self.types[id] = { enum = true, values = values }
    end
    if self.types[id] then
      return self.types[id].values
    end
  end
end

local function output(target)
  if target.name then
    return target.name
  end
  local names = target.val.tag == "ColumnRef" and not target:find "A_Star" and read.names(target.val.fields) or {}
  return names[#names]
end

-- The names of the columns that a ViewStmt makes, or nil where one is not written down.
function links.outputs(_, node)
  local select, aliases, list = node.query, read.names(node.aliases), {}
  while select and select.larg do
    select = select.larg
  end
  for i, target in ipairs(select and select.targetList or {}) do
    list[i] = aliases[i] or output(target)
    if not list[i] then
      return nil
    end
  end
  return #list > 0 and list or nil
end

-- What a view reads.
function links:bases(view)
  if view.bases then
    return view.bases
  end
  return view.facts and resolved(self, backward(self).users[view.fact_id]) or {}
end

return function(World)
  for name, method in pairs(links) do
    World[name] = method
  end
end
