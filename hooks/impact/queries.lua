-- SELECT, INSERT, UPDATE, DELETE and what carries them: which relations they lock, and which they change.
local native = ...

local expressions = native.use("impact/expressions")
local modes = native.use("impact/modes")
local read = native.use("impact/read")

local forms = {}

local RE, RS, AS = "RowExclusive", "RowShare", "AccessShare"

local changing = read.set "InsertStmt UpdateStmt DeleteStmt MergeStmt"

local function own_names(node)
  local names = {}
  for cte in node:each "CommonTableExpr" do
    names[cte.ctename] = true
  end
  return names
end

-- A view locks what it reads as if that were named itself.
local function lock_deep(I, relation, mode, why, seen)
  seen = seen or {}
  if seen[relation] then
    return
  end
  seen[relation] = true
  I:lock_family(relation, mode, why)
  if relation.kind == "view" and not I.no_data then
    for _, base in ipairs(I.world:bases(relation)) do
      lock_deep(I, base, mode, "the view " .. relation.name .. " reads it", seen)
    end
  end
end

-- What FOR UPDATE and the like name, or all of their FROM.
local function for_update(I, node)
  for select in node:each "SelectStmt" do
    local clauses = select.lockingClause or {}
    local named, all = {}, false
    for _, clause in ipairs(clauses) do
      all = all or #(clause.lockedRels or {}) == 0
      for _, range in ipairs(clause.lockedRels or {}) do
        named[range.relname] = true
      end
    end
    for _, item in ipairs(#clauses > 0 and select.fromClause or {}) do
      for range in item:each "RangeVar" do
        local alias = range.alias and range.alias.aliasname
        local relation = (all or named[alias or range.relname]) and I.world:find(range)
        if relation then
          lock_deep(I, relation, RS, "its rows are locked")
        end
      end
    end
  end
end

-- Rows that are written are compared with the other side of foreign keys.
local function foreign_keys(I, relation, tag)
  for _, constraint in pairs(tag ~= "DeleteStmt" and relation.constraints or {}) do
    local other = constraint.type == "f" and I.world:references(constraint)
    if other then
      I:lock(other, RS, "a foreign key is checked")
    end
  end
  for _, from in ipairs(tag ~= "InsertStmt" and I.world:referrers(relation) or {}) do
    local action = from.constraint.on_delete or "a"
    local cascades = tag == "DeleteStmt" and (action == "c" or action == "n" or action == "d")
    I:lock(from.relation, cascades and RE or RS, "a foreign key is checked")
    if cascades then
      I:change(from.relation)
    end
  end
end

local function change(I, range, tag)
  local relation = I.world:relation(range)
  I.table = I.table or relation
  lock_deep(I, relation, RE, "its rows are changed")
  for _, member in ipairs(tag == "InsertStmt" and relation:family() or {}) do
    if member ~= relation then
      I:maybe(member)
    end
  end
  for _, member in ipairs(relation:family()) do
    I:change(member)
    foreign_keys(I, member, tag)
  end
  if next(relation.facts and relation.facts.triggers or {}) or #(relation.triggers or {}) > 0 then
    I:assume(("what the triggers of %s do is not seen"):format(relation.name))
  end
end

local function query(I, node)
  local ours = own_names(node)
  I.runs_query = true
  for range in node:each "RangeVar" do
    local parent = range.parent
    local is_target = parent and changing[parent.tag] and parent.relation == range
    local is_new = parent and parent.tag == "IntoClause"
    if is_target then
      change(I, range, parent.tag)
    elseif not is_new and (range.schemaname or not ours[range.relname]) then
      lock_deep(I, I.world:relation(range), AS, "it is read")
    end
  end
  for_update(I, node)
  for call in node:each "FuncCall" do
    local names = read.names(call.funcname)
    if names[#names] == "nextval" or names[#names] == "setval" then
      local text = read.constant((call.args or {})[1])
      local sequence = text and I.world:find(read.range(text:find(".", 1, true) and { text:match("^(.-)%.(.*)$") } or { text }))
      if sequence then
        I:lock(sequence, RE, "its next value is taken")
      end
    end
  end
  local calls = expressions.foreign_calls(I.world, node)
  if #calls > 0 then
    I:cannot_see(("what %s() does is not seen"):format(table.concat(calls, "(), ")))
  end
end

for tag in ("SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt"):gmatch("%S+") do
  forms[tag] = query
end

function forms.DeclareCursorStmt(I, node)
  query(I, node.query)
end
forms.PrepareStmt = forms.DeclareCursorStmt

function forms.ExplainStmt(I, node)
  I:examine(node.query)
  if not read.option(node.options, "analyze") then
    I.changes = {}
  end
end

function forms.CopyStmt(I, node)
  if node.query then
    return query(I, node.query)
  end
  I.runs_query = true
  if node.is_from then
    return change(I, node.relation, "InsertStmt")
  end
  I:lock(I.world:relation(node.relation), AS, "it is read")
end

function forms.LockStmt(I, node)
  local mode = modes.number(node.mode)
  for _, range in ipairs(node.relations or {}) do
    local relation = I.world:relation(range)
    I.table = I.table or relation
    I:lock(relation, mode, "LOCK TABLE")
    if range.inh then
      lock_deep(I, relation, mode, "LOCK TABLE")
    end
  end
end

function forms.ExecuteStmt(I)
  I:cannot_see("what was prepared is not seen")
end

function forms.CallStmt(I)
  I:cannot_see("what the procedure does is not seen")
end

return forms
