-- How good the shipped rules are over migrations as people write them: what they find of the
-- hazards, and how often they cry over what is safe.
local json = require "dkjson"
local exchange = require("native").judge.exchange
local changes = require "spec.support.hazards.changes"
local snapshot = require "spec.support.hazards.snapshot"

local function case_of(item)
  local texts = type(item) == "table" and item or { item }
  local files = {}
  for i, text in ipairs(texts) do
    files[i] = { name = ("%d_step.sql"):format(i), text = text }
  end
  return { files = files, facts = texts.known and snapshot or nil, server_version = texts.known and snapshot.server_version or nil,
    text = table.concat(texts, "\n-- next file\n") }
end

local cases = {}
for family, list in pairs(changes.hazards) do
  for _, item in ipairs(list) do
    local case = case_of(item)
    case.family = family
    cases[#cases + 1] = case
  end
end
for _, item in ipairs(changes.safe) do
  cases[#cases + 1] = case_of(item)
end

local findings = assert(json.decode(assert(exchange("judge_cases", json.encode(cases)))))

-- "FAMILY RULE: MESSAGE" of those that count.
local function loud(list)
  local said, families = {}, {}
  for _, finding in ipairs(list) do
    if finding.level ~= "notice" then
      said[#said + 1] = ("%s %s: %s"):format(finding.family, finding.rule, finding.message)
      families[finding.family] = true
    end
  end
  return said, families
end

describe("the shipped rules", function()
  local hazards, missed, clean, alarms = 0, {}, 0, {}
  for i, case in ipairs(cases) do
    local said, families = loud(findings[i])
    if case.family then
      hazards = hazards + 1
      if not families[case.family] then
        missed[#missed + 1] = ("-- %s\n%s\n%s"):format(case.family, case.text, table.concat(said, "\n"))
      end
    else
      clean = clean + 1
      if #said > 0 then
        alarms[#alarms + 1] = case.text .. "\n" .. table.concat(said, "\n")
      end
    end
  end

  it("find at least 95 of 100 hazards", function()
    assert.is_true(hazards >= 100)
    assert.is_true(#missed <= hazards * 0.05, ("%d of %d missed:\n%s"):format(#missed, hazards, table.concat(missed, "\n\n")))
  end)

  it("cry over at most 3 of 100 safe changes", function()
    assert.is_true(clean >= 60)
    assert.is_true(#alarms <= clean * 0.03, ("%d of %d:\n%s"):format(#alarms, clean, table.concat(alarms, "\n\n")))
  end)
end)
