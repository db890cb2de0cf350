-- What a run of files costs, statement by statement as the judge sees them: data that go, and
-- tables that are locked while work is done. The gates ask for it.
local native = ...

local modes = native.use("impact/modes")
local waiver = native.use("waiver")

local toll = {}

function toll.new()
  return { lost = {}, locked = {}, at = {} }
end

local function add_losses(self, file, s)
  for _, lost in ipairs(s.impact.loses) do
    local relation = lost.relation
    local finding = {
      rule = "data-loss", family = "data-loss", object = lost.name, top_line = (s.outer or s).line,
      fingerprint = (s.outer or s).fingerprint,
    }
    if not (relation and relation.is_new) and not waiver.find(file.waivers, finding) then
      self.lost[#self.lost + 1] = { file = file.path, line = s.line, kind = lost.kind, name = lost.name }
    end
  end
end

local function add_lock(self, file, s, relation, mode)
  if relation.is_new or relation.is_temp or not modes.blocks_writes(mode) then
    return
  end
  local entry = self.at[relation]
  if not entry then
    entry = { file = file.path, line = s.line, relation = relation.fact_id or relation.id }
    self.at[relation] = entry
    self.locked[#self.locked + 1] = entry
  end
  entry.mode = modes.words(modes.stronger(mode, entry.raw))
  entry.raw = modes.stronger(mode, entry.raw)
  entry.rows = relation.rows
end

-- A lock is short where nothing is read or written as a whole under it, by this statement or a
-- later one of the transaction.
function toll.note(self, file, s, world)
  add_losses(self, file, s)
  if s.impact.metadata_only then
    return
  end
  for _, lock in ipairs(s.impact.locks) do
    add_lock(self, file, s, lock.relation, lock.mode)
  end
  for relation, mode in pairs(world.tx and world.tx.strongest or {}) do
    add_lock(self, file, s, relation, mode)
  end
end

-- In values that JSON has.
function toll.plain(self)
  for _, entry in ipairs(self.locked) do
    entry.raw = nil
    entry.rows = entry.rows and math.tointeger(entry.rows) or native.json.null
  end
  return { lost = native.json.list(self.lost), locked = native.json.list(self.locked) }
end

return toll
