-- What gates are made of: the list of all, the phases that they are for, and words.
--
-- A gate is { name, on = { phase = true }, wants = function(value, wants), judge = function(value,
-- ask) }. A judge answers nothing (it lets the run pass), or { text, details = { ... }, next = {
-- ... }, level = "warn" }. `ask`: environment, command, plan, found, facts, findings, effects.
local native = ...

local common = { list = {} }

common.everywhere = { up = true, down = true, seed = true, restore = true }
common.upwards = { up = true }
common.writing = { up = true, down = true, seed = true }

function common.gate(name, on, wants, judge)
  common.list[#common.list + 1] = { name = name, on = on, wants = wants, judge = judge }
end

function common.seconds(text)
  return native.duration(text) / 1000
end

local function say(format, ...)
  return format:format(...)
end

common.say = say

-- "2 files", "1 file"
function common.some(count, word)
  return say("%d %s%s", count, word, count == 1 and "" or "s")
end

-- The longest two units of a time: "3d 4h".
function common.span(time)
  local units = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } }
  local words, rest = {}, math.floor(time)
  for _, unit in ipairs(units) do
    local count = rest // unit[2]
    if #words < 2 and (count > 0 or (unit[2] == 1 and #words == 0)) then
      words[#words + 1] = count .. unit[1]
    end
    rest = rest % unit[2]
  end
  return table.concat(words, " ")
end

-- What each pending file lacks: { "NAME why", ... }.
function common.lacking(ask, why)
  local details = {}
  for _, file in ipairs(ask.plan.pending) do
    local text = why(file)
    if text then
      details[#details + 1] = file.name .. " " .. text
    end
  end
  return details
end

return common
