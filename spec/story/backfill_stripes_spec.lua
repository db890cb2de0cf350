local native = require "native"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local process = native.process
local long = os.getenv "STINT_LONG"

local FILE = "scripts/migrations/1_fill.lua"

describe("stripes", function()
  local at = story.new()
  local start, sql = at.start, at.sql

  local function begin(build, text)
    at.begin { [FILE] = text }
    sql(build)
  end

  local function up(...)
    return start("up", ...):wait()
  end

  local TABLE = [[CREATE TABLE t (%s PRIMARY KEY, n int NOT NULL DEFAULT 0, note text, pad text DEFAULT repeat('x', 80));
    INSERT INTO t SELECT %s FROM generate_series(1, %d) g;
    CREATE INDEX ON t (note); ANALYZE t]]

  local FORMS = {
    'set = { n = "n + 1" }',
    'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end',
    'batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi AND :stripe"',
  }
  for name, key in pairs {
    ["negative and positive numbers"] = { "id int", "g - 10000" },
    ["texts"] = { "id text", "md5(g::text)" },
  } do
    it("change each row once, whatever the key: " .. name, function()
      for _, form in ipairs(FORMS) do
        begin(TABLE:format(key[1], key[2], 20000), ('backfill { table = "t", %s, stripes = 5 }\n'):format(form))
        local r = up()
        assert.equal(0, r.code, r.err)
        assert.equal("20000 20000 20000", sql [[SELECT count(*) FILTER (WHERE n = 1)
          || ' ' || (SELECT rows_changed || ' ' || rows_seen FROM stint.backfill_range) FROM t]])
        assert.equal("0", sql "SELECT sum(batches % 5) FROM stint.backfill_range")
      end
    end)
  end

  it("say how fast they are, though the first of a window is over before its rows are changed", function()
    begin(TABLE:format("id int", "g", 20000) .. [[;
      CREATE TABLE told (id serial, rate float8);
      CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_sleep(0.03);
        INSERT INTO told (rate) SELECT rows_per_second FROM stint.backfill_range;
        RETURN NULL;
      END $$;
      CREATE TRIGGER slow AFTER UPDATE ON t EXECUTE FUNCTION slow()]],
      'backfill { table = "t", set = { n = "n + 1" }, stripes = 8, target = "40ms" }\n')
    local r = up()
    assert.equal(0, r.code, r.err)
    local told = sql [[SELECT percentile_cont(0.9) WITHIN GROUP (ORDER BY rate) FROM told WHERE id > 16]]
    local truth = sql [[SELECT rows_seen / extract(epoch FROM updated_at - started_at)
      FROM stint.backfill_range JOIN stint.backfill b ON b.id = backfill]]
    assert.is_true(tonumber(told) < 2 * tonumber(truth), told .. " instead of " .. truth)
  end)

  for name, key in pairs {
    ["close to each other"] = { "int", "g - 10000" },
    ["small"] = { "smallint", "g - 10000" },
    ["far from each other"] = { "bigint", "g * 1000003::bigint" },
    ["from the least to the greatest, with a gap"] = { "bigint", [[CASE WHEN g <= 100
      THEN -9223372036854775808 + g - 1 ELSE 9223372036854775807 - 20000 + g END]] },
  } do
    it("of numbers that lie side by side change each row once: " .. name, function()
      for _, stripes in ipairs { 4, 8 } do
        begin(TABLE:format("id " .. key[1], key[2], 20000),
          ('backfill { table = "t", set = { n = "n + 1" }, stripes = %d, down = { n = "n - 1" } }\n'):format(stripes))
        local r = up()
        assert.equal(0, r.code, r.err)
        assert.is_true(tonumber(sql "SELECT stripe_keys FROM stint.backfill") > 1)
        assert.equal("0", sql("SELECT sum(batches % " .. stripes .. ") FROM stint.backfill_range")) -- none was repeated
        assert.equal("20000 20000 20000", sql [[SELECT count(*) FILTER (WHERE n = 1)
          || ' ' || (SELECT rows_changed || ' ' || rows_seen FROM stint.backfill_range) FROM t]])
        r = start("down"):wait()
        assert.equal(0, r.code, r.err)
        assert.equal("20000", sql "SELECT count(*) FROM t WHERE n = 0")
      end
    end)
  end

  it("count rows that a trigger keeps as they are for what they are", function()
    begin(TABLE:format("id int", "g", 20000), 'backfill { table = "t", set = { n = "n + 1" }, stripes = 4 }\n')
    sql [[CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
      IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END';
      CREATE TRIGGER keep BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION keep()]]
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("10000 10000 20000", sql [[SELECT count(*) FILTER (WHERE n = 1)
      || ' ' || (SELECT rows_changed || ' ' || rows_seen FROM stint.backfill_range) FROM t]])
  end)

  it("count the same where it is the trigger of a table that inherits", function()
    begin(TABLE:format("id int", "g", 10000), 'backfill { table = "t", set = { n = "n + 1" }, stripes = 4 }\n')
    sql [[CREATE TABLE c (PRIMARY KEY (id)) INHERITS (t); INSERT INTO c SELECT 10000 - g FROM generate_series(1, 100) g;
      CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE UPDATE ON c FOR EACH ROW EXECUTE FUNCTION keep()]]
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("10000 10000", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT rows_changed FROM stint.backfill_range) FROM t")
  end)

  it("leave nothing prepared in the session for the next file", function()
    begin(TABLE:format("id int", "g", 20000), 'backfill { table = "t", set = { n = "n + 1" } }\n')
    at.write("scripts/migrations/2_next.sql", "CREATE TABLE left_over AS SELECT count(*) AS n FROM pg_prepared_statements;\n")
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("0", sql "SELECT n FROM left_over")
  end)

  it("leave the table smaller than a plain walk does, and the index as it was", function()
    local size = {}
    for _, fields in ipairs {
      'set = { n = "n + 1" }, stripes = 1',
      'set = { n = "n + 1" }, stripes = 8',
      'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, stripes = 8',
    } do
      begin(TABLE:format("id int", "g", 100000), ('backfill { table = "t", %s }\n'):format(fields))
      assert.equal(0, up().code)
      size[#size + 1] = tonumber(sql "SELECT pg_relation_size('t')")
      size[#size + 1] = tonumber(sql "SELECT pg_relation_size('t_pkey')")
    end
    assert.is_true(size[5] < 0.72 * size[1], size[5] .. " and " .. size[1])
    assert.is_true(size[6] < size[2])
    assert.is_true(size[3] < 0.72 * size[1], size[3] .. " and " .. size[1])
    assert.is_true(size[4] < size[2])
  end)

  it("go on in the middle of a window after kill -9", function()
    begin(TABLE:format("id int", "g", 20000), 'backfill { table = "t", set = { n = "n + 1" }, stripes = 4, target = "20ms" }\n')
    sql [[CREATE TABLE log (id int); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
      IF NEW.id % 20 = 0 THEN PERFORM pg_sleep(0.001); END IF; INSERT INTO log VALUES (NEW.id); RETURN NEW; END';
      CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()]]
    for round = 1, long and 20 or 4 do
      local h = start "up"
      session.wait_until(at.url, ("SELECT (count(*) > %d)::text FROM log"):format(round * 700), "true")
      h:kill "KILL"
      h:wait()
      process.pause(0.05 * math.random())
    end
    local r = up()
    assert.equal(0, r.code, r.err)
    assert.equal("20000 20000 20000", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) || ' ' || count(DISTINCT id) FROM log) FROM t")
  end)

  it("and failing rows, held rows and thieves: each row once", function()
    begin(TABLE:format("id int", "g", 30000),
      'backfill { table = "t", set = { n = "n + 1 / (id - 12345)" , note = "id::text" }, stripes = 4, workers = 2, target = "20ms" }\n')
    local holder = session.open(at.url)
    holder:exec "BEGIN; SELECT FROM t WHERE id IN (77, 20000) FOR UPDATE"
    local h = start "up"
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_residue') IS NOT NULL)::text", "true")
    session.wait_until(at.url, "SELECT count(*) FROM stint.backfill_residue", "2")
    holder:exec "COMMIT"
    local r = h:wait()
    assert.equal(7, r.code, r.err)
    assert.equal("29999 {12345} 29999", sql [[SELECT count(*) FILTER (WHERE note = id::text) || ' '
      || (SELECT string_agg(key::text, '') FROM stint.backfill_quarantine)
      || ' ' || (SELECT sum(rows_changed) FROM stint.backfill_range) + (SELECT rows_late FROM stint.backfill) FROM t]])
  end)

  it("are chosen where they pay, and plan says why", function()
    begin(TABLE:format("id int", "g", 120000), 'backfill { table = "t", set = { n = "n + 1" } }\n')
    assert.matches("along the key in windows of 8 stripes: the pages are full, and no column that changes is in an index",
      start("plan"):wait().out, 1, true)
    assert.equal(0, up().code)
    assert.equal("8", sql "SELECT stripes FROM stint.backfill")
    for fields, why in pairs {
      ['set = { note = "id" }'] = "along the key: a column that changes is in an index",
      ['set = { n = "n + 1" }, stripes = 3'] = "along the key in windows of 3 stripes: as the file says",
      ["transform = function() end"] = "along the key: a column that may change is in an index",
      ['batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi"'] = "along the key: `batch` has no :stripe",
      ['batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi AND :stripe"'] = "along the key in windows of 8 stripes: its statement says :stripe",
    } do
      begin(TABLE:format("id int", "g", 120000), ('backfill { table = "t", %s }\n'):format(fields))
      assert.matches(why, start("plan"):wait().out, 1, true)
    end
    sql "DROP INDEX t_note_idx"
    place.write(at.dir .. "/" .. FILE, 'backfill { table = "t", transform = function() end }\n')
    assert.matches("windows of 8 stripes: the pages are full", start("plan"):wait().out, 1, true)
    begin(TABLE:format("id int", "g", 1000), 'backfill { table = "t", set = { n = "n + 1" } }\n')
    local out = start("plan"):wait().out
    assert.matches("along the key: the table is small", out, 1, true)
    assert.matches("written meanwhile: app: rows written meanwhile are the application's business", out, 1, true)
  end)

  it("are refused to a statement that does not say which rows are in one", function()
    begin(TABLE:format("id int", "g", 10), 'backfill { table = "t", batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi", stripes = 2 }\n')
    local r = up()
    assert.equal(6, r.code, r.err)
    assert.matches("`batch` would do the same rows again in each of its stripes: it needs :stripe", r.err, 1, true)
    assert.matches("WHERE id > :lo AND id <= :hi AND :stripe", r.err, 1, true)
    assert.equal("0", sql "SELECT sum(n) FROM t")
  end)

  if long then
    it("are not chosen while an old transaction keeps rows from being cleaned up", function()
      begin(TABLE:format("id int", "g", 120000), 'backfill { table = "t", set = { n = "n + 1" } }\n')
      local holder = session.open(at.url)
      holder:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t"
      local old = "SELECT (clock_timestamp() > xact_start + interval '61 s')::text FROM pg_stat_activity WHERE pid = %d"
      session.wait_until(at.url, old:format(holder:pid()), "true")
      assert.matches(("along the key: a transaction of pid %d keeps old rows from being cleaned up"):format(holder:pid()), start("plan"):wait().out, 1, true)
      holder:exec "COMMIT"
      assert.matches("windows of 8 stripes", start("plan"):wait().out, 1, true)
    end)
  end
end)
