local modes = require "stint.modes"
local subject = require "stint.subject"

local HOT = 100 -- rows written a second
local MANY = 3 -- tables, whatever their size

local function is_hot(relation)
  local facts = relation.facts
  return subject.is_large(relation) or facts and (facts.writes_per_second or 0) >= HOT
end

policy {
  about = "one transaction locks several tables against reading",
  family = "lock-scope",
  level = "warning",
  why = "the first lock is held while the second one is waited for, so that both tables stand still, and whoever locks them in another "
    .. "order meets a deadlock",
  safe = "a file (or a BEGIN ... COMMIT) for each table",
  transaction = function(t)
    local first, list, hot, last = {}, {}, 0, nil
    for _, s in ipairs(t.statements) do
      for _, lock in ipairs(s.impact and s.locks or {}) do
        local relation = lock.relation
        local counts = lock.mode == "AccessExclusive" and subject.matters(relation) and relation.kind ~= "view" and relation.kind ~= "sequence"
        if counts and s.table == relation and not first[relation] then
          first[relation] = s
          list[#list + 1] = subject.name(relation)
          hot = hot + (is_hot(relation) and 1 or 0)
          last = #list >= 2 and s or last
        end
      end
    end
    if #list < 2 then
      return allow()
    end
    local say = (hot >= 2 or #list >= MANY) and warn or notice
    return say(("%s is held on %s together"):format(modes.words "AccessExclusive", table.concat(list, " and ")), {
      at = last, certainty = hot >= 2 and "certain" or "assumed",
    })
  end,
  tests = {
    facts = { relations = {
      ["public.a"] = { kind = "table", rows = 50000000, columns = {} }, ["public.b"] = { kind = "table", rows = 900000, writes_per_second = 700, columns = {} },
      ["public.c"] = { kind = "table", rows = 40, columns = {} },
    } },
    bad = {
      "ALTER TABLE a ADD COLUMN x int; ALTER TABLE b ADD COLUMN y int",
      "BEGIN; ALTER TABLE a DROP CONSTRAINT x; DROP TABLE b; COMMIT",
      { sql = "ALTER TABLE t ADD COLUMN x int; ALTER TABLE u ADD COLUMN y int", facts = {} },
    },
    good = {
      "ALTER TABLE a ADD COLUMN x int; ALTER TABLE a ADD COLUMN y int",
      "ALTER TABLE a ADD COLUMN x int; ALTER TABLE c ADD COLUMN y int",
      "BEGIN; ALTER TABLE a ADD COLUMN x int; COMMIT; BEGIN; ALTER TABLE b ADD COLUMN y int; COMMIT",
      "ALTER TABLE a ADD COLUMN x int; CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN y int",
    },
  },
}
