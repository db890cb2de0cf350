-- Every rule that Stint ships, by the tests that stand in it: `bad` is found, `good` is not.
local json = require "dkjson"
local exchange = require("native").judge.exchange

local tests = assert(json.decode(assert(exchange("rule_tests", "{}"))))

local counts = {}
for _, test in ipairs(tests) do
  counts[test.rule] = counts[test.rule] or { bad = 0, good = 0 }
  counts[test.rule][test.what] = counts[test.rule][test.what] + 1
end

local function first_line(sql)
  local line = sql:gsub("%s+", " ")
  return #line > 70 and line:sub(1, 67) .. "..." or line
end

describe("the rule", function()
  for _, test in ipairs(tests) do
    local what = test.what == "bad" and "finds" or "is silent on"
    it(("%s %s %d: %s"):format(test.rule, what, test.number, first_line(test.sql)), function()
      assert(not test.problem, (test.problem or "") .. "\n" .. test.sql)
    end)
  end
end)

describe("the rules", function()
  local files = {}
  for file in io.popen("ls hooks/rules"):lines() do
    files[#files + 1] = file:gsub("%.lua$", "")
  end

  for _, id in ipairs(files) do
    it(id .. " shows at least three of each", function()
      local count = counts[id] or { bad = 0, good = 0 }
      assert.is_true(count.bad >= 3 and count.good >= 3, ("%d bad, %d good"):format(count.bad, count.good))
    end)
  end
end)
