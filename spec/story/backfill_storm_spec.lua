local native = require "native"
local oracle = require "spec.support.oracle"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local ROWS = long and 200000 or 15000

local o = oracle.new { rows = ROWS, every = 50, takes = 0.003 }
o.timeout = 300
local ALL, ONCE = o.all, oracle.ONCE

describe("a backfill in a storm", function()
  local begin, sql, under_way = o.begin, o.sql, o.under_way

  local function start(dir, ...)
    o.dir = dir
    return o.start(...)
  end

  -- One of a crew, its head, or the whole host.
  local function harm(h)
    local children = io.open(("/proc/%d/task/%d/children"):format(h.pid, h.pid))
    local pid = children and children:read "n"
    if children then
      children:close()
    end
    local victims = { h.pid, -h.pid, pid or h.pid }
    return h:running() and process.signal(victims[math.random(3)], "KILL")
  end

  it("of kill -9 on two hosts: each row once, and one host ends what the other leaves", function()
    begin "workers = 2"
    local here, there = o.dir, o.folder "workers = 2"
    local crews = { start(here, "up") }
    under_way()
    crews[2] = start(there, "work", "--workers", "2")
    local killed = 0
    for _ = 1, long and 30 or 6 do
      process.pause(long and 1 or 0.25)
      for i = 1, 2 do
        if not crews[i]:running() then
          crews[i] = i == 1 and start(here, "up") or start(there, "work", "--workers", "2")
        end
      end
      killed = killed + (harm(crews[math.random(2)]) and 1 or 0)
    end
    process.signal(-crews[2].pid, "KILL")
    crews[2]:wait()
    local r = crews[1]:wait()
    if r.code ~= 0 then
      r = start(here, "up"):wait()
    end
    assert.equal(0, r.code, r.err)
    assert.is_true(killed > 2)
    assert.equal(ALL, sql(ONCE))
  end)

  it("of clocks that jump an hour, and back: a lease only says when to try", function()
    begin "workers = 2"
    local h = o.start("up", "--json")
    under_way()
    local other = start(o.folder "workers = 2", "work", "--workers", "2")
    local clock = session.open(o.url)
    while h:running() do
      local jump = math.random(2) == 1 and "+" or "-"
      clock:exec(("UPDATE stint.backfill_range SET lease_until = lease_until %s interval '1 hour' WHERE state = 'taken'"):format(jump))
      process.pause(0.03)
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(0, other:wait().code)
    assert.equal(ALL, sql(ONCE))
    for eta in r.out:gmatch '"eta_seconds":([^,}]+)' do
      assert.is_true(tonumber(eta) >= -1 and tonumber(eta) < 1e6, eta)
    end
  end)

  it("of an application that takes the same rows the other way round: nobody dies of a deadlock but the backfill's batches", function()
    begin()
    sql "CREATE TABLE child (id bigint REFERENCES t)"
    local h = o.start "up"
    under_way()
    local app = { session.open(o.url), session.open(o.url) }
    local errors, writes = 0, 0
    while h:running() do
      for i, s in ipairs(app) do
        local first = math.random(2, ROWS - 40)
        local list = { "BEGIN", ("INSERT INTO child VALUES (%d)"):format(first) }
        for id = first + 30, first, -3 do
          list[#list + 1] = ("UPDATE t SET app = app + 1 WHERE id = %d"):format(id - id % 2 + i - 1)
        end
        list[#list + 1] = "COMMIT"
        s:send(table.concat(list, "; "))
      end
      for _, s in ipairs(app) do
        local ok, e = pcall(s.wait, s)
        writes = writes + 1
        if not ok then
          errors = errors + (type(e) == "table" and e.sqlstate == "40P01" and 1 or error(e))
          s:exec "ROLLBACK"
        end
      end
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.is_true(writes > 20)
    assert.equal(0, errors)
    assert.equal(ALL, sql(ONCE))
    assert.equal(tostring(writes * 11), sql "SELECT sum(app) FROM t")
  end)

  for writes, own in pairs {
    trigger = [[UPDATE u SET first = first || 'x', app = app + 1 WHERE id %% 997 = %d RETURNING id]],
    sweep = [[UPDATE u SET app = app + 1 WHERE id %% 997 = %d RETURNING id]],
    default = [[UPDATE u SET app = app + 1 WHERE id %% 997 = %d RETURNING id]],
  } do
    it("of inserts, changes and deletes everywhere, kept right by " .. writes, function()
      local rows = math.min(ROWS, 60000)
      local fill = 'backfill { table = "u", set = { name = "\'n\' || first" }, where = "name IS NULL", writes = "%s", target = "30ms" }\n'
      o.place(o.project { [oracle.FILE] = fill:format(writes) })
      sql(([[CREATE TABLE u (id bigint PRIMARY KEY, first text NOT NULL, name text, app int NOT NULL DEFAULT 0, pad text DEFAULT repeat('x', 50));
        INSERT INTO u SELECT g * 2, 'f' || g FROM generate_series(1, %d) g;
        %s
        CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id %% 100 = 0 THEN PERFORM pg_sleep(0.003); END IF; RETURN NEW; END';
        CREATE TRIGGER slow AFTER UPDATE OF name ON u FOR EACH ROW EXECUTE FUNCTION slow(); ANALYZE u]]):format(rows,
        writes == "default" and "ALTER TABLE u ALTER name SET DEFAULT 'new';" or ""))
      sql "UPDATE u SET name = NULL WHERE name IS NOT NULL"
      local h = o.start "up"
      session.wait_until(o.url, "SELECT (to_regclass('stint.backfill_range') IS NOT NULL)::text", "true")
      session.wait_until(o.url, "SELECT (count(*) > 0)::text FROM stint.backfill_range WHERE rows_seen > 0", "true")
      local app, done, round, inserted, deleted = session.open(o.url), {}, 0, 0, {}
      -- it ends before the trigger is dropped: afterwards the application is on its own
      local enough = ("SELECT sum(rows_seen) > %d FROM stint.backfill_range"):format(0.8 * rows)
      while h:running() and app:value(enough) ~= "t" do
        round = round + 1
        for _, row in ipairs(app:exec(own:format(math.random(0, 996)))) do
          done[row.id] = (done[row.id] or 0) + 1
        end
        for _, row in ipairs(app:exec(("DELETE FROM u WHERE id = %d RETURNING id"):format(2 * math.random(1, rows)))) do
          deleted[row.id] = true
        end
        local odd = 2 * math.random(-100, rows) + 1
        inserted = inserted + #app:exec(("INSERT INTO u (id, first) VALUES (%d, 'app') ON CONFLICT DO NOTHING RETURNING id"):format(odd))
      end
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.is_true(round > 5 and inserted > 3)
      local wrong = writes == "trigger" and "name IS DISTINCT FROM 'n' || first" or "name IS NULL OR name NOT IN ('n' || first, 'new')"
      assert.equal("0", sql("SELECT count(*) FROM u WHERE " .. wrong))
      local writes_left = 0
      for id, count in pairs(done) do
        writes_left = writes_left + (deleted[id] and 0 or count)
      end
      assert.equal(tostring(writes_left), sql "SELECT sum(app) FROM u")
      local gone = 0
      for id in pairs(deleted) do
        gone = gone + (tonumber(id) % 2 == 0 and 1 or 0)
      end
      assert.equal(tostring(rows - gone), sql "SELECT count(*) FROM u WHERE id % 2 = 0")
    end)
  end

  it("of people who pause it, let it go on and die doing so: each wish takes effect, none is stuck", function()
    begin "workers = 2"
    local let_go = o.hold()
    local h = o.start "up"
    under_way()
    local wishes = {}
    for i = 1, long and 60 or 12 do
      wishes[#wishes + 1] = o.start("backfill", math.random(2) == 1 and "pause" or "resume", "1_fill")
      if i % 4 == 0 then
        wishes[#wishes]:kill "KILL"
      end
    end
    for _, wish in ipairs(wishes) do
      wish:wait()
    end
    o.stint(0, "backfill", "pause", "1_fill")
    let_go()
    assert.is_true(h:running(), h:err())
    -- those that were in a batch have ended it
    session.wait_until(o.url, [[SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()
      AND state = 'active']], "0")
    local batches = sql "SELECT sum(batches) FROM stint.backfill_range"
    process.pause(0.3)
    assert.equal(batches, sql "SELECT sum(batches) FROM stint.backfill_range")
    assert.equal("paused", sql [[SELECT CASE WHEN state IN ('running', 'paused') AND desired = 'pause' THEN 'paused'
      ELSE state || ' ' || desired END FROM stint.backfill]])
    o.stint(0, "backfill", "cancel", "1_fill")
    local r = h:wait()
    assert.is_true(r.code ~= 0)
    assert.equal(batches, sql "SELECT sum(batches) FROM stint.backfill_range")
    o.stint(0, "backfill", "resume", "1_fill")
    r = o.run "up"
    assert.equal(0, r.code, r.err)
    assert.equal(ALL, sql(ONCE))
  end)
end)
