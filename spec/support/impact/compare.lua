-- impact's answers beside what a server did: a list of differences, empty where they agree.
local compare = {}

local order = { "AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive", "AccessExclusive" }
local rank = {}
for i, mode in ipairs(order) do
  rank[mode] = i
end

local function names(set)
  local list = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

-- What impact says too much of is no difference where it says that it may be less, or is not certain.
local function differences(out, what, said, did, spared)
  for _, name in ipairs(names(said)) do
    if said[name] ~= did[name] and not (spared(name) and did[name] == nil) then
      out[#out + 1] = ("%s: impact says %s of %s, the server %s"):format(what, said[name], name, did[name])
    end
  end
  for _, name in ipairs(names(did)) do
    if said[name] == nil then
      out[#out + 1] = ("%s: impact says nothing of %s, the server %s"):format(what, name, did[name])
    end
  end
end

-- All statements of a transaction together, of the relations that were there before it.
local function together(impacts, kinds)
  local all = { locks = {}, rewrites = {}, builds = {}, scans = {}, emptied = {}, maybe = {} }
  for _, impact in ipairs(impacts) do
    all.unsure = all.unsure or impact.certainty ~= "certain"
    for _, id in ipairs(impact.maybe) do
      all.maybe[id] = true
    end
    all.queries = all.queries or impact.runs_query
    for _, lock in ipairs(impact.locks) do
      local id = lock.relation
      if kinds[id] and not lock.is_new and rank[lock.mode] > (rank[all.locks[id]] or 0) then
        all.locks[id] = lock.mode
      end
    end
    for _, list in ipairs { "rewrites", "builds", "scans" } do
      for _, id in ipairs(impact[list]) do
        all[list][id] = kinds[id] and true
      end
    end
    for _, lost in ipairs(impact.loses) do
      all.emptied[lost.kind == "rows" and lost.name or ""] = true
    end
  end
  return all
end

local function without(set, others)
  local rest = {}
  for name, value in pairs(set) do
    rest[name] = not others[name] and value or nil
  end
  return rest
end

-- Locks that nobody needs to be told of: indexes go with their tables, sequences with their owners.
local function worth_telling(locks, said, kinds)
  local rest = {}
  for id, mode in pairs(locks) do
    local aside = kinds[id] == "i" or kinds[id] == "I" or kinds[id] == "S" and not said[id]
    rest[id] = not aside and mode or nil
  end
  return rest
end

-- impacts: of the statements of one transaction; did: what measure.run saw; before: what it knew.
function compare.all(impacts, did, before)
  local kinds, out = {}, {}
  for _, relation in pairs(before) do
    kinds[relation.id] = relation.kind
  end
  local said = together(impacts, kinds)
  local function spared(id)
    return said.unsure or said.maybe[id]
  end
  differences(out, "lock", said.locks, worth_telling(did.locks, said.locks, kinds), spared)
  local rewrites = without(did.rewrites, said.emptied)
  differences(out, "rewrite", said.rewrites, rewrites, spared)
  -- a rewrite builds every index; a build reads the table
  local builds = without(without(did.builds, said.emptied), rewrites)
  differences(out, "build", without(said.builds, rewrites), builds, spared)
  if not said.queries then
    local aside = function(set)
      return without(without(without(set, said.emptied), rewrites), builds)
    end
    differences(out, "scan", aside(said.scans), aside(did.scans), spared)
  end
  return out
end

return compare
