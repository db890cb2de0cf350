-- Younger forms of statements about what is no table: roles, rights, statistics, publications, upkeep.
local native = ...

local words = native.use("newer/words")

local is, are, one_of, says, nothing = words.is, words.are, words.one_of, words.says, words.nothing

local grant_options = words.set "INHERIT SET ADMIN"
local looks = words.set "VACUUM ANALYZE ANALYSE"
local wholes = words.set "DATABASE SYSTEM"

-- The tree has a name that nobody gave: the field of the statement is empty then.
local function without(field)
  return function(root)
    rawset(root, field, nil)
  end
end

-- REPACK [(options)] [table [(columns)]] [USING INDEX [index]]
local function repack(tokens)
  local at, concurrent, range = 2, false, nil
  if says(tokens[at], "(") then
    local stop = words.closing(tokens, at)
    for k = at, stop or 0 do
      concurrent = concurrent or is(tokens[k], "CONCURRENTLY") and not is(tokens[k + 1], "FALSE") and not is(tokens[k + 1], "OFF")
    end
    at = (stop or at) + 1
  end
  if tokens[at] and not is(tokens[at], "USING") and not says(tokens[at], ";") then
    range = words.range(tokens, at)
  end
  return range, concurrent
end

-- Each: what the words at `i` are, or nil: { version, from, to (tokens), text, mark(root, byte) }.
return {
  -- REPACK, which is told as CLUSTER is
  function(tokens, i)
    if i == 1 and is(tokens[1], "REPACK") then
      local range, concurrent = repack(tokens)
      local stop = #tokens - (says(tokens[#tokens], ";") and 1 or 0)
      return { 190000, 1, stop, range and "CLUSTER t" or "CLUSTER", function(root)
        rawset(root, "relation", range)
        rawset(root, "repacks", true)
        rawset(root, "concurrent", concurrent or nil)
      end }
    end
  end,
  -- CREATE STATISTICS ON a, b FROM t
  function(tokens, i)
    if i == 1 and are(tokens, 1, { "CREATE", "STATISTICS" }) and (is(tokens[3], "ON") or says(tokens[3], "(")) then
      return { 160000, 2, 2, "STATISTICS s", without "defnames" }
    end
  end,
  -- REINDEX DATABASE
  function(tokens, i)
    local after = tokens[i + 1]
    if is(tokens[1], "REINDEX") and one_of(tokens[i], wholes) and (not after or says(after, ";") or is(after, "CONCURRENTLY"))
      and not (tokens[i + 2] and not says(tokens[i + 2], ";")) then
      local stop = is(after, "CONCURRENTLY") and i + 1 or i
      return { 160000, i, stop, words.text(tokens, i, stop) .. " d", without "name" }
    end
  end,
  -- GRANT role TO member WITH INHERIT FALSE, SET TRUE
  function(tokens, i)
    if is(tokens[1], "GRANT") and is(tokens[i], "WITH") and one_of(tokens[i + 1], grant_options) then
      local stop = i + 2
      while says(tokens[stop + 1], ",") do
        stop = stop + 3
      end
      return { 160000, i, math.min(stop, #tokens), "", nothing }
    end
  end,
  -- REVOKE INHERIT OPTION FOR role FROM member
  function(tokens, i)
    if i == 2 and is(tokens[1], "REVOKE") and are(tokens, 3, { "OPTION", "FOR" }) and one_of(tokens[2], grant_options) then
      return { 160000, 2, 2, "ADMIN", nothing }
    end
  end,
  -- ALTER DEFAULT PRIVILEGES ... ON LARGE OBJECTS
  function(tokens, i)
    if are(tokens, 1, { "ALTER", "DEFAULT", "PRIVILEGES" }) and are(tokens, i, { "LARGE", "OBJECTS" }) then
      return { 180000, i, i + 1, "TABLES", function(root)
        for action in root:each "GrantStmt" do
          rawset(action, "objtype", "OBJECT_LARGEOBJECT")
        end
      end }
    end
  end,
  -- ALTER OPERATOR ... SET (MERGES, HASHES)
  function(tokens, i)
    if are(tokens, 1, { "ALTER", "OPERATOR" }) and (is(tokens[i], "MERGES") or is(tokens[i], "HASHES"))
      and (says(tokens[i + 1], ",") or says(tokens[i + 1], ")")) then
      return { 170000, i, i, tokens[i].text .. " = true", nothing }
    end
  end,
  -- ANALYZE ONLY t
  function(tokens, i)
    if is(tokens[i], "ONLY") and one_of(tokens[1], looks) then
      local first = tokens[i + 1] and tokens[i + 1].at - 1
      return { 180000, i, i, "", function(root)
        for node in root:each "RangeVar" do
          if node.location == first then
            rawset(node, "inh", nil)
          end
        end
      end }
    end
  end,
  -- CREATE PUBLICATION p FOR ALL SEQUENCES [, ALL TABLES]
  function(tokens, i)
    local first = are(tokens, i, { "ALL", "SEQUENCES" })
    if not are(tokens, 1, { "CREATE", "PUBLICATION" }) then
      return nil
    elseif first and says(tokens[i + 2], ",") then
      return { 190000, i, i + 2, "", nothing }
    elseif first then
      return { 190000, is(tokens[i - 1], "FOR") and i - 1 or i, i + 1, "", nothing }
    elseif says(tokens[i], ",") and are(tokens, i + 1, { "ALL", "SEQUENCES" }) then
      return { 190000, i, i + 2, "", nothing }
    end
  end,
  -- FOR ALL TABLES EXCEPT (TABLE a, b)
  function(tokens, i)
    local stop = are(tokens, i - 2, { "ALL", "TABLES", "EXCEPT" }) and says(tokens[i + 1], "(") and words.closing(tokens, i + 1)
    if stop then
      return { 190000, i, stop, "", nothing }
    end
  end,
  -- ALTER SUBSCRIPTION s REFRESH SEQUENCES
  function(tokens, i)
    if are(tokens, 1, { "ALTER", "SUBSCRIPTION" }) and are(tokens, i - 1, { "REFRESH", "SEQUENCES" }) then
      return { 190000, i, i, "PUBLICATION", nothing }
    end
  end,
  -- CHECKPOINT (MODE FAST)
  function(tokens, i)
    local stop = i == 2 and is(tokens[1], "CHECKPOINT") and says(tokens[2], "(") and words.closing(tokens, 2)
    if stop then
      return { 190000, 2, stop, "", nothing }
    end
  end,
}
