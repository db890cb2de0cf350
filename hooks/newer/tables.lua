-- Younger forms of CREATE TABLE and ALTER TABLE.
local native = ...

local words = native.use("newer/words")

local is, are, one_of, says, nothing = words.is, words.are, words.one_of, words.says, words.nothing

local kinds_of_generated = words.set "STORED VIRTUAL"

local function mark_constraint(fields, fits)
  return function(root, byte)
    local node = words.before(root, { "Constraint" }, byte, fits)
    for name, value in pairs(node and fields or {}) do
      rawset(node, name, value)
    end
    return node
  end
end

-- The only command of an ALTER TABLE that no other can stand beside becomes this one.
local function mark_partitions(subtype, name, list)
  return function(root)
    local cmd = root:find "AlterTableCmd"
    rawset(cmd, "subtype", subtype)
    rawset(cmd.def, "name", name)
    rawset(cmd.def, "partlist", list)
  end
end

-- Is a constraint of the table named, or begun, before `i`?
local function begins_constraint(tokens, i)
  return is(tokens[i - 1], "ADD") or says(tokens[i - 1], ",") or says(tokens[i - 1], "(")
end

-- The [NOT] ENFORCED and [NO] INHERIT of ALTER CONSTRAINT, and what else is said there.
local function altered(tokens, i)
  local said, rest, stop = {}, {}, i + 2
  while tokens[stop + 1] and not says(tokens[stop + 1], ",") and not says(tokens[stop + 1], ";") do
    stop = stop + 1
    local word = tokens[stop].text:upper()
    local no = is(tokens[stop - 1], "NOT") or is(tokens[stop - 1], "NO")
    if word == "ENFORCED" then
      said.is_enforced, said.alterEnforceability = not no, true
    elseif word == "INHERIT" then
      said.noinherit, said.alterInheritability = no, true
    elseif not ((word == "NOT" or word == "NO") and (is(tokens[stop + 1], "ENFORCED") or is(tokens[stop + 1], "INHERIT"))) then
      rest[#rest + 1] = tokens[stop].text
    end
  end
  return next(said) and said, table.concat(rest, " "), stop
end

-- Each: what the words at `i` are, or nil: { version, from, to (tokens), text, mark(root, byte) }.
return {
  -- ALTER CONSTRAINT c [NOT] ENFORCED | [NO] INHERIT
  function(tokens, i)
    if are(tokens, i, { "ALTER", "CONSTRAINT" }) and tokens[i + 3] then
      local said, rest, stop = altered(tokens, i)
      local name = words.folded(tokens[i + 2])
      return said and { 180000, i, stop, words.text(tokens, i, i + 2) .. " " .. rest, function(root)
        for cmd in root:each "AlterTableCmd" do
          if cmd.subtype == "AT_AlterConstraint" and cmd.def.conname == name then
            for field, value in pairs(said) do
              rawset(cmd.def, field, value)
            end
          end
        end
      end }
    end
  end,
  -- ... NOT ENFORCED
  words.form(180000, "NOT ENFORCED", "", mark_constraint { is_enforced = false, skip_validation = true }),
  function(tokens, i)
    if is(tokens[i], "ENFORCED") and not is(tokens[i - 1], "NOT") then
      return { 180000, i, i, "", mark_constraint { is_enforced = true } }
    end
  end,
  -- ADD [CONSTRAINT n] NOT NULL column, and the same between the columns of CREATE TABLE
  function(tokens, i)
    local named = is(tokens[i - 2], "CONSTRAINT") and begins_constraint(tokens, i - 2)
    local column = tokens[i + 2]
    if are(tokens, i, { "NOT", "NULL" }) and column and (named or begins_constraint(tokens, i)) then
      return { 180000, i, i + 2, ("CHECK (%s)"):format(column.text), function(root, byte)
        local node = words.before(root, { "Constraint" }, named and tokens[i - 2].at - 1 or byte)
        local keys = node.raw_expr.fields
        rawset(node, "contype", "CONSTR_NOTNULL")
        rawset(node, "keys", { keys[#keys] })
        rawset(node, "raw_expr", nil)
      end }
    end
  end,
  -- c int NOT NULL NO INHERIT
  function(tokens, i)
    if are(tokens, i - 2, { "NOT", "NULL", "NO", "INHERIT" }) then
      return { 180000, i, i + 1, "", mark_constraint { is_no_inherit = true } }
    end
  end,
  -- GENERATED ALWAYS AS (...) VIRTUAL
  function(tokens, i)
    if is(tokens[i], "VIRTUAL") and says(tokens[i - 1], ")") then
      return { 180000, i, i, "STORED", mark_constraint({ generated_kind = "v" }, function(node)
        return node.contype == "CONSTR_GENERATED"
      end) }
    end
  end,
  -- GENERATED ALWAYS AS (...), which is VIRTUAL
  function(tokens, i)
    local stop = are(tokens, i, { "GENERATED", "ALWAYS", "AS" }) and words.closing(tokens, i + 3)
    if stop and not one_of(tokens[stop + 1], kinds_of_generated) and not is(tokens[i + 3], "IDENTITY") then
      return { 180000, i, i + 2, "DEFAULT", mark_constraint({ contype = "CONSTR_GENERATED", generated_when = "a", generated_kind = "v" }) }
    end
  end,
  -- PRIMARY KEY (a, b WITHOUT OVERLAPS)
  words.form(180000, "WITHOUT OVERLAPS", "", mark_constraint { without_overlaps = true }),
  -- FOREIGN KEY (a, PERIOD b)
  function(tokens, i)
    local after = tokens[i + 1]
    if is(tokens[i], "PERIOD") and says(tokens[i - 1], ",") and after and (after.kind == "word" or after.kind == "quoted") then
      return { 180000, i, i, "", mark_constraint { fk_with_period = true } }
    end
  end,
  -- ALTER COLUMN c SET EXPRESSION AS (...)
  function(tokens, i)
    if are(tokens, i, { "SET", "EXPRESSION", "AS" }) then
      local column = words.folded(tokens[i - 1])
      return { 170000, i, i + 2, "SET DEFAULT", function(root)
        for cmd in root:each "AlterTableCmd" do
          if cmd.subtype == "AT_ColumnDefault" and cmd.name == column then
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
        rawset(words.before(root, { "ColumnDef" }, byte), "storage_name", name.text:lower())
      end }
    end
  end,
  -- SET STORAGE DEFAULT, SET STATISTICS DEFAULT, SET ACCESS METHOD DEFAULT
  function(tokens, i)
    if not is(tokens[i], "DEFAULT") then
      return nil
    elseif are(tokens, i - 2, { "SET", "STORAGE" }) then
      return { 160000, i, i, '"default"', nothing }
    elseif are(tokens, i - 2, { "SET", "STATISTICS" }) then
      return { 170000, i, i, "-1", nothing }
    elseif are(tokens, i - 3, { "SET", "ACCESS", "METHOD" }) then
      return { 170000, i, i, "heap", nothing }
    end
  end,
  -- MERGE PARTITIONS (a, b) INTO c
  function(tokens, i)
    local stop = are(tokens, i, { "MERGE", "PARTITIONS" }) and words.closing(tokens, i + 2)
    if stop and is(tokens[stop + 1], "INTO") and tokens[stop + 2] then
      local list, at = {}, i + 3
      while at < stop do
        list[#list + 1], at = words.range(tokens, at)
        at = at + 1
      end
      local into, last = words.range(tokens, stop + 2)
      return { 190000, i, last - 1, "DETACH PARTITION p", mark_partitions("AT_MergePartitions", into, list) }
    end
  end,
  -- SPLIT PARTITION a INTO (PARTITION b FOR VALUES ..., PARTITION c DEFAULT)
  function(tokens, i)
    if not are(tokens, i, { "SPLIT", "PARTITION" }) or not tokens[i + 2] then
      return nil
    end
    local name, at = words.range(tokens, i + 2)
    local stop = is(tokens[at], "INTO") and words.closing(tokens, at + 1)
    local list = {}
    for k = at + 1, stop or 0 do
      if is(tokens[k], "PARTITION") and tokens[k + 1] then
        local part, after = words.range(tokens, k + 1)
        list[#list + 1] = { tag = "SinglePartitionSpec", name = part, bound = { tag = "PartitionBoundSpec", is_default = is(tokens[after], "DEFAULT") } }
      end
    end
    return stop and { 190000, i, stop, "DETACH PARTITION p", mark_partitions("AT_SplitPartition", name, list) }
  end,
}
