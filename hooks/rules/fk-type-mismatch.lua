local subject = require "stint.subject"

-- The type that a column has, or is about to have by this statement; nil: not known.
local function type_of(s, relation, name)
  for def in s:each "ColumnDef" do
    if def.colname == name and def.typeName then
      return def.type
    end
  end
  local type = relation and relation:type_of(name)
  return type and type.name
end

local function bare(type)
  type = type and type:gsub("%(.*$", "")
  return subject.serial[type] or type
end

local function key_of(parent, node)
  local names = {}
  for i, attr in ipairs(node.pk_attrs or {}) do
    names[i] = attr.sval
  end
  if #names > 0 then
    return names
  end
  for _, constraint in pairs(parent.constraints) do
    if constraint.type == "p" then
      return constraint.columns
    end
  end
  return {}
end

local function columns_of(node)
  if node.fk_attrs then
    local names = {}
    for i, attr in ipairs(node.fk_attrs) do
      names[i] = attr.sval
    end
    return names
  end
  local def = node.parent
  return def and def.tag == "ColumnDef" and { def.colname } or {}
end

policy {
  about = "a foreign key column of another type than the one that it points to",
  family = "constraint-validation",
  on = { "AlterTableStmt", "CreateStmt" },
  level = "warning",
  why = "Each check compares by way of a conversion, and values that fit into one of the two do not fit into the other: an"
    .. " integer that refers to a bigint ends at 2,147,483,647.",
  safe = "-- give both columns the same type",
  statement = function(s)
    if not s.node or s.node.tag ~= "AlterTableStmt" and s.node.tag ~= "CreateStmt" then
      return
    end
    local found = {}
    for node in s:each "Constraint" do
      if node.contype == "CONSTR_FOREIGN" and node.pktable then
        local child, parent = s:relation(s.node.relation), s:relation(node.pktable)
        local keys = key_of(parent, node)
        for i, column in ipairs(columns_of(node)) do
          local own = bare(type_of(s, child, column))
          local other = parent ~= child and keys[i] and parent:type_of(keys[i])
          if own and other and own ~= bare(other.name) then
            found[#found + 1] = warn(("%s is %s, and %s.%s is %s"):format(column, own, subject.name(parent), keys[i], other.name), {
              at = node,
              object = child.id .. "." .. column,
              certainty = "certain",
            })
          end
        end
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.p"] = {
          kind = "table",
          rows = 5e7,
          columns = { id = { type = "bigint" }, code = { type = "text" } },
          constraints = { p_pkey = { type = "p", columns = { "id" }, validated = true } },
        },
        ["public.t"] = { kind = "table", rows = 5e7, columns = { p_id = { type = "integer" }, p2 = { type = "bigint" } } },
      },
    },
    bad = {
      "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (p_id) REFERENCES p (id) NOT VALID",
      "ALTER TABLE t ADD COLUMN q int REFERENCES p",
      "CREATE TABLE n (p_id int REFERENCES p)",
      "CREATE TABLE q (id uuid PRIMARY KEY); CREATE TABLE n (q_id text, FOREIGN KEY (q_id) REFERENCES q)",
    },
    good = {
      "ALTER TABLE t ALTER CONSTRAINT f DEFERRABLE",
      "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (p2) REFERENCES p (id) NOT VALID",
      "ALTER TABLE t ADD COLUMN q bigint REFERENCES p",
      "CREATE TABLE n (p_id bigint REFERENCES p)",
      "CREATE TABLE q (id bigserial PRIMARY KEY); CREATE TABLE n (q_id bigint REFERENCES q)",
      "CREATE TABLE n (x int REFERENCES nobody_knows)",
    },
  },
}
