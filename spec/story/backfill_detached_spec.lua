local eventually = require "spec.support.eventually"
local json = require "dkjson"
local session = require "spec.support.session"
local story = require "spec.support.story"

local TABLE = "scripts/migrations/1_table.sql"
local FILL = "scripts/migrations/2_fill.lua"
local AFTER = "scripts/migrations/3_after.sql"
local OTHER = "scripts/migrations/4_other.sql"

local T = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, v text);
INSERT INTO t SELECT g FROM generate_series(1, 3000) g;
]]
local PLUS_ONE = 'backfill { table = "t", set = { n = "n + 1" }, verify = "SELECT count(*) FROM t WHERE n <> 1" }\n'
local NEEDS = "-- stint: requires 2\nALTER TABLE t ADD COLUMN after_fill int;\n"
local APPLIED = "SELECT string_agg(id || ' ' || state, ', ' ORDER BY id) FROM stint.migration"
local STATE = "SELECT string_agg(state, ',') FROM stint.backfill"

describe("a detached backfill", function()
  local at = story.new { STINT_BACKFILLS = "detached" }
  local start, stint, sql = at.start, at.run, at.sql

  local function begin(fill, more)
    local files = { [TABLE] = T, [FILL] = fill or PLUS_ONE }
    for name, text in pairs(more or {}) do
      files[name] = text
    end
    at.begin(files)
  end

  local function events(text, kind)
    local list = {}
    for line in text:gmatch "[^\n]+" do
      local one = json.decode(line, 1, json.null)
      if one.event == kind then
        list[#list + 1] = one
      end
    end
    return list
  end

  it("is begun by deploy, worked on and ended by work", function()
    begin()
    local r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.matches("applied  1_table", r.out, 1, true)
    assert.matches("backfilling  2_fill  0 of ~3,000 rows (0%); stint work does its batches", r.out, 1, true)
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("1 applied, 2 backfilling", sql(APPLIED))
    r = stint "status"
    assert.matches("backfilling  2_fill", r.out, 1, true)
    assert.matches("[........................]   0%  0 of ~3,000 rows", r.out, 1, true)
    assert.equal(2, stint("status", "--check").code)
    local told = json.decode(stint("backfill", "status", "--json").out, 1, json.null).backfills[1]
    told.at_work = nil
    assert.same(told, json.decode(stint("status", "--json").out, 1, json.null).migrations[2].backfill)
    assert.equal("0 3000", told.rows_done .. " " .. told.rows_total)
    r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.matches("nothing else to do now", r.out, 1, true)
    r = stint "work"
    assert.equal(0, r.code, r.err)
    assert.matches("applied  2_fill", r.out, 1, true)
    assert.matches("worked on 1 backfill", r.out, 1, true)
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("1 applied, 2 applied", sql(APPLIED))
    assert.equal("finished", sql(STATE))
    assert.is_nil(json.decode(stint("status", "--json").out).migrations[2].backfill)
    assert.equal("nothing to do: all migrations are applied\n", stint("deploy").out)
  end)

  it("tells each worker how far all of them are", function()
    begin('backfill { table = "t", set = { n = "n + 1" }, workers = 2 }', {
      [TABLE] = T .. [[
        CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NEW; END';
        CREATE TRIGGER wait BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.id < 200) EXECUTE FUNCTION wait();
        ANALYZE t;]],
    })
    assert.equal(0, stint("deploy").code)
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local first = start("work", "--json", "--lock-timeout", "40s")
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
    local before = sql "SELECT count(*) FROM t WHERE n = 1"
    local second = start("work", "--lock-timeout", "40s")
    session.wait_until(at.url, ("SELECT (count(*) > %d)::text FROM t WHERE n = 1"):format(before), "true")
    second:kill "TERM"
    assert.equal(143, second:wait().code)
    -- what others did is read once a second
    session.wait_until(at.url, [[SELECT (clock_timestamp() > query_start + interval '1200 ms')::text FROM pg_stat_activity
      WHERE wait_event = 'advisory' AND datname = current_database()]], "true")
    holder:exec "SELECT pg_advisory_unlock(7)"
    local r = first:wait()
    assert.equal(0, r.code, r.err)
    local batches, own = events(r.out, "batch"), 0
    for _, one in ipairs(batches) do
      own = own + one.rows
    end
    assert.is_true(own < 3000, own .. " rows")
    assert.equal(3000, batches[#batches].rows_done)
  end)

  it("makes those wait that require it, and with the order strict all that come later", function()
    begin(nil, { [AFTER] = NEEDS, [OTHER] = "CREATE TABLE other (id int);", ["scripts/repeatable/v.sql"] = "CREATE OR REPLACE VIEW v AS SELECT 1" })
    local r = stint "deploy"
    assert.equal(2, r.code, r.err)
    assert.matches("waits  3_after  for the backfill 2_fill", r.out, 1, true)
    assert.matches("waits  4_other  for the backfill 2_fill", r.out, 1, true)
    assert.matches("1 applied; 3 wait for a backfill", r.out)
    assert.equal("1 applied, 2 backfilling", sql(APPLIED))
    r = stint("deploy", "--json")
    assert.equal(2, r.code, r.err)
    local left = events(r.out, "backfill_left")[1]
    assert.equal("2_fill running 0 3000", table.concat({ left.name, left.state, left.rows_done, left.rows_total }, " "))
    local blocked = events(r.out, "blocked")
    assert.equal("3_after 2_fill backfill", table.concat({ blocked[1].name, blocked[1].by, blocked[1].on }, " "))
    assert.equal(3, #blocked)
    assert.equal(3, events(r.out, "run_finished")[1].waiting)
    assert.equal(0, stint("work").code)
    r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.matches("3 applied", r.out, 1, true)
  end)

  it("lets others go by where the order allows it", function()
    begin(nil, { [AFTER] = NEEDS, [OTHER] = "CREATE TABLE other (id int);",
      ["scripts/migrations/5_last.sql"] = "-- stint: requires 3\nALTER TABLE t ADD COLUMN last int;" })
    local r = stint("up", "--order", "warn")
    assert.equal(2, r.code, r.err)
    assert.equal("1 applied, 2 backfilling, 4 applied", sql(APPLIED))
    assert.matches("2 applied in %S+; 2 wait for a backfill", r.out)
    assert.equal(0, stint("work").code)
    r = stint("up", "--order", "warn")
    assert.equal(0, r.code, r.err)
    assert.equal("1 applied, 2 applied, 3 applied, 4 applied, 5 applied", sql(APPLIED))
  end)

  it("lets all go by that do not need it", function()
    begin(nil, { [OTHER] = "CREATE TABLE other (id int);" })
    assert.equal(0, stint("deploy").code)
    assert.equal("1 applied, 2 backfilling, 4 applied", sql(APPLIED))
    assert.equal(0, stint("deploy").code)
  end)

  it("is done by the run itself after all where that is wanted", function()
    begin()
    assert.equal(0, stint("deploy").code)
    local r = stint("up", "--backfills", "inline")
    assert.equal(0, r.code, r.err)
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("1 applied, 2 applied", sql(APPLIED))
  end)

  it("is worked on by several processes on several machines, and each row is changed once", function()
    begin 'backfill { table = "t", set = { n = "n + 1" }, workers = 2, target = "5ms" }\n'
    assert.equal(0, stint("deploy").code)
    local first = start("work", "--workers", "2")
    local here = at.dir
    at.dir = at.project { [TABLE] = T, [FILL] = 'backfill { table = "t", set = { n = "n + 1" }, workers = 2, target = "5ms" }\n' }
    local second = start("work", "2_fill")
    assert.equal(0, second:wait().code, second:err())
    assert.equal(0, first:wait().code, first:err())
    at.dir = here
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    local r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.equal("1 applied, 2 applied", sql(APPLIED))
  end)

  it("is left as it is by work when its time is up, and goes on with the next", function()
    begin 'backfill { table = "t", set = { n = "n + 1" } }\n'
    assert.equal(0, stint("deploy").code)
    local holder = session.open(at.url)
    holder:exec [[CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id % 100 = 0 THEN PERFORM pg_sleep(0.05); END IF; RETURN NEW; END';
      CREATE TRIGGER slow BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION slow()]]
    local r = stint("work", "--max-time", "400ms")
    assert.equal(0, r.code, r.err)
    assert.equal("1 applied, 2 backfilling", sql(APPLIED))
    local rows = tonumber(sql "SELECT count(*) FROM t WHERE n = 1")
    assert.is_true(rows < 3000, rows)
    r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.matches("backfilling  2_fill  [%d,]+ of ~3,000 rows %(%d+%%%)", r.out)
    r = stint("backfill", "finalize")
    assert.equal(2, r.code, r.err)
    assert.matches("2_fill is not through: %d+ of about 3000 rows are walked", r.err)
    assert.matches("NEXT: stint work does its batches", r.err, 1, true)
    assert.equal(0, stint("work").code)
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal("1 applied, 2 applied", sql(APPLIED))
  end)

  it("keeps rows right meanwhile, sweeps, and does what it was finally for", function()
    begin 'backfill { table = "t", set = { v = "id::text" }, where = "v IS NULL", writes = "sweep", finally = { not_null = "v" } }\n'
    assert.equal(0, stint("deploy").code)
    sql [[CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF old.sweep < new.sweep THEN new.desired := 'pause'; END IF; RETURN new; END $$;
      CREATE TRIGGER wait BEFORE UPDATE ON stint.backfill FOR EACH ROW EXECUTE FUNCTION wait()]]
    local work = at.start "work"
    eventually("a sweep that waits", function()
      return sql "SELECT count(*) FROM stint.backfill WHERE sweep = 1" == "1"
    end)
    local told = json.decode(stint("backfill", "status", "--json").out, 1, json.null).backfills[1]
    assert.same({ 3000, 1, 0 }, { told.rows_done, told.sweep, told.rows_swept })
    local shown = stint("backfill", "status").out
    assert.matches("99%  3,000 of ~3,000 rows", shown, 1, true)
    assert.matches("sweep 1 for rows that were written meanwhile: 0 of ~3,000 walked", shown, 1, true)
    sql "DROP TRIGGER wait ON stint.backfill"
    assert.equal(0, stint("backfill", "resume").code)
    local r = work:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("1 applied, 2 applied", sql(APPLIED))
    assert.equal("true 1",
      sql "SELECT (SELECT attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v') || ' ' || sweep FROM stint.backfill")
    begin 'backfill { table = "t", set = { v = "id::text" }, writes = "trigger" }\n'
    assert.equal(0, stint("deploy").code)
    sql "INSERT INTO t VALUES (-5)"
    assert.equal("-5", sql "SELECT v FROM t WHERE id = -5")
    assert.equal(0, stint("work").code)
    assert.equal("0", sql "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'stint%'")
  end)

  it("is not begun again by a deploy while it is paused, nor worked on", function()
    begin()
    assert.equal(0, stint("deploy").code)
    assert.equal(0, stint("backfill", "pause").code)
    local r = stint "deploy"
    assert.equal(0, r.code, r.err)
    assert.matches("it is paused: stint backfill resume lets it go on", r.out, 1, true)
    local h = start "work"
    h:says "waiting: paused"
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal(0, stint("backfill", "resume").code)
    assert.equal(0, h:wait().code)
    assert.equal("1 applied, 2 applied", sql(APPLIED))
  end)

  it("is refused by verify, and ended by finalize when that is mended", function()
    begin 'backfill { table = "t", set = { n = "1" }, verify = "SELECT count(*) FROM t WHERE v = \'bad\'" }\n'
    assert.equal(0, stint("deploy").code)
    sql "UPDATE t SET v = 'bad' WHERE id = 7"
    local r = stint "work"
    assert.equal(7, r.code, r.err)
    assert.matches("verify answers 1 instead of 0", r.err, 1, true)
    assert.equal("failed", sql(STATE))
    assert.matches("error: .*verify answers 1 instead of 0", stint("backfill", "status").out)
    sql "UPDATE t SET v = NULL WHERE id = 7"
    r = stint("backfill", "finalize", "2")
    assert.equal(0, r.code, r.err)
    assert.matches("applied  2_fill", r.out, 1, true)
    assert.equal("1 applied, 2 applied", sql(APPLIED))
    assert.matches("it is finished already", stint("backfill", "finalize").out, 1, true)
  end)

  it("tries rows again that failed, when asked to", function()
    begin 'backfill { table = "t", set = { n = "1 / (n + 1)" } }\n'
    assert.equal(0, stint("deploy").code)
    sql "UPDATE t SET n = -1 WHERE id IN (5, 700, 2999)"
    local r = stint "work"
    assert.equal(7, r.code, r.err)
    assert.matches("3 rows of public.t failed", r.err, 1, true)
    assert.equal(3, json.decode(stint("backfill", "status", "--json").out).backfills[1].rows_quarantined)
    assert.matches("3 rows failed and are in the quarantine; stint backfill retry 2_fill", stint("backfill", "status").out, 1, true)
    sql "UPDATE t SET n = 0 WHERE id IN (5, 700)"
    r = stint("backfill", "retry")
    assert.equal(7, r.code, r.err)
    assert.matches("1 row of public.t failed", r.err, 1, true)
    assert.matches("key {2999}: division by zero", r.err, 1, true)
    assert.matches("stint backfill retry 2_fill", r.err, 1, true)
    assert.equal("2999", sql "SELECT count(*) FROM t WHERE n = 1")
    sql "UPDATE t SET n = 0 WHERE id = 2999"
    r = stint("backfill", "retry", "2_fill", "--json")
    assert.equal(0, r.code, r.err)
    assert.equal(0, json.decode(r.out).backfills[1].rows_quarantined)
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.matches("no row of it is in the quarantine", stint("backfill", "retry").out, 1, true)
    assert.matches("all batches are done; stint backfill finalize 2_fill ends it", stint("backfill", "status").out, 1, true)
    assert.equal(0, stint("backfill", "finalize").code)
    assert.equal("backfill_retry,backfill_retry", sql "SELECT string_agg(kind, ',') FROM stint.event WHERE kind LIKE 'backfill%'")
  end)

  it("is not ended by work while another run holds the run lock", function()
    begin()
    assert.equal(0, stint("deploy").code)
    local other = session.open(at.url)
    other:exec "CREATE TABLE gate (id int)"
    other:exec "BEGIN; LOCK TABLE gate"
    local here = at.dir
    at.dir = at.project { [TABLE] = T, [FILL] = PLUS_ONE, [OTHER] = "INSERT INTO gate VALUES (1);" }
    local h = start("up", "--lock-timeout", "30s")
    session.wait_until(at.url, "SELECT count(*) FROM pg_locks WHERE NOT granted", "1")
    at.dir = here
    local r = stint "work"
    assert.equal(0, r.code, r.err)
    assert.matches("all its batches are done; the run that holds the run lock, or the next stint deploy, ends it", r.err, 1, true)
    assert.equal("running", sql(STATE))
    other:exec "COMMIT"
    assert.equal(0, h:wait().code)
    r = stint("deploy", "--order", "allow")
    assert.equal(0, r.code, r.err)
    assert.equal("1 applied, 2 applied, 4 applied", sql(APPLIED))
  end)

  it("that is killed in the middle of its end comes to its end all the same", function()
    begin 'backfill { table = "t", set = { n = "n + 1" }, verify = "SELECT pg_advisory_xact_lock(7), 1" }\n'
    assert.equal(0, stint("deploy").code)
    local holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start "work"
    session.wait_until(at.url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()", "1")
    h:kill "KILL"
    h:wait()
    holder:exec "SELECT pg_advisory_unlock(7)"
    session.wait_until(at.url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0")
    local r = stint("backfill", "finalize")
    assert.equal(7, r.code, r.err) -- this verify never answers 0
    assert.equal("3000", sql "SELECT count(*) FROM t WHERE n = 1")
    assert.equal(0, stint("resolve", "2", "--applied").code)
    assert.equal("finished", sql(STATE))
  end)
end)
