-- Younger forms of queries, of expressions, and of statements that change rows.
local native = ...

local words = native.use("newer/words")

local is, are, one_of, says, nothing = words.is, words.are, words.one_of, words.says, words.nothing

-- The SQL/JSON functions have a grammar of their own; their arguments are of no interest here.
local sql_json = {
  JSON_OBJECT = 160000, JSON_ARRAY = 160000, JSON_OBJECTAGG = 160000, JSON_ARRAYAGG = 160000, JSON_TABLE = 170000,
  JSON_VALUE = 170000, JSON_QUERY = 170000, JSON_EXISTS = 170000, JSON_SCALAR = 170000, JSON_SERIALIZE = 170000, JSON = 170000,
}

local json_kinds = words.set "VALUE SCALAR ARRAY OBJECT"
local begins_query = words.set "SELECT VALUES WITH TABLE"
local nulls = words.set "IGNORE RESPECT"

-- What may stand behind a subquery that has no name.
local behind = words.set [[
  WHERE GROUP ORDER HAVING LIMIT OFFSET FETCH UNION INTERSECT EXCEPT FOR WINDOW JOIN LEFT RIGHT FULL INNER CROSS NATURAL ON USING
  RETURNING WHEN SET
]]

-- The words that begin a part of a query.
local parts = words.set "SELECT FROM WHERE GROUP ORDER HAVING LIMIT WINDOW SET VALUES JOIN USING RETURNING ON"

-- Is it a table's place: behind FROM, JOIN or LATERAL, or behind a comma among those?
local function is_table_place(tokens, i)
  local before = tokens[i - 1]
  if is(before, "FROM") then
    return not is(tokens[i - 2], "DISTINCT")
  elseif is(before, "JOIN") or is(before, "LATERAL") or is(before, "USING") then
    return true
  elseif not says(before, ",") then
    return false
  end
  local depth = 0
  for k = i - 1, 1, -1 do
    depth = depth - words.step(tokens[k])
    if depth < 0 then
      return false
    elseif depth == 0 and one_of(tokens[k], parts) then
      return is(tokens[k], "FROM") or is(tokens[k], "JOIN")
    end
  end
  return false
end

local NAMELESS = "unnamed subquery"

-- What a MERGE at `i` writes to, as INSERT has it, and where its USING stands.
local function merged(tokens, i)
  local from = i + (is(tokens[i + 1], "INTO") and 2 or 1)
  from = from + (is(tokens[from], "ONLY") and 1 or 0)
  local _, at = words.range(tokens, from)
  local alias = not is(tokens[at], "USING") and (is(tokens[at], "AS") and at + 1 or at)
  local using = alias and alias + 1 or at
  local text = words.text(tokens, from, at - 1) .. (alias and " AS " .. tokens[alias].text or "")
  return is(tokens[using], "USING") and text, using
end

-- The last ON between a MERGE's USING and its first WHEN, and that WHEN.
local function merge_parts(tokens, i, stop)
  local depth, on = 0, nil
  for k = i, stop do
    depth = depth + words.step(tokens[k])
    if depth == 0 and is(tokens[k], "ON") then
      on = k
    elseif depth == 0 and is(tokens[k], "WHEN") then
      return on, k
    end
  end
end

