-- The database as it will be when the statements before have run, simulated from facts: what this
-- run has created, what a transaction has locked.
local world = {}

local methods = {}
local meta = { __index = methods }

-- What is known of a relation: { schema, name, kind, is_new, facts }.
function methods:relation(rangevar)
  local schema = rangevar.schemaname or "public"
  local name = schema .. "." .. rangevar.relname
  local known = self.relations[name]
  if not known then
    local facts = self.facts.relations and self.facts.relations[name]
    known = {
      schema = schema,
      name = rangevar.relname,
      kind = facts and facts.kind or "table",
      rows = facts and facts.rows,
      bytes = facts and facts.bytes,
      facts = facts,
    }
    self.relations[name] = known
  end
  return known
end

-- The next file begins. What was created before is new no more, unless the files run together.
function methods:file(migration)
  if migration.together then
    return
  end
  for _, relation in pairs(self.relations) do
    relation.is_new = false
  end
end

function methods:begin()
  self.tx = { locks = {} }
end

function methods:commit()
  self.tx = nil
end

methods.rollback = methods.commit

-- The statement has run.
function methods:apply(s)
  local node = s.node
  if not node or s.inside == "function" then
    return
  end
  for _, lock in ipairs(s.locks) do
    self.tx.locks[#self.tx.locks + 1] = lock
  end
  if node.tag == "CreateStmt" then
    self:relation(node.relation).is_new = true
  end
end

function world.new(facts)
  return setmetatable({ facts = facts, relations = {} }, meta)
end

return world
