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

-- The token that closes the parenthesis at `i`, or nil.
local function closing(tokens, i)
  local depth = 0
  for k = i, #tokens do
    local text = tokens[k].text
    depth = depth + (text == "(" and 1 or text == ")" and -1 or 0)
    if depth == 0 then
      return k
    end
  end
end

local function set(words)
  local names = {}
  for word in words:gmatch "%S+" do
    names[word] = true
  end
  return names
end

local function one_of(token, names)
  return token and token.kind == "word" and names[token.text:upper()] or false
end

local function nothing() end

-- The SQL/JSON functions have a grammar of their own; their arguments are of no interest here.
local sql_json = set [[
  JSON_TABLE JSON_VALUE JSON_QUERY JSON_EXISTS JSON_OBJECT JSON_ARRAY JSON_OBJECTAGG JSON_ARRAYAGG JSON_SCALAR JSON_SERIALIZE
]]

local json_kinds = set "VALUE SCALAR ARRAY OBJECT"
local kinds_of_generated = set "STORED VIRTUAL"
local grant_options = set "INHERIT SET ADMIN"
local looks = set "VACUUM ANALYZE ANALYSE"

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
  -- GENERATED ALWAYS AS (...), which is VIRTUAL
  function(tokens, i)
    local stop = are(tokens, i, { "GENERATED", "ALWAYS", "AS" }) and closing(tokens, i + 3)
    if stop and not one_of(tokens[stop + 1], kinds_of_generated) and not is(tokens[i + 3], "IDENTITY") then
      return { 180000, i, i + 2, "DEFAULT", mark_constraint({ contype = "CONSTR_GENERATED", generated_when = "a", generated_kind = "v" }) }
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
  -- MERGE ... WHEN NOT MATCHED BY SOURCE | BY TARGET ... RETURNING ...
  function(tokens, i)
    if are(tokens, i, { "NOT", "MATCHED", "BY", "SOURCE" }) then
      return { 170000, i, i + 3, "MATCHED", nothing }
    elseif are(tokens, i, { "NOT", "MATCHED", "BY", "TARGET" }) then
      return { 170000, i, i + 3, "NOT MATCHED", nothing }
    elseif is(tokens[i], "RETURNING") and is(tokens[1], "MERGE") then
      return { 170000, i, #tokens, "", nothing }
    end
  end,
  -- RETURNING WITH (OLD AS o, NEW AS n) ...
  function(tokens, i)
    local stop = are(tokens, i - 1, { "RETURNING", "WITH" }) and closing(tokens, i + 1)
    if stop then
      return { 180000, i, stop, "", nothing }
    end
  end,
  -- JSON_TABLE(...), JSON_OBJECT('a': 1), ...
  function(tokens, i)
    local stop = one_of(tokens[i], sql_json) and tokens[i + 1] and tokens[i + 1].text == "(" and closing(tokens, i + 1)
    if stop then
      return { is(tokens[i], "JSON_TABLE") and 170000 or 160000, i, stop, tokens[i].text .. "()", nothing }
    end
  end,
  -- x IS JSON OBJECT
  function(tokens, i)
    if is(tokens[i], "JSON") and (is(tokens[i - 1], "IS") or are(tokens, i - 2, { "IS", "NOT" })) then
      return { 160000, i, one_of(tokens[i + 1], json_kinds) and i + 1 or i, "NULL", nothing }
    end
  end,
  -- GRANT role TO member WITH INHERIT FALSE, SET TRUE
  function(tokens, i)
    if is(tokens[1], "GRANT") and is(tokens[i], "WITH") and one_of(tokens[i + 1], grant_options) then
      local stop = i + 2
      while tokens[stop + 1] and tokens[stop + 1].text == "," do
        stop = stop + 3
      end
      return { 160000, i, math.min(stop, #tokens), "", nothing }
    end
  end,
  -- ANALYZE ONLY t
  function(tokens, i)
    if is(tokens[i], "ONLY") and one_of(tokens[1], looks) then
      return { 180000, i, i, "", nothing }
    end
  end,
  -- t AT LOCAL
  function(tokens, i)
    if are(tokens, i, { "AT", "LOCAL" }) then
      return { 170000, i, i + 1, "", nothing }
    end
  end,
  -- SET ACCESS METHOD DEFAULT
  function(tokens, i)
    if is(tokens[i], "DEFAULT") and are(tokens, i - 3, { "SET", "ACCESS", "METHOD" }) then
      return { 170000, i, i, "heap", nothing }
    end
  end,
  -- 0xFF
  function(tokens, i)
    local text = tokens[i].text
    if text:find "^0[xX][%x_]+$" or text:find "^0[oO][0-7_]+$" or text:find "^0[bB][01_]+$" then
      return { 160000, i, i, "0", nothing }
    end
  end,
  -- 1_000_000
  function(tokens, i)
    local text = tokens[i].text
    if tokens[i].kind == "number" and text:find "^%d[%d_]*$" and text:find "_" then
      return { 160000, i, i, (text:gsub("_", "")), nothing }
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