return {
  -- FROM (SELECT ...) without a name
  function(tokens, i)
    local stop = says(tokens[i], ")") and i
    local from, depth = nil, 0
    for k = i, stop and 1 or i + 1, -1 do
      depth = depth - words.step(tokens[k])
      if depth == 0 then
        from = k
        break
      end
    end
    local after = tokens[i + 1]
    local bare = not after or after.kind ~= "word" and after.kind ~= "quoted" or one_of(after, behind)
    if from and bare and one_of(tokens[from + 1], begins_query) and is_table_place(tokens, from) then
      return { 160000, i, i, (') "%s"'):format(NAMELESS), function(root)
        for node in root:each "RangeSubselect" do
          if node.alias and node.alias.aliasname == NAMELESS then
            rawset(node, "alias", nil)
          end
        end
      end }
    end
  end,
  -- WITH c AS (MERGE ...): an INSERT of the same table from the same source, and then a MERGE again
  function(tokens, i)
    local stop = is(tokens[i], "MERGE") and says(tokens[i - 1], "(") and words.closing(tokens, i - 1)
    local target, using = nil, nil
    if stop then
      target, using = merged(tokens, i)
    end
    local on, when
    if using then
      on, when = merge_parts(tokens, using, stop - 1)
    end
    if on and when then
      local returning = ""
      for k = stop - 1, when, -1 do
        returning = is(tokens[k], "RETURNING") and words.text(tokens, k, stop - 1) or returning
      end
      local source, condition = words.text(tokens, using + 1, on - 1), words.text(tokens, on + 1, when - 1)
      return { 170000, i, stop - 1, ("INSERT INTO %s SELECT FROM %s WHERE %s %s"):format(target, source, condition, returning),
        function(root, byte)
          for insert in root:each "InsertStmt" do
            local at = insert.relation.location
            if byte <= at and at <= byte + #"INSERT INTO " then
              rawset(insert, "tag", "MergeStmt")
            end
          end
        end }
    end
  end,
  -- MERGE ... WHEN NOT MATCHED BY SOURCE | BY TARGET ... RETURNING ...
  words.form(170000, "NOT MATCHED BY SOURCE", "MATCHED"),
  words.form(170000, "NOT MATCHED BY TARGET", "NOT MATCHED"),
  function(tokens, i)
    for k = 1, is(tokens[i], "RETURNING") and i or 0 do
      if is(tokens[k], "MERGE") and not says(tokens[k - 1], "(") then
        return { 170000, i, #tokens - (says(tokens[#tokens], ";") and 1 or 0), "", nothing }
      end
    end
  end,
  -- RETURNING WITH (OLD AS o, NEW AS n) ...
  function(tokens, i)
    local stop = are(tokens, i - 1, { "RETURNING", "WITH" }) and words.closing(tokens, i + 1)
    if stop then
      return { 180000, i, stop, "", nothing }
    end
  end,
  -- ON CONFLICT ... DO SELECT [FOR UPDATE] [WHERE ...] RETURNING ...
  function(tokens, i)
    local stop = are(tokens, i, { "DO", "SELECT" }) and i + 1
    while stop and tokens[stop + 1] and not is(tokens[stop + 1], "RETURNING") do
      stop = stop + 1
    end
    if stop then
      return { 190000, i, stop, "DO NOTHING", nothing }
    end
  end,
  -- UPDATE t FOR PORTION OF valid_at FROM a TO b SET ..., DELETE FROM t FOR PORTION OF valid_at (...)
  function(tokens, i)
    local stop = are(tokens, i, { "FOR", "PORTION", "OF" }) and tokens[i + 4] and i + 4
    if stop and says(tokens[stop], "(") then
      stop = words.closing(tokens, stop)
    elseif stop then
      local ends = words.set "SET WHERE RETURNING USING AS"
      while tokens[stop + 1] and not one_of(tokens[stop + 1], ends) do
        stop = stop + 1
      end
    end
    if stop then
      return { 190000, i, stop, "", nothing }
    end
  end,
  -- GROUP BY ALL
  function(tokens, i)
    if is(tokens[i], "ALL") and are(tokens, i - 2, { "GROUP", "BY" }) then
      return { 190000, i, i, "1", nothing }
    end
  end,
  -- lag(x) IGNORE NULLS OVER (...)
  function(tokens, i)
    if one_of(tokens[i], nulls) and is(tokens[i + 1], "NULLS") and says(tokens[i - 1], ")") then
      return { 190000, i, i + 1, "", nothing }
    end
  end,
  -- JSON_TABLE(...), JSON_OBJECT('a': 1), JSON(x WITH UNIQUE KEYS)
  function(tokens, i)
    local version = tokens[i].kind == "word" and sql_json[tokens[i].text:upper()]
    local stop = version and says(tokens[i + 1], "(") and words.closing(tokens, i + 1)
    if stop then
      return { version, i, stop, tokens[i].text .. "()", nothing }
    end
  end,
  -- x IS JSON OBJECT WITH UNIQUE KEYS
  function(tokens, i)
    if is(tokens[i], "JSON") and (is(tokens[i - 1], "IS") or are(tokens, i - 2, { "IS", "NOT" })) then
      local stop = one_of(tokens[i + 1], json_kinds) and i + 1 or i
      if are(tokens, stop + 1, { "WITH", "UNIQUE" }) or are(tokens, stop + 1, { "WITHOUT", "UNIQUE" }) then
        stop = stop + (is(tokens[stop + 3], "KEYS") and 3 or 2)
      end
      return { 160000, i, stop, "NULL", nothing }
    end
  end,
  -- XMLSERIALIZE(CONTENT x AS text INDENT)
  function(tokens, i)
    if is(tokens[i], "INDENT") and says(tokens[i + 1], ")") then
      return { 160000, is(tokens[i - 1], "NO") and i - 1 or i, i, "", nothing }
    elseif is(tokens[i], "NO") and is(tokens[i + 1], "INDENT") and says(tokens[i + 2], ")") then
      return { 160000, i, i + 1, "", nothing }
    end
  end,
  -- t AT LOCAL
  words.form(170000, "AT LOCAL", ""),
  -- 0xFF
  function(tokens, i)
    local text = tokens[i].text
    if text:find "^0[xX][%x_]+$" or text:find "^0[oO][0-7_]+$" or text:find "^0[bB][01_]+$" then
      return { 160000, i, i, "0", nothing }
    end
  end,
  -- 1_000_000.5
  function(tokens, i)
    local text = tokens[i].text
    if tokens[i].kind == "number" and text:find "^[%d.][%d_.eE+-]*$" and text:find "_" then
      return { 160000, i, i, (text:gsub("_", "")), nothing }
    end
  end,
}
