local cluster = require "spec.support.cluster"
local native = require "native"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"
local ROWS = long and 300000 or 30000

local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0);
INSERT INTO t SELECT g FROM generate_series(1, %d) g;
CREATE TABLE log (id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id %% 100 = 0 THEN PERFORM pg_sleep(0.002); END IF;
  INSERT INTO log VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
ANALYZE t;
]]

local ONCE = "SELECT (SELECT count(*) FROM t WHERE n = 1) || ' ' || (SELECT count(*) FROM log) || ' ' || (SELECT count(DISTINCT id) FROM log)"
local ALL = ("%d %d %d"):format(ROWS, ROWS, ROWS)

describe("a backfill, each row of which is to be changed once,", function()
  local pg, url, dir

  local function begin(fields)
    url = pg:database()
    pg:sql(url, TABLE:format(ROWS))
    dir = run.project { [FILE] = ('backfill { table = "t", target = "30ms", %s }\n'):format(fields) }
  end

  local function start(...)
    return run.start({ ... }, { cwd = dir, env = { DATABASE_URL = url }, timeout = 180 })
  end

  local function sql(text)
    return pg:sql(url, text)
  end

  local forms = {
    ["an expression"] = 'set = { n = "n + 1" }',
    ["an expression, in stripes"] = 'set = { n = "n + 1" }, stripes = 4',
    ["a function"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end',
    ["a function, in stripes"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, stripes = 4',
    ["a statement, in stripes"] = 'batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi AND :stripe", stripes = 4',
    ["a statement"] = 'batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi"',
  }

  for name, form in pairs(forms) do
    it("by " .. name .. ", is killed with -9 at any moment", function()
      pg = cluster.get()
      begin(form)
      for round = 1, long and 30 or 4 do
        local h = start "up"
        session.wait_until(url, ("SELECT (count(*) >= %d)::text FROM log"):format(math.min(round * 1000, ROWS)), "true")
        process.pause(0.03 * math.random())
        h:kill "KILL"
        h:wait()
      end
      local r = start("up"):wait()
      assert.equal(0, r.code, r.err)
      assert.equal(ALL, sql(ONCE))
    end)
  end

  for _, commit in ipairs { "on", "off" } do
    it("lives through crashes of the server, synchronous_commit " .. commit, function()
      pg = cluster.new { settings = { synchronous_commit = commit } }
      finally(function()
        pg:stop()
      end)
      begin 'set = { n = "n + 1" }, workers = 2'
      local h = start "up"
      for round = 1, long and 10 or 2 do
        session.wait_until(url, ("SELECT (count(*) > %d)::text FROM log"):format(math.min(round * 1500, ROWS - 1)), "true")
        pg:restart "immediate"
      end
      local r = h:wait()
      if r.code ~= 0 then
        r = start("up"):wait()
      end
      assert.equal(0, r.code, r.err)
      assert.equal(ALL, sql(ONCE))
    end)
  end

  it("meets an application that writes the same rows: no write is lost, and none done twice", function()
    pg = cluster.get()
    begin 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end'
    sql "ALTER TABLE t ADD app int NOT NULL DEFAULT 0"
    local app = session.open(url)
    local h = start "up"
    local writes, changed, gone = 0, 0, 0
    while h:running() do
      local first = math.random(1, ROWS - 20)
      changed = changed + #app:exec(("UPDATE t SET app = app + 1, n = n + 10 WHERE id BETWEEN %d AND %d RETURNING id"):format(first, first + 9))
      gone = gone + #app:exec(("DELETE FROM t WHERE id = %d RETURNING id"):format(math.random(1, ROWS)))
      writes = writes + 1
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.is_true(writes > 5)
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n <> 1 + 10 * app")
    assert.equal(tostring(ROWS - gone), sql "SELECT count(*) FROM t")
    assert.is_true(changed > 0)
  end)
end)
