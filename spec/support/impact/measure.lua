-- What a server does for a statement: the locks that its transaction holds, the files that are new,
-- the tables that were read as a whole. Everything is rolled back.
local modes = { "AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive", "AccessExclusive" }
local rank = {}
for i, mode in ipairs(modes) do
  rank[mode] = i
end

local RELATIONS = [[
  SELECT c.oid, n.nspname || '.' || c.relname AS id, c.relkind AS kind, c.relfilenode AS file, t.nspname || '.' || r.relname AS of
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class r ON r.oid = i.indrelid LEFT JOIN pg_namespace t ON t.oid = r.relnamespace
  WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I')
]]
local LOCKS = "SELECT relation AS oid, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384"
-- They count from the last time that the backend reported, which may be transactions ago.
local SCANS = "SELECT relid AS oid, seq_scan AS count FROM pg_stat_xact_user_tables WHERE seq_scan > 0"

local measure = {}

local function by_oid(rows)
  local map = {}
  for _, row in ipairs(rows) do
    map[row.oid] = row
  end
  return map
end

-- What is there before: { oid = { id, kind, file, of } }
function measure.before(db)
  return by_oid(db:exec(RELATIONS))
end

local function locks(db, before)
  local held = {}
  for _, row in ipairs(db:exec(LOCKS)) do
    local relation, mode = before[row.oid], row.mode:gsub("Lock$", "")
    if relation and (rank[mode] or 0) > (rank[held[relation.id]] or 0) then
      held[relation.id] = mode
    end
  end
  return held
end

-- { locks = { [id] = mode }, rewrites = { [id] = true }, builds, scans }, or nil and the error
function measure.run(db, before, sql)
  db:exec "BEGIN"
  local scanned = by_oid(db:exec(SCANS))
  local ok, problem = pcall(db.exec, db, sql)
  if not ok then
    db:exec "ROLLBACK"
    return nil, tostring(problem)
  end
  local did = { locks = locks(db, before), rewrites = {}, builds = {}, scans = {} }
  local old_files, known = {}, {}
  for _, row in pairs(before) do
    old_files[row.file] = true
    known[row.id] = true
  end
  for oid, now in pairs(by_oid(db:exec(RELATIONS))) do
    local was = before[oid]
    if was and was.file ~= now.file and (now.kind == "r" or now.kind == "m") then
      did.rewrites[was.id] = true
    elseif now.kind == "i" and not old_files[now.file] and known[now.of] then
      did.builds[now.of] = true
    end
  end
  for _, row in ipairs(db:exec(SCANS)) do
    local was = scanned[row.oid]
    if before[row.oid] and not (was and was.count == row.count) then
      did.scans[before[row.oid].id] = true
    end
  end
  db:exec "ROLLBACK"
  return did
end

return measure
