local subject = require "stint.subject"
local tree = require "stint.tree"

local function restarts(options)
  for _, option in ipairs(options or {}) do
    if option.defname == "restart" then
      return true
    end
  end
  return false
end

-- 'app."S"' of setval as a RangeVar.
local function named(text)
  local names = {}
  for part in text:gmatch "[^.]+" do
    names[#names + 1] = part:match '^"(.*)"$' or part:lower()
  end
  return { tag = "RangeVar", schemaname = names[#names - 1], relname = names[#names], inh = true }
end

local function constant(node)
  return (tree.constant(node and node.tag == "TypeCast" and node.arg or node))
end

-- Does the sequence number rows that others can see? Not those of a serial column of a new table.
local function is_shared(s, sequence)
  for _, relation in ipairs(s.impact.world:all()) do
    for column in pairs(not subject.is_shared(relation) and relation.schema == sequence.schema and relation.columns or {}) do
      if sequence.name == ("%s_%s_seq"):format(relation.name, column) then
        return false
      end
    end
  end
  return subject.is_shared(sequence)
end

-- The text that says which sequence: its name, or the table that it is of.
local function target(node)
  local is_of_table = node and node.tag == "FuncCall" and tree.dotted(node.funcname):find "pg_get_serial_sequence$"
  return constant(is_of_table and (node.args or {})[1] or node)
end

-- setval back to where sequences begin; to a higher number it mostly makes room for rows with ids of their own.
local function set_back(s, found)
  for call in s:each "FuncCall" do
    local names, args = tree.names(call.funcname), call.args or {}
    local text, value = target(args[1]), constant(args[2])
    if names[#names] == "setval" and type(text) == "string" and math.type(value) == "integer" and value <= 1 then
      local sequence = s:relation(named(text))
      if is_shared(s, sequence) then
        local message = ("%s begins again"):format(subject.name(sequence))
        found[#found + 1] = warn(message, { at = call, object = sequence.id, certainty = "certain" })
      end
    end
  end
end

policy {
  about = "a sequence begins again: numbers that are in use come a second time",
  family = "data-loss",
  on = { "AlterSeqStmt", "AlterTableStmt", "SelectStmt" },
  level = "warning",
  why = "Rows get numbers that others have: inserts fail on the key, or where there is none, two things have one number.",
  safe = "SELECT setval('t_id_seq', (SELECT max(id) FROM t));",
  statement = function(s)
    local node, found = s.node, {}
    if node and node.tag == "AlterSeqStmt" and restarts(node.options) then
      local sequence = s:relation(node.sequence)
      if is_shared(s, sequence) then
        found[1] = warn(("%s begins again"):format(subject.name(sequence)), { object = sequence.id, certainty = "certain" })
      end
    end
    for cmd in subject.commands(s, "AT_SetIdentity") do
      local relation = s:relation(node.relation)
      if restarts(cmd.def.items or cmd.def) and subject.is_shared(relation) then
        found[#found + 1] = warn(("the numbers of %s.%s begin again"):format(subject.name(relation), cmd.name), {
          at = cmd,
          object = relation.id .. "." .. cmd.name,
          certainty = "certain",
        })
      end
    end
    set_back(s, found)
    return found
  end,
  tests = {
    bad = {
      "ALTER SEQUENCE t_id_seq RESTART",
      "ALTER SEQUENCE app.s RESTART WITH 1",
      "ALTER TABLE t ALTER COLUMN id RESTART WITH 1",
      "SELECT setval('t_id_seq', 1, false)",
      "SELECT pg_catalog.setval('app.\"S\"'::regclass, 1)",
      "SELECT setval(pg_get_serial_sequence('\"User\"', 'id'), 1, false)",
      "DO $$ BEGIN PERFORM setval('t_id_seq', 1, false); END $$",
    },
    good = {
      "ALTER SEQUENCE s OWNED BY t.id",
      "CREATE TABLE n (id bigserial); ALTER SEQUENCE n_id_seq RESTART WITH 100",
      "CREATE TABLE n (id serial); SELECT setval(pg_get_serial_sequence('n', 'id'), 1, false)",
      "SELECT setval('t_id_seq', 250)",
      "SELECT setval('t_id_seq', coalesce(max(id), 1)) FROM t",
      "CREATE SEQUENCE app.n; SELECT pg_catalog.setval('app.n', 1, false)",
      "CREATE TABLE n (id serial); SELECT setval('n_id_seq', 1, false)",
      "CREATE SEQUENCE n; ALTER SEQUENCE n RESTART WITH 100",
      "ALTER TABLE t ALTER COLUMN id SET GENERATED ALWAYS",
      "CREATE TABLE n (id int GENERATED ALWAYS AS IDENTITY); ALTER TABLE n ALTER id RESTART WITH 5",
    },
  },
}
