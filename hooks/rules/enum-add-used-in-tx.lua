local subject = require "stint.subject"
local tree = require "stint.tree"

local function says(s, word)
  for const in s:each "A_Const" do
    if tree.constant(const) == word then
      return true
    end
  end
  return false
end

-- { s, value, type } where the statement adds a value to an enum, or nil.
local function added(s)
  local node = s.node
  if node and node.tag == "AlterEnumStmt" and node.newVal and not node.oldVal then
    return { s = s, value = node.newVal, type = tree.dotted(node.typeName) }
  end
end

local function made(t)
  local set = {}
  for _, s in ipairs(t.statements) do
    if s.node and s.node.tag == "CreateEnumStmt" then
      set[tree.dotted(s.node.typeName)] = true
    end
  end
  return set
end

policy {
  about = "a new value of an enum is used before its transaction has ended",
  family = "enum",
  why = "\"unsafe use of new value\" (55P04): it counts only after the commit, before PostgreSQL 17 even where the type is as young. A "
    .. "file that adds a value and has no BEGIN of its own runs statement by statement, so that there it works, but may be applied in part",
  safe = [[
ALTER TYPE mood ADD VALUE 'glad';   -- a file of its own; what uses the value goes into the next one]],
  transaction = function(t, facts)
    local found, list, fresh = {}, {}, made(t)
    local modern = (facts.server_version or 0) >= 170000
    for _, outer in ipairs(t.statements) do
      for _, s in ipairs(subject.flat(outer)) do
        for _, one in ipairs(list) do
          if says(s, one.value) and not (modern and fresh[one.type]) then
            found[#found + 1] = deny(("'%s' of %s is used in the transaction that adds it"):format(one.value, one.type), {
              at = s, object = one.type, certainty = "certain",
            })
          end
        end
        list[#list + 1] = added(s)
      end
    end
    return found
  end,
  file = function(m)
    if m.transactional or not m.parts then
      return allow()
    end
    local found, list = {}, {}
    for number, part in ipairs(m.parts) do
      for i = part.first, part.last do
        for _, s in ipairs(subject.flat(m.statements[i])) do
          for _, one in ipairs(list) do
            if one.part ~= number and says(s, one.value) then
              found[#found + 1] = warn(("'%s' of %s is used in the file that adds it: it runs statement by statement, and may be applied "
                .. "in part"):format(one.value, one.type), { at = s, object = one.type, certainty = "certain" })
            end
          end
          local one = added(s)
          if one then
            one.part = number
            list[#list + 1] = one
          end
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "BEGIN; ALTER TYPE mood ADD VALUE 'glad'; UPDATE t SET m = 'glad' WHERE id = 1; COMMIT",
      "ALTER TYPE mood ADD VALUE 'glad'; ALTER TABLE t ALTER m SET DEFAULT 'glad'",
      "CREATE TYPE mood AS ENUM ('sad'); ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO t VALUES ('glad'::mood)",
      "DO $$ BEGIN ALTER TYPE mood ADD VALUE 'glad'; INSERT INTO t VALUES ('glad'); END $$",
      "ALTER TYPE app.mood ADD VALUE IF NOT EXISTS 'glad' AFTER 'sad'; ALTER TABLE t ADD CONSTRAINT c CHECK (m <> 'glad') NOT VALID",
    },
    good = {
      "ALTER TYPE mood ADD VALUE 'glad'",
      "ALTER TYPE mood ADD VALUE 'glad'; ALTER TYPE mood ADD VALUE 'mad'; UPDATE t SET m = 'sad' WHERE id = 1",
      "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE t (m mood DEFAULT 'glad')",
      { sql = "CREATE TYPE mood AS ENUM ('sad'); ALTER TYPE mood ADD VALUE 'glad'; CREATE TABLE n (m mood DEFAULT 'glad')",
        server_version = 170001 },
      { files = { ["1.sql"] = "ALTER TYPE mood ADD VALUE 'glad'", ["2.sql"] = "UPDATE t SET m = 'glad' WHERE id = 1" } },
    },
  },
}
