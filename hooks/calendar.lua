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

local lengths = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

-- Is there such a day?
local function is_date(text)
  local y, m, d = text:match "^(%d%d%d%d)%-(%d%d)%-(%d%d)$"
  if not y then
    return false
  end
  y, m, d = tonumber(y), tonumber(m), tonumber(d)
  local length = lengths[m] and lengths[m] + (m == 2 and is_leap(y) and 1 or 0)
  return length ~= nil and y > 0 and d >= 1 and d <= length
end

local function freeze(list, policy)
  local firsts, lasts = {}, {}
  for i, text in ipairs(list or {}) do
    local first, last = text:match "^(.-)%.%.(.*)$"
    first, last = first or text, last or text
    for _, one in ipairs { first, last } do
      if not is_date(one) then
        local what = one:match "^%d%d%d%d%-%d%d%-%d%d$" and "there is no day" or "this is no date:"
        wrong(policy, ("freeze[%d]"):format(i), ('%s "%s"; such as "2026-12-24", or "2026-12-20..2027-01-05"'):format(what, one))
      end
    end
    if last < first then
      wrong(policy, ("freeze[%d]"):format(i), ('"%s" ends before it begins'):format(text))
    end
    firsts[i], lasts[i] = first, last
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
