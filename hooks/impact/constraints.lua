-- Constraints added, validated, altered and dropped.
local constraints = {}

local AEL, SRE, S, RS = "AccessExclusive", "ShareRowExclusive", "Share", "RowShare"

function constraints.add_mode(_, _, cmd)
  return cmd.def.contype == "CONSTR_FOREIGN" and SRE or AEL
end

function constraints.goes_down(I, relation, cmd)
  local type = cmd.def.contype
  if type == "CONSTR_CHECK" then
    return not cmd.def.is_no_inherit or I.world:since(18)
  end
  if type == "CONSTR_NOTNULL" then
    return not cmd.def.is_no_inherit
  end
  return type == "CONSTR_FOREIGN" and relation.kind == "partitioned"
end

local builds = { CONSTR_PRIMARY = "PRIMARY KEY", CONSTR_UNIQUE = "UNIQUE", CONSTR_EXCLUSION = "EXCLUDE" }

-- PRIMARY KEY makes its columns NOT NULL. True where one is not so far.
local function nulls_forbidden(I, relation, names)
  local nullable = false
  for _, name in ipairs(names) do
    local column = relation.columns[name]
    nullable = nullable or not (column and column.not_null)
    if not (column and column.not_null) and relation:holds_rows() then
      I:scan(relation, ("no row may have a null in %s"):format(name))
      if not relation.complete and not (column and column.is_new) then
        I:assume(("whether %s.%s is NOT NULL is not known"):format(relation.name, name))
      end
    end
  end
  return nullable
end

local function names_of(list)
  local names = {}
  for i, item in ipairs(list or {}) do
    names[i] = item.sval or item
  end
  return names
end

-- Every row of a foreign key is looked up; what is referred to may be read by its index.
function constraints.compare_rows(I, relation, other, why)
  for _, side in ipairs { relation, other } do
    for _, leaf in ipairs(side:family()) do
      if leaf:holds_rows() then
        I:scan(leaf, why)
        if side == other then
          I:maybe(leaf)
        end
      end
    end
  end
end

local function foreign(I, relation, node, scans)
  local other = I.world:relation(node.pktable)
  I:lock(other, SRE, "a foreign key points to it")
  if scans and not node.skip_validation then
    constraints.compare_rows(I, relation, other, "the rows of a new foreign key are compared")
  end
end

-- Partitions are locked for the build only, unless columns of theirs become NOT NULL; from 18 on as
-- strongly as their parent.
local function keyed(I, relation, node)
  local names = names_of(node.keys)
  local index = node.indexname and relation.indexes[node.indexname]
  for _, member in ipairs(relation.kind == "partitioned" and relation:family() or { relation }) do
    local nullable = node.contype == "CONSTR_PRIMARY" and nulls_forbidden(I, member, index and index.columns or names)
    if member ~= relation then
      I:lock(member, (nullable or I.world:since(18)) and AEL or S, "an index of it is built")
    end
    if not node.indexname and member:holds_rows() then
      I:build(member, builds[node.contype] .. " builds an index")
    end
  end
end

-- ADD CONSTRAINT, for the table and each one below it.
function constraints.add(I, relation, cmd, _, is_below)
  local node = cmd.def
  if builds[node.contype] then
    return keyed(I, relation, node)
  end
  if node.contype == "CONSTR_FOREIGN" then
    return not is_below and foreign(I, relation, node, true) or nil
  end
  if node.contype == "CONSTR_NOTNULL" and not node.skip_validation then
    nulls_forbidden(I, relation, names_of(node.keys))
  end
  local inherited = not (is_below and node.is_no_inherit)
  if node.contype == "CONSTR_CHECK" and inherited and not node.skip_validation and relation:holds_rows() then
    I:scan(relation, "a new CHECK is tried on every row")
  end
end

-- Written at a column that is being added: { name, has_default, is_below }
function constraints.at_column(I, relation, node, column)
  if builds[node.contype] and relation:holds_rows() then
    I:build(relation, builds[node.contype] .. " builds an index")
    if node.contype == "CONSTR_PRIMARY" then
      I:scan(relation, "no row may be null")
    end
  elseif node.contype == "CONSTR_CHECK" and not node.skip_validation and relation:holds_rows() then
    I:scan(relation, "a new CHECK is tried on every row")
  elseif node.contype == "CONSTR_FOREIGN" and not column.is_below then
    foreign(I, relation, node, column.has_default) -- even of DEFAULT NULL
  end
