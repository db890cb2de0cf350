-- Waivers: -- stint: allow RULE [OBJECT] reason="..." [until=DATE] [for=FINGERPRINT]. Directly above
-- a statement it is about that one alone; anywhere else, about the whole file. With `for` it is about
-- the statement that had these tokens, as they are written, and about no other that takes its place.
local native = ...

local waiver = {}

local DIGITS = 12

-- The statement that a waiver at this line stands above, or nil: only comments are between them.
local function statement_below(lines, at, starts)
  local line = at + 1
  while lines[line] and lines[line]:find "^%s*%-%-" do
    line = line + 1
  end
  return starts[line]
end

local function split(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do
    lines[#lines + 1] = line
  end
  return lines
end

-- What is the same in every environment.
local function written(s)
  return native.fingerprint(s.written or s.sql)
end

-- The waivers of a file, each with its statement if it has one.
function waiver.of(file, statements)
  local list = file.directives and file.directives.waivers or {}
  if #list == 0 then
    return list
  end
  local lines, starts = split(file.text), {}
  for _, s in ipairs(statements) do
    starts[s.line] = starts[s.line] or s
  end
  local today = os.date("!%Y-%m-%d", native.now())
  for _, one in ipairs(list) do
    local s = statement_below(lines, one.line, starts)
    one.below = s and { line = s.line, index = s.index, fingerprint = s.fingerprint, written = written(s) }
    one.stale = one["for"] and not (s and one.below.written:sub(1, #one["for"]) == one["for"])
    one.expired = one["until"] and one["until"] < today
  end
  return list
end

-- public.t.c is meant by t.c too, and by "public"."t"."c".
local function names(object, wanted)
  object, wanted = object:gsub('"', ""), wanted:gsub('"', "")
  return object == wanted or object:sub(-#wanted - 1) == "." .. wanted
end

-- Another statement on the same line is not meant.
local function stands_above(one, finding)
  local s = one.below
  return s.line == finding.top_line and (not finding.fingerprint or s.fingerprint == finding.fingerprint)
end

-- What is about the file as a whole is lifted from anywhere in it.
local function lifts(one, finding)
  return not one.expired
    and not one.stale
    and (one.rule == finding.rule or one.rule == finding.family)
    and (not one.below or not finding.top_line or stands_above(one, finding))
    and (not one.object or (finding.object and names(finding.object, one.object)))
end

-- The waiver that lifts a finding, or nil.
function waiver.find(list, finding)
  for _, one in ipairs(list) do
    if lifts(one, finding) then
      one.used = true
      one.loose = one.loose or finding.fingerprint and not one["for"] and not one.object
      return one
    end
  end
end

-- What is wrong with a waiver: the rule that says so, a message, a hint; or nil. `of`: known (rules
-- by name), names, levels. `may_change`: its file is run again whenever it is changed, so that any
-- statement may take the place of the one that it was given to.
function waiver.problem(one, of, may_change)
  local known = of.known[one.rule]
  if one.expired then
    return "waiver-expired", ("the waiver of %s ended on %s"):format(one.rule, one["until"]),
      "mend what it was for, or give it a new date and reason"
  elseif not known then
    local near = native.nearest(one.rule, of.names)
    near = near and (", did you mean %s?"):format(near) or ""
    return "waiver-unused", ("there is no rule %s%s"):format(one.rule, near), "stint help rules lists them"
  elseif one.stale and one.below then
    return "waiver-stale", ("the waiver of %s was given to another statement than the one below it"):format(one.rule),
      ("look whether its reason still holds; then it is for=%s"):format(one.below.written:sub(1, DIGITS))
  elseif one.stale then
    return "waiver-stale", ("the waiver of %s was given to a statement that is not below it any more"):format(one.rule),
      "remove it"
  elseif not one.used and known ~= "late" and of.levels[one.rule] ~= "allow" then
    local object = one.object and " " .. one.object or ""
    return "waiver-unused", ("the waiver of %s%s lifts nothing"):format(one.rule, object), "remove it"
  elseif one.loose and (may_change or of.levels["waiver-unbound"]) then
    return "waiver-unbound",
      ("the waiver of %s says neither its object nor which statement it was given to"):format(one.rule),
      one.below and "stint lint --bind writes it" or "put it above its statement; stint lint --bind then writes it"
  end
end

-- The text with each waiver above a statement bound to that; nil: they are.
function waiver.bound(text, list)
  local ends, count = {}, 0
  for _, one in ipairs(list) do
    if one.below and not one["for"] then
      ends[one.line] = " for=" .. one.below.written:sub(1, DIGITS)
    end
  end
  if not next(ends) then
    return nil
  end
  return (text:gsub("([^\n]*)", function(line)
    count = count + 1
    local bare = line:match "^(.-)%s*$"
    return ends[count] and bare .. ends[count] .. (line:match "\r$" or "")
  end))
end

return waiver
