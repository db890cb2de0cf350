-- A table of which every change is written down, and a project that fills it. Whatever befell the
-- backfill, each row was changed once, and the ledger has counted it once:
--   local o = oracle.new { rows = 15000, every = 50, takes = 0.003 }   -- a row in fifty takes 3 ms
--   o.begin "workers = 2"
--   local h = o.start "up"
--   o.under_way()
--   assert.equal(o.all, o.sql(oracle.ONCE))
-- A row in the middle waits while o.hold() holds it, without a lock that anybody sees: so that a run
-- is still at it however long a spec needs. The rest of what it gives is story.lua's.
local session = require "spec.support.session"
local story = require "spec.support.story"

local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, app int NOT NULL DEFAULT 0);
INSERT INTO t SELECT g FROM generate_series(1, %d) g;
CREATE TABLE log (id bigint, at timestamptz DEFAULT statement_timestamp());
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.id %% %d = 0 THEN PERFORM pg_sleep(%s); END IF;
  WHILE NEW.id = %d AND NOT pg_try_advisory_xact_lock_shared(1977) LOOP PERFORM pg_sleep(0.01); END LOOP;
  INSERT INTO log VALUES (NEW.id);
  RETURN NEW;
END $$;
CREATE TRIGGER note AFTER UPDATE OF n ON t FOR EACH ROW EXECUTE FUNCTION note();
ANALYZE t;
]]

local oracle = {
  FILE = "scripts/migrations/1_fill.lua",
  ONCE = [[SELECT (SELECT count(*) FROM t WHERE n = 1) || ' ' || (SELECT count(*) FROM log) || ' ' || (SELECT count(DISTINCT id) FROM log)
    || ' ' || (SELECT sum(rows_changed) FROM stint.backfill_range) + (SELECT rows_late FROM stint.backfill)]],
}

-- shape: rows, every, takes, and `target` of the backfill ("30ms").
function oracle.new(shape)
  local o = story.new()
  o.all = ("%d %d %d %d"):format(shape.rows, shape.rows, shape.rows, shape.rows)

  -- Of a declaration with these fields besides table and target, and what is done to its rows.
  function o.folder(fields, change)
    return o.project {
      [oracle.FILE] = ('backfill { table = "t", %s, target = "%s", %s }\n'):format(change or 'set = { n = "n + 1" }', shape.target or "30ms",
        fields or ""),
    }
  end

  function o.begin(fields, change)
    o.place(o.folder(fields, change))
    o.sql(TABLE:format(shape.rows, shape.every, shape.takes, shape.rows // 2))
  end

  -- More rows than so many are changed.
  function o.under_way(count)
    session.wait_until(o.url, ("SELECT (count(*) > %d)::text FROM log"):format(math.min(count or 0, shape.rows - 1)), "true")
  end

  -- The row in the middle waits from now on; what is given ends that.
  function o.hold()
    local holder = session.open(o.url)
    holder:exec "SELECT pg_advisory_lock(1977)"
    return function()
      holder:close()
    end
  end

  return o
end

return oracle
