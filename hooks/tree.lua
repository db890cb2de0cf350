-- Parse trees: libpg_query's nodes as tables, their fields and enum texts named as there, `tag` for
-- the kind of node. A field that has its default (0, false, "", the empty list) is absent, but for
-- enums; the functions here hide that.
local native = ...

local tree = {}

local function names_text(names)
  local list = {}
  for i, name in ipairs(names or {}) do
    list[i] = name.sval or "*"
  end
  return list
end

-- The parts of a name: { "public", "t" }.
tree.names = names_text

-- "public.t" of such a list of String nodes.
function tree.dotted(names)
  return table.concat(names_text(names), ".")
end

-- The same, pg_catalog left out.
function tree.bare(names)
  return (tree.dotted(names):gsub("^pg_catalog%.", ""))
end

-- The value of an A_Const: a string, an integer, a boolean; nil for NULL. Numbers with a point stay
-- texts. The second answer says that it is a constant at all.
function tree.constant(node)
  if not node or node.tag ~= "A_Const" then
    return nil, false
  end
  if node.ival then
    return node.ival.ival or 0, true
  end
  if node.boolval then
    return node.boolval.boolval or false, true
  end
  if node.sval then
    return node.sval.sval or "", true
  end
  if node.fval then
    return node.fval.fval, true
  end
  return node.bsval and node.bsval.bsval, true
end

-- ALTER TABLE ONLY t: partitions and children are left out.
function tree.only(rangevar)
  return not rangevar.inh
end

-- An option's value as a string, number or boolean; one that stands alone is true.
function tree.option(defelem)
  local arg = defelem.arg
  if not arg then
    return true
  end
  if arg.tag == "String" then
    return arg.sval or ""
  elseif arg.tag == "Integer" then
    return arg.ival or 0
  elseif arg.tag == "Float" then
    return arg.fval
  elseif arg.tag == "Boolean" then
    return arg.boolval or false
  elseif arg.tag == "TypeName" then
    return tree.type(arg)
  elseif arg.tag == "List" then
    return tree.dotted(arg.items)
  end
  return arg
end

local off = { [false] = true, [0] = true, ["false"] = true, off = true, no = true }

-- Is an option of this name on? (CONCURRENTLY), (CONCURRENTLY true), (CONCURRENTLY 1)
function tree.is_on(options, name)
  local on = false
  for _, option in ipairs(options or {}) do
    if option.tag == "DefElem" and option.defname == name then
      local value = tree.option(option)
      on = not off[type(value) == "string" and value:lower() or value]
    end
  end
  return on
end

-- "varchar(20)", "text[]", "app.mood": as PostgreSQL has it inside, pg_catalog left out.
function tree.type(typename)
  if not typename then
    return nil
  end
  local text = tree.bare(typename.names)
  local mods = {}
  for i, mod in ipairs(typename.typmods or {}) do
    mods[i] = tostring(tree.constant(mod) or "?")
  end
  if #mods > 0 and text ~= "interval" then
    text = ("%s(%s)"):format(text, table.concat(mods, ","))
  end
  return text .. ("[]"):rep(#(typename.arrayBounds or {}))
end

local computed = {
  ColumnDef = {
    name = function(node)
      return node.colname
    end,
    type = function(node)
      return tree.type(node.typeName)
    end,
  },
}

local function is_below(parents, node, top)
  while node and node ~= top do
    node = parents[node]
  end
  return node == top
end

-- The nodes of a tag at or below `top`, in the order of the text.
local function each(state, top, tag)
  local list, i = state.nodes[tag] or {}, 0
  return function()
    local node
    repeat
      i = i + 1
      node = list[i]
    until not node or top == state.root or is_below(state.parents, node, top)
    return node
  end
end

-- The byte (from 0) where a node begins: the smallest that it or anything below it knows.
local function first_byte(node, least)
  local at = rawget(node, "location")
  if at and at >= 0 and (not least or at < least) then
    least = at
  end
  for name, value in next, node do
    if type(value) == "table" and name ~= "parent" then
      least = first_byte(value, least)
    end
  end
  return least
end

-- The index of the token where an ALTER's first action begins: behind the name of its object.
local function first_action(tokens, byte)
  local i = 1
  while tokens[i] and tokens[i].at - 1 < byte do
    i = i + 1
  end
  i = i + 1
  while tokens[i] and tokens[i].text == "." do
    i = i + 2
  end
  return tokens[i] and tokens[i].text == "*" and i + 1 or i
end

-- The parser gives an ALTER TABLE's actions no place: they are so many commas behind its name.
local function action_byte(action)
  local alter = action.parent
  local tokens, ahead, depth = action.statement.tokens, 0, 0
  for i, cmd in ipairs(alter.cmds) do
    ahead = cmd == action and i - 1 or ahead
  end
  for i = first_action(tokens, alter.relation and alter.relation.location or 0), #tokens do
    local text = tokens[i].text
    if ahead == 0 then
      return tokens[i].at - 1
    elseif text == "(" then
      depth = depth + 1
    elseif text == ")" then
      depth = depth - 1
    elseif text == "," and depth == 0 then
      ahead = ahead - 1
    end
  end
end

-- Where a node stands in its statement: a byte from 0.
function tree.byte(node)
  if node.tag == "AlterTableCmd" and node.statement and node.parent and node.parent.cmds then
    return action_byte(node) or 0
  end
  local at = first_byte(node)
  local parent = node.parent
  while not at and parent do
    at = first_byte(parent)
    parent = parent.parent
  end
  return at or 0
end

local methods = {}

local function index(state)
  return function(node, key)
    local method = methods[key]
    if method then
      return method(state)
    end
    if key == "parent" then
      return state.parents[node]
    elseif key == "statement" then
      return state.owner
    end
    local of = computed[rawget(node, "tag")]
    local field = of and of[key]
    return field and field(node)
  end
end

-- A node's methods are made once a tree, when first asked for.
local function method(name, make)
  methods[name] = function(state)
    local call = state[name] or make(state)
    state[name] = call
    return call
  end
end

method("each", function(state)
  return function(node, tag)
    return each(state, node, tag)
  end
end)

method("find", function(state)
  return function(node, tag)
    return each(state, node, tag)()
  end
end)

method("loc", function(state)
  return function(node)
    return state.owner:at(node)
  end
end)

local function unchanging()
  error("the parse tree cannot be changed", 2)
end

-- parse(sql, owner): "parsed", the tree, its nodes by tag; "unparsed", why, at which character; "opaque", why. The
-- owner is each node's `statement`, and its at(node) a node's place.
function tree.parse(sql, owner, parse)
  local state = { nodes = {}, parents = {}, owner = owner }
  local meta = { __index = index(state), __newindex = unchanging, __metatable = false }
  local how, root, at = (parse or native.parse)(sql, state.nodes, state.parents, meta)
  if how ~= "parsed" then
    return how, root, at
  end
  state.root = root.stmts and root.stmts[1] and root.stmts[1].stmt or root
  return how, state.root, state.nodes
end

return tree