end

-- What the constraint is, or nil, and that it is not known.
local function known(I, relation, name, what)
  local constraint = relation.constraints[name]
  if not constraint and not relation.complete then
    I:assume(("%s the constraint %s is not known"):format(what, name))
  end
  return constraint
end

function constraints.validates_down(_, relation, cmd)
  local constraint = relation.constraints[cmd.name]
  return not (constraint and constraint.type == "f") or relation.kind == "partitioned"
end

function constraints.validate(I, relation, cmd)
  local constraint = known(I, relation, cmd.name, "which kind of constraint")
  if constraint and constraint.validated then
    return
  end
  local other = constraint and constraint.type == "f" and I.world:references(constraint)
  if other then
    I:lock(other, RS, "a foreign key points to it")
    constraints.compare_rows(I, relation, other, "the rows of the foreign key are compared")
  elseif relation:holds_rows() and (constraint or not relation.complete) then
    I:scan(relation, ("%s is tried on every row"):format(cmd.name))
  end
end

-- A NOT NULL that tables below the first have from now on.
local function inherited(I, relation, def, is_below)
  if is_below then
    local constraint = known(I, relation.parent, def.conname, "which column is that of")
    nulls_forbidden(I, relation, constraint and constraint.columns or {})
  end
end

function constraints.alters_down(_, _, cmd)
  return cmd.def.alterInheritability and not cmd.def.noinherit
end

-- A constraint that is enforced again is tried on every row; a foreign key gets its triggers back, or
-- loses them.
function constraints.alter(I, relation, cmd, _, is_below)
  if not cmd.def.alterEnforceability or is_below then
    return inherited(I, relation, cmd.def, is_below)
  end
  local name, enforced = cmd.def.conname, cmd.def.is_enforced
  local constraint = known(I, relation, name, "which kind of constraint")
  local other = constraint and constraint.type == "f" and I.world:references(constraint)
  if other then
    I:lock(other, enforced and SRE or AEL, ("the foreign key %s points to it"):format(name))
  end
  if enforced and other then
    constraints.compare_rows(I, relation, other, "the rows of the foreign key are compared")
  elseif enforced and relation:holds_rows() then
    I:scan(relation, ("%s is tried on every row"):format(name))
  end
end

-- A constraint that goes: with a foreign key the other table's triggers go too.
function constraints.let_go(I, relation, name, constraint, cmd)
  if constraint.type == "f" then
    local other = I.world:references(constraint)
    if other then
      I:lock(other, AEL, ("the foreign key %s points to it"):format(name))
    end
  end
  local is_key = constraint.type == "p" or constraint.type == "u"
  if is_key and cmd.behavior == "DROP_CASCADE" then
    for _, from in ipairs(I.world:referrers(relation, constraint.columns)) do
      I:lock(from.relation, AEL, ("its foreign key %s goes too"):format(from.name))
    end
  end
end

function constraints.drop(I, relation, cmd)
  local constraint = known(I, relation, cmd.name, "which kind of constraint")
  if constraint then
    constraints.let_go(I, relation, cmd.name, constraint, cmd)
  end
end

-- The column of a constraint gets another type: it is made again.
function constraints.made_again(I, relation, name, constraint, cost)
  if constraint.type == "c" and constraint.validated and relation:holds_rows() then
    I:scan(relation, ("%s is tried on every row again"):format(name))
  end
  local other = constraint.type == "f" and I.world:references(constraint)
  if not other then
    return
  end
  I:lock(other, AEL, ("the foreign key %s is made again"):format(name))
  if cost ~= "none" and constraint.validated then
    constraints.compare_rows(I, relation, other, ("the rows of %s are compared again"):format(name))
  end
end

-- The same, seen from the table that is referred to.
function constraints.partner_changes(I, relation, from, cost)
  I:lock(from.relation, AEL, ("its foreign key %s is made again"):format(from.name))
  if cost ~= "none" and from.constraint.validated then
    constraints.compare_rows(I, from.relation, relation, ("the rows of %s are compared again"):format(from.name))
  end
end


return constraints
