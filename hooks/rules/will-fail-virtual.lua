local subject = require "stint.subject"
local tree = require "stint.tree"

local words = {
  CONSTR_PRIMARY = "a primary key", CONSTR_UNIQUE = "a unique constraint", CONSTR_FOREIGN = "a foreign key",
  CONSTR_EXCLUSION = "an exclusion constraint",
}

local objects = { IndexStmt = "an index", CreateStatsStmt = "a statistics object" }

-- Virtual columns by name: those that the table has, and those that the statement gives it.
local function virtual_columns(s)
  local set = {}
  for name, column in pairs(s.table and s.table.columns or {}) do
    set[name] = column.generated == "virtual" or nil
  end
  for def in s:each "ColumnDef" do
    local node = subject.parts(def).CONSTR_GENERATED
    if node then
      set[def.colname] = node.generated_kind == "v" or nil
    end
  end
  return set
end

-- The columns that a constraint is about: those it names, or the one that it is written at.
local function columns_of(node)
  local names = tree.names(node.keys or node.fk_attrs)
  for _, pair in ipairs(node.exclusions or {}) do
    names[#names + 1] = pair.items[1].name
  end
  names[1] = names[1] or node.parent and node.parent.colname
  return names
end

local function of_constraints(s, set, found)
  for node in s:each "Constraint" do
    local what = words[node.contype]
    for _, name in ipairs(what and columns_of(node) or {}) do
      if set[name] then
        found[#found + 1] = deny(("%s cannot stand on %s, which is virtual"):format(what, name), { at = node, certainty = "certain" })
      end
    end
  end
end

-- An index and a statistics object, in their expressions and the WHERE too.
local function of_columns(s, what, set, found)
  local names = {}
  for _, tag in ipairs { "IndexElem", "StatsElem" } do
    for element in s:each(tag) do
      names[#names + 1] = element.name
    end
  end
  for column in s:each "ColumnRef" do
    local parts = tree.names(column.fields)
    names[#names + 1] = parts[#parts]
  end
  for _, name in ipairs(names) do
    if set[name] then
      found[#found + 1] = deny(("%s cannot stand on %s, which is virtual"):format(what, name), { certainty = "certain" })
    end
  end
end

policy {
  about = "what cannot stand on a virtual generated column",
  family = "will-fail",
  on = { "CreateStmt", "AlterTableStmt", "IndexStmt", "CreateStatsStmt" },
  why = "the column is computed when it is read: there is nothing to index or to refer to",
  safe = "CREATE INDEX CONCURRENTLY i ON t ((lower(name)));   -- of the expression; or GENERATED ALWAYS AS (lower(name)) STORED",
  statement = function(s)
    local set, found = virtual_columns(s), {}
    if next(set) then
      of_constraints(s, set, found)
    end
    local made = next(set) and objects[s.node.tag]
    if made then
      of_columns(s, made, set, found)
    end
    for cmd in subject.commands(s, "AT_DropExpression") do
      if set[cmd.name] then
        found[#found + 1] = deny(("%s is virtual: no values of it are stored that could stay"):format(cmd.name), { at = cmd, certainty = "certain" })
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.t"] = { kind = "table", columns = { a = { type = "integer" }, v = { type = "integer", generated = "virtual" } } } } },
    bad = {
      "CREATE INDEX CONCURRENTLY i ON t (v)",
      "CREATE INDEX CONCURRENTLY i ON t (a) WHERE v > 1",
      "CREATE INDEX CONCURRENTLY i ON t ((v + 1))",
      "ALTER TABLE t ALTER COLUMN v DROP EXPRESSION",
      "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a, v)",
      "CREATE STATISTICS ON a, v FROM t",
      "CREATE TABLE n (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) VIRTUAL UNIQUE)",
      "CREATE TABLE n (a int, b int GENERATED ALWAYS AS (a * 2), FOREIGN KEY (b) REFERENCES t)",
      "CREATE TABLE n (a int, b int GENERATED ALWAYS AS (a * 2), EXCLUDE USING gist (b WITH =))",
    },
    good = {
      "CREATE INDEX CONCURRENTLY i ON t ((a * 2)) WHERE a > 1",
      "CREATE TABLE n (a int, b int GENERATED ALWAYS AS (a * 2) STORED UNIQUE)",
      "CREATE TABLE n (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) VIRTUAL NOT NULL CHECK (b > 0))",
      "ALTER TABLE t ADD UNIQUE (a)",
    },
  },
}
