-- impact's answer beside what a server did: a list of differences, empty where they agree.
local compare = {}

local function names(set)
  local list = {}
  for name in pairs(set) do
    list[#list + 1] = name
  end
  table.sort(list)
  return list
end

local function differences(out, what, said, did)
  for _, name in ipairs(names(said)) do
    if said[name] ~= did[name] then
      out[#out + 1] = ("%s: impact says %s of %s, the server %s"):format(what, said[name], name, did[name])
    end
  end
  for _, name in ipairs(names(did)) do
    if said[name] == nil then
      out[#out + 1] = ("%s: impact says nothing of %s, the server %s"):format(what, name, did[name])
    end
  end
end

-- The answers for all statements of a transaction, as sets by the id that relations had before it.
local function said_by(impacts, old_id)
  local said = { rewrites = {}, builds = {}, scans = {} }
  for _, impact in ipairs(impacts) do
    for list, set in pairs(said) do
      for _, relation in ipairs(impact[list]) do
        local id = old_id(relation)
        if id and not (list == "rewrites" and relation.kind == "sequence") then
          set[id] = true
        end
      end
    end
  end
  return said
end

-- held: { [relation] = mode } of the world's transaction. old_id(relation): what it was called before the
-- transaction, or nil if it was not there. kinds: of relations, by id.
function compare.all(impacts, held, did, old_id, kinds)
  local out, said = {}, said_by(impacts, old_id)
  local locks, others = {}, {}
  for relation, mode in pairs(held) do
    local id = old_id(relation)
    if id then
      locks[id] = mode
    end
  end
  for id, mode in pairs(did.locks) do
    -- indexes go with their tables; sequences with the tables that own them
    local aside = kinds[id] == "i" or kinds[id] == "I" or kinds[id] == "S" and not locks[id]
    others[id] = not aside and mode or nil
  end
  differences(out, "lock", locks, others)
  local emptied, queries = {}, false
  for _, impact in ipairs(impacts) do
    queries = queries or impact.runs_query
    for _, lost in ipairs(impact.loses) do
      if lost.kind == "rows" then
        emptied[old_id(lost.relation) or ""] = true
      end
    end
  end
  for _, list in ipairs { "rewrites", "builds", "scans" } do
    for id in pairs(emptied) do
      did[list][id], said[list][id] = nil, nil
    end
  end
  differences(out, "rewrite", said.rewrites, did.rewrites)
  -- a rewrite builds every index, and reads the table
  for id in pairs(did.rewrites) do
    said.builds[id], did.builds[id] = nil, nil
    said.scans[id], did.scans[id] = nil, nil
  end
  differences(out, "build", said.builds, did.builds)
  for id in pairs(did.builds) do
    said.scans[id], did.scans[id] = nil, nil
  end
  if not queries then
    differences(out, "scan", said.scans, did.scans)
  end
  return out
end

return compare
