local tree = require "stint.tree"

local types = { OBJECT_TYPE = true, OBJECT_DOMAIN = true }
local making = { CreateEnumStmt = "typeName", CreateDomainStmt = "domainname", CreateRangeStmt = "typeName" }

local function made_by(node)
  if node.tag == "CompositeTypeStmt" then
    return node.typevar.relname
  end
  local names = making[node.tag] and tree.names(node[making[node.tag]])
  return names and names[#names]
end

policy {
  about = "a renamed type breaks running code",
  family = "compat",
  why = "casts, function calls and drivers that look the type up by its old name fail",
  safe = "keep the name; a new type and a new column are the way to another one",
  file = function(m)
    local made, found = {}, {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      local name = node and made_by(node)
      if name then
        made[name] = true
      elseif node and node.tag == "RenameStmt" and types[node.renameType] then
        local names = tree.names(node.object.items or node.object.names)
        local old = names[#names]
        if not made[old] then
          found[#found + 1] = deny(("the type %s is renamed to %s: code that runs still says the old name"):format(old, node.newname), {
            at = s, object = old, certainty = "certain",
          })
        end
        made[node.newname] = made[old]
      elseif node and node.tag == "RenameStmt" and node.renameType == "OBJECT_ATTRIBUTE" and not made[node.relation.relname] then
        local old = node.relation.relname .. "." .. node.subname
        found[#found + 1] = deny(("%s is renamed to %s: code that runs still says the old name"):format(old, node.newname), {
          at = s, object = old, certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TYPE mood RENAME TO feeling",
      "ALTER DOMAIN app.email RENAME TO address",
      "ALTER TYPE address RENAME ATTRIBUTE zip TO postcode",
      "CREATE TYPE b AS ENUM ('x'); ALTER TYPE a RENAME TO c",
    },
    good = {
      "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood RENAME TO feeling",
      "CREATE DOMAIN email AS text; ALTER DOMAIN email RENAME TO address",
      "ALTER TYPE mood SET SCHEMA app",
      "ALTER TYPE mood ADD VALUE 'x'",
    },
  },
}
