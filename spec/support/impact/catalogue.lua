-- The catalogue of statements on one server: the database on which they are tried, the forms that it
-- takes, and what impact says of each there.
local json = require "dkjson"
local native = require "native"
local schema = require "spec.support.impact.schema"
local session = require "spec.support.session"

local catalogue = {}

-- The forms that a server of this major version takes, in an order that stays.
function catalogue.forms(all, major)
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

-- For each form a list: what each of its statements does, where this is known of the database.
function catalogue.impacts(facts, list)
  local transactions = {}
  for i, form in ipairs(list) do
    transactions[i] = form.sql
  end
  local asked = json.encode { facts = facts, transactions = transactions }
  return assert(json.decode(assert(native.judge.exchange("impacts", asked))))
end

-- { url, db, facts, major }
function catalogue.place(pg)
  local url = pg:database()
  local db = session.open(url)
  db:exec(schema)
  local facts = json.decode(db:value((native.judge.facts_sql():gsub("%$1::text", "'stint'"))))
  return { url = url, db = db, facts = facts, major = facts.server_version // 10000 }
end

return catalogue
