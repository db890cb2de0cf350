-- What impact says of a statement is what a server does: every form is executed, and its locks, its
-- new files and its sequential scans are compared with the answer.
local alone = require "spec.support.impact.alone"
local catalogue = require "spec.support.impact.catalogue"
local cluster = require "spec.support.cluster"
local compare = require "spec.support.impact.compare"
local forms = require "spec.support.impact.forms"
local measure = require "spec.support.impact.measure"

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

local function compare_on(pg, where)
  local here = catalogue.place(pg)
  local db, before = here.db, measure.before(here.db)
  local list, solo = catalogue.forms(forms, here.major), catalogue.forms(alone, here.major)
  local known, unknown = catalogue.impacts(here.facts, list), catalogue.impacts({}, list)
  local solo_known = catalogue.impacts(here.facts, solo)

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
