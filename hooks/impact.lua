-- What a statement locks, rewrites, scans, builds and loses, by PostgreSQL's own rules (13 to 18).
--   s.impact = impact.of(world, s)
-- Every entry of the tables under impact/ is compared with what servers do by
-- spec/story/impact_spec.lua. The answer:
--   locks     { { relation, mode, why } ... }, the strongest for each relation, partners too
--   rewrites  relations whose rows are all written anew, with their indexes
--   scans     relations that are read as a whole
--   builds    relations whose indexes are built
--   why       { rewrites = { [relation] = text }, scans = ..., builds = ... }
--   loses     { { kind, name, relation } ... } whose data is gone afterwards
--   causes    { [command of ALTER TABLE] = "volatile" | "serial" | "identity" | "generated" |
--             "domain" | "type" (rewrites), "indexes" (are built again) }
--   types     { [ALTER COLUMN ... TYPE] = the new type, as world's relation:type_of gives the old }
--   changes   { [relation] = true }: rows that the statement itself writes
--   depends   { [relation] = true }: it may be spared, by the rows or the server's plan
--   under     { [relation] = mode }: the lock that the work on it is done under, with what the
--             transaction holds already; held: the strongest of all on relations that are not new
--   metadata_only, transaction ("allowed" | "refused"), certainty ("certain" | "assumed" |
--   "opaque"), assumed (what was not known, as texts), table (the first relation it is about)
local native = ...

local modes = native.use("impact/modes")

local forms = {}
for _, family in ipairs { "alter", "tables", "drops", "indexes", "objects", "queries" } do
  for tag, form in pairs(native.use("impact/" .. family)) do
    forms[tag] = form
  end
end

local Impact = {}
Impact.__index = Impact

-- The relation of that name; the first is what the statement is about.
function Impact:about(range)
  local relation = self.world:relation(range)
  self.table = self.table or relation
  return relation
end

-- For relations that the statement makes there is nobody to wait.
function Impact:lock(relation, mode, why)
  local entry = self.at[relation]
  if not entry then
    entry = { relation = relation, mode = mode, why = why }
    self.at[relation] = entry
    self.locks[#self.locks + 1] = entry
  elseif modes.rank(mode) > modes.rank(entry.mode) then
    entry.mode, entry.why = mode, why
  end
end

-- All of a table's partitions and inheritors with it.
function Impact:lock_family(relation, mode, why)
  for _, member in ipairs(relation:family()) do
    self:lock(member, mode, member == relation and why or "inherits from " .. relation.name)
  end
end

local function note(self, list, relation, why)
  if not self.why[list][relation] then
    table.insert(self[list], relation)
    self.why[list][relation] = why or true
  end
end

function Impact:rewrite(relation, why)
  note(self, "rewrites", relation, why)
end

function Impact:scan(relation, why)
  note(self, "scans", relation, why)
end

function Impact:build(relation, why)
  note(self, "builds", relation, why)
end

-- Only some of what it names: partitions that rows go to, the other side of a foreign key, which an
-- index may answer for.
function Impact:maybe(relation)
  self.depends[relation] = true
end

function Impact:change(relation)
  self.changes[relation] = true
end

function Impact:lose(kind, name, relation)
  self.loses[#self.loses + 1] = { kind = kind, name = name, relation = relation }
end

-- PostgreSQL refuses it in a transaction block.
function Impact:alone()
  self.transaction = "refused"
end

-- What was not known, where it decides.
function Impact:assume(text)
  for _, known in ipairs(self.assumed) do
    if known == text then
      return
    end
  end
  self.assumed[#self.assumed + 1] = text
  if self.certainty == "certain" then
    self.certainty = "assumed"
  end
end

-- It may do anything.
function Impact:cannot_see(text)
  self:assume(text)
  self.certainty, self.metadata_only = "opaque", false
end

local function timeline(self)
  for _, list in ipairs { self.rewrites, self.scans, self.builds } do
    for _, relation in ipairs(list) do
      local own = self.at[relation]
      self.under[relation] = modes.stronger(own and own.mode or "AccessShare", self.world:held(relation))
    end
  end
  for _, lock in ipairs(self.locks) do
    if not lock.relation.is_new then
      self.held = modes.stronger(lock.mode, self.held)
    end
  end
  for relation, mode in pairs(self.world.tx and self.world.tx.strongest or {}) do
    if not relation.is_new then
      self.held = modes.stronger(mode, self.held)
    end
  end
end

local function examine(self, node)
  local form = forms[node.tag]
  if form then
    return form(self, node)
  end
end

-- A statement within a statement: EXPLAIN ANALYZE, PREPARE, the elements of CREATE SCHEMA.
Impact.examine = examine

local impact = {}

function impact.of(world, s)
  local self = setmetatable({
    world = world, locks = {}, at = {}, rewrites = {}, scans = {}, builds = {}, loses = {}, changes = {}, under = {}, depends = {},
    why = { rewrites = {}, scans = {}, builds = {} }, assumed = {}, certainty = "certain", transaction = "allowed",
    causes = {}, types = {},
  }, Impact)
  if s.node then
    examine(self, s.node)
  else
    self:cannot_see("the statement could not be read")
  end
  timeline(self)
  self.metadata_only = self.metadata_only ~= false and #self.rewrites + #self.scans + #self.builds == 0 and next(self.changes) == nil
  self.table = self.table or self.locks[1] and self.locks[1].relation
  return self
end

local function keys(set)
  local list = {}
  for key in pairs(set) do
    list[#list + 1] = key
  end
  return list
end

local function ids(list)
  local out = {}
  for i, relation in ipairs(list) do
    out[i] = relation.fact_id or relation.id
  end
  return native.json.list(out)
end

-- The answer in values that JSON has; a relation goes by the name that the facts know it under.
function impact.plain(answer)
  local locks, loses = {}, {}
  for i, lock in ipairs(answer.locks) do
    local relation = lock.relation
    locks[i] = { relation = relation.fact_id or relation.id, is_new = relation.is_new, mode = lock.mode, why = lock.why,
      name = relation.name, rows = relation.rows, bytes = relation.bytes }
    locks[i].maybe = answer.depends[relation] or nil
  end
  for i, lost in ipairs(answer.loses) do
    loses[i] = { kind = lost.kind, name = lost.name }
  end
  return {
    locks = native.json.list(locks), loses = native.json.list(loses), rewrites = ids(answer.rewrites),
    scans = ids(answer.scans), maybe = ids(keys(answer.depends)), builds = ids(answer.builds), held = answer.held or native.json.null,
    metadata_only = answer.metadata_only, runs_query = answer.runs_query or false, transaction = answer.transaction,
    certainty = answer.certainty, assumed = native.json.list(answer.assumed),
  }
end

return impact
