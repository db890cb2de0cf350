local subject = require "stint.subject"

local kinds = { p = "the primary key", u = "the unique constraint", f = "the foreign key", x = "the exclusion constraint",
  c = "the CHECK" }

-- What goes with the column in silence, as texts.
local function with_it(relation, column)
  local list = {}
  for name, constraint in pairs(relation:using("constraints", column)) do
    local own_check = constraint.type == "c" and #constraint.columns == 1
    if kinds[constraint.type] and not own_check then
      list[#list + 1] = kinds[constraint.type] .. " " .. name
    end
  end
  for name, index in pairs(relation:using("indexes", column)) do
    if #index.columns > 1 and not relation.constraints[name] then
      list[#list + 1] = "the index " .. name
    end
  end
  table.sort(list)
  return list
end

policy {
  about = "a dropped column takes keys, constraints and indexes of other columns with it",
  family = "data-loss",
  on = "AlterTableStmt",
  why = "DROP COLUMN drops, without CASCADE and without a word, every index and constraint that the column is part of: a"
    .. " unique constraint over two columns, the primary key, a foreign key (with ACCESS EXCLUSIVE on the other table).",
  safe = "-- drop or replace each of them in a statement of its own before the column goes",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_DropColumn") do
      local relation = s:relation(s.node.relation)
      local list = subject.is_shared(relation) and with_it(relation, cmd.name) or {}
      if #list > 0 then
        found[#found + 1] = deny(("with %s.%s goes %s"):format(subject.name(relation), cmd.name, table.concat(list, ", ")), {
          at = cmd,
          object = relation.id .. "." .. cmd.name,
          certainty = "certain",
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 10,
          columns = { id = {}, a = {}, b = {}, c = {}, d = {} },
          constraints = {
            t_pkey = { type = "p", columns = { "id" }, validated = true },
            t_a_b_key = { type = "u", columns = { "a", "b" }, validated = true },
            t_d_check = { type = "c", columns = { "d" }, validated = true },
          },
          indexes = {
            t_pkey = { columns = { "id" }, unique = true, primary = true },
            t_a_b_key = { columns = { "a", "b" }, unique = true },
            t_c_d = { columns = { "c", "d" } },
          },
        },
      },
    },
    bad = {
      "ALTER TABLE t DROP COLUMN b",
      "ALTER TABLE t DROP COLUMN id",
      "ALTER TABLE t ADD x int, DROP COLUMN c",
    },
    good = {
      "DROP INDEX CONCURRENTLY t_c_d; ALTER TABLE t DROP COLUMN c",
      "DROP INDEX CONCURRENTLY t_c_d; ALTER TABLE t DROP COLUMN d",
      { sql = "ALTER TABLE t DROP COLUMN b", facts = {} },
      "CREATE TABLE n (a int, b int, UNIQUE (a, b)); ALTER TABLE n DROP COLUMN b",
    },
  },
}
