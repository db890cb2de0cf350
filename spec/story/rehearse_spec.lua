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

  describe("shows what each statement did:", function()
    local function files(...)
      return json.decode(stint(0, "plan", "--rehearse", "--json", ...).out).pending
    end

    -- "public.users AccessExclusive": those of a statement, in the order of their names.
    local function locks(of)
      local list = {}
      for _, lock in ipairs(of.locks) do
        list[#list + 1] = lock.relation .. " " .. lock.mode .. (lock.is_new and " new" or "")
      end
      table.sort(list)
      return list
    end

    it("the locks that are new with it, what it rewrote and built, how long it took", function()
      write("1_age.sql", [[
SELECT count(*) FROM users;
ALTER TABLE users ADD COLUMN age int;
ALTER TABLE users ALTER COLUMN id TYPE bigint;
CREATE TABLE fresh (id int PRIMARY KEY, by bigint REFERENCES users);
]])
      local did = files()[1].rehearsed
      assert.same({ "public.users AccessShare" }, locks(did[1]))
      assert.same({ "public.users AccessExclusive" }, locks(did[2]))
      assert.same({}, did[2].rewrites)
      assert.same({ "public.users" }, did[3].rewrites)
      assert.same({ "public.users" }, did[3].builds)
      assert.is_true(locks(did[3])[1]:find "^public.orders " ~= nil)
      assert.same({}, did[4].builds)
      for i, one in ipairs(did) do
        assert.same({ i, i, true }, { one.number, one.line, one.in_transaction })
        assert.is_true(one.duration_ms >= 0)
      end
      for _, lock in ipairs(did[4].locks) do
        assert.equal(lock.relation:find "fresh" ~= nil, lock.is_new)
      end
      local out = stint(0, "plan", "--rehearse").out
      assert.matches("\n +rehearsed in %d+ms\n +locked public.users: AccessExclusive\n", out)
      assert.matches("\n +rewrote public.users\n +built indexes of public.users\n", out)
      assert.is_nil(out:find("locked public.fresh", 1, true))
    end)

    it("anew with each transaction, and nothing that a transaction begins with", function()
      write("1_age.sql", [[
BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; LOCK users; COMMIT;
BEGIN; LOCK users; COMMIT;
VACUUM users;
]])
      local did = files()[1].rehearsed
      assert.same({ "public.users AccessExclusive" }, locks(did[3]))
      assert.same({ "public.users AccessExclusive" }, locks(did[6]))
      assert.equal("server", did[6].locks_from)
      assert.same({ "plan", { "public.users ShareUpdateExclusive" } }, { did[8].locks_from, locks(did[8]) })
      assert.is_false(did[8].in_transaction)
      assert.matches("rehearsed in %d+ms, its locks gone with its end; by the plan it\n +locked public.users: ShareUpdateExclusive\n",
        stint(0, "plan", "--rehearse").out)
    end)

    it("in Lua too, each time that it runs", function()
      write("1_age.sql", "SELECT 1;")
      write("2_lua.lua", [[
migration { up = function(db)
  for _, name in ipairs { "users", "orders" } do
    db:exec(("ALTER TABLE %s ADD COLUMN x%d int"):format(name, db:value "SELECT 7"))
  end
  for _ in db:rows "SELECT id FROM orders" do
    error "there are no rows"
  end
end }
]])
      local did = files()[2].rehearsed
      assert.equal(5, #did)
      assert.same({ "SELECT 7", 3 }, { did[1].sql, did[1].line })
      assert.equal("ALTER TABLE users ADD COLUMN x7 int", did[2].sql)
      assert.same({ "public.users AccessExclusive" }, locks(did[2]))
      assert.same({ "public.orders AccessExclusive" }, locks(did[4]))
      assert.equal("SELECT id FROM orders", did[5].sql)
      local out = stint(0, "plan", "--rehearse").out
      assert.matches("ran   line 3    ALTER TABLE orders ADD COLUMN x7 int\n +rehearsed in %d+ms\n +locked public.orders: AccessExclusive\n", out)
    end)
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
