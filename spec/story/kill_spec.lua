-- A run may end at any moment: killed, interrupted, or with its server gone. The next `up` goes on,
-- and in the end everything was done exactly once. STINT_LONG=1 takes many more moments.
local native = require "native"
local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

local LONG = os.getenv("STINT_LONG") ~= nil
local ROWS = 20000

-- One file of every kind; whatever is done leaves a line in `log`, each changed row one in `change`.
local FILES = {
  ["01_tables.sql"] = ([[
CREATE TABLE log (what text NOT NULL);
CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
CREATE TABLE change (id int NOT NULL);
CREATE FUNCTION write_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO change VALUES (new.id);
  RETURN NULL;
END $$;
CREATE TRIGGER item_change AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION write_change();
INSERT INTO item SELECT g FROM generate_series(1, %d) g;
CREATE TABLE slow (id int NOT NULL, state text);
INSERT INTO slow SELECT g FROM generate_series(1, 10) g;
CREATE INDEX slow_old ON slow (id);
CREATE FUNCTION slowly(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(0.004);
  RETURN id;
END $$;
CREATE TYPE mood AS ENUM ('well');
INSERT INTO log VALUES ('tables');
]]):format(ROWS),
  ["02_own_transactions.sql"] = [[
BEGIN;
INSERT INTO log VALUES ('own 1');
SELECT pg_sleep(0.02);
COMMIT;
BEGIN;
INSERT INTO log VALUES ('never');
SELECT pg_sleep(0.02);
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
INSERT INTO log VALUES ('own 2');
SELECT pg_sleep(0.02);
COMMIT AND CHAIN;
INSERT INTO log VALUES ('own 3');
COMMIT;
INSERT INTO log VALUES ('own 4');
]],
  ["03_one_by_one.sql"] = [[
-- stint: no-transaction
INSERT INTO log VALUES ('one 1');
SET search_path = pg_catalog;
INSERT INTO public.log VALUES ('one 2'), (pg_sleep(0.02)::text || 'one 3');
COPY public.log (what) FROM stdin;
one 4
\.
RESET search_path;
VACUUM log;
INSERT INTO log VALUES ('one 5');
]],
  ["04_indexes.sql"] = [[
INSERT INTO log VALUES ('index 1');
CREATE INDEX CONCURRENTLY slow_named ON slow (slowly(id));
INSERT INTO log VALUES ('index 2');
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS slow_unless ON slow (slowly(id + 1));
CREATE INDEX CONCURRENTLY ON slow (slowly(id), state);
DROP INDEX CONCURRENTLY slow_old;
INSERT INTO log VALUES ('index 3');
]],
  ["05_lua.lua"] = [[
migration {
  up = function(db)
    db:exec("INSERT INTO log VALUES ($1)", "lua 1")
    db:exec("SELECT pg_sleep(0.03)")
    db:exec("INSERT INTO log VALUES ($1)", "lua 2")
  end,
}
]],
  ["06_backfill.lua"] = [[
backfill { table = "item", set = { n = "n + 1" }, where = "id % 7 <> 0", target = "5ms" }
]],
  ["07_enum.sql"] = [[
ALTER TYPE mood ADD VALUE 'ill';
INSERT INTO log SELECT 'enum ' || 'ill'::mood;
]],
  ["08_last.sql"] = [[
ALTER TABLE slow ADD COLUMN last int;
SELECT pg_sleep(0.02);
INSERT INTO log VALUES ('last');
]],
}

local DONE = table.concat({
  "enum ill", "index 1", "index 2", "index 3", "last", "lua 1", "lua 2",
  "one 1", "one 2", "one 3", "one 4", "one 5", "own 1", "own 2", "own 3", "own 4", "tables",
}, ",")

local INDEXES = "item_pkey,slow_named,slow_slowly_state_idx,slow_unless"

local function project_of(files)
  local list = {}
  for name, text in pairs(files) do
    list["scripts/migrations/" .. name] = text
  end
  return run.project(list)
end

local function options(project, url, more)
  local env = { DATABASE_URL = url }
  for name, value in pairs(more or {}) do
    env[name] = value
  end
  return { cwd = project, env = env }
end

local function one(s, sql)
  return s:value(sql)
end

-- What must be true once `up` has come to its end.
local function assert_done(url, story)
  local s = session.open(url)
  assert.equal(DONE, one(s, [[SELECT string_agg(what, ',' ORDER BY what COLLATE "C") FROM log]]), story)
  assert.equal("0", one(s, "SELECT count(*) FROM item WHERE n <> CASE WHEN id % 7 = 0 THEN 0 ELSE 1 END"), story)
  assert.equal("0", one(s, "SELECT count(*) FROM (SELECT FROM change GROUP BY id HAVING count(*) > 1) x"), story)
  assert.equal(
    one(s, "SELECT count(*) FROM item WHERE id % 7 <> 0"),
    one(s, "SELECT count(*) FROM change"),
    story
  )
  local indexes = [[
SELECT string_agg(c.relname, ',' ORDER BY c.relname COLLATE "C"), bool_and(i.indisvalid AND i.indisready AND i.indislive)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid IN ('slow'::regclass, 'item'::regclass)]]
  local row = s:exec(indexes)[1]
  assert.equal(INDEXES, row[1], story)
  assert.equal("t", row[2], story)
  local ledger = "SELECT count(*) FROM stint.migration WHERE state = 'applied' AND intent IS NULL"
  assert.equal("8", one(s, ledger), story)
  assert.equal("8", one(s, "SELECT count(*) FROM stint.migration"), story)
  local rows = "SELECT rows_seen || ' ' || rows_changed FROM stint.backfill_range"
  assert.equal(("%d %d"):format(ROWS, ROWS - ROWS // 7), one(s, rows), story)
  s:close()
end

local function finish(project, url, story)
  local r = run({ "up" }, options(project, url))
  assert.equal(0, r.code, story .. "\n" .. r.err)
  assert_done(url, story)
  r = run({ "status", "--json" }, options(project, url))
  assert.matches('"pending":0', r.out, 1, true)
end

-- Starts `up` and kills it after so many seconds; what it came to, if it was faster. The server
-- works on for half a second until it notices; `eye` ends what it does at once.
local function up_until(project, url, seconds, eye)
  local handle = run.start({ "up" }, options(project, url))
  process.pause(seconds)
  handle:kill()
  if eye then
    eye:exec [[
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'stint:%' AND datname = current_database()]]
  end
  return handle:wait()
end

describe("a run that is killed", function()
  local pg = cluster.get()
  local project = project_of(FILES)
  local length

  setup(function()
    math.randomseed(os.time())
    local url = pg:database()
    local start = process.seconds()
    local r = run({ "up" }, options(project, url))
    length = process.seconds() - start
    assert.equal(0, r.code, r.err)
    assert_done(url, "an undisturbed run")
  end)

  -- Kills at moments spread over the whole length, each on a database of its own; then `again`
  -- times somewhere in what is left. A machine that is faster than it was lets runs end before their
  -- kill: then there are more rounds, until `wanted` kills hit. Gives the number of kills.
  local function rounds(count, again, with_session, wanted)
    local killed, k = 0, 0
    while k < count or (killed < wanted and k < 5 * count) do
      k = k + 1
      local url = pg:database()
      local eye = with_session and session.open(url)
      local moment = ((k - 1) % count + 1 - math.random()) / count * length
      local story = ("killed after %.3f s of %.3f"):format(moment, length)
      local r = up_until(project, url, moment, eye)
      for _ = 1, again do
        if r.signal ~= 9 then
          break
        end
        killed = killed + 1
        local next_moment = math.random() * length / 2
        story = ("%s, then after %.3f"):format(story, next_moment)
        r = up_until(project, url, next_moment, eye)
      end
      killed = killed + (r.signal == 9 and 1 or 0)
      assert.is_true(r.signal == 9 or r.code == 0, story .. "\n" .. r.err)
      finish(project, url, story)
      if eye then
        eye:close()
      end
    end
    return killed
  end

  it("goes on, and every part and every row is done exactly once", function()
    local wanted = LONG and 30 or 3
    assert.is_true(rounds(LONG and 60 or 6, 0, false, wanted) >= wanted)
  end)

  it("goes on where it was when its session dies with it", function()
    local wanted = LONG and 100 or 10
    assert.is_true(rounds(LONG and 200 or 20, 0, true, wanted) >= wanted)
  end)

  it("goes on however often it is killed", function()
    local wanted = LONG and 160 or 12
    assert.is_true(rounds(LONG and 80 or 8, 4, true, wanted) >= wanted)
  end)
end)

describe("a run whose server crashes", function()
  local pg
  local project = project_of(FILES)

  setup(function()
    pg = cluster.new()
  end)

  teardown(function()
    pg:stop()
  end)

  it("goes on by itself when the server is back", function()
    local url = pg:database()
    local start = process.seconds()
    local r = run({ "up" }, options(project, url))
    local length = process.seconds() - start
    assert.equal(0, r.code, r.err)
    local count, crashed = LONG and 30 or 5, 0
    for k = 1, count do
      url = pg:database()
      local moment = (k - math.random()) / count * length
      local story = ("crashed after %.3f s of %.3f"):format(moment, length)
      local handle = run.start({ "up" }, options(project, url))
      process.pause(moment)
      pg:restart("immediate")
      r = handle:wait()
      -- the very first connection is not tried again: `wait_for_db` asks for that
      assert.is_true(r.code == 0 or r.code == 9, story .. "\n" .. r.err)
      crashed = crashed + (r.err:find("reconnecting", 1, true) and 1 or 0)
      assert.is_true(r.code == 0 or not r.err:find("reconnecting", 1, true), story .. "\n" .. r.err)
      finish(project, url, story)
    end
    assert.is_true(crashed > count / 3, crashed .. " crashes")
  end)
end)

local SLOW = {
  ["1_tables.sql"] = FILES["01_tables.sql"],
  ["2_work.sql"] = [[
-- stint: lock-timeout 30s
INSERT INTO log VALUES ('before');
SELECT pg_advisory_xact_lock(7);
INSERT INTO log VALUES ('after');
]],
}

local AT_WORK = [[
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))]]

local SESSIONS = [[
SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'stint:%' AND datname = current_database()]]

-- The process has taken the signal: none is left that waits for it.
local function wait_until_taken(handle)
  local path = ("/proc/%d/status"):format(handle.pid)
  eventually("that the signal is taken", function()
    local status = io.open(path)
    local text = status and status:read "a" or ""
    if status then
      status:close()
    end
    return text:match "ShdPnd:%s*0+\n" and text:match "SigPnd:%s*0+\n"
  end)
end

describe("a run that is interrupted", function()
  local pg = cluster.get()

  for signal, code in pairs { TERM = 143, INT = 130 } do
    it(("by SIG%s rolls back, says so, ends with %d, and is gone on with"):format(signal, code), function()
      local url = pg:database()
      local project = project_of(SLOW)
      local held = session.open(url)
      held:exec "SELECT pg_advisory_lock(7)"
      local handle = run.start({ "up" }, options(project, url))
      session.wait_until(url, AT_WORK, "t")
      handle:kill(signal)
      local r = handle:wait()
      assert.equal(code, r.code, r.err)
      assert.is_nil(r.signal)
      assert.matches("applied  1_tables", r.out, 1, true)
      assert.not_matches("2_work", r.out, 1, true)
      assert.matches("rolled back", r.err, 1, true)
      assert.equal("tables", held:value "SELECT string_agg(what, ',') FROM log")
      assert.equal("1", held:value "SELECT count(*) FROM stint.migration")
      local attempt = "SELECT count(*) FROM stint.event WHERE kind = 'migration_stopped' AND migration = '2'"
      assert.equal("1", held:value(attempt))
      assert.equal("failed", held:value "SELECT outcome FROM stint.run")
      session.wait_until(url, SESSIONS, "0")
      held:close()
      r = run({ "up" }, options(project, url))
      assert.equal(0, r.code, r.err)
      local s = session.open(url)
      assert.equal("after,before,tables", s:value "SELECT string_agg(what, ',' ORDER BY what) FROM log")
      s:close()
    end)
  end

  it("while it waits for the run lock ends at once and has done nothing", function()
    local url = pg:database()
    local project = project_of(SLOW)
    local held = session.open(url)
    held:exec "SELECT pg_advisory_lock(7)"
    local first = run.start({ "up" }, options(project, url))
    session.wait_until(url, AT_WORK, "t")
    local second = run.start({ "up" }, options(project, url))
    second:says "waiting for the run lock"
    second:kill("INT")
    local r = second:wait()
    assert.equal(130, r.code, r.err)
    assert.equal("", r.out)
    assert.is_true(first:running())
    held:close()
    assert.equal(0, first:wait().code)
  end)

  it("in a backfill ends after the batch, and goes on with the next", function()
    local url = pg:database()
    local project = project_of {
      ["1_tables.sql"] = FILES["01_tables.sql"],
      ["2_backfill.lua"] = [[backfill { table = "item", set = { n = "n + 1" }, target = "10s" }]],
    }
    local opts = options(project, url, { STINT_LOCK_TIMEOUT = "0s" })
    assert.equal(0, run({ "up", "--to", "1" }, opts).code)
    -- the second batch has to wait at a row that we hold
    local held = session.open(url)
    held:exec "BEGIN; SELECT FROM item WHERE id = 1500 FOR UPDATE"
    local handle = run.start({ "up" }, opts)
    local waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:up' AND wait_event_type = 'Lock' "
      .. "AND datname = current_database()"
    session.wait_until(url, waiting, "1")
    handle:kill("INT")
    wait_until_taken(handle)
    assert.equal("1", held:value(waiting))
    assert.is_true(handle:running())
    held:exec "COMMIT"
    local r = handle:wait()
    assert.equal(130, r.code, r.err)
    assert.matches("each batch is committed", r.err, 1, true)
    assert.equal("2", held:value "SELECT batches FROM stint.backfill_range")
    assert.equal(held:value "SELECT rows_changed FROM stint.backfill_range", held:value "SELECT count(*) FROM change")
    assert.matches('"state":"backfilling"', run({ "status", "--json" }, opts).out, 1, true)
    r = run({ "up" }, opts)
    assert.equal(0, r.code, r.err)
    assert.equal(tostring(ROWS), held:value "SELECT count(*) FROM item WHERE n = 1")
    assert.equal(tostring(ROWS), held:value "SELECT count(*) FROM change")
    held:close()
  end)

  it("twice ends at once, even in the middle of a batch, and nothing is done twice", function()
    local url = pg:database()
    local project = project_of {
      ["1_tables.sql"] = FILES["01_tables.sql"],
      ["2_backfill.lua"] = [[backfill { table = "item", set = { n = "n + 1" }, target = "10s" }]],
    }
    local opts = options(project, url, { STINT_LOCK_TIMEOUT = "0s" })
    assert.equal(0, run({ "up", "--to", "1" }, opts).code)
    local held = session.open(url)
    held:exec "BEGIN; SELECT FROM item WHERE id = 1500 FOR UPDATE"
    local handle = run.start({ "up" }, opts)
    local waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:up' AND wait_event_type = 'Lock' "
      .. "AND datname = current_database()"
    session.wait_until(url, waiting, "1")
    handle:kill("INT")
    wait_until_taken(handle)
    assert.is_true(handle:running())
    handle:kill("TERM")
    assert.equal(143, handle:wait().code)
    -- the server takes the batch back when it notices
    session.wait_until(url, SESSIONS, "0")
    held:exec "COMMIT"
    assert.equal("1000", held:value "SELECT count(*) FROM change")
    local r = run({ "up" }, opts)
    assert.equal(0, r.code, r.err)
    assert.equal(tostring(ROWS), held:value "SELECT count(*) FROM item WHERE n = 1")
    assert.equal(tostring(ROWS), held:value "SELECT count(*) FROM change")
    held:close()
  end)
end)
