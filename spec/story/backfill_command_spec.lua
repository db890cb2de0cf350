local json = require "dkjson"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/2_fill.lua"

-- 3,000 rows; every change is counted in `seen`. Row 2500 waits for the advisory lock 7.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, d int NOT NULL DEFAULT 1);
INSERT INTO t SELECT g FROM generate_series(1, 3000) g;
CREATE TABLE seen (id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id = 2500 THEN PERFORM pg_advisory_xact_lock(7); END IF;
  INSERT INTO seen VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION note();
]]

local PLUS_ONE = 'backfill { table = "t", set = { n = "n + 1 / d" } }\n'
local WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
local ONCE = [[SELECT (SELECT count(*) FROM t WHERE n = 1) || ' of ' || (SELECT count(*) FROM t)
  || ', ' || (SELECT count(*) FROM seen) || ' changes of ' || (SELECT count(DISTINCT id) FROM seen)]]
local ALL_ONCE = "3000 of 3000, 3000 changes of 3000"

describe("stint backfill", function()
  local holder
  local at = story.new()
  local start, stint, sql = at.start, at.run, at.sql

  local function begin(text, more)
    local files = { [FILE] = text or PLUS_ONE }
    for name, body in pairs(more or {}) do
      files[name] = body
    end
    at.begin(files)
    sql(TABLE)
  end

  -- Its batch with row 2500 waits; the ones before it are committed.
  local function in_the_middle(...)
    begin()
    holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("up", "--lock-timeout", "40s", ...)
    session.wait_until(at.url, WAITS, "1")
    return h
  end

  local function let_go()
    holder:exec "SELECT pg_advisory_unlock(7)"
  end

  local function the_one()
    local r = stint("backfill", "status", "--json")
    assert.equal(0, r.code, r.err)
    return json.decode(r.out, 1, json.null).backfills[1]
  end

  local function done(h)
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal(ALL_ONCE, sql(ONCE))
  end

  it("has nothing to tell where nothing has begun, with or without a ledger", function()
    begin()
    assert.equal("no backfill has begun here\n", stint("backfill").out)
    assert.equal('{"backfills":[]}\n', stint("backfill", "list", "--json").out)
    local r = stint("backfill", "pause")
    assert.equal(1, r.code, r.err)
    assert.matches("there is no backfill to pause", r.err, 1, true)
    r = stint("backfill", "pause", "2")
    assert.equal(1, r.code, r.err)
    assert.matches("no backfill of 2_fill has begun", r.err, 1, true)
    assert.matches("NEXT: stint up begins it", r.err, 1, true)
  end)

  it("tells how far it is while it runs, with every field that is promised", function()
    local h = in_the_middle()
    local b = the_one()
    assert.equal("2_fill 2 public.t running", table.concat({ b.name, b.version, b.table, b.state }, " "))
    assert.equal(1000, b.rows_done)
    assert.equal(3000, b.rows_total)
    assert.equal(0, b.rows_quarantined)
    assert.equal(1, b.workers)
    assert.equal(1000, b.batch_size)
    assert.is_true(b.rows_per_second > 0, b.rows_per_second)
    assert.is_true(b.eta_seconds >= 1 and b.eta_seconds < 3600, b.eta_seconds)
    assert.equal(json.null, b.throttled_by)
    assert.equal(1, #b.at_work)
    local r = stint("backfill", "2_fill")
    assert.matches("running    2_fill  public.t  [########................]  33%  1,000 of ~3,000 rows  ", r.out, 1, true)
    assert.matches("batch 1,000  1 worker\n", r.out, 1, true)
    assert.matches("\n  .+@.+  pid %d+  local  range 1  1,000 rows", r.out)
    let_go()
    done(h)
    r = stint("backfill")
    assert.equal("finished   2_fill  public.t  3,000 rows walked, 3,000 changed\n", r.out)
    b = the_one()
    assert.equal("finished", b.state)
    assert.equal(0, b.workers)
    assert.equal(json.null, b.eta_seconds)
  end)

  it("pauses it after its batch, for as long as it takes, and lets it go on", function()
    local h = in_the_middle()
    local r = stint("backfill", "pause")
    assert.equal(0, r.code, r.err)
    assert.matches("2_fill: paused; every worker ends its batch", r.out, 1, true)
    let_go()
    h:says "2_fill: waiting: paused; stint backfill resume 2_fill lets it go on"
    assert.is_true(h:running())
    local b = the_one()
    assert.equal("paused", b.state)
    assert.equal("paused", b.throttled_by)
    assert.equal(0, b.rows_per_second)
    assert.matches("paused by .+@.+ at .+; stint backfill resume 2_fill lets it go on", stint("backfill", "status").out)
    assert.matches("it is paused already", stint("backfill", "pause").out, 1, true)
    r = stint("backfill", "resume", "2", "--json")
    assert.equal(0, r.code, r.err)
    assert.equal("running", json.decode(r.out, 1, json.null).backfills[1].state)
    done(h)
    assert.equal("backfill_pause,backfill_resume", sql "SELECT string_agg(kind, ',' ORDER BY id) FROM stint.event WHERE migration = '2'")
    r = stint("backfill", "pause", "2")
    assert.equal(1, r.code, r.err)
    assert.matches("2_fill cannot be paused: it is finished", r.err, 1, true)
  end)

  it("is slower or faster from the next batch on, as somebody wants", function()
    local h = in_the_middle()
    local r = stint("backfill", "speed", "25%")
    assert.equal("2_fill: at 25% of its speed from the next batch on\n", r.out)
    assert.matches("\n  at 25% of its speed\n", stint("backfill", "status").out, 1, true)
    r = stint("backfill", "speed", "2_fill", "50%", "--json")
    assert.equal(0.5, json.decode(r.out, 1, json.null).backfills[1].speed)
    let_go()
    done(h)
    assert.equal("backfill_speed,backfill_speed", sql "SELECT string_agg(kind, ',' ORDER BY id) FROM stint.event WHERE migration = '2'")
    r = stint("backfill", "speed", "2_fill", "50%")
    assert.equal(1, r.code)
    assert.matches("2_fill cannot be made faster or slower: it is finished", r.err, 1, true)
    for _, word in ipairs { "50", "0%", "101%", "x%", "nan%" } do
      r = stint("backfill", "speed", "2_fill", word)
      assert.equal(64, r.code)
      assert.matches(word .. " is no speed", r.err, 1, true)
    end
    r = stint("backfill", "speed", "2_fill")
    assert.equal(64, r.code)
    assert.matches("NEXT: stint backfill speed 2_fill 50%", r.err, 1, true)
    assert.matches("NEXT: stint backfill speed 20%", stint("backfill", "speed", "20").err, 1, true)
  end)

  it("says which expression is wrong, the way back too, before anything is done", function()
    for text, message in pairs {
      ['set = { n = "1 +" }'] = "set.n: syntax error",
      ['set = { n = "1" }, where = "gone IS NULL"'] = 'where: column "gone" does not exist',
      ['set = { n = "1" }, verify = "SELEC 1"'] = "verify: syntax error",
      ['set = { n = "1" }, down = { gone = "1" }'] = 'down.gone: column "gone" of relation "t" does not exist',
      ['set = { n = "1" }, down = { n = "d +" }'] = "down.n: syntax error",
    } do
      begin(('backfill { table = "t", %s }\n'):format(text))
      local r = stint "up"
      assert.equal(6, r.code, r.err)
      assert.matches(message, r.err, 1, true)
      assert.equal("0", sql "SELECT count(*) FROM seen")
    end
  end)

  it("tells what waits for somebody where no work is to be done, and why a plan cannot be carried out", function()
    begin 'backfill { table = "t", set = { gone = "1" } }\n'
    assert.matches('as it is now it could not: public.t has no column "gone"', stint("plan").out, 1, true)
    at.write(FILE, 'backfill { table = "public.T s", set = { n = "1" } }\n')
    local refused = stint "up"
    assert.equal(6, refused.code, refused.err)
    assert.matches("there is no table public.T s\n  at scripts/migrations/2_fill.lua:1\n", refused.err, 1, true)
    assert.matches([[keeps its quotes: table = 'public."T s"']], refused.err, 1, true)
    at.write(FILE, [[backfill { table = "t", set = { n = "1" }, finally = { not_null = "d" }, window = { from = "22:00", to = "06:00" } }]])
    assert.matches("\n        window: from 22:00, to 06:00, zone UTC\n", stint("plan").out, 1, true)
    assert.matches("\n        finally: NOT NULL on d: a CHECK that refuses new rows without it", stint("plan").out, 1, true)
    at.write(FILE, 'backfill { table = "t", transform = function() return { gone = 1 } end }\n')
    assert.matches("goes on there; once the file is mended, first: stint resolve 2 --accept-change", stint("up").err, 1, true)
    at.write(FILE, 'backfill { table = "t", transform = function(row) return { n = 1 } end }\n')
    local edited = stint "up"
    assert.equal(4, edited.code, edited.err)
    assert.matches("NEXT: undo the edit; or go on with the new text: stint resolve 2 --accept-change", edited.err, 1, true)
    assert.equal(0, stint("resolve", "2", "--rolled-back").code)
    at.write(FILE, 'backfill { table = "t", transform = function(row) return { n = json.decode({}) } end, max_quarantine = 2, workers = 2 }\n')
    local r = stint "up"
    assert.equal(7, r.code)
    assert.matches("DETAIL: key {%d+}: scripts/migrations/2_fill.lua:1: bad argument #1 to 'decode' %(it is a table already", r.err)
    r = stint "work"
    assert.equal(0, r.code, r.err)
    assert.matches("2_fill is failed: stint backfill resume 2_fill lets it go on", r.err, 1, true)
    r = stint("work", "2_fil")
    assert.equal(64, r.code)
    assert.matches("there is no backfill 2_fil\nHINT: did you mean 2_fill?", r.err, 1, true)
  end)

  it("pauses all workers of a crew, and its head says so", function()
    begin 'backfill { table = "t", set = { n = "n + 1" }, workers = 2, target = "5ms" }\n'
    holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    holder:exec [[CREATE TRIGGER often BEFORE UPDATE OF n ON t FOR EACH ROW WHEN (NEW.id % 100 = 0) EXECUTE FUNCTION wait()]]
    local h = start("up", "--lock-timeout", "40s")
    session.wait_until(at.url, WAITS, "2")
    assert.equal(0, stint("backfill", "pause").code)
    h:says "2_fill: waiting: paused; stint backfill resume 2_fill lets it go on"
    let_go()
    session.wait_until(at.url, WAITS, "0")
    local before = sql(ONCE)
    assert.are_not.equal(ALL_ONCE, before)
    assert.equal(2, the_one().workers)
    assert.equal(0, stint("backfill", "resume").code)
    done(h)
  end)

  it("says in each list what holds it up", function()
    begin 'backfill { table = "t", set = { n = "n + 1" }, throttle = function() return "1h", "lunch" end }\n'
    local h = start "up"
    h:says "waiting: throttle: lunch"
    for _, command in ipairs { "backfill", "status" } do
      assert.matches("running.+rows/s.+  held up: throttle: lunch\n", stint(command).out)
    end
    assert.matches("\n  held up: throttle: lunch\n", stint("backfill", "status").out, 1, true)
    h:kill "INT"
    assert.equal(130, h:wait().code)
  end)

  it("counts the time that is left without the time of a pause", function()
    local h = in_the_middle()
    stint("backfill", "pause")
    let_go()
    h:says "waiting: paused"
    sql "UPDATE stint.backfill_range SET updated_at = updated_at - interval '1 h', rows_per_second = 0"
    stint("backfill", "resume")
    done(h)
    assert.is_true(tonumber(sql "SELECT rows_per_second FROM stint.backfill_range") > 10)
  end)

  it("keeps a pause from one run to the next", function()
    local h = in_the_middle()
    stint("backfill", "pause")
    h:kill "INT"
    let_go()
    assert.equal(130, h:wait().code)
    local before = sql(ONCE)
    local r = stint "up"
    assert.equal(2, r.code, r.err)
    assert.matches("ERROR: 2_fill is paused", r.err, 1, true)
    assert.matches("STATE: %d+ of about 3000 rows are walked", r.err)
    assert.matches("NEXT: stint backfill resume 2_fill lets it go on, then: stint up", r.err, 1, true)
    assert.equal(before, sql(ONCE))
    assert.equal("paused", the_one().state)
    assert.matches("nobody is at it", stint("backfill", "resume").out, 1, true)
    done(start "up")
  end)

  it("cancels it: what is changed stays, and it can be taken up again", function()
    local h = in_the_middle()
    local r = stint("backfill", "cancel", FILE)
    assert.equal(0, r.code, r.err)
    assert.matches("2_fill: cancelled. 1000 of about 3000 rows are walked, and what is changed stays so", r.out, 1, true)
    let_go()
    r = h:wait()
    assert.equal(7, r.code, r.err)
    assert.matches("2_fill: it was cancelled", r.err, 1, true)
    assert.matches("stint resolve 2 --applied", r.err, 1, true)
    local rows = sql "SELECT count(*) FROM t WHERE n = 1"
    assert.equal(rows, sql "SELECT rows_seen FROM stint.backfill_range")
    r = stint "up"
    assert.equal(7, r.code, r.err)
    assert.matches("2_fill: it was cancelled", r.err, 1, true)
    assert.equal(rows, sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("cancelled", the_one().state)
    assert.equal(0, stint("work").code)
    assert.equal(0, stint("backfill", "resume", "2").code)
    done(start "up")
  end)

  it("tells what became of a cancelled one that was resolved", function()
    local h = in_the_middle()
    stint("backfill", "cancel")
    let_go()
    assert.equal(7, h:wait().code)
    assert.equal(0, stint("resolve", "2", "--applied").code)
    assert.equal("finished", the_one().state)
    assert.equal(0, stint("up").code)
    sql "UPDATE stint.migration SET state = 'backfilling'; UPDATE stint.backfill SET state = 'cancelled'"
    assert.equal(0, stint("resolve", "2", "--rolled-back").code)
    assert.equal('{"backfills":[]}\n', stint("backfill", "list", "--json").out)
    sql "UPDATE t SET n = 0; DELETE FROM seen"
    assert.equal(0, stint("up").code)
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
  end)

  it("takes the trigger away with a backfill that is resolved", function()
    for option, function_left in pairs { ["--applied"] = "0", ["--rolled-back"] = "0" } do
      begin 'backfill { table = "t", set = { n = "7" }, writes = "trigger" }\n'
      holder = session.open(at.url)
      holder:exec "SELECT pg_advisory_lock(7)"
      local h = start("up", "--lock-timeout", "40s")
      session.wait_until(at.url, WAITS, "1")
      stint("backfill", "cancel")
      let_go()
      assert.equal(7, h:wait().code)
      local TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'stint%'"
      assert.equal("1", sql(TRIGGERS))
      local r = stint("resolve", "2", option)
      assert.equal(0, r.code, r.err)
      assert.equal("0", sql(TRIGGERS))
      assert.equal(function_left, sql "SELECT count(*) FROM pg_proc WHERE proname LIKE 'backfill%'")
    end
  end)

  it("cancel and resolve leave the constraint of finally, and name it", function()
    for _, option in ipairs { "--applied", "--rolled-back" } do
      begin 'backfill { table = "t", set = { d = "1" }, verify = "SELECT 1", finally = { not_null = "d" } }\n'
      sql "ALTER TABLE t ALTER d DROP NOT NULL"
      assert.equal(7, stint("up").code)
      assert.equal(0, stint("backfill", "cancel").code)
      local r = stint("resolve", "2", option)
      assert.equal(0, r.code, r.err)
      local command = r.err:match "public%.t keeps the CHECK of `finally`, which is not validated: ([^\n]+)"
      assert.equal("ALTER TABLE public.t DROP CONSTRAINT stint_not_null_d", command, r.err)
      assert.equal("1", sql "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = 't'::regclass")
      sql(command)
    end
  end)

  it("knows of one that failed before its ranges were made, and it begins when that is mended", function()
    begin 'backfill { table = "t", set = { n = "n + 1" }, where = "n = 0", writes = "trigger" }\n'
    holder = session.open(at.url)
    holder:exec "BEGIN; LOCK TABLE t IN ROW EXCLUSIVE MODE"
    local r = stint("up", "--lock-timeout", "50ms", "--lock-retries", "1")
    assert.equal(8, r.code, r.err)
    assert.equal("0", sql "SELECT count(*) FROM stint.backfill_range")
    local one = the_one()
    assert.equal("failed 0", one.state .. " " .. one.rows_done)
    assert.matches("lock", one.error)
    assert.equal(0, stint("backfill", "resume").code)
    assert.equal("planned", the_one().state)
    assert.matches("no backfill is under way", stint("work").out, 1, true)
    holder:exec "COMMIT"
    done(start "up")
  end)

  it("knows names as they are typed, and the nearest of those that are not", function()
    begin()
    assert.equal(0, stint("up").code)
    for _, name in ipairs { "2", "2_fill", FILE, "2_fill.lua", "fill" } do
      assert.equal(0, stint("backfill", "status", name).code)
    end
    local r = stint("backfill", "status", "2_fil")
    assert.equal(64, r.code, r.err)
    assert.matches("there is no backfill 2_fil", r.err, 1, true)
    assert.matches("did you mean 2_fill?", r.err, 1, true)
    assert.matches("did you mean fill?", stint("backfill", "pause", "fil").err, 1, true)
    r = stint("backfill", "stauts")
    assert.equal(64, r.code, r.err)
    assert.matches("did you mean: stint backfill status", r.err, 1, true)
    r = stint("backfill", "puase", "2")
    assert.equal(64, r.code, r.err)
    assert.matches("did you mean: stint backfill pause 2", r.err, 1, true)
  end)

  it("heeds a storm of pauses, resumes and cancels from many sides, and loses nothing", function()
    local h = in_the_middle()
    local words = { "pause", "resume", "cancel", "resume", "pause" }
    local storm = {}
    for i = 1, 15 do
      storm[i] = start("backfill", words[i % #words + 1], "2")
      if i % 4 == 0 then
        storm[i]:kill "KILL"
      end
    end
    let_go()
    for _, one in ipairs(storm) do
      local r = one:wait()
      assert.is_true(r.signal == 9 or r.code == 0 or r.code == 1, r.err)
    end
    stint("backfill", "resume", "2")
    local r = h:wait()
    -- It may have met the last word, or a cancel, or a pause.
    assert.is_true(r.code == 0 or r.code == 7 or r.code == 2, r.err)
    if r.code > 0 then
      done(start "up")
    else
      assert.equal(ALL_ONCE, sql(ONCE))
    end
    assert.is_true(place.exists(at.dir .. "/" .. FILE))
  end)
end)
