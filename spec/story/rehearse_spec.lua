-- plan --rehearse and --queries: the pending files really run, on an empty copy of the schema.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local CONFIG = [[
[project]
environment = staging
scratch = ${SCRATCH}
[staging]
url = ${DATABASE_URL}
]]

describe("plan --rehearse", function()
  local pg, url, name, dir, scratch

  local function stint(code, ...)
    local r = run({ ... }, { cwd = dir, env = { DATABASE_URL = url, SCRATCH = scratch } })
    assert.equal(code, r.code, r.err .. r.out)
    assert.equal("0", pg:sql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'stint_scratch%'"))
    assert.equal("f", pg:sql(name, "SELECT EXISTS (SELECT FROM pg_attribute WHERE attname = 'age' AND attnum > 0)"))
    return r
  end

  local function write(file, text)
    place.write(dir .. "/scripts/migrations/" .. file, text)
  end

  local function rehearsal(...)
    return json.decode(stint(0, "plan", "--json", ...).out).rehearsal
  end

  local function breaks(...)
    return json.decode(stint(2, "plan", "--json", ...).out).rehearsal
  end

  setup(function()
    pg = cluster.get()
  end)

  before_each(function()
    url, name = pg:database()
    scratch = url:gsub("///[^?]+", "///postgres")
    pg:sql(name, [[CREATE TABLE users (id int PRIMARY KEY, name text); CREATE TABLE orders (id int, by int REFERENCES users);
      INSERT INTO users SELECT g FROM generate_series(1, 9) g]])
    dir = run.project({
      ["scripts/migrations/1_age.sql"] = "ALTER TABLE users ADD COLUMN age int;\nALTER TABLE users ALTER COLUMN id TYPE bigint;\n",
    }, CONFIG)
  end)

  it("agrees with the plan", function()
    write("2_concurrent.sql", "CREATE INDEX CONCURRENTLY ON users (name);\nVACUUM users;\n")
    write("3_lua.lua", "migration { up = function(db) db:exec 'CREATE TABLE l (id int REFERENCES users)' end }")
    local r = rehearsal "--rehearse"
    assert.same({}, r.differences)
    assert.same({}, r.lacks)
    assert.equal("certain", r.certainty)
    assert.equal(5, r.statements)
    assert.matches("rehearsed on an empty copy of the schema (PostgreSQL ", stint(0, "plan", "--rehearse").out, 1, true)
  end)

  it("shows what nobody can read before it runs", function()
    write("1_age.sql", "SELECT 1;\nDO $$ BEGIN EXECUTE concat('ALTER TABLE orders ALTER COLUMN id TYPE bigint', ''); END $$;\n")
    local r = rehearsal "--rehearse"
    assert.equal("it locks public.orders: AccessExclusive, and the plan does not say so", r.differences[1].message)
    assert.equal("it writes public.orders anew, and the plan does not say so", r.differences[2].message)
    assert.equal(2, r.differences[1].line)
  end)

  it("ends with 6 where a file fails there", function()
    write("1_age.sql", "ALTER TABLE users ADD COLUMN age int;\nALTER TABLE nobody ADD COLUMN a int;\n")
    local r = stint(6, "plan", "--rehearse")
    assert.matches('1_age, rehearsed: relation "nobody" does not exist', r.err, 1, true)
    assert.matches("scripts/migrations/1_age.sql:2:1", r.err, 1, true)
  end)

  it("names what the scratch server lacks", function()
    write("1_age.sql", "GRANT SELECT ON users TO nobody_there;\n")
    local r = rehearsal "--rehearse"
    assert.equal("assumed", r.certainty)
    assert.matches('role "nobody_there" does not exist', r.lacks[1], 1, true)
  end)

  it("says what it cannot do without a scratch server", function()
    local right = scratch
    scratch = "postgresql:///postgres?host=/nowhere"
    local r = run({ "plan", "--rehearse" }, { cwd = dir, env = { DATABASE_URL = url, SCRATCH = scratch } })
    scratch = right
    assert.equal(0, r.code, r.err)
    assert.matches("not rehearsed: ", r.out, 1, true)
  end)

  describe("--queries", function()
    local QUERIES = [[
SELECT id, name FROM users WHERE id = $1;
UPDATE orders SET by = $1 WHERE id = $2;
SELECT nothing FROM users;
SELECT count(*) FROM orders;
]]

    it("tells which file breaks which statement", function()
      place.write(dir .. "/queries.sql", QUERIES)
      write("2_drop.sql", "ALTER TABLE users DROP COLUMN name;\n")
      write("3_rename.sql", "ALTER TABLE orders RENAME COLUMN by TO buyer;\n")
      local r = breaks("--queries", "queries.sql")
      assert.equal(3, r.queries)
      assert.equal("scripts/migrations/2_drop.sql", r.broken[1].file)
      assert.matches('column "name" does not exist: SELECT id, name FROM users WHERE id = $1', r.broken[1].message, 1, true)
      assert.equal("scripts/migrations/3_rename.sql", r.broken[2].file)
      assert.is_nil(r.broken[3])
      local out = stint(2, "plan", "--queries", "queries.sql").out
      assert.matches("3 statements of the application could be prepared before, 1 of them after", out, 1, true)
      assert.matches("error: scripts/migrations/2_drop.sql: column \"name\" does not exist", out, 1, true)
    end)

    it("is content where all of them can be prepared after", function()
      place.write(dir .. "/queries.sql", QUERIES)
      local r = rehearsal("--queries", "queries.sql")
      assert.same({}, r.broken)
      assert.equal(3, r.queries)
    end)

    it("wants pg_stat_statements, or a file", function()
      assert.matches("the database has no pg_stat_statements", stint(1, "plan", "--queries").err, 1, true)
    end)
  end)
end)
