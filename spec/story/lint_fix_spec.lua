-- stint lint --fix: what it writes is clean, runs, does the same, and can be rolled back.
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

local CONFIG = "[development]\nurl = ${DATABASE_URL}\n"

describe("stint lint --fix", function()
  local url, project, db
  local at = story.new()
  local stint, write = at.stint, at.write

  local function files()
    return place.lines("ls " .. place.quoted(project .. "/scripts/migrations"))
  end

  local BASE = [[
CREATE SCHEMA app;
CREATE TABLE app.q (x int PRIMARY KEY);
CREATE TABLE app.t (id int NOT NULL, a int, b text, "C d" int, old int);
CREATE INDEX t_old ON app.t (old);
INSERT INTO app.q SELECT generate_series(1, 50);
INSERT INTO app.t SELECT g, 1 + g % 50, 'b' || g, g, g FROM generate_series(1, 500) g;
-- stint: down
DROP SCHEMA app CASCADE;
]]

  before_each(function()
    url, project = at.begin({ ["scripts/migrations/20260101000000_base.sql"] = BASE }, CONFIG)
    stint(0, "up")
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  -- Fixes one file of one statement; what it has become; and it runs, and each of its files again
  -- after its own rollback, and all of them after that of all.
  local function fixed(sql, down)
    write("20260101000059_it.sql", sql .. (down and "\n-- stint: down\n" .. down or "") .. "\n")
    local r = stint(0, "lint", "--fix", "20260101000059")
    assert.truthy(r.out:find("^0 errors, 0 warnings"), r.out)
    stint(0, "up")
    local list = files()
    table.remove(list, 1)
    for _ = 1, down and #list or 0 do
      stint(0, "redo")
      stint(0, "down")
    end
    stint(0, "up")
    return list
  end

  local function value(sql)
    return db:value(sql)
  end

  it("builds indexes concurrently, each in a file of its own", function()
    assert.same({ "20260101000059_it.sql", "20260101000100_it_index.sql", "20260101000101_it_rest.sql" }, fixed([[
-- why
CREATE INDEX i ON app.t (a, lower(b)) WHERE a > 0; -- so
CREATE UNIQUE INDEX ON app.t (id);
COMMENT ON TABLE app.t IS 'x';]]))
    assert.equal("2", value "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid IN ('app.i'::regclass, 'app.t_id_idx'::regclass)")
    local text = place.read(project .. "/scripts/migrations/20260101000059_it.sql")
    assert.equal("-- why\nCREATE INDEX CONCURRENTLY i ON app.t (a, lower(b)) WHERE a > 0;\n", text)
  end)

  it("adds constraints that are proved afterwards", function()
    assert.same({
      "20260101000059_it.sql", "20260101000100_it_add_constraint.sql", "20260101000101_it_rest.sql",
    }, fixed([[
ALTER TABLE app.t ADD COLUMN z int, ADD CHECK (a > 0), ADD CONSTRAINT "F k" FOREIGN KEY (a) REFERENCES app.q (x), ADD COLUMN y int;]]))
    assert.equal("2", value "SELECT count(*) FROM pg_constraint WHERE conrelid = 'app.t'::regclass AND convalidated AND conname IN ('t_a_check', 'F k')")
    assert.equal("2", value "SELECT count(*) FROM pg_attribute WHERE attrelid = 'app.t'::regclass AND attname IN ('y', 'z')")
  end)

  it("keeps ways down with what they undo", function()
    local list = fixed('ALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0);\nALTER TABLE app.t ALTER "C d" SET NOT NULL;',
      'ALTER TABLE app.t ALTER "C d" DROP NOT NULL;\nALTER TABLE app.t DROP CONSTRAINT c;')
    assert.same({ "20260101000059_it.sql" }, list)
    assert.equal("1", value "SELECT count(*) FROM pg_constraint WHERE conrelid = 'app.t'::regclass AND contype = 'c' AND convalidated")
    assert.equal("t", value "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'app.t'::regclass AND attname = 'C d'")
  end)

  it("divides a way down that spans what become several files", function()
    db:exec "ALTER TABLE app.t ADD PRIMARY KEY (id)"
    local list = fixed('ALTER TABLE app.t ADD COLUMN z int, ADD COLUMN u uuid DEFAULT gen_random_uuid() NOT NULL, ADD CONSTRAINT c CHECK (a > 0);',
      "ALTER TABLE app.t DROP CONSTRAINT c, DROP COLUMN u, DROP COLUMN IF EXISTS z;")
    local first = place.read(project .. "/scripts/migrations/" .. list[1])
    assert.matches("down\nALTER TABLE app.t DROP COLUMN u;\nALTER TABLE app.t DROP COLUMN IF EXISTS z;\n$", first)
    local last = place.read(project .. "/scripts/migrations/" .. list[#list])
    assert.matches("down\nALTER TABLE app.t DROP CONSTRAINT c;\n", last, 1, true)
  end)

  it("makes keys of indexes", function()
    local list = fixed("ALTER TABLE app.t ADD CONSTRAINT tk UNIQUE (id, a) INCLUDE (b);\nALTER TABLE app.t ADD PRIMARY KEY (\"C d\");",
      'ALTER TABLE app.t DROP CONSTRAINT t_pkey;\nALTER TABLE app.t ALTER "C d" DROP NOT NULL;\nALTER TABLE app.t DROP CONSTRAINT tk;')
    assert.same({ "20260101000059_it.sql" }, list)
    assert.equal("p t_pkey, u tk", value [[SELECT string_agg(contype::text || ' ' || conname, ', ' ORDER BY contype)
      FROM pg_constraint WHERE conrelid = 'app.t'::regclass AND contype IN ('p', 'u')]])
  end)

  it("fills a column by a backfill before it is required", function()
    db:exec "ALTER TABLE app.t ADD PRIMARY KEY (id)"
    local list = fixed("ALTER TABLE app.t ADD COLUMN u uuid DEFAULT gen_random_uuid() NOT NULL;", "ALTER TABLE app.t DROP COLUMN u;")
    assert.equal("20260101000100_it_backfill.lua", list[2])
    assert.equal("500", value "SELECT count(DISTINCT u) FROM app.t")
    assert.equal("t", value "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'app.t'::regclass AND attname = 'u'")
  end)

  it("takes constraints from a new column", function()
    local list = fixed([[ALTER TABLE app.t ADD COLUMN "N o" int NOT NULL DEFAULT 1 CONSTRAINT pos CHECK ("N o" > 0),
  ADD q_x int DEFAULT 5 REFERENCES app.q (x) DEFERRABLE INITIALLY DEFERRED, ADD COLUMN slug text UNIQUE;]],
      'ALTER TABLE app.t DROP COLUMN slug;\nALTER TABLE app.t DROP COLUMN q_x;\nALTER TABLE app.t DROP COLUMN "N o";')
    assert.equal(6, #list, table.concat(list, "\n"))
    assert.equal("c pos t f, f t_q_x_fkey t t, u t_slug_key t f", value [[SELECT string_agg(concat_ws(' ', contype, conname, convalidated, condeferrable), ', '
      ORDER BY contype) FROM pg_constraint WHERE conrelid = 'app.t'::regclass AND contype IN ('c', 'f', 'u')]])
  end)

  it("drops and rebuilds indexes concurrently", function()
    fixed("REINDEX TABLE app.t;\nDROP INDEX IF EXISTS app.t_old, app.none;")
    assert.equal("t", value "SELECT to_regclass('app.t_old') IS NULL")
  end)

  it("asks the ledger by direct_url where there is no url", function()
    place.write(project .. "/config.ini", "[development]\ndirect_url = ${DATABASE_URL}\n")
    fixed("CREATE INDEX i ON app.t (a);")
    assert.equal("t", value "SELECT to_regclass('app.i') IS NOT NULL")
  end)

  it("takes a BEGIN and COMMIT around all of it away", function()
    local list = fixed("-- why\nBEGIN;\n-- the check\nALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0);\nCOMMIT;",
      "BEGIN;\nALTER TABLE app.t DROP CONSTRAINT c;\nCOMMIT;")
    assert.same({ "20260101000059_it.sql" }, list)
    local text = place.read(project .. "/scripts/migrations/" .. list[1])
    assert.equal("-- stint: no-transaction\n-- why\n-- the check\nALTER TABLE app.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;\n"
      .. "ALTER TABLE app.t VALIDATE CONSTRAINT c;\n\n-- stint: down\nALTER TABLE app.t DROP CONSTRAINT c;\n", text)
  end)

  it("writes what a rule says to write instead", function()
    db:exec [[CREATE TABLE app.p (a int) PARTITION BY LIST (a); CREATE TABLE app.p_1 PARTITION OF app.p FOR VALUES IN (1)]]
    place.make(project .. "/scripts/policies")
    place.write(project .. "/scripts/policies/owned.lua", [[
policy {
  about = "comments end with a full stop", family = "team",
  statement = function(s)
    local text = s.node.tag == "CommentStmt" and s.node.comment
    if text and not text:find "%.$" then
      return warn("no full stop", { fix = { (s.sql:gsub("'$", ".'")) } })
    end
  end,
  tests = { bad = { "COMMENT ON TABLE t IS 'x'" }, good = { "COMMENT ON TABLE t IS 'x.'" } },
}]])
    fixed("ALTER TABLE app.p DETACH PARTITION app.p_1;\nCOMMENT ON TABLE app.t IS 'all';")
    assert.equal("0", value "SELECT count(*) FROM pg_inherits WHERE inhparent = 'app.p'::regclass")
    assert.equal("all.", value "SELECT obj_description('app.t'::regclass)")
  end)

  it("tells programs of the same", function()
    write("20260101000059_it.sql", "REINDEX (VERBOSE) TABLE app.t;\nALTER TABLE app.t ADD CHECK (a > 0);\n"
      .. "ALTER TABLE app.t ADD u uuid DEFAULT gen_random_uuid();\n")
    local list = {}
    for _, finding in ipairs(json.decode(stint(2, "lint", "--json", "20260101000059").out).findings) do
      list[#list + 1] = finding.fix
    end
    assert.same({
      { "REINDEX (VERBOSE) TABLE CONCURRENTLY app.t" },
      { "ALTER TABLE app.t ADD CONSTRAINT t_a_check CHECK (a > 0) NOT VALID", "ALTER TABLE app.t VALIDATE CONSTRAINT t_a_check" },
      { "ALTER TABLE app.t ADD u uuid", "ALTER TABLE app.t ALTER COLUMN u SET DEFAULT gen_random_uuid()",
        "-- a backfill: UPDATE app.t SET u = gen_random_uuid() WHERE u IS NULL" },
    }, list)
  end)

  describe("leaves alone", function()
    local function refused(said, sql, ...)
      write("20260101000059_it.sql", sql)
      local before = files()
      local r = run({ "lint", "--fix", ... }, { cwd = project, env = { DATABASE_URL = url } })
      assert.truthy(r.err:find(said, 1, true), r.err .. r.out)
      assert.same(before, files())
      assert.equal(sql, place.read(project .. "/scripts/migrations/20260101000059_it.sql"))
      return r
    end

    it("what is applied", function()
      local sql = "CREATE INDEX i ON app.t (a);\n"
      write("20260101000059_it.sql", sql)
      stint(0, "up")
      local r = refused("20260101000059_it.sql:1: not fixed: the ledger has it already", sql)
      assert.equal(2, r.code)
    end)

    it("a change of type, with a sketch", function()
      refused("expand:    ALTER TABLE app.t ADD COLUMN a_new", "ALTER TABLE app.t ALTER a TYPE text;\n")
    end)

    it("borders of the file's own, and versions without room", function()
      refused("it has transactions of its own", "BEGIN;\nALTER TABLE app.t ADD CHECK (a > 0);\nCOMMIT;\nBEGIN;\nSELECT 1;\nCOMMIT;\n")
      write("20260101000100_next.sql", "SELECT 1;\n")
      refused("it becomes 2 files, and there is no room for their versions before 20260101000100",
        "CREATE INDEX i ON app.t (a);\nCREATE INDEX j ON app.t (b);\n")
    end)

    it("what nobody knows to be applied or not", function()
      url = nil
      local r = run({ "lint", "--fix" }, { cwd = run.project { ["scripts/migrations/1_a.sql"] = "CREATE INDEX i ON t (a);" } })
      assert.equal(64, r.code, r.err)
      assert.truthy(r.err:find("--fix must know which files are applied", 1, true), r.err)
    end)
  end)
end)
