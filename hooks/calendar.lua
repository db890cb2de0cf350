-- A policy's window, read: "mon-thu" to numbers of days, freezes to pairs of dates. The server
-- reckons with them (engine/sql/gate.sql), for it knows the zones.
local native = ...

local calendar = {}

local names = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" }
local number = {}
for i, name in ipairs(names) do
  number[name] = i
end

local function wrong(policy, field, text)
  error(("%s:%d: policy.window.%s: %s"):format(policy.path, policy.line, field, text), 0)
end

local function day(word, policy)
  local found = number[word:sub(1, 3):lower()]
  if not found or not word:match "^%a+$" then
    wrong(policy, "days", ('there is no day "%s": mon tue wed thu fri sat sun'):format(word))
  end
  return found
end

-- "mon-thu,sat": the days in it; from a later to an earlier day it goes over the week's end.
local function days(text, policy)
  local set, list = {}, {}
  for part in text:gmatch "[^,%s]+" do
    local from, to = part:match "^([^-]+)%-([^-]+)$"
    local first = day(from or part, policy)
    local last = to and day(to, policy) or first
    for i = 0, (last - first) % 7 do
      set[(first - 1 + i) % 7 + 1] = true
    end
  end
  for i = 1, 7 do
    list[#list + 1] = set[i] and tostring(i) or nil
  end
  return list
end

local function time(text, field, policy)
  local hour, minute = (text or ""):match "^(%d%d?):(%d%d)$"
  if text and not (hour and tonumber(hour) * 60 + tonumber(minute) <= 1440 and tonumber(minute) < 60) then
    wrong(policy, field, ('"%s" is no time of day, such as "09:00"'):format(text))
  end
  return text
end

local function freeze(list, policy)
  local firsts, lasts = {}, {}
  for i, text in ipairs(list or {}) do
    local first, last = text:match "^(%d%d%d%d%-%d%d%-%d%d)%.%.(%d%d%d%d%-%d%d%-%d%d)$"
    first = first or text:match "^%d%d%d%d%-%d%d%-%d%d$"
    if not first or (last or first) < first then
      wrong(policy, ("freeze[%d]"):format(i), ('"%s" is no date and no "2026-12-20..2027-01-05"'):format(text))
    end
    firsts[i], lasts[i] = first, last or first
  end
  return firsts, lasts
end

function calendar.read(window, policy)
  local firsts, lasts = freeze(window.freeze, policy)
  return {
    policy = policy.path,
    line = policy.line,
    days = native.json.list(window.days and days(window.days, policy) or { "1", "2", "3", "4", "5", "6", "7" }),
    from = time(window.from, "from", policy) or "00:00",
    to = time(window.to, "to", policy) or "24:00",
    zone = window.zone or "UTC",
    first = native.json.list(firsts),
    last = native.json.list(lasts),
  }
end

return calendar
