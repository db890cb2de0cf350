local function is_identity(relation, name, index)
  local identity = relation.facts and relation.facts.replica_identity or "d"
  if identity == "d" then
    local constraint = relation.constraints[name]
    return constraint ~= nil and constraint.type == "p"
  end
  return identity == "i" and index ~= nil and index.replica_identity == true
end

-- Does the table go on with another one in the same statement?
local function is_replaced(s)
  for cmd in s:each "AlterTableCmd" do
    local def = cmd.subtype == "AT_AddConstraint" and cmd.def
    if def and def.contype == "CONSTR_PRIMARY" or cmd.subtype == "AT_ReplicaIdentity" and cmd.def.identity_type ~= "n" then
      return true
    end
  end
  return false
end

local function lost(relation, what, at)
  local published = relation.facts and relation.facts.published
  if relation.facts and not published then
    return nil
  end
  local level = published and deny or warn
  return level(("%s is the replica identity of %s: without it UPDATE and DELETE fail%s"):format(what, relation.id,
    published and "" or " if the table is published"), {
    at = at, object = relation.id, certainty = published and "certain" or "assumed",
  })
end

local function has_key(relation)
  for _, constraint in pairs(relation.constraints) do
    if constraint.type == "p" then
      return true
    end
  end
  return false
end

-- Without facts the primary key is known by the name that the server gives it; what counts is whether the file ends without one.
local function unknown_keys(m)
  local found = {}
  for _, s in ipairs(m.statements) do
    local relation = s.table
    for cmd in s:each "AlterTableCmd" do
      local is_key = relation and cmd.subtype == "AT_DropConstraint" and cmd.name == relation.name .. "_pkey"
      if is_key and not relation.facts and not relation.is_new and not relation.is_temp and not relation.dropped and not has_key(relation) then
        found[#found + 1] = lost(relation, cmd.name, cmd)
      end
    end
  end
  return found
end

policy {
  about = "a published table without replica identity refuses UPDATE and DELETE",
  family = "compat",
  on = { "AlterTableStmt", "DropStmt" },
  why = "logical replication finds rows by the replica identity, by default the primary key; \"cannot update table because it does not "
    .. "have a replica identity and publishes updates\"",
  safe = [[
ALTER TABLE t REPLICA IDENTITY USING INDEX t_other_key;   -- another unique index over NOT NULL columns
ALTER TABLE t DROP CONSTRAINT t_pkey;]],
  statement = function(s)
    local node, found = s.node, {}
    if not node or s.table and (s.table.is_new or s.table.is_temp) then
      return allow()
    end
    for cmd in s:each "AlterTableCmd" do
      local relation = s.table
      if cmd.subtype == "AT_ReplicaIdentity" and cmd.def.identity_type == "n" then
        found[#found + 1] = lost(relation, "nothing", cmd)
      elseif cmd.subtype == "AT_DropConstraint" and relation and not is_replaced(s)
        and is_identity(relation, cmd.name, relation.indexes[cmd.name]) then
        found[#found + 1] = lost(relation, cmd.name, cmd)
      end
    end
    if node.tag == "DropStmt" and node.removeType == "OBJECT_INDEX" and s.table then
      for _, object in ipairs(node.objects) do
        local names = require "stint.tree".names(object.items)
        local index = s.table.indexes[names[#names]]
        if index and is_identity(s.table, names[#names], index) then
          found[#found + 1] = lost(s.table, names[#names], s)
        end
      end
    end
    return found
  end,
  file = unknown_keys,
  tests = {
    facts = { relations = {
      ["public.t"] = { kind = "table", published = true, replica_identity = "d", columns = { id = { type = "integer", not_null = true } },
        constraints = { t_pkey = { type = "p", columns = { "id" }, validated = true }, u = { type = "u", columns = { "id" } } },
        indexes = { t_pkey = { columns = { "id" }, unique = true, primary = true } } },
      ["public.i"] = { kind = "table", published = true, replica_identity = "i", columns = { id = { type = "integer", not_null = true } },
        constraints = {}, indexes = { i_key = { columns = { "id" }, unique = true, replica_identity = true } } },
      ["public.q"] = { kind = "table", replica_identity = "d", columns = { id = { type = "integer", not_null = true } },
        constraints = { q_pkey = { type = "p", columns = { "id" }, validated = true } } },
    } },
    bad = {
      "ALTER TABLE t DROP CONSTRAINT t_pkey",
      "ALTER TABLE t REPLICA IDENTITY NOTHING",
      "DROP INDEX i_key",
      { sql = "ALTER TABLE orders REPLICA IDENTITY NOTHING", facts = {} },
      { sql = "ALTER TABLE orders DROP CONSTRAINT orders_pkey; ALTER TABLE orders ADD UNIQUE (id)", facts = {} },
    },
    good = {
      "ALTER TABLE t DROP CONSTRAINT u",
      "ALTER TABLE q DROP CONSTRAINT q_pkey",
      "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_new",
      "ALTER TABLE t REPLICA IDENTITY FULL",
      { sql = "ALTER TABLE orders DROP CONSTRAINT orders_pkey; ALTER TABLE orders ADD PRIMARY KEY USING INDEX orders_id", facts = {} },
      { sql = "ALTER TABLE orders DROP CONSTRAINT orders_key; ALTER TABLE old DROP CONSTRAINT old_pkey; DROP TABLE old", facts = {} },
    },
  },
}
