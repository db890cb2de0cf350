local cluster = require "spec.support.cluster"
local json = require "dkjson"
local native = require "native"
local eventually = require "spec.support.eventually"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"
local terminal = require "spec.support.terminal"

local process = native.process

-- Row 2500 waits for the advisory lock 7.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO t SELECT g FROM generate_series(1, 3000) g;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 2500 THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE u (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO u SELECT g FROM generate_series(1, 500) g;
]]
local FILES = {
  ["scripts/migrations/1_fill.lua"] = 'backfill { table = "t", set = { n = "n + 1" } }\n',
  ["scripts/migrations/2_other.lua"] = 'backfill { table = "u", set = { n = "n + 1" } }\n',
}
local WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"

describe("stint watch", function()
  local holder
  local at = story.new { STINT_BACKFILLS = "detached" }
  local start, stint, sql = at.start, at.run, at.sql

  local function options()
    return { cwd = at.dir, env = { DATABASE_URL = at.url, STINT_BACKFILLS = "detached" } }
  end

  local function desired(name)
    return sql(("SELECT desired || ' ' || speed FROM stint.backfill WHERE name = '%s'"):format(name))
  end

  local function begin(files)
    at.begin(files or FILES)
    sql(TABLE)
    at.stint(0, "deploy")
  end

  -- A worker is in its second batch.
  local function at_work()
    begin()
    holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("work", "1_fill", "--lock-timeout", "40s")
    session.wait_until(at.url, WAITS, "1")
    return h
  end

  local function let_go()
    holder:exec "SELECT pg_advisory_unlock(7)"
  end

  local function watch(...)
    return terminal.start({ "watch", "--interval", "100ms", ... }, options())
  end

  it("shows what is under way, a line a worker, and takes keys", function()
    local h = at_work()
    local t = watch()
    t:shows "running    1_fill  public.t"
    t:shows "[########................]  33%  1,000 of ~3,000 rows"
    t:shows "3,000 rows  ETA "
    t:shows "range 1  1,000 rows"
    t:shows "p pause  r resume  + faster  - slower  j k choose  q quit"
    assert.is_false(t:is_plain())
    t:press "p"
    t:shows "paused     1_fill"
    t:shows "paused by "
    assert.equal("pause 1", desired "1_fill")
    t:press "r"
    t:shows "running    1_fill"
    assert.equal("run 1", desired "1_fill")
    t:press "--"
    t:shows "at 50% of its speed"
    assert.equal("run 0.5", desired "1_fill")
    t:press "+"
    t:shows "at 75% of its speed"
    t:press "+"
    t:shows "1_fill: at 100% of its speed"
    assert.equal("run 1", desired "1_fill")
    t:press "j"
    t:shows "> running    2_other"
    t:press "p"
    t:shows "> paused     2_other"
    assert.equal("pause 1", desired "2_other")
    assert.equal("run 1", desired "1_fill")
    t:press "\27[A"
    t:shows "> running    1_fill"
    let_go()
    t:shows "finished   1_fill"
    t:shows "3,000 rows walked, 3,000 changed"
    assert.matches("2_other.*1_fill", t:picture():match "paused .*") -- what is not over comes first
    assert.equal(0, h:wait().code)
    t:press "q"
    assert.equal(0, (t:ended()))
    assert.is_true(t:is_as_before())
    t:close()
    assert.equal("backfill_pause,backfill_resume,backfill_speed,backfill_speed,backfill_speed,backfill_speed,backfill_pause",
      sql "SELECT string_agg(kind, ',' ORDER BY id) FROM stint.event WHERE kind LIKE 'backfill%'")
  end)

  it("changes the part of their time that workers work", function()
    begin { ["scripts/migrations/1_fill.lua"] = 'backfill { table = "t", set = { n = "n + 1" }, target = "10ms" }\n' }
    sql [[TRUNCATE t; INSERT INTO t SELECT g FROM generate_series(1, 200000) g;
      CREATE TABLE batch (began timestamptz DEFAULT statement_timestamp(), ended timestamptz DEFAULT clock_timestamp(), share real);
      CREATE FUNCTION timed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(0.01); INSERT INTO batch (share) SELECT speed FROM stint.backfill WHERE name = '1_fill'; RETURN NULL; END $$;
      CREATE TRIGGER timed AFTER UPDATE ON t FOR EACH STATEMENT EXECUTE FUNCTION timed();
      UPDATE stint.backfill_range SET high = '{200000}' WHERE backfill = 1; DROP TRIGGER note ON t]]
    local h = start("work", "1_fill")
    local t = watch()
    local function batches(share, count)
      session.wait_until(at.url, ("SELECT (count(*) >= %d)::text FROM batch WHERE share = %s::real"):format(count, share), "true")
    end
    batches(1, 3)
    t:press "-----"
    t:shows "at 5% of its speed"
    batches(0.05, 4)
    t:press "+++"
    t:shows "at 50% of its speed"
    batches(0.5, 4)
    t:press "q"
    assert.equal(0, (t:ended()))
    t:close()
    h:kill "TERM"
    h:wait()
    -- What they worked of the time from one batch's beginning to the next one's; the trigger may see a speed before its batch does.
    local worked = [[SELECT round((sum(extract(epoch FROM ended - began)) / sum(extract(epoch FROM next - began)) * 100)::numeric) FROM (
      SELECT *, lead(began) OVER w AS next, lag(share) OVER w = share AND lead(share) OVER w = share AS is_settled FROM batch WINDOW w AS (ORDER BY began)) b
      WHERE share = %s::real AND is_settled]]
    local slow, half = tonumber(sql(worked:format "0.05")), tonumber(sql(worked:format "0.5"))
    assert.is_true(slow <= 6, slow .. "% of the time")
    assert.is_true(half <= 52 and half > 2 * slow, half .. "% of the time")
  end)

  it("shows who holds the run lock", function()
    begin()
    holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("up", "--backfills", "inline", "--lock-timeout", "40s")
    session.wait_until(at.url, WAITS, "1")
    local t = watch()
    t:shows "run  pid "
    t:shows "stint:up"
    let_go()
    assert.equal(0, h:wait().code)
    t:shows "run  none"
    t:press "q"
    assert.equal(0, (t:ended()))
    t:close()
  end)

  it("leaves the terminal as it was, whatever ends it", function()
    begin()
    for _, way in ipairs { { "\3", 130 }, { "INT", 130 }, { "TERM", 143 }, { "QUIT", nil, 3 }, { 1, nil, 1 }, { 6, nil, 6 }, { 11, nil, 11 } } do
      local t = watch()
      t:shows "1_fill"
      assert.is_false(t:is_plain())
      if way[1] == "\3" then
        t:press "\3"
      else
        t:signal(way[1])
      end
      local code, signal = t:ended()
      if not os.getenv "STINT_ASAN_OPTIONS" then
        assert.equal(way[2], code)
        assert.equal(way[3], signal)
      end
      assert.is_true(t:is_as_before(), tostring(way[1]))
      t:close()
    end
  end)

  it("gives the terminal back while it is suspended, and takes it again", function()
    begin()
    local t = watch()
    t:shows "1_fill"
    t:press "\26"
    eventually("the shell's screen", function()
      t:read(0.02)
      return t:is_as_before()
    end)
    t.all = ""
    t:signal "CONT"
    t:shows "1_fill"
    assert.is_false(t:is_plain())
    t:press "q"
    assert.equal(0, (t:ended()))
    assert.is_true(t:is_plain())
    t:close()
  end)

  it("ends when its terminal is gone", function()
    begin()
    local t = watch()
    t:shows "1_fill"
    t:close()
    local code, signal
    eventually("its end", function()
      code, signal = process.wait(t.pid, 0)
      return code or signal
    end)
    assert.is_true(signal == 1 or code == 0, tostring(code) .. tostring(signal))
  end)

  it("fits a small terminal", function()
    begin()
    local t = terminal.start({ "watch" }, { cwd = at.dir, env = { DATABASE_URL = at.url }, rows = 4, columns = 30 })
    t:shows "run  none"
    for line in t:picture():gmatch "[^\n]+" do
      assert.is_true(#line <= 30, line)
    end
    assert.is_true(select(2, t:picture():gsub("\n", "")) <= 3)
    t:press "q"
    assert.equal(0, (t:ended()))
    t:close()
  end)

  it("says so when the server is gone, and goes on when it is back", function()
    local shared = at.pg
    at.pg = cluster.new()
    finally(function()
      at.pg:stop()
      at.pg = shared
    end)
    begin()
    local t = watch()
    t:shows "1_fill"
    at.pg:stop "fast"
    t:shows "connect"
    at.pg:start()
    t:shows "1_fill"
    t:press "q"
    assert.equal(0, (t:ended()))
    t:close()
  end)

  it("writes lines where there is no terminal, until nothing is under way", function()
    local h = at_work()
    stint("backfill", "cancel", "2_other")
    local w = start("watch", "--interval", "50ms")
    w:says "1_fill"
    let_go()
    assert.equal(0, h:wait().code)
    local r = w:wait()
    assert.equal(0, r.code, r.err)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%S+Z  running  1_fill  %[########%.+%]  33%%  1,000 of ~3,000 rows  ETA %S+  [%d,]+ rows/s  batch", r.out)
    assert.matches("Z  finished  1_fill  3,000 rows walked, 3,000 changed\n$", r.out)
    assert.is_nil(r.out:find("\27", 1, true))
    assert.equal("nothing is under way\n", stint("watch").out)
  end)

  it("writes one object a line with --json", function()
    local h = at_work()
    stint("backfill", "cancel", "2_other")
    local w = start("watch", "--json", "--interval", "50ms")
    w:says "}\n"
    let_go()
    assert.equal(0, h:wait().code)
    local r = w:wait()
    assert.equal(0, r.code, r.err)
    local list = {}
    for line in r.out:gmatch "[^\n]+" do
      list[#list + 1] = assert(json.decode(line, 1, json.null))
    end
    assert.is_true(#list >= 2)
    local b = list[1].backfills[1]
    assert.equal("watch 1_fill running 1000 1", table.concat({ list[1].event, b.name, b.state, b.rows_done, b.workers }, " "))
    assert.equal(1, #b.at_work)
    assert.equal(json.null, list[1].run)
    assert.equal(json.null, list[1].replica_lag_ms)
    assert.equal("finished", list[#list].backfills[1].state)
  end)

  it("refuses what it does not know", function()
    begin()
    assert.equal(64, stint("watch", "--interval", "never").code)
    assert.equal(64, stint("watch", "1_fill").code)
    assert.equal(9, run({ "watch" }, { cwd = at.dir, env = { DATABASE_URL = "postgresql:///x?host=/nowhere" } }).code)
  end)
end)
