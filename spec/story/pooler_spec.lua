local native = require "native"
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local pooler = require "spec.support.pooler"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local FILES = {
  ["scripts/migrations/1_a.sql"] = "CREATE TABLE a (id bigint PRIMARY KEY, n int);\nINSERT INTO a SELECT g FROM generate_series(1, 100) g;\n",
  ["scripts/migrations/2_b.sql"] = "CREATE INDEX CONCURRENTLY a_n ON a (n);\n",
  ["scripts/migrations/3_c.lua"] = 'migration { up = function(db) db:exec("INSERT INTO a VALUES ($1, $2)", 101, 1) end }\n',
  ["scripts/migrations/4_d.lua"] = 'backfill { table = "a", set = { n = "7" }, where = "n IS NULL" }\n',
}

local CLEAN = [[SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'stint') || ' '
  || (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')]]

-- What the next client of the pool finds set; a session of ours would have left these.
local SETTINGS = [[SELECT current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout')
  || ' ' || current_setting('client_connection_check_interval')]]

describe("behind a pooler, stint", function()
  local pg, front, url, name

  local function begin(mode, size)
    front = pooler(pg, mode, size)
    url, name = pg:database()
  end

  local function up(env, files)
    return run({ "up" }, { cwd = run.project(files or FILES), env = env })
  end

  local function assert_refused(r)
    assert.equal(9, r.code, r.out .. r.err)
    assert.matches("transaction-mode pooler", r.err, 1, true)
    assert.matches("HINT: set direct_url", r.err, 1, true)
    assert.equal("", r.out)
  end

  setup(function()
    pg = cluster.get()
  end)

  after_each(function()
    front.stop()
  end)

  describe("in session mode", function()
    it("applies every kind of migration, and knows it after", function()
      begin("session", 5)
      local project = run.project(FILES)
      local env = { DATABASE_URL = front.url(name) }
      local r = run({ "up" }, { cwd = project, env = env })
      assert.equal(0, r.code, r.err)
      assert.matches("4 applied", r.out, 1, true)
      assert.equal("101 100", pg:sql(url, "SELECT count(*) || ' ' || count(*) FILTER (WHERE n = 7) FROM a"))
      assert.equal("t", pg:sql(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_n'::regclass"))
      r = run({ "status", "--check", "--json" }, { cwd = project, env = env })
      assert.equal(0, r.code, r.err)
      assert.matches('"pending":0', r.out, 1, true)
      assert.equal(4, select(2, r.out:gsub('"state":"applied"', "")))
      session.wait_until(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", "0")
    end)

    it("works while other clients come and go", function()
      begin("session", 5)
      local others = {}
      for i = 1, 3 do
        others[i] = session.open(front.url(name))
        others[i]:exec "BEGIN"
      end
      local r = up { DATABASE_URL = front.url(name) }
      assert.equal(0, r.code, r.err)
      for i = 1, 3 do
        others[i]:exec "COMMIT"
        others[i]:close()
      end
    end)

    it("holds statements to their plan, as it does without one", function()
      begin("session", 5)
      pg:sql(url, "CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT g FROM generate_series(1, 100) g")
      local files = { ["scripts/migrations/1_t.sql"] = "DO $do$ BEGIN EXECUTE concat('ALTER TABLE t ALTER a TYPE bigint', ''); END $do$;\n" }
      local r = up({ DATABASE_URL = front.url(name), STINT_GUARD = "on" }, files)
      assert.equal(6, r.code, r.out .. r.err)
      assert.matches("cancelled by the guard: it was about to rewrite the table t", r.err, 1, true)
      r = run({ "doctor" }, { cwd = run.project {}, env = { DATABASE_URL = front.url(name) } })
      assert.matches("through a pooler, one server session to ourselves", r.out, 1, true)
    end)

    it("says what it lacks when the pool has no second session to prove the mode with", function()
      begin("session", 1)
      local r = up { DATABASE_URL = front.url(name) }
      assert.equal(9, r.code, r.out)
      assert.matches("HINT: set direct_url", r.err, 1, true)
      assert.matches("could not be had", r.err, 1, true)
      assert.equal("0 0", pg:sql(url, CLEAN))
    end)
  end)

  describe("in transaction mode", function()
    local ROUNDS = long and 100 or 20

    local function rounds(count)
      for i = 1, count do
        local r = up { DATABASE_URL = front.url(name) }
        local ok, problem = pcall(assert_refused, r)
        assert.is_true(ok, ("round %d: %s"):format(i, tostring(problem)))
      end
      assert.equal("0 0", pg:sql(url, CLEAN))
    end

    local function assert_next_client_clean()
      local before = pg:sql(url, SETTINGS)
      for _ = 1, 5 do
        local next_one = session.open(front.url(name))
        assert.equal(before, next_one:value(SETTINGS))
        next_one:close()
      end
    end

    it("refuses each time, and leaves nothing behind for the next client", function()
      begin("transaction", 20)
      rounds(ROUNDS)
      assert_next_client_clean()
    end)

    it("refuses each time when the pool holds a single session", function()
      begin("transaction", 1)
      rounds(ROUNDS)
      assert_next_client_clean()
    end)

    it("refuses each time while other clients sit in transactions", function()
      begin("transaction", 6)
      local others = {}
      for i = 1, 4 do
        others[i] = session.open(front.url(name))
        others[i]:exec "BEGIN; SELECT 1"
      end
      rounds(ROUNDS)
      for i = 1, 4 do
        assert.equal("1", others[i]:value "SELECT 1")
        others[i]:exec "COMMIT"
        others[i]:close()
      end
      assert_next_client_clean()
    end)

    it("refuses each time while other clients run short transactions", function()
      begin("transaction", 3)
      place.write(front.folder .. "/load.sql", "BEGIN;\nSELECT 1;\nSELECT 2;\nEND;\n")
      local load = process.start {
        argv = { "sh", "-c", 'PATH="$PATH:$(pg_config --bindir):$(ls -d /usr/lib/postgresql/*/bin | tail -1)" exec pgbench "$@"',
          "sh", "-n", "-c", "4", "-R", "400", "-T", "120", "-f", front.folder .. "/load.sql", front.url(name) },
        env = place.environment(),
        cwd = front.folder,
        out = front.folder .. "/load.out",
        err = front.folder .. "/load.err",
      }
      finally(function()
        process.signal(-load, "KILL")
        process.wait(load, 10)
      end)
      session.wait_until(pg:url "postgres", ("SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '%s'"):format(name), "t")
      rounds(ROUNDS)
    end)

    it("refuses when the only session of the pool is held, instead of waiting for it", function()
      begin("transaction", 1)
      local other = session.open(front.url(name))
      other:exec "BEGIN"
      local r = run({ "up" }, { cwd = run.project(FILES), env = { DATABASE_URL = front.url(name) } })
      assert.equal(9, r.code, r.err)
      other:exec "COMMIT"
      other:close()
      assert.equal("0 0", pg:sql(url, CLEAN))
    end)

    it("refuses what only looks, too", function()
      begin("transaction", 5)
      assert_refused(run({ "status" }, { cwd = run.project(FILES), env = { DATABASE_URL = front.url(name) } }))
    end)

    it("goes past it by direct_url, which migrations use", function()
      begin("transaction", 2)
      local env = { DATABASE_URL = front.url(name), DIRECT_URL = url }
      local project = run.project(FILES)
      local r = run({ "up" }, { cwd = project, env = env })
      assert.equal(0, r.code, r.err)
      assert.matches("4 applied", r.out, 1, true)

      project = run.project(FILES, ("[production]\nurl = %s\ndirect_url = %s\n"):format(front.url(name), url))
      r = run({ "status", "-e", "production", "--check" }, { cwd = project })
      assert.equal(0, r.code, r.err)
    end)
  end)

  describe("in statement mode", function()
    it("refuses", function()
      begin("statement", 5)
      for _ = 1, 5 do
        assert_refused(up { DATABASE_URL = front.url(name) })
      end
      assert.equal("0 0", pg:sql(url, CLEAN))
    end)
  end)
end)
