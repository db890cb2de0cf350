-- Statements younger than the parser's grammar (PostgreSQL 15) that it can read all the same: each
-- form is written over with one that it knows, of the same length, so that places stay, and the tree
-- then says what really stood there, as PostgreSQL's own later trees do.
local native = ...

local newer = {}

local function is(token, word)
  return token and token.kind == "word" and token.text:upper() == word
end

local function are(tokens, i, words)
  for k, word in ipairs(words) do
    if not is(tokens[i + k - 1], word) then
      return false
    end
  end
  return true
end

-- The node of these tags that begins nearest before a byte.
local function before(root, tags, byte, fits)
  local best
  for _, tag in ipairs(tags) do
    for node in root:each(tag) do
      local at = node.location or 0
      if at <= byte and (not best or at >= best.location) and (not fits or fits(node)) then
        best = node
      end
    end
  end
  return best
end

local function mark_constraint(fields, fits)
  return function(root, byte)
    local node = before(root, { "Constraint" }, byte, fits)
    for name, value in pairs(node and fields or {}) do
      rawset(node, name, value)
    end
    return node
  end
end

-- Each: what the words at `i` are, or nil: { version, from, to (tokens), text, mark(root, byte) }.
local forms = {
  -- ... NOT ENFORCED
  function(tokens, i)
    if are(tokens, i, { "NOT", "ENFORCED" }) then
      return { 180000, i, i + 1, "", mark_constraint { is_enforced = false, skip_validation = true } }
    end
  end,
  function(tokens, i)
    if is(tokens[i], "ENFORCED") and not is(tokens[i - 1], "NOT") then
      return { 180000, i, i, "", mark_constraint { is_enforced = true } }
    end
  end,
  -- ALTER TABLE ... ADD [CONSTRAINT n] NOT NULL column
  function(tokens, i)
    local named = is(tokens[i - 2], "CONSTRAINT") and is(tokens[i - 3], "ADD")
    local column = tokens[i + 2]
    if are(tokens, i, { "NOT", "NULL" }) and (named or is(tokens[i - 1], "ADD")) and column then
      return { 180000, i, i + 2, ("CHECK (%s)"):format(column.text), function(root, byte)
        local node = before(root, { "Constraint" }, named and tokens[i - 2].at - 1 or byte)
        local keys = node.raw_expr.fields
        rawset(node, "contype", "CONSTR_NOTNULL")
        rawset(node, "keys", { keys[#keys] })
        rawset(node, "raw_expr", nil)
      end }
    end
  end,
  -- GENERATED ALWAYS AS (...) VIRTUAL
  function(tokens, i)
    if is(tokens[i], "VIRTUAL") and tokens[i - 1] and tokens[i - 1].text == ")" then
      return { 180000, i, i, "STORED", mark_constraint({ generated_kind = "v" }, function(node)
        return node.contype == "CONSTR_GENERATED"
      end) }
    end
  end,
  -- PRIMARY KEY (a, b WITHOUT OVERLAPS)
  function(tokens, i)
    if are(tokens, i, { "WITHOUT", "OVERLAPS" }) then
      return { 180000, i, i + 1, "", mark_constraint { without_overlaps = true } }
    end
  end,
  -- FOREIGN KEY (a, PERIOD b)
  function(tokens, i)
    local after = tokens[i + 1]
    if is(tokens[i], "PERIOD") and tokens[i - 1] and tokens[i - 1].text == "," and after
      and (after.kind == "word" or after.kind == "quoted") then
      return { 180000, i, i, "", mark_constraint { fk_with_period = true } }
    end
  end,
  -- ALTER COLUMN c SET EXPRESSION AS (...)
  function(tokens, i)
    if are(tokens, i, { "SET", "EXPRESSION", "AS" }) then
      local column = tokens[i - 1].text:lower():gsub('"', "")
      return { 170000, i, i + 2, "SET DEFAULT", function(root)
        for cmd in root:each "AlterTableCmd" do
          if cmd.subtype == "AT_ColumnDefault" and cmd.name:lower() == column then
            rawset(cmd, "subtype", "AT_SetExpression")
          end
        end
      end }
    end
  end,
  -- CREATE TABLE t (c text STORAGE external)
  function(tokens, i)
    local name = tokens[i + 1]
    if is(tokens[i], "STORAGE") and not is(tokens[i - 1], "SET") and name and name.kind == "word" then
      return { 160000, i, i + 1, "", function(root, byte)
        local node = before(root, { "ColumnDef" }, byte)
        rawset(node, "storage_name", name.text:lower())
      end }
    end
  end,
  -- 1_000_000
  function(tokens, i)
    local text = tokens[i].text
    if tokens[i].kind == "number" and text:find "^%d[%d_]*$" and text:find "_" then
      return { 160000, i, i, (text:gsub("_", "")), function() end }
    end
  end,
}

local function found(tokens)
  local list, i = {}, 1
  while i <= #tokens do
    local form
    for _, of in ipairs(forms) do
      form = form or of(tokens, i)
    end
    list[#list + 1] = form
    i = form and form[3] + 1 or i + 1
  end
  return list
end

-- The text in the older grammar, the version that first had what stands there, and a function that
-- puts it right in the tree; nil if there is nothing to try.
function newer.rewritten(sql)
  local tokens = native.tokens(sql)
  local list = found(tokens)
  if #list == 0 then
    return nil
  end
  local version, pieces, at = 0, {}, 1
  for _, form in ipairs(list) do
    local first, last = tokens[form[2]], tokens[form[3]]
    local stop = last.at + #last.text
    local width = stop - first.at
    if #form[4] > width then
      return nil
    end
    pieces[#pieces + 1] = sql:sub(at, first.at - 1)
    pieces[#pieces + 1] = form[4] .. sql:sub(first.at + #form[4], stop - 1):gsub("[^\n]", " ")
    at = stop
    version = math.max(version, form[1])
  end
  pieces[#pieces + 1] = sql:sub(at)
  return table.concat(pieces), version, function(root)
    for _, form in ipairs(list) do
      form[5](root, tokens[form[2]].at - 1)
    end
  end
end

return newer
