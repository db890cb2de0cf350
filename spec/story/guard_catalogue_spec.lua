-- The guard over the whole catalogue of statements: held to its own plan none is cancelled; wrongly
-- held to be harmless, whatever rewrites, reads or builds is.
local catalogue = require "spec.support.impact.catalogue"
local cluster = require "spec.support.cluster"
local forms = require "spec.support.impact.forms"
local json = require "dkjson"
local native = require "native"
local run = require "spec.support.run"

-- What impact says that it reads, and no server announces. A server that proves by constraints that
-- no row can be wrong announces nothing either.
local silent = {
  ["ALTER DOMAIN plain_text ADD CHECK (VALUE <> 'q')"] = "the tables of a domain",
  ["ALTER DOMAIN plain_text ADD CONSTRAINT z CHECK (VALUE <> 'q') NOT VALID; "
    .. "ALTER DOMAIN plain_text VALIDATE CONSTRAINT z"] = "the same",
  ["ALTER DOMAIN plain_text SET NOT NULL"] = "the same",
  ["CREATE TABLE z PARTITION OF parted FOR VALUES FROM (500) TO (600)"] = "the default partition",
  ["ALTER TABLE listed ATTACH PARTITION new_list_proved DEFAULT"] = "proved",
}

local works = { "rewrites", "scans", "builds" }

local function does_work(impacts)
  for _, impact in ipairs(impacts) do
    for _, what in ipairs(works) do
      if #impact[what] > 0 then
        return true
      end
    end
  end
  return false
end

local function deeds_of(impacts)
  local deeds = {}
  for i, impact in ipairs(impacts) do
    deeds[i] = { number = i, impact = impact }
  end
  return deeds
end

-- What the guard answers to each form, when it is told this of it.
local function held_to(here, list, deeds)
  local transactions = {}
  for i, form in ipairs(list) do
    transactions[i] = { sql = form.sql, deeds = deeds(i) }
  end
  return json.decode(assert(native.guard.try(here.url, json.encode(transactions))))
end

local function none(complaints)
  assert(#complaints == 0, "\n" .. table.concat(complaints, "\n"))
end

local function on(pg, where)
  describe(where, function()
    local here, list, impacts

    setup(function()
      here = catalogue.place(pg())
      list = catalogue.forms(forms, here.major)
      impacts = catalogue.impacts(here.facts, list)
    end)

    teardown(function()
      here.db:close()
    end)

    it("lets every statement of the catalogue through that is held to its own plan", function()
      local complaints, harmless = {}, 0
      local answers = held_to(here, list, function(i)
        return deeds_of(impacts[i])
      end)
      for i, answer in ipairs(answers) do
        if answer.said or answer.failed then
          complaints[#complaints + 1] = ("%s: %s"):format(list[i].sql, answer.said or answer.why)
        end
        harmless = harmless + (does_work(impacts[i]) and 0 or 1)
      end
      none(complaints)
      assert.equal(#list, #answers)
      assert.is_true(harmless > 250, harmless .. " of them only change the catalog")
    end)

    it("lets them through in a run, one file each", function()
      local files = {}
      for i, form in ipairs(list) do
        files[("scripts/migrations/%d_form.sql"):format(1000 + i)] = ("BEGIN;\n%s;\nROLLBACK;\n"):format(form.sql)
      end
      local project = run.project(files, ("[development]\nurl = %s\nguard = on\n"):format(here.url))
      local r = run({ "up" }, { cwd = project, timeout = 300 })
      assert.equal(0, r.code, r.err:sub(-2000))
      assert.is_nil(r.err:find "guard")
    end)

    it("cancels every one that works, where it was held to be harmless", function()
      local complaints, busy = {}, 0
      local answers = held_to(here, list, function()
        return {}
      end)
      for i, answer in ipairs(answers) do
        local sql, work = list[i].sql, does_work(impacts[i])
        busy = busy + (work and 1 or 0)
        if work and not answer.said and not silent[sql] then
          complaints[#complaints + 1] = sql .. ": it was let through"
        elseif answer.said and silent[sql] then
          complaints[#complaints + 1] = sql .. ": the server does announce it"
        elseif answer.failed and answer.failed ~= "57014" then
          complaints[#complaints + 1] = ("%s: %s"):format(sql, answer.why)
        end
      end
      none(complaints)
      assert.is_true(busy > 100, busy .. " of them work")
    end)
  end)
end

on(cluster.get, "the guard over the catalogue")

if os.getenv "STINT_LONG" then
  for major, bin in pairs(cluster.other_versions()) do
    on(function()
      return cluster.new { bin = bin, settings = { wal_level = "logical" } }
    end, ("the guard over the catalogue, on PostgreSQL %d"):format(major))
  end
end
