-- What the other specs stand on.
local cluster = require "spec.support.cluster"
local oracle = require "spec.support.oracle"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("support.cluster", function()
  it("gives each spec a database of its own in one cluster", function()
    local c = cluster.get()
    local url, name = c:database()
    local other = c:database()
    assert.not_equal(url, other)
    assert.equal(name, c:sql(url, "SELECT current_database()"))
    assert.equal("t", c:sql(name, "SELECT true"))
    assert.equal(c, cluster.get())
  end)

  it("raises what the server refuses", function()
    local c = cluster.get()
    local ok, message = pcall(c.sql, c, "postgres", "SELECT 1;\nSELECT * FROM nowhere")
    assert.is_false(ok)
    assert.matches('relation "nowhere" does not exist', message, 1, true)
  end)

  it("makes a private one with settings, which survives a crash", function()
    local c = cluster.new { settings = { work_mem = "7MB" } }
    assert.equal("7MB", c:sql("postgres", "SHOW work_mem"))
    c:sql("postgres", "CREATE TABLE t AS SELECT 1 AS x")
    c:restart "immediate"
    assert.equal("1", c:sql("postgres", "SELECT x FROM t"))
    c:stop()
  end)
end)

describe("support.story", function()
  it("has a database and a project of its own, and stint runs there", function()
    local at = story.new()
    at.begin { ["1_a.sql"] = "CREATE TABLE a AS SELECT 7 AS n;" }
    at.stint(0, "up")
    assert.equal("7", at.sql "SELECT n FROM a")
    at.write("2_b.sql", "SELECT 1 / 0;")
    story.says("division by zero", at.stint(6, "up"))
    assert.is_false((pcall(at.stint, 0, "up")))
  end)
end)

describe("support.oracle", function()
  it("holds a run in its middle, and counts what it did", function()
    local o = oracle.new { rows = 3000, every = 1000, takes = 0.001 }
    o.begin()
    local let_go = o.hold()
    local h = o.start "up"
    o.under_way()
    assert.is_true(h:running())
    let_go()
    assert.equal(0, h:wait().code, h:err())
    assert.equal(o.all, o.sql(oracle.ONCE))
    o.sql "UPDATE t SET n = n + 1 WHERE id = 1"
    assert.are_not.equal(o.all, o.sql(oracle.ONCE))
  end)
end)

describe("support.session", function()
  it("steps two sessions by hand", function()
    local url = cluster.get():database()
    local a, b = session.open(url), session.open(url)
    a:exec "CREATE TABLE t (x int)"
    a:exec "BEGIN; LOCK TABLE t"
    b:send "INSERT INTO t VALUES (1), (NULL) RETURNING x"
    assert.is_true(b:waiting())
    a:exec "COMMIT"
    local rows = b:wait()
    assert.equal("1", rows[1].x)
    assert.equal("1", rows[1][1])
    assert.is_nil(rows[2].x)
    assert.is_false(b:waiting())
    local message, sqlstate = b:refused "INSERT INTO nowhere VALUES (1)"
    assert.matches("nowhere", message, 1, true)
    assert.equal("42P01", sqlstate)
    a:close()
    b:close()
  end)

  it("cancels", function()
    local s = session.open(cluster.get():database())
    s:send "SELECT pg_sleep(60)"
    assert.is_true(session.wait_until(s.url, "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'", "1"))
    assert.is_true(s:cancel())
    local ok, e = pcall(s.wait, s)
    assert.is_false(ok)
    assert.equal("57014", e.sqlstate)
    s:close()
  end)
end)

describe("support.run", function()
  local function sh(script, opts)
    opts = opts or {}
    opts.program = "sh"
    return run({ "-c", script }, opts)
  end

  it("gives code, out and err apart", function()
    local r = sh "echo out; echo err >&2; exit 3"
    assert.same({ code = 3, out = "out\n", err = "err\n" }, r)
    assert.same({ signal = 15, out = "", err = "" }, sh "kill -TERM $$")
  end)

  it("has a clean environment, a folder and an input of its own", function()
    local folder = run.project({ ["a/b.txt"] = "text" }, "[development]\n")
    local r = sh("cat a/b.txt config.ini -; echo $WORD; env | grep -c PGHOST", { cwd = folder, stdin = "in\n", env = { WORD = "x" } })
    assert.equal("text[development]\nin\nx\n0\n", r.out)
  end)

  it("sends signals to what runs in the background", function()
    local handle = run.start({ "-c", "echo ready; sleep 60" }, { program = "sh" })
    assert.is_true(handle:running())
    assert.is_true(handle:kill "KILL")
    local r = handle:wait()
    assert.equal(9, r.signal)
    assert.is_false(handle:running())
    assert.is_false(handle:kill "KILL")
  end)

  it("looks until something is said, and raises where that never comes", function()
    local handle = run.start({ "-c", "echo one; read line; echo two" }, { program = "sh" })
    handle:says "one"
    handle:says "two"
    local ok, message = pcall(handle.says, handle, "three")
    assert.is_false(ok)
    assert.matches('ended and never said "three", but:\none\ntwo\n', message, 1, true)
  end)

  it("ends what takes too long", function()
    local ok, message = pcall(run, { "-c", "echo so far; sleep 60" }, { program = "sh", timeout = 0.2 })
    assert.is_false(ok)
    assert.matches("did not end within 0.2 s", message, 1, true)
    assert.matches("so far", message, 1, true)
  end)

  it("leaves nothing of a run behind", function()
    local handle = run.start({ "-c", "true" }, { program = "sh" })
    handle:wait()
    assert.is_false(place.exists(handle.files .. "/out"))
  end)
end)
