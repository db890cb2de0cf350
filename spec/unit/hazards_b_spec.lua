-- Migrations as people write them (spec/support/hazards/: b.lua, odd.lua, accept.lua, blind.sql, teams.sql): each hazard is found by a rule of
-- its family, and what is safe is left alone by every rule that Stint ships.
local json = require "dkjson"
local exchange = require("native").judge.exchange

-- What stands below each line `-- case: FAMILY... [pg=14]`, as the sets in Lua have it.
local function cases_of(path)
  local set, now = { bad = {}, good = {} }, nil
  for line in io.lines(path) do
    local what = line:match "^%-%- case: (.*)$"
    if what then
      local major = tonumber(what:match "pg=(%d+)")
      now, what = { "", major and { server_version = major * 10000 } }, what:gsub(" pg=%d+", "")
      local list = what == "clean" and set.good or set.bad[what] or {}
      set.bad[what] = what ~= "clean" and list or nil
      list[#list + 1] = now
    elseif now then
      now[1] = now[1] .. line .. "\n"
    end
  end
  return set
end

local sets = {
  dofile "spec/support/hazards/b.lua",
  dofile "spec/support/hazards/odd.lua",
  dofile "spec/support/hazards/accept.lua",
  cases_of "spec/support/hazards/blind.sql",
  cases_of "spec/support/hazards/teams.sql",
}

local function judge(item)
  local sql, facts = item, nil
  if type(item) == "table" then
    sql, facts = item[1], item[2]
  end
  local answer = assert(exchange("judge_text", json.encode { sql = sql, facts = facts, environment = "production" }))
  return json.decode(answer).findings, sql
end

local function said(findings)
  local lines = {}
  for i, one in ipairs(findings) do
    lines[i] = ("%s (%s, %s): %s"):format(one.rule, one.family, one.level, one.message)
  end
  return table.concat(lines, "\n")
end

local function title(number, item)
  local sql = (type(item) == "table" and item[1] or item):gsub("%s+", " ")
  return ("%d: %s"):format(number, #sql > 70 and sql:sub(1, 67) .. "..." or sql)
end

for _, set in ipairs(sets) do
  for family, list in pairs(set.bad) do
    describe("a hazard of " .. family .. " is found in", function()
      for number, item in ipairs(list) do
        it(title(number, item), function()
          local findings, sql = judge(item)
          local found = false
          for _, one in ipairs(findings) do
            found = found or (" " .. family .. " "):find(" " .. one.family .. " ", 1, true) ~= nil
          end
          assert(found, sql .. "\n" .. said(findings))
        end)
      end
    end)
  end

  describe("nothing but notices is said of", function()
    for number, item in ipairs(set.good) do
      it(title(number, item), function()
        local findings, sql = judge(item)
        for _, one in ipairs(findings) do
          assert(one.level == "notice", sql .. "\n" .. said(findings))
        end
      end)
    end
  end)
end
