local subject = require "stint.subject"

-- Types in the order of what they hold, the widest first.
local widths = {}
for family in ("numeric float8 float4; numeric int8 int4 int2; float8 int8; float8 int4; float8 int2; float4 int4;"
  .. " timestamptz date; timestamp date; timestamp time; timestamptz time; text varchar bpchar; jsonb bool;"):gmatch "[^;]+" do
  local list = {}
  for name in family:gmatch "%S+" do
    for _, wider in ipairs(list) do
      widths[wider .. ">" .. name] = true
    end
    list[#list + 1] = name
  end
end
widths["text>varchar"] = nil -- only where it has a length

-- What a type is mostly narrowed to, where nobody knows from what.
local small = { int2 = true, float4 = true, date = true, bool = true }

local function places(type)
  local mods = type.mods
  return mods and mods[1], mods and mods[2]
end

local function narrows(from, to)
  if from.name ~= to.name then
    local limited = (to.name == "varchar" or to.name == "bpchar") and to.mods and (from.name == "text" or from.name == "varchar")
    return widths[from.name .. ">" .. to.name] or limited or false
  end
  local now, before = places(to), places(from)
  if to.name:find "^time" then
    return now ~= nil and now < (before or 6)
  end
  if not now or now == before and not to.mods[2] then
    return false
  end
  if to.name == "numeric" then
    local _, scale = places(to)
    local _, old = places(from)
    return not before or scale < old or now - scale < before - old
  end
  return not before or now < before
end

policy {
  about = "a column gets a narrower type: values are rounded, or the statement fails on them",
  family = "data-loss",
  on = "AlterTableStmt",
  why = "A smaller numeric scale and timestamp(0) round in silence, dates lose their time; a shorter varchar and a smaller"
    .. " integer fail on the first value that does not fit, after all rows before it have been written.",
  safe = "-- look first: SELECT count(*) FROM t WHERE length(c) > 10;  a CHECK ... NOT VALID keeps new values out",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AlterColumnType") do
      local relation = s:relation(s.node.relation)
      local from, to = relation:type_of(cmd.name), s.impact.types and s.impact.types[cmd]
      local is_empty = (relation.is_new or relation.is_temp) and not relation.populated
      local more = { at = cmd, object = relation.id .. "." .. cmd.name }
      if not is_empty and from and to and narrows(from, to) then
        more.certainty = "certain"
        found[#found + 1] = deny(("%s.%s becomes %s: what does not fit is lost, or fails"):format(subject.name(relation), cmd.name,
          cmd.def.type), more)
      elseif not is_empty and not from and to and (small[to.name] or to.name:find "^time" and to.mods and to.mods[1] < 6) then
        more.certainty = "assumed"
        found[#found + 1] = warn(("%s.%s becomes %s, which holds less than most types do"):format(subject.name(relation), cmd.name,
          cmd.def.type), more)
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 500,
          columns = {
            v = { type = "character varying(50)" },
            x = { type = "text" },
            n = { type = "numeric(10,2)" },
            i = { type = "bigint" },
            at = { type = "timestamp with time zone" },
          },
        },
      },
    },
    bad = {
      "ALTER TABLE t ALTER v TYPE varchar(10)",
      "ALTER TABLE t ALTER x TYPE varchar(10)",
      "ALTER TABLE t ALTER n TYPE numeric(10,1)",
      "ALTER TABLE t ALTER n TYPE numeric(9,2)",
      "ALTER TABLE t ALTER i TYPE int",
      "ALTER TABLE t ALTER at TYPE timestamptz(0)",
      "ALTER TABLE t ALTER at TYPE date",
      "ALTER TABLE t ALTER n TYPE int USING n::int",
      { sql = "ALTER TABLE u ALTER a TYPE smallint", facts = {} },
    },
    good = {
      "ALTER TABLE t ALTER v TYPE varchar(60)",
      "ALTER TABLE t ALTER v TYPE text",
      "ALTER TABLE t ALTER n TYPE numeric(14,4)",
      "ALTER TABLE t ALTER n TYPE numeric",
      "ALTER TABLE t ALTER i TYPE numeric",
      "ALTER TABLE t ALTER at TYPE timestamptz(6)",
      { sql = "ALTER TABLE u ALTER a TYPE bigint", facts = {} },
      "CREATE TABLE n (a bigint); ALTER TABLE n ALTER a TYPE int",
    },
  },
}
