-- What impact says of a statement is what a server does: every form is executed, and its locks, its
-- new files and its sequential scans are compared with the answer.
local alone = require "spec.support.impact.alone"
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
local function forms_for(all, major)
  local groups, list = {}, {}
  for group in pairs(all) do
    groups[#groups + 1] = group
  end
  table.sort(groups)
  for _, group in ipairs(groups) do
    for _, form in ipairs(all[group]) do
      form = type(form) == "table" and form or { form }
      if (form.since or 0) <= major and major < (form.before or math.huge) then
        list[#list + 1] = { group = group, sql = form[1] }
      end
    end
  end
  return list
end

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

-- Is the statement refused in a transaction block?
local function refused_in_transaction(db, sql)
  db:exec "BEGIN"
  local _, sqlstate = db:refused(sql)
  db:exec "ROLLBACK"
  return sqlstate == "25001"
end

local function transactions_of(list)
  local transactions = {}
  for i, form in ipairs(list) do
    transactions[i] = form.sql
  end
  return transactions
end

local function compare_on(pg, where)
  local db = session.open((pg:database()))
  db:exec(schema)
  local facts = json.decode(db:value((native.judge.facts_sql():gsub("%$1::text", "'stint'"))))
  local before = measure.before(db)
  local major = facts.server_version // 10000
  local list, solo = forms_for(forms, major), forms_for(alone, major)
  local known, unknown = answers(facts, transactions_of(list)), answers({}, transactions_of(list))
  local solo_known = answers(facts, transactions_of(solo))

  describe(where, function()
    for i, form in ipairs(list) do
      it(("%s: %s"):format(form.group, form.sql), function()
        local did, problem = measure.run(db, before, form.sql)
        assert(did, problem)
        local found = compare.all(known[i], did, before)
        assert(#found == 0, "\n" .. table.concat(found, "\n"))
        assert.equal("", table.concat(overlooked(unknown[i], did), ", "))
      end)
    end

    for i, form in ipairs(solo) do
      it("is no transaction's: " .. form.sql, function()
        assert.is_true(refused_in_transaction(db, form.sql))
        assert.equal("refused", solo_known[i][1].transaction)
      end)
    end
  end)
end

compare_on(cluster.get(), "impact, as the server does,")

if os.getenv "STINT_LONG" then
  for major, bin in pairs(cluster.other_versions()) do
    compare_on(cluster.new { bin = bin, settings = { wal_level = "logical" } }, ("impact, as PostgreSQL %d does,"):format(major))
  end
end
