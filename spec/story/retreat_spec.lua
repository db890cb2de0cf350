-- A table lock is waited for with patience, and never at the cost of everybody else: short tries,
-- everything given back between them, whoever stands in the way named.
local cluster = require "spec.support.cluster"
local run = require "spec.support.run"
local session = require "spec.support.session"
local native = require "native"

local process = native.process

local function project(files)
  local list = {}
  for name, text in pairs(files) do
    list["scripts/migrations/" .. name] = text
  end
  return run.project(list)
end

local function database()
  local c = cluster.get()
  local url = c:database()
  c:sql(url, "CREATE TABLE hot (id int PRIMARY KEY, n int); INSERT INTO hot SELECT g, 0 FROM generate_series(1, 100) g")
  return url, c
end

local function start(cwd, url, ...)
  return run.start({ "up", "--lock-timeout", "200ms", ... }, { cwd = cwd, env = { DATABASE_URL = url } })
end

local ADD = { ["1_add.sql"] = "ALTER TABLE hot ADD COLUMN extra int;" }

describe("a run that wants a table lock", function()
  it("does not make readers wait behind it, and gets the lock when the long reader leaves", function()
    local url = database()
    local reader, client = session.open(url), session.open(url)
    reader:exec "BEGIN; SELECT count(*) FROM hot"
    local up = start(project(ADD), url)
    local began, waited = process.seconds(), 0
    while process.seconds() - began < 5 do
      local asked = process.seconds()
      client:exec "SELECT n FROM hot WHERE id = 1"
      local took = process.seconds() - asked
      waited = waited + (took > 0.1 and took or 0)
    end
    assert.is_true(up:running(), up:err())
    reader:exec "COMMIT"
    local r = up:wait()
    assert.equal(0, r.code, r.err)
    assert.is_true(waited < 1.5, ("a client waited %.3f s"):format(waited))
    assert.matches("not queueing for a lock behind pid " .. reader:pid(), r.err, 1, true)
    assert.equal("0", client:value "SELECT count(*) FROM hot WHERE extra IS NOT NULL")
    reader:close()
    client:close()
  end)

  it("says who is in the way: pid, program, age, query without its literals", function()
    local url = database()
    local holder = session.open(url)
    holder:exec "BEGIN; LOCK TABLE hot IN ACCESS SHARE MODE; SELECT 'a secret value' FROM hot WHERE id = 1"
    local up = start(project(ADD), url, "--lock-retry-max", "1s", "--lock-retries", "1")
    local r = up:wait()
    assert.equal(8, r.code, r.err)
    assert.matches("pid " .. holder:pid(), r.err, 1, true)
    assert.matches("idle in transaction", r.err, 1, true)
    assert.matches("transaction .- old", r.err)
    assert.not_matches("a secret value", r.err, 1, true)
    assert.matches("nothing of this file is left", r.err, 1, true)
    assert.matches("SQLSTATE 55P03", r.err, 1, true)
    holder:exec "COMMIT"
    local kept = holder:value "SELECT string_agg(message, ' ') FROM stint.event WHERE kind = 'lock_retreat'"
    assert.matches("pid " .. holder:pid(), kept, 1, true)
    assert.not_matches("a secret value", kept, 1, true)
    assert.equal("0", holder:value "SELECT count(*) FROM pg_attribute WHERE attrelid = 'hot'::regclass AND attname = 'extra'")
    holder:close()
    assert.equal(0, start(project(ADD), url):wait().code)
  end)

  it("tries a whole transaction again, whatever stood before the lock in it", function()
    local url = database()
    local holder = session.open(url)
    local up = start(project {
      ["1_first.sql"] = "CREATE TABLE made (id int);\nINSERT INTO made VALUES (1);\nSELECT pg_advisory_xact_lock(9);\nUPDATE hot SET n = n + 1;",
      ["2_lua.lua"] = [[migration { up = function(db) db:exec "UPDATE hot SET n = n + 1" end }]],
    }, url)
    holder:exec "BEGIN; SELECT FROM hot WHERE id = 50 FOR UPDATE"
    up:says "trying again"
    assert.equal("1", holder:value "SELECT count(*) FROM hot WHERE id = 50")
    holder:exec "COMMIT"
    local r = up:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("1", holder:value "SELECT count(*) FROM made")
    assert.equal("200", holder:value "SELECT sum(n) FROM hot")
    holder:close()
  end)

  it("goes on where the parts of a file are done, its settings still in force", function()
    local url = database()
    local holder = session.open(url)
    holder:exec "BEGIN; SELECT FROM hot WHERE id = 50 FOR UPDATE"
    local up = start(project {
      ["1_parts.sql"] = "-- stint: no-transaction\nSET search_path = other, public;\nCREATE SCHEMA other;\n"
        .. "CREATE TABLE note (t text);\nUPDATE hot SET n = n + 1;\nINSERT INTO note VALUES ('x');",
    }, url)
    up:says "trying again"
    holder:exec "COMMIT"
    local r = up:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("1", holder:value "SELECT count(*) FROM other.note")
    assert.equal("100", holder:value "SELECT sum(n) FROM hot")
    holder:close()
  end)

  it("waits for old snapshots when it builds an index concurrently, without a lock_timeout", function()
    local url = database()
    local old = session.open(url)
    old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM hot"
    local up = start(project { ["1_index.sql"] = "CREATE INDEX CONCURRENTLY hot_n ON hot (n);" }, url)
    up:says("waiting for a lock held by pid " .. old:pid())
    session.wait_until(url, "SELECT count(*) > 0 FROM pg_index WHERE indexrelid = to_regclass('hot_n')", "t")
    old:exec "COMMIT"
    local r = up:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("t", old:value "SELECT indisvalid FROM pg_index WHERE indexrelid = 'hot_n'::regclass")
    old:close()
  end)
end)
