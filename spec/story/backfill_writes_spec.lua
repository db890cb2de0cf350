local session = require "spec.support.session"
local story = require "spec.support.story"

local FILE = "scripts/migrations/1_fill.lua"

local TABLE = [[CREATE TABLE u (id bigint PRIMARY KEY, first text, last text, name text);
  INSERT INTO u SELECT g, 'f' || g, 'l' || g FROM generate_series(1, 3000) g;
  CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.id = 2500 THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN NEW; END';
  CREATE TRIGGER wait AFTER UPDATE ON u FOR EACH ROW EXECUTE FUNCTION wait();
]]
local SET = [[table = "u", set = { name = "first || ' ' || last" }, where = "name IS NULL", ]]
local WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"

describe("rows that are written while a backfill runs", function()
  local holder
  local at = story.new()
  local start, sql = at.start, at.sql

  local function begin(fields, more)
    at.begin { [FILE] = "backfill { " .. fields .. " }\n" }
    sql(TABLE .. (more or ""))
  end

  -- Its last batch waits; those before are committed.
  local function in_the_middle()
    holder = session.open(at.url)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = start("up", "--lock-timeout", "40s")
    session.wait_until(at.url, WAITS, "1")
    return h
  end

  local function let_go()
    holder:exec "SELECT pg_advisory_unlock(7)"
  end

  local WRONG = "SELECT count(*) FROM u WHERE name IS DISTINCT FROM first || ' ' || last"

  it("are kept right by a trigger that is made for them, and is gone afterwards", function()
    begin(SET .. 'writes = "trigger", finally = { not_null = "name" }')
    local h = in_the_middle()
    sql "INSERT INTO u VALUES (-5, 'a', 'b'), (9000, 'c', 'd'); UPDATE u SET first = 'new' WHERE id IN (3, 2999)"
    let_go()
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0", sql(WRONG))
    assert.equal("wait 0", sql [[SELECT string_agg(tgname, ',') || ' '
      || (SELECT count(*) FROM pg_proc WHERE proname ~ '^backfill_') FROM pg_trigger WHERE NOT tgisinternal]])
    assert.equal("t 0", sql [[SELECT CASE WHEN attnotnull THEN 't' END
      || ' ' || (SELECT count(*) FROM pg_constraint WHERE conrelid = 'u'::regclass AND contype = 'c')
      FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'name']])
  end)

  it("count only once the trigger is there: it waits for a writer who began before", function()
    begin(SET .. 'writes = "trigger"')
    local writer = session.open(at.url)
    writer:exec "BEGIN; INSERT INTO u VALUES (-7, 'late', 'row')"
    local h = start("up", "--lock-timeout", "10s")
    session.wait_until(at.url, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND relation = 'u'::regclass", "1")
    writer:exec "COMMIT"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0", sql(WRONG))
  end)

  it("are found by sweeps, when the change makes `where` false", function()
    begin(SET)
    local h = in_the_middle()
    sql "INSERT INTO u VALUES (-5, 'a', 'b'), (9000, 'c', 'd')"
    let_go()
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.matches("sweeping for rows that were written meanwhile", r.err, 1, true)
    assert.equal("0", sql(WRONG))
    assert.equal("2", sql "SELECT sweep FROM stint.backfill")
    assert.equal("3002", sql "SELECT rows_late + (SELECT sum(rows_changed) FROM stint.backfill_range) FROM stint.backfill")
  end)

  it("are not swept for where the change leaves `where` true", function()
    begin [[table = "c", set = { n = "n + 1" }, where = "n < 10"]]
    sql "CREATE TABLE c (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO c SELECT g FROM generate_series(1, 3000) g"
    assert.equal(0, start("up"):wait().code)
    assert.equal("3000", sql "SELECT count(*) FROM c WHERE n = 1")
    begin [[table = "c", set = { n = "n + 1" }, where = "n < 10", writes = "sweep"]]
    sql "CREATE TABLE c (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO c SELECT g FROM generate_series(1, 3000) g"
    local r = start("up"):wait()
    assert.equal(7, r.code)
    assert.matches("3000 changed rows still match `where`", r.err, 1, true)
    assert.equal("3000", sql "SELECT count(*) FROM c WHERE n = 1")
  end)

  it("are the application's business when it says so", function()
    begin(SET .. 'writes = "app"')
    local h = in_the_middle()
    sql "INSERT INTO u VALUES (-5, 'a', 'b')"
    let_go()
    assert.equal(0, h:wait().code)
    assert.equal("1", sql(WRONG))
  end)

  it("keep NOT NULL from being set while one of them has none, and say so", function()
    begin(SET .. 'writes = "app", finally = { not_null = "name" }')
    local h = in_the_middle()
    sql "INSERT INTO u VALUES (-5, 'a', 'b')"
    let_go()
    local r = h:wait()
    assert.equal(7, r.code, r.err)
    assert.matches("finally.not_null", r.err, 1, true)
    assert.matches("is violated by some row", r.err, 1, true)
    sql "UPDATE u SET name = 'a b' WHERE id = -5"
    r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal("t", sql "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'name'")
  end)

  it("may be NULL again on the way down, where `finally` made the column NOT NULL", function()
    begin(SET .. 'writes = "app", finally = { not_null = "name" }, down = { name = "NULL" }')
    local r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    r = start("down"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0 false", sql [[SELECT (SELECT count(name) FROM u) || ' ' || attnotnull
      FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'name']])
    r = start("up"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0", sql(WRONG))
  end)

  it("are refused a keeper that cannot keep them", function()
    for fields, why in pairs {
      ['table = "u", set = { last = "last || first" }, writes = "trigger"'] = "would change rows twice",
      ['table = "u", transform = function() end, writes = "trigger"'] = "is made of `set`",
      ['table = "u", set = { name = "first" }, writes = "default"'] = "name has no default",
      ['table = "u", set = { name = "first" }, writes = "sweep"'] = "needs `where`",
      ['table = "u", set = { name = "first" }, finally = { not_null = "nam" }'] = 'has no column "nam"',
    } do
      begin(fields)
      local r = start("up"):wait()
      assert.is_true(r.code == 6 or r.code == 78, r.err)
      assert.matches(why, r.err, 1, true)
      assert.matches(FILE .. ":1", r.err, 1, true)
      assert.equal("0 0", sql "SELECT (SELECT count(*) FROM stint.backfill) || ' ' || (SELECT count(*) FROM u WHERE name IS NOT NULL)")
    end
  end)

  it("wait for nobody: what others hold is done when they let go, and both writes count", function()
    begin [[table = "u", set = { name = "first || ' ' || last" }]]
    local other = session.open(at.url)
    other:exec "BEGIN; UPDATE u SET first = 'theirs' WHERE id IN (10, 2000)"
    local h = start "up"
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_residue') IS NOT NULL)::text", "true")
    session.wait_until(at.url, "SELECT count(*) FROM stint.backfill_residue", "2")
    session.wait_until(at.url, "SELECT state FROM stint.backfill_range", "done")
    other:exec "COMMIT"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0 2", sql [[SELECT (SELECT count(*) FROM u WHERE name IS DISTINCT FROM first || ' ' || last) || ' ' || count(*)
      FROM u WHERE name LIKE 'theirs l%']])
  end)

  for what, verify in pairs {
    ["what is missing"] = { "name IS NULL", "1" },
    ["all that is wrong"] = { "name IS DISTINCT FROM first || ' ' || last", "2" },
  } do
    it("or tampered with are found by verify, and NOT NULL is not set: " .. what, function()
      begin(SET .. ('writes = "app", verify = "SELECT count(*) FROM u WHERE %s", finally = { not_null = "name" }'):format(verify[1]))
      local h = in_the_middle()
      sql "UPDATE u SET name = 'somebody else' WHERE id = 10; UPDATE u SET name = NULL WHERE id = 20"
      let_go()
      local r = h:wait()
      assert.equal(7, r.code, r.err)
      assert.matches("verify answers " .. verify[2] .. " instead of 0", r.err, 1, true)
      assert.equal("f", sql "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'name'")
      sql "UPDATE u SET name = first || ' ' || last WHERE id IN (10, 20)"
      r = start("up"):wait()
      assert.equal(0, r.code, r.err)
      assert.equal("true 0", sql("SELECT attnotnull || ' ' || (" .. WRONG .. ") FROM pg_attribute WHERE attrelid = 'u'::regclass AND attname = 'name'"))
    end)
  end

  it("hold up one row alone, for as long as somebody sits on it: all others are done, and he is named", function()
    begin(SET .. 'writes = "app"')
    local sitter = session.open(at.url)
    sitter:exec "BEGIN; UPDATE u SET last = 'held' WHERE id = 100"
    local h = start("up")
    session.wait_until(at.url, "SELECT (to_regclass('stint.backfill_residue') IS NOT NULL)::text", "true")
    session.wait_until(at.url, "SELECT (max(attempts) >= 5)::text FROM stint.backfill_residue", "true")
    assert.equal("2999 {100}", sql "SELECT count(name) || ' ' || (SELECT string_agg(key::text, '') FROM stint.backfill_residue) FROM u")
    h:says("held by pid " .. sitter:pid())
    sitter:exec "COMMIT"
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("0", sql(WRONG))
  end)
end)
