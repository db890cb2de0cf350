local tree = require "stint.tree"

policy {
  about = "a renamed value of an enum breaks running code",
  family = "compat",
  why = "code that runs still writes and compares the old word, which is no value of the type any more",
  safe = [[
ALTER TYPE mood ADD VALUE 'glad';   -- then new code, a backfill, and the old value is left alone]],
  file = function(m)
    local made, found = {}, {}
    for _, s in ipairs(m.statements) do
      local node = s.node
      if node and node.tag == "CreateEnumStmt" then
        made[tree.dotted(node.typeName)] = true
      elseif node and node.tag == "AlterEnumStmt" and node.oldVal and not made[tree.dotted(node.typeName)] then
        local name = tree.dotted(node.typeName)
        found[#found + 1] = deny(("'%s' of %s is renamed to '%s': code that runs still says the old word"):format(node.oldVal, name,
          node.newVal), { at = s, object = name, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    bad = {
      "ALTER TYPE mood RENAME VALUE 'happy' TO 'glad'",
      "ALTER TYPE app.mood RENAME VALUE 'happy' TO 'glad'",
      "CREATE TYPE other AS ENUM ('a'); ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
    },
    good = {
      "ALTER TYPE mood ADD VALUE 'glad'",
      "CREATE TYPE mood AS ENUM ('a'); ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
      "ALTER TYPE mood OWNER TO app",
    },
  },
}
