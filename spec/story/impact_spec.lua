-- What impact says of a statement is what a server does: every form is executed, and its locks, its
-- new files and its sequential scans are compared with the answer.
local cluster = require "spec.support.cluster"
local compare = require "spec.support.impact.compare"
local forms = require "spec.support.impact.forms"
local json = require "dkjson"
local measure = require "spec.support.impact.measure"
local native = require "native"
local schema = require "spec.support.impact.schema"
local session = require "spec.support.session"

local exchange = native.judge.exchange

local function answers(facts, transactions)
  return assert(json.decode(assert(exchange("impacts", json.encode { facts = facts, transactions = transactions }))))
end

-- The forms that a server of this major version takes, in an order that stays.
local function forms_for(major)
  local groups, list = {}, {}
  for group in pairs(forms) do
    groups[#groups + 1] = group
  end
  table.sort(groups)
  for _, group in ipairs(groups) do
    for _, form in ipairs(forms[group]) do
      form = type(form) == "table" and form or { form }
      if (form.since or 0) <= major and major < (form.before or math.huge) then
        list[#list + 1] = { group = group, sql = form[1] }
      end
    end
  end
  return list
end

local pg = cluster.get()
local url = pg:database()
local db = session.open(url)
db:exec(schema)

local facts = json.decode(db:value((native.judge.facts_sql():gsub("%$1::text", "'stint'"))))
local before = measure.before(db)
local list = forms_for(facts.server_version // 10000)
local transactions = {}
for i, form in ipairs(list) do
  transactions[i] = form.sql
end
local known, unknown = answers(facts, transactions), answers({}, transactions)

-- What a world without facts calls certain may be less than all, but is never wrong.
local function overlooked(impacts, did)
  local out = {}
  for _, impact in ipairs(impacts) do
    local empties = impact.loses[1] and impact.loses[1].kind == "rows"
    if impact.certainty ~= "certain" or not impact.metadata_only or impact.runs_query or empties then
      return out
    end
  end
  for _, what in ipairs { "rewrites", "builds" } do
    for id in pairs(did[what]) do
      out[#out + 1] = ("%s of %s"):format(what, id)
    end
  end
  return out
end

for i, form in ipairs(list) do
  describe("impact, " .. form.group .. ":", function()
    it(form.sql, function()
      local did, problem = measure.run(db, before, form.sql)
      assert(did, problem)
      local found = compare.all(known[i], did, before)
      assert(#found == 0, "\n" .. table.concat(found, "\n"))
      assert.equal("", table.concat(overlooked(unknown[i], did), ", "))
    end)
  end)
end
