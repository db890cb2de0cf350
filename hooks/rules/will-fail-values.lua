local subject = require "stint.subject"

-- The rows of VALUES, or the one that a SELECT makes, as lists of expressions; none where a * stands for some.
local function rows_of(node)
  local select, rows = node.selectStmt, {}
  for i, row in ipairs(select and select.valuesLists or {}) do
    rows[i] = row.items
  end
  if select and not select.valuesLists and select.targetList then
    rows[1] = {}
    for i, target in ipairs(select.targetList) do
      if target:find "A_Star" then
        return {}
      end
      rows[1][i] = target.val
    end
  end
  return rows
end

local function count_of(map)
  local n = 0
  for _ in pairs(map) do
    n = n + 1
  end
  return n
end

-- As many values as columns? Without a list of columns there may be fewer values.
local function wrong_count(node, relation)
  local cols = node.cols
  local room = cols and #cols or relation and relation.complete and count_of(relation.columns)
  for _, row in ipairs(room and rows_of(node) or {}) do
    if #row > room or cols and #row < room then
      return ("%d values for %d columns"):format(#row, room)
    end
  end
end

-- Has the column a value of its own only, which none may write?
local function is_computed(column, overrides)
  return column.generated and "is generated" or column.identity == "a" and not overrides and "is GENERATED ALWAYS AS IDENTITY"
end

local function is_given(node, i)
  for _, row in ipairs(rows_of(node)) do
    if row[i] and row[i].tag ~= "SetToDefault" then
      return true
    end
  end
  return false
end

local function written(node, relation, found)
  local overrides = node.override == "OVERRIDING_SYSTEM_VALUE" or node.override == "OVERRIDING_USER_VALUE"
  for i, target in ipairs(node.cols or node.tag == "UpdateStmt" and node.targetList or {}) do
    local column = relation.columns[target.name]
    local why = column and is_computed(column, overrides)
    local gives = why and (node.tag == "InsertStmt" and is_given(node, i) or target.val and target.val.tag ~= "SetToDefault")
    if gives then
      found[#found + 1] = deny(("%s.%s %s: only DEFAULT can be written"):format(subject.name(relation), target.name, why), {
        at = target, object = relation.id .. "." .. target.name, certainty = "certain",
      })
    end
  end
end

-- What an INSERT leaves out though it must not be null. A domain's default, or a trigger, may fill it.
local function left_out(node, relation, world, found)
  local triggers = next(relation.facts and relation.facts.triggers or {}) or relation.triggers
  local given, names = {}, {}
  for _, target in ipairs(node.cols or {}) do
    given[target.name] = true
  end
  for name, column in pairs(node.cols and not triggers and relation.columns or {}) do
    local domain, known = nil, false
    if relation:type_of(name) then
      domain, known = world:domain(relation:type_of(name))
    end
    if column.not_null and not given[name] and not column.has_default and not column.identity and not column.generated and known and not domain then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    found[#found + 1] = deny(("%s.%s must not be null, has no default and gets no value"):format(subject.name(relation), name), {
      object = relation.id .. "." .. name, certainty = "certain",
    })
  end
end

policy {
  about = "rows are written that the table cannot take",
  family = "will-fail",
  on = { "InsertStmt", "UpdateStmt" },
  why = "the server refuses the statement, and the run stops in the middle of the deploy",
  safe = "a value for each column that needs one; OVERRIDING SYSTEM VALUE for an identity",
  statement = function(s)
    local node, relation, found = s.node, s.table, {}
    if not node or s.conditional or not s.impact then
      return found
    end
    local wrong = node.tag == "InsertStmt" and wrong_count(node, relation)
    if wrong then
      return deny("the INSERT has " .. wrong, { certainty = "certain" })
    end
    if relation and relation.complete and relation.kind ~= "view" and relation.kind ~= "foreign" then
      written(node, relation, found)
      if node.tag == "InsertStmt" then
        left_out(node, relation, s.impact.world, found)
      end
    end
    return found
  end,
  tests = {
    facts = { types = {}, relations = {
      ["public.t"] = { kind = "table", columns = { id = { type = "bigint", not_null = true, identity = "a" }, a = { type = "text", not_null = true },
        b = { type = "integer", generated = "stored" } } },
      ["public.v"] = { kind = "view", columns = { a = { type = "text" } } },
    } },
    bad = {
      "INSERT INTO t (a) VALUES ('x', 'y')",
      "INSERT INTO u (a, b) SELECT 1",
      "INSERT INTO t (id, a) VALUES (1, 'x')",
      "UPDATE t SET b = 2 WHERE id = 1",
      "INSERT INTO t (id) VALUES (DEFAULT)",
      { sql = "CREATE TABLE n (id int PRIMARY KEY, a int NOT NULL); INSERT INTO n (id) VALUES (1)", facts = {} },
      { sql = "CREATE TABLE n (id int PRIMARY KEY, a int); INSERT INTO n VALUES (1, 2, 3)", facts = {} },
    },
    good = {
      "INSERT INTO t (id, a) OVERRIDING SYSTEM VALUE VALUES (1, 'x')",
      "INSERT INTO t (id, a) VALUES (DEFAULT, 'x'), (DEFAULT, 'y')",
      "INSERT INTO t (a) VALUES ('x') ON CONFLICT DO NOTHING",
      "INSERT INTO u (a, b) SELECT * FROM w; INSERT INTO u VALUES (1, 2, 3); INSERT INTO v (a) VALUES ('x')",
      "UPDATE t SET a = 'y', b = DEFAULT WHERE id = 1",
      { sql = "CREATE TABLE n (id serial PRIMARY KEY, a int NOT NULL DEFAULT 0, b int); INSERT INTO n DEFAULT VALUES; INSERT INTO n VALUES (7);"
        .. "INSERT INTO n (b) SELECT 1", facts = {} },
      { sql = "CREATE TABLE n (id int PRIMARY KEY, a int NOT NULL); CREATE TRIGGER g BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION f();"
        .. "INSERT INTO n (id) VALUES (1)", facts = {} },
    },
  },
}
