-- The lock modes of PostgreSQL's tables, from the weakest to the strongest, and who waits for whom.
local modes = {}

local order = {
  "AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive", "Exclusive",
  "AccessExclusive",
}

-- For each mode the modes that cannot be held beside it, by number.
local conflicts = {
  "8", "78", "5678", "45678", "34678", "345678", "2345678", "12345678",
}

local rank = {}
for number, mode in ipairs(order) do
  rank[mode] = number
end

-- As LOCK TABLE and parse trees number them.
function modes.number(n)
  return order[n]
end

function modes.rank(mode)
  return mode and rank[mode] or 0
end

function modes.stronger(a, b)
  return modes.rank(a) >= modes.rank(b) and a or b
end

function modes.conflict(a, b)
  return conflicts[rank[a]]:find(rank[b], 1, true) ~= nil
end

function modes.blocks_reads(mode)
  return mode ~= nil and modes.conflict(mode, "AccessShare")
end

function modes.blocks_writes(mode)
  return mode ~= nil and modes.conflict(mode, "RowExclusive")
end

-- "ACCESS EXCLUSIVE", as LOCK TABLE has it.
function modes.words(mode)
  return (mode:gsub("(%l)(%u)", "%1 %2"):upper())
end

return modes
