local subject = require "stint.subject"

local kinds = { OBJECT_TYPE = "type", OBJECT_DOMAIN = "domain" }

-- A part of a composite type goes from every column of it.
local function attributes(s, found)
  local node = s.node
  for _, cmd in ipairs(node.objtype == "OBJECT_TYPE" and node.cmds or {}) do
    local id = cmd.subtype == "AT_DropColumn" and (node.relation.schemaname or s.impact.world.path[1] or "public") .. "." .. node.relation.relname
    local here = s.impact.world.types[id]
    if id and not (here and here.is_new) then
      found[#found + 1] = deny(("%s of the type %s is dropped, in every column of it"):format(cmd.name, node.relation.relname), { at = cmd, object = id })
    end
  end
  return found
end

policy {
  about = "a type or domain dropped with CASCADE takes every column of it, an attribute its part of them",
  family = "data-loss",
  on = { "AlterTableStmt", "DropStmt" },
  why = "Each column of the type goes with its data, in every table, under ACCESS EXCLUSIVE; and functions that use it.",
  safe = "DROP TYPE mood;  -- without CASCADE it fails while anything uses it",
  statement = function(s)
    local node, found = s.node, {}
    if node and node.tag == "AlterTableStmt" then
      return attributes(s, found)
    end
    local kind = node and node.tag == "DropStmt" and node.behavior == "DROP_CASCADE" and kinds[node.removeType]
    if not kind then
      return
    end
    local is_known = s.impact.world.facts.relations and #s.loses == 0
    for _, object in ipairs(node.objects) do
      local range = subject.range(object.names or object)
      local id = (range.schemaname or s.impact.world.path[1] or "public") .. "." .. range.relname
      local here = s.impact.world.types[id]
      if not is_known and not (here and here.is_new) then
        found[#found + 1] = deny(("with the %s %s every column of it is dropped"):format(kind, range.relname), { object = id })
      end
    end
    return found
  end,
  tests = {
    facts = {
      types = { ["public.mood"] = { kind = "enum" } },
      relations = { ["public.t"] = { kind = "table", rows = 10, columns = { m = { type = "mood" } } } },
    },
    bad = {
      "DROP TYPE mood CASCADE",
      "ALTER TYPE address DROP ATTRIBUTE city CASCADE",
      { sql = "DROP TYPE IF EXISTS app.mood CASCADE", facts = {} },
      { sql = "DROP DOMAIN email CASCADE", facts = {} },
    },
    good = {
      "DROP TYPE mood",
      "CREATE TYPE pair AS (a int, b int); ALTER TYPE pair DROP ATTRIBUTE b; ALTER TYPE address ADD ATTRIBUTE zip text",
      "DROP TYPE other CASCADE",
      { sql = "DROP DOMAIN email", facts = {} },
      { sql = "CREATE TYPE tmp AS ENUM ('a'); DROP TYPE tmp CASCADE", facts = {} },
    },
  },
}
