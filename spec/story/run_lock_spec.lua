-- The run lock only arranges, the ledger decides: to lose the lock, or the session that holds it,
-- costs time, never a double application.
local cluster = require "spec.support.cluster"
local native = require "native"
local run = require "spec.support.run"
local session = require "spec.support.session"

local LONG = os.getenv("STINT_LONG") ~= nil

-- Stands at a closed gate until nobody holds it; outside of a transaction, or inside of one.
local GATE = "SELECT pg_advisory_xact_lock(7);\n"

local AT_THE_GATE = [[
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]]

local function project_of(files)
  local list = {}
  for name, text in pairs(files) do
    list["scripts/migrations/" .. name] = text
  end
  return run.project(list)
end

local function gate(url)
  local s = session.open(url)
  s:exec "SELECT pg_advisory_lock(7)"
  return s
end

describe("the run lock", function()
  local pg = cluster.get()
  local url, s

  local function start(project, ...)
    return run.start({ ... }, { cwd = project, env = { DATABASE_URL = url, STINT_LOCK_TIMEOUT = "0s" } })
  end

  local function log()
    return s:value "SELECT string_agg(what, ',' ORDER BY what) FROM log"
  end

  before_each(function()
    url = pg:database()
    s = session.open(url)
    s:exec "CREATE TABLE log (what text)"
  end)

  after_each(function()
    s:close()
  end)

  -- `first` stands at the gate in the middle of a file that has dropped the lock; then the second
  -- comes, and the gate opens.
  local function both(files, at_the_gate, second_says)
    local project = project_of(files)
    local held = gate(url)
    local first = start(project, "up")
    session.wait_until(url, AT_THE_GATE, "1")
    local second = start(project, "up", "-v")
    if second_says then
      second:says(second_says)
    else
      session.wait_until(url, at_the_gate, "1")
    end
    held:close()
    local a, b = first:wait(), second:wait()
    local said = a.err .. a.out .. "\n--\n" .. b.err .. b.out
    assert.equal(0, a.code, said)
    assert.equal(0, b.code, said)
    assert.equal("0", s:value "SELECT count(*) FROM stint.migration WHERE state <> 'applied' OR intent IS NOT NULL")
    local _, applied = (a.out .. b.out):gsub("applied  %d_", "")
    local files_count = 0
    for _ in pairs(files) do
      files_count = files_count + 1
    end
    assert.equal(files_count, applied, said)
  end

  local BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'stint:up' AND datname = current_database() "
    .. "AND wait_event_type = 'Lock' AND wait_event <> 'advisory'"

  it("may be dropped by a file in one transaction", function()
    both({
      ["1_drop.sql"] = "INSERT INTO log VALUES ('1');\nSELECT pg_advisory_unlock_all();\n" .. GATE .. "INSERT INTO log VALUES ('2');",
      ["2_next.sql"] = "INSERT INTO log VALUES ('3');",
      ["3_next.sql"] = "INSERT INTO log VALUES ('4');",
    }, BLOCKED)
    assert.equal("1,2,3,4", log())
  end)

  it("may be dropped in the middle of a file with transactions of its own", function()
    both({
      ["1_drop.sql"] = "BEGIN;\nINSERT INTO log VALUES ('1');\nCOMMIT;\nSELECT pg_advisory_unlock_all();\nBEGIN;\n" .. GATE
        .. "INSERT INTO log VALUES ('2');\nCOMMIT;\nBEGIN;\nINSERT INTO log VALUES ('3');\nCOMMIT;",
      ["2_next.sql"] = "INSERT INTO log VALUES ('4');",
    }, BLOCKED)
    assert.equal("1,2,3,4", log())
  end)

  it("may be dropped by DISCARD ALL", function()
    both({
      ["1_drop.sql"] = "INSERT INTO log VALUES ('1');\nDISCARD ALL;\n" .. GATE .. "INSERT INTO log VALUES ('2');",
      ["2_next.sql"] = "INSERT INTO log VALUES ('3');",
    }, BLOCKED)
    assert.equal("1,2,3", log())
  end)

  it("may be dropped by a Lua migration", function()
    both({
      ["1_drop.lua"] = [[migration { up = function(db)
  db:exec "INSERT INTO log VALUES ('1')"
  db:exec "SELECT pg_advisory_unlock_all()"
  db:exec "SELECT pg_advisory_xact_lock(7)"
  db:exec "INSERT INTO log VALUES ('2')"
end }]],
      ["2_next.sql"] = "INSERT INTO log VALUES ('3');",
    }, BLOCKED)
    assert.equal("1,2,3", log())
  end)

  it("is taken again before CREATE INDEX CONCURRENTLY, which nobody else must do meanwhile", function()
    local project = project_of {
      ["1_drop.sql"] = "INSERT INTO log VALUES ('1');\nSELECT pg_advisory_unlock_all();\n"
        .. "CREATE INDEX CONCURRENTLY log_what ON log (what);\nINSERT INTO log VALUES ('2');",
      ["2_next.sql"] = "INSERT INTO log VALUES ('3');",
    }
    local old = session.open(url)
    old:exec "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM log"
    local first = start(project, "up")
    local building = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots' "
      .. "AND datname = current_database()"
    session.wait_until(url, building, "1")
    local second = start(project, "up")
    second:says "waiting for the run lock"
    assert.equal("1", s:value(building))
    old:close()
    local a, b = first:wait(), second:wait()
    assert.equal(0, a.code, a.err .. "\n--\n" .. b.err)
    assert.equal(0, b.code, a.err .. "\n--\n" .. b.err)
    assert.equal("1,2,3", log())
    assert.equal("1", s:value "SELECT count(*) FROM pg_index WHERE indrelid = 'log'::regclass AND indisvalid")
    assert.equal("1", s:value "SELECT count(*) FROM pg_index WHERE indrelid = 'log'::regclass")
  end)

  it("may be dropped again and again while three runs compete for it", function()
    local project = project_of {
      ["1_drop.sql"] = [[
SELECT pg_advisory_unlock_all();
SELECT pg_sleep(0.03);
INSERT INTO log VALUES ('1');
CREATE INDEX CONCURRENTLY log_a ON log (what);
SELECT pg_advisory_unlock_all();
INSERT INTO log VALUES ('2');
DISCARD ALL;
CREATE INDEX CONCURRENTLY log_b ON log (what);
CREATE INDEX CONCURRENTLY IF NOT EXISTS log_c ON log (what);
INSERT INTO log VALUES ('3');]],
      ["2_next.sql"] = "INSERT INTO log VALUES ('4');",
    }
    for _ = 1, LONG and 200 or 12 do
      local handles, said = {}, ""
      for i = 1, 3 do
        handles[i] = start(project, "up", "-v")
      end
      for i = 1, 3 do
        local r = handles[i]:wait()
        said = said .. "\n--\n" .. r.err
        assert.equal(0, r.code, said)
      end
      assert.equal("1,2,3,4", log(), said)
      assert.equal("3", s:value "SELECT count(*) FROM pg_index WHERE indrelid = 'log'::regclass AND indisvalid", said)
      assert.equal("3", s:value "SELECT count(*) FROM pg_index WHERE indrelid = 'log'::regclass", said)
      s:exec "DROP SCHEMA stint CASCADE; DROP TABLE log; CREATE TABLE log (what text)"
    end
  end)

  it("is taken again after a file that dropped it", function()
    local project = project_of {
      ["1_drop.sql"] = "SELECT pg_advisory_unlock_all();",
      ["2_drop.sql"] = "INSERT INTO log VALUES ('1');\nDISCARD ALL;\nINSERT INTO log VALUES ('2');",
      ["3_gate.sql"] = GATE .. "INSERT INTO log VALUES ('3');",
    }
    local held = gate(url)
    local first = start(project, "up")
    session.wait_until(url, AT_THE_GATE, "1")
    local r = start(project, "up", "--run-lock-wait", "0s"):wait()
    assert.equal(3, r.code, r.err)
    held:close()
    r = first:wait()
    assert.equal(0, r.code, r.err)
    assert.equal("1,2,3", log())
  end)

  -- The session that works is ended by an administrator, wherever it is just then.
  local ENDED = {
    ["one transaction"] = { "INSERT INTO log VALUES ('1');\n" .. GATE .. "INSERT INTO log VALUES ('2');", nil },
    ["transactions of its own"] = {
      "BEGIN;\nINSERT INTO log VALUES ('1');\nCOMMIT;\nBEGIN;\n" .. GATE .. "INSERT INTO log VALUES ('2');\nCOMMIT;", "1",
    },
    ["statement by statement"] = {
      "-- stint: no-transaction\nINSERT INTO log VALUES ('1');\n" .. GATE .. "INSERT INTO log VALUES ('2');", "1",
    },
  }
  for what, case in pairs(ENDED) do
    it("is lost with a session that is ended in the middle of " .. what .. "; the next run goes on", function()
      local project = project_of { ["1_gate.sql"] = case[1], ["2_next.sql"] = "INSERT INTO log VALUES ('3');" }
      local held = gate(url)
      local first = start(project, "up")
      session.wait_until(url, AT_THE_GATE, "1")
      s:exec "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stint:up' AND datname = current_database()"
      local r = first:wait()
      assert.equal(9, r.code, r.err)
      assert.matches("an administrator ended this session", r.err, 1, true)
      assert.matches("terminating connection due to administrator command", r.err, 1, true)
      assert.equal(case[2], log())
      held:close()
      r = start(project, "up"):wait()
      assert.equal(0, r.code, r.err)
      assert.equal("1,2,3", log())
      assert.equal("2", s:value "SELECT count(*) FROM stint.migration WHERE state = 'applied'")
    end)
  end

  it("is shown: nobody, or who holds it and what that session does", function()
    local project = project_of { ["1_gate.sql"] = GATE .. "INSERT INTO log VALUES ('1');" }
    local r = start(project, "lock"):wait()
    assert.equal(0, r.code, r.err)
    assert.equal("nobody holds the run lock\n", r.out)
    assert.equal('{"held":false}\n', start(project, "lock", "show", "--json"):wait().out)

    local held = gate(url)
    local first = start(project, "up")
    session.wait_until(url, AT_THE_GATE, "1")
    local pid = s:value "SELECT pid FROM pg_stat_activity WHERE application_name = 'stint:up' AND datname = current_database()"
    r = start(project, "lock", "show"):wait()
    assert.equal(0, r.code, r.err)
    assert.matches("held by pid " .. pid .. " (stint:up, role postgres from local, since 20", r.out, 1, true)
    assert.matches("1_gate", r.out, 1, true)

    r = start(project, "lock", "--json"):wait()
    assert.equal(0, r.code, r.err)
    assert.matches('"held":true', r.out, 1, true)
    assert.matches('"pid":' .. pid .. ",", r.out, 1, true)
    assert.matches('"program":"stint:up"', r.out, 1, true)
    assert.matches('"role":"postgres"', r.out, 1, true)
    assert.matches('"from":"local"', r.out, 1, true)
    assert.matches('"since":"20', r.out, 1, true)
    assert.matches('"query":"', r.out, 1, true)
    assert.is_not_nil(native.json.again(r.out, false))

    -- looking changes nothing
    assert.is_true(first:running())
    held:close()
    assert.equal(0, first:wait().code)
    assert.equal("nobody holds the run lock\n", start(project, "lock"):wait().out)
  end)

  it("is released by ending its holder, after a yes", function()
    local project = project_of { ["1_gate.sql"] = "INSERT INTO log VALUES ('1');\n" .. GATE }
    assert.equal(0, start(project, "lock", "release"):wait().code)
    local held = gate(url)
    local first = start(project, "up")
    session.wait_until(url, AT_THE_GATE, "1")
    local r = start(project, "lock", "release"):wait()
    assert.equal(5, r.code, r.err)
    assert.matches("stint lock release --yes", r.err, 1, true)
    assert.is_true(first:running())

    r = start(project, "lock", "release", "--yes"):wait()
    assert.equal(0, r.code, r.err)
    assert.matches("ended pid ", r.out, 1, true)
    r = first:wait()
    assert.not_equal(0, r.code)
    assert.matches("an administrator ended this session", r.err, 1, true)
    assert.is_nil(log())
    session.wait_until(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1937008750", "0")
    held:close()
    assert.equal("nobody holds the run lock\n", start(project, "lock"):wait().out)
    assert.equal(0, start(project, "up"):wait().code)
    assert.equal("1", log())
  end)

  it("is no reason to wait for ever for a session that holds a row of the ledger", function()
    local project = project_of { ["1_half.sql"] = "-- stint: no-transaction\nCREATE TABLE half ();\nSELECT 1/0;\n" }
    assert.equal(7, start(project, "up"):wait().code)
    local held = session.open(url)
    held:exec "BEGIN; SELECT 1 FROM stint.migration FOR UPDATE"
    local r = run({ "up", "--run-lock-wait", "200ms" }, { cwd = project, env = { DATABASE_URL = url, STINT_LOCK_TIMEOUT = "100ms" } })
    assert.equal(3, r.code, r.err)
    assert.matches("another session is at its row of the ledger", r.err, 1, true)
    assert.matches("pid " .. held:value "SELECT pg_backend_pid()", r.err, 1, true)
    held:close()
  end)

  it("may be of a ledger whose name has a dollar in it", function()
    local project = project_of { ["1_a.sql"] = "INSERT INTO log VALUES ('1');\nCREATE INDEX CONCURRENTLY ON log (what);\n" }
    local r = run({ "up" }, { cwd = project, env = { DATABASE_URL = url, STINT_LEDGER_SCHEMA = "st$x" } })
    assert.equal(0, r.code, r.err)
    assert.equal("1", log())
  end)

  it("belongs to a ledger: another ledger in the same database has its own", function()
    local project = project_of { ["1_gate.sql"] = GATE .. "INSERT INTO log VALUES ('1');" }
    local other = project_of { ["1_other.sql"] = "INSERT INTO log VALUES ('2');" }
    local held = gate(url)
    local first = start(project, "up")
    session.wait_until(url, AT_THE_GATE, "1")
    local r = run({ "up", "--run-lock-wait", "0s" }, { cwd = other, env = { DATABASE_URL = url, STINT_LEDGER_SCHEMA = "other" } })
    assert.equal(0, r.code, r.err)
    held:close()
    assert.equal(0, first:wait().code)
    assert.equal("1,2", log())
  end)

  it("knows two words", function()
    local project = project_of {}
    local r = start(project, "lock", "shwo"):wait()
    assert.equal(64, r.code)
    assert.matches("show or release, not shwo", r.err, 1, true)
  end)
end)
