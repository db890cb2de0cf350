local tree = require "stint.tree"

local function last(names)
  return names and names[#names]
end

policy {
  about = "an enum is made again to lose or order its values",
  family = "enum",
  why = "each column of the type is changed to the new one: the table is written anew under ACCESS EXCLUSIVE, and rows with a value that "
    .. "is gone make it fail",
  safe = [[
ALTER TABLE t ADD CONSTRAINT t_mood CHECK (mood <> 'old') NOT VALID;   -- forbid the value, leave the type as it is
ALTER TABLE t VALIDATE CONSTRAINT t_mood;]],
  file = function(m)
    local enums, found = {}, {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      if node and node.tag == "CreateEnumStmt" then
        enums[last(tree.names(node.typeName))] = true
      elseif node and node.tag == "RenameStmt" and node.renameType == "OBJECT_TYPE" then
        local old = last(tree.names(node.object.items or node.object.names))
        enums[node.newname] = enums[old]
      end
      for cmd in s:each "AlterTableCmd" do
        local def = cmd.subtype == "AT_AlterColumnType" and cmd.def
        if def and def.raw_default and def.raw_default.tag == "TypeCast" and def.raw_default.arg.tag == "TypeCast"
          and enums[last(tree.names(def.typeName.names))] and not s.table.is_new then
          found[#found + 1] = deny(("%s.%s is written anew as the enum %s, which is made again"):format(s.table.id, cmd.name,
            last(tree.names(def.typeName.names))), { at = cmd, object = s.table.id .. "." .. cmd.name, certainty = "certain" })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TYPE mood RENAME TO mood_old; CREATE TYPE mood AS ENUM ('a'); ALTER TABLE t ALTER m TYPE mood USING m::text::mood; DROP TYPE mood_old",
      "CREATE TYPE mood_new AS ENUM ('a'); ALTER TABLE t ALTER COLUMN m TYPE mood_new USING (m::text::mood_new)",
      'CREATE TYPE "Mood_new" AS ENUM (\'a\'); BEGIN; ALTER TABLE "T" ALTER m DROP DEFAULT, ALTER m TYPE "Mood_new" USING ("m"::text::"Mood_new"); COMMIT',
    },
    good = {
      "CREATE TYPE mood AS ENUM ('a'); ALTER TABLE t ADD COLUMN m mood",
      "ALTER TYPE mood ADD VALUE 'b'",
      "CREATE TYPE mood AS ENUM ('a'); CREATE TABLE t (m text); ALTER TABLE t ALTER m TYPE mood USING m::text::mood",
    },
  },
}
