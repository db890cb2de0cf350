local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/1_fill.lua"

-- Every change of a row is written down, so that the end can be judged by what happened.
local TABLE = [[
CREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0, note text, doc jsonb, b bytea, a int[], x numeric);
INSERT INTO t SELECT g, 0, 'row ' || g, jsonb_build_object('g', g, 'l', '[]'::jsonb), decode(md5(g::text), 'hex'), ARRAY[g, NULL], g / 7.0
  FROM generate_series(1, 3000) g;
CREATE TABLE log (id bigint, before int, after int);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id, OLD.n, NEW.n); RETURN NEW; END';
CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note();
]]

describe("a backfill in Lua", function()
  local at = story.new()
  local start, sql = at.start, at.sql

  local function begin(text, more)
    at.begin { [FILE] = text }
    sql(TABLE .. (more or ""))
  end

  local function up(...)
    return start("up", ...):wait()
  end

  describe("row by row", function()
    it("changes each row once with what the function gives", function()
      begin 'backfill { table = "t", columns = { "id", "n", "note" }, transform = function(row) return { n = row.n + 1, note = row.note:upper() } end }\n'
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("3000 3000 3000", sql [[SELECT count(*) FILTER (WHERE n = 1 AND note = 'ROW ' || id) || ' ' || (SELECT count(*) FROM log)
        || ' ' || (SELECT rows_changed FROM stint.backfill_range) FROM t]])
    end)

    it("leaves rows alone for nil, and for what is the same", function()
      begin [[backfill { table = "t", transform = function(row)
  if row.id % 3 == 0 then return nil end
  return row.id % 3 == 1 and { n = 7 } or { n = row.n, note = row.note }
end }]]
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("1000 1000", sql "SELECT count(*) FILTER (WHERE n = 7) || ' ' || (SELECT count(*) FROM log) FROM t")
    end)

    it("gives every column and takes it back: an identity writes nothing", function()
      begin [[backfill { table = "t", transform = function(row) return row end }]]
      local before = sql "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM t"
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal(before, sql "SELECT md5(string_agg(t::text, ',' ORDER BY id)) FROM t")
    end)

    it("may give rows different columns, NULL by json.null, JSON as a table, bytes and arrays", function()
      begin [[backfill { table = "t", transform = function(row)
  if row.id % 2 == 0 then return { note = json.null, doc = { was = row.doc.g } } end
  return { b = row.b, a = { row.id, row.id + 1 }, x = row.x }
end }]]
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("1500 1500", sql [[SELECT count(*) FILTER (WHERE id % 2 = 0 AND note IS NULL AND doc = jsonb_build_object('was', id)
          AND a = ARRAY[id::int, NULL])
        || ' ' || count(*) FILTER (WHERE id % 2 = 1 AND note = 'row ' || id AND a = ARRAY[id::int, id::int + 1] AND b = decode(md5(id::text), 'hex')) FROM t]])
    end)

    it("never overwrites a newer write of the application", function()
      begin [[backfill { table = "t", columns = { "id", "n" }, transform = function(row)
  if row.id == 1500 then log.warn "here"; local t = os.time() + 3; while os.time() < t do end end
  return { n = row.n + 1 }
end }]]
      local h = start "up"
      local other = session.open(at.url)
      h:says "here"
      h:kill "STOP"
      other:exec "UPDATE t SET n = 100 WHERE id IN (1400, 1600); DELETE FROM t WHERE id = 1450"
      h:kill "CONT"
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert.equal("2997 2 2999 0", sql [[SELECT count(*) FILTER (WHERE n = 1) || ' ' || count(*) FILTER (WHERE n = 101) || ' ' || count(*)
        || ' ' || (SELECT count(*) FROM stint.backfill_residue) FROM t]])
      assert.equal("2999", sql "SELECT (SELECT sum(rows_changed) FROM stint.backfill_range) + rows_late FROM stint.backfill")
    end)

    it("puts exactly the rows aside that raise, loop for ever or want too much memory", function()
      begin [[
local function deep(row)
  if row.id == 77 then error "bad luck" end
  if row.id == 78 then return nil, row.nothing.at_all end
  if row.id == 1000 then while true do end end
  if row.id == 2000 then return { note = ("x"):rep(1 << 40) } end
  if row.id == 3000 then return { n = "many" } end
  return { n = row.n + 1 }
end
backfill { table = "t", columns = { "id", "n" }, transform = function(row) local new = deep(row) return new end }
]]
      place.write(at.dir .. "/config.ini", "[project]\nlua_time = 1s\nlua_memory = 32MB\n[development]\nurl = ${DATABASE_URL}\n")
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches("5 rows of public.t failed", r.err, 1, true)
      assert.matches("bad luck", r.err, 1, true)
      assert.equal("{1000},{2000},{3000},{77},{78}", sql "SELECT string_agg(key::text, ',' ORDER BY key) FROM stint.backfill_quarantine")
      assert.equal("2995 2995", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM log) FROM t")
      assert.matches("1_fill.lua:2: bad luck", sql "SELECT message FROM stint.backfill_quarantine WHERE key = '{77}'", 1, true)
      assert.matches("1_fill.lua:9: in", sql "SELECT traceback FROM stint.backfill_quarantine WHERE key = '{77}'", 1, true)
      assert.equal("22P02", sql "SELECT sqlstate FROM stint.backfill_quarantine WHERE key = '{3000}'")
      place.write(at.dir .. "/" .. FILE, 'backfill { table = "t", columns = { "id", "n" }, transform = function(row) return { n = row.n + 1 } end }\n')
      at.stint(0, "resolve", "1", "--accept-change")
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("3000 0", sql "SELECT count(*) FILTER (WHERE n = 1) || ' ' || (SELECT count(*) FROM stint.backfill_quarantine) FROM t")
    end)

    it("says which column the table does not have", function()
      begin 'backfill { table = "t", transform = function(row) return { notes = "x" } end }\n'
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.matches('transform gave a column "notes", which the table does not have: did you mean "note"?', r.err, 1, true)
      assert.equal("0", sql "SELECT count(*) FROM log")
    end)
  end)

  describe("by a statement of its own", function()
    it("deletes, batch by batch", function()
      begin('backfill { table = "t", batch = "DELETE FROM t WHERE id > :lo AND id <= :hi AND id % 2 = 0" }\n')
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("1500 1500", sql "SELECT count(*) || ' ' || (SELECT rows_changed FROM stint.backfill_range) FROM t")
    end)

    it("copies into another table, each row once, and puts aside what does not fit", function()
      begin(
        'backfill { table = "t", batch = "INSERT INTO copy (id, n) SELECT id, 100 / (id - 2222) FROM t WHERE id > :lo AND id <= :hi" }\n',
        "CREATE TABLE copy (id bigint PRIMARY KEY, n int)")
      local r = up()
      assert.equal(7, r.code, r.err)
      assert.equal("2999 {2222} 22012", sql "SELECT count(*) || ' ' || (SELECT key::text || ' ' || sqlstate FROM stint.backfill_quarantine) FROM copy")
      sql "DELETE FROM t WHERE id = 2222"
      r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("2999", sql "SELECT count(*) FROM copy")
    end)

    it("walks a key of two columns", function()
      begin('backfill { table = "c", batch = "UPDATE c SET n = n + 1 WHERE (a, b) > (:lo) AND (a, b) <= (:hi)" }\n',
        "CREATE TABLE c (a text, b int, n int DEFAULT 0, PRIMARY KEY (a, b)); INSERT INTO c SELECT md5((g / 10)::text), g FROM generate_series(1, 3000) g")
      local r = up()
      assert.equal(0, r.code, r.err)
      assert.equal("3000", sql "SELECT count(*) FROM c WHERE n = 1")
    end)

    it("is refused when it does not say which rows, or would read them all each time", function()
      begin 'backfill { table = "t", batch = "DELETE FROM t WHERE n = 1" }\n'
      local r = up()
      assert.equal(6, r.code, r.err)
      assert.matches("it needs :lo and :hi", r.err, 1, true)
      begin 'backfill { table = "t", batch = "DELETE FROM t WHERE id + 0 > :lo AND id + 0 <= :hi" }\n'
      r = up()
      assert.equal(6, r.code, r.err)
      assert.matches("each batch would read the whole of public.t", r.err, 1, true)
      assert.matches("WHERE id > :lo AND id <= :hi", r.err, 1, true)
      assert.equal("0", sql "SELECT count(*) FROM stint.backfill")
    end)
  end)
end)
