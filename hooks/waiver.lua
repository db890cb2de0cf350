-- Waivers: -- stint: allow RULE [OBJECT] reason="..." [until=DATE]. Directly above a statement it is
-- about that one; anywhere else, about the whole file.
local native = ...

local waiver = {}

-- The line of the statement that a waiver at this line stands above, or nil: only comments are
-- between them.
local function line_below(lines, at, starts)
  local line = at + 1
  while lines[line] and lines[line]:find "^%s*%-%-" do
    line = line + 1
  end
  return starts[line] and line
end

local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    lines[#lines + 1] = line
  end
  return lines
end

-- The waivers of a file, each with the line of its statement if it has one.
function waiver.of(file, statements)
  local list = file.directives and file.directives.waivers or {}
  if #list == 0 then
    return list
  end
  local lines, starts = split(file.text), {}
  for _, s in ipairs(statements) do
    starts[s.line] = true
  end
  local today = os.date("!%Y-%m-%d", native.now())
  for _, one in ipairs(list) do
    one.below = line_below(lines, one.line, starts)
    one.expired = one["until"] and one["until"] < today
  end
  return list
end

-- public.t.c is meant by t.c too, and by "public"."t"."c".
local function names(object, wanted)
  object, wanted = object:gsub('"', ""), wanted:gsub('"', "")
  return object == wanted or object:sub(-#wanted - 1) == "." .. wanted
end

-- What is about the file as a whole is lifted from anywhere in it.
local function lifts(one, finding)
  return not one.expired
    and (one.rule == finding.rule or one.rule == finding.family)
    and (not one.below or not finding.top_line or one.below == finding.top_line)
    and (not one.object or (finding.object and names(finding.object, one.object)))
end

-- The waiver that lifts a finding, or nil.
function waiver.find(list, finding)
  for _, one in ipairs(list) do
    if lifts(one, finding) then
      one.used = true
      return one
    end
  end
end

return waiver
