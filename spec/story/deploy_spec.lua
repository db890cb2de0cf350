local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local CONFIG = [[
[project]
environment = production
[production]
url = ${DATABASE_URL}
protected = yes
contacts = the database team
]]

local GATE = "SELECT pg_advisory_xact_lock(7);"
local AT_THE_GATE = [[
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 7 AND NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]]

describe("deploy", function()
  local pg, url, dir

  local function start(...)
    return run.start({ "deploy", ... }, { cwd = dir, env = { DATABASE_URL = url } })
  end

  local function deploy(...)
    return start(...):wait()
  end

  local function summary()
    return place.read(dir .. "/summary.md")
  end

  setup(function()
    pg = cluster.get()
  end)

  before_each(function()
    url = pg:database()
    dir = run.project({
      ["scripts/migrations/1_users.sql"] = "CREATE TABLE users (id int);",
      ["scripts/migrations/2_name.sql"] = "ALTER TABLE users ADD COLUMN name text;",
    }, CONFIG)
  end)

  it("gives the same lines for the same work", function()
    local r = deploy()
    assert.equal(0, r.code, r.err)
    assert.equal("applied  1_users\napplied  2_name\n2 applied\n", r.out)
    local before = r
    url = url:gsub("///[^?]+", "///" .. select(2, pg:database()))
    r = deploy()
    assert.equal(before.out, r.out)
    assert.equal("nothing to do: all migrations are applied\n", deploy().out)
  end)

  it("adds what it did to a summary", function()
    place.write(dir .. "/summary.md", "# the job\n\n")
    local r = deploy("--summary", "summary.md")
    assert.equal(0, r.code, r.err)
    local text = summary()
    assert.matches("^# the job\n\n## stint deploy: production\n\n%*%*ok%*%*: 2 applied to t[%d_]+\n\n", text)
    assert.matches("| migration | | time |\n| --- | --- | ---: |\n| 1_users | applied | %d+ms |\n| 2_name | applied | %d+ms |\n", text)
    assert.equal(0, deploy("--summary", "summary.md").code)
    assert.matches("## stint deploy: production\n\n**ok**: 0 applied, nothing was pending\n", summary(), 1, true)
  end)

  it("tells a failure in the summary, and what to type next", function()
    place.write(dir .. "/scripts/migrations/2_name.sql", "ALTER TABLE users\n  ADD COLUMN id text; -- | <b>\n-- stint: allow will-fail reason=\"it shall\"\n")
    local r = deploy("--summary", "summary.md")
    assert.equal(6, r.code)
    assert.matches("CONTACTS: the database team", r.err, 1, true)
    local text = summary()
    assert.matches("**failed**: 1 applied to ", text, 1, true)
    assert.matches("| 2_name | failed |  |\n", text, 1, true)
    assert.matches('\n    ERROR: 2_name: column "id" of relation "users" already exists\n', text, 1, true)
    assert.matches("\n      at scripts/migrations/2_name.sql:1\n", text, 1, true)
    assert.matches("\n    NEXT: [^\n]*stint deploy", text)

    place.write(dir .. "/scripts/migrations/2_name.sql", "ALTER TABLE users ADD COLUMN name text;")
    assert.equal(0, deploy("--summary", "summary.md").code)
    assert.matches("**ok**: 1 applied to ", summary(), 1, true)
  end)

  it("does nothing when the summary cannot be written", function()
    local r = deploy("--summary", "no/such/folder")
    assert.equal(64, r.code)
    assert.matches("cannot write the summary to no/such/folder", r.err, 1, true)
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM pg_namespace WHERE nspname = 'stint'"))
  end)

  it("writes one table for a fleet", function()
    local names = {}
    for i = 1, 3 do
      names[i] = select(2, pg:database())
    end
    place.write(dir .. "/config.ini", CONFIG .. "targets = " .. table.concat(names, ", ") .. "\n")
    place.write(dir .. "/scripts/migrations/1_users.sql", 'CREATE TABLE users (id int);\n-- stint: allow will-fail reason="it shall"\n')
    pg:sql(names[2], "CREATE TABLE users ()")
    local r = deploy("--summary", "summary.md")
    assert.equal(6, r.code, r.err)
    local text = summary()
    assert.matches("## stint deploy: production\n\n3 targets: 2 ok, 1 failed; 4 applied\n\n", text, 1, true)
    assert.matches("| target | state | applied | exit | |\n", text, 1, true)
    assert.matches("| " .. names[1] .. " | ok | 2 | 0 |  |\n", text, 1, true)
    assert.matches("| " .. names[2] .. ' | failed | 0 | 6 | 1_users: relation "users" already exists |\n', text, 1, true)
    assert.equal(1, select(2, text:gsub("##", "")))
    assert.matches(names[2] .. ": CONTACTS: the database team", r.err, 1, true)
  end)

  it("is one at a time, and says who the other is", function()
    place.write(dir .. "/scripts/migrations/2_name.sql", GATE)
    local held = session.open(url)
    held:exec "SELECT pg_advisory_lock(7)"
    local first = start()
    session.wait_until(url, AT_THE_GATE, "1")
    local r = deploy("--run-lock-wait", "0s", "--summary", "summary.md")
    assert.equal(3, r.code, r.err)
    assert.matches("another run is at work: the run lock is held by pid %d+ %(stint:deploy, role postgres from local, since 20", r.err)
    assert.matches("held by pid ", summary(), 1, true)
    held:close()
    assert.equal(0, first:wait().code)
  end)

  for signal, code in pairs { TERM = 143, KILL = false } do
    it("goes on where it was when the job that ran it was ended by SIG" .. signal, function()
      place.write(dir .. "/scripts/migrations/2_name.sql", GATE .. "\nALTER TABLE users ADD COLUMN name text;")
      local held = session.open(url)
      held:exec "SELECT pg_advisory_lock(7)"
      local h = start("--summary", "summary.md")
      session.wait_until(url, AT_THE_GATE, "1")
      h:kill(signal)
      local r = h:wait()
      assert.equal(code or nil, r.code)
      session.wait_until(url, AT_THE_GATE, "0")
      held:close()
      if code then
        assert.matches("**failed**: 1 applied to ", summary(), 1, true)
        assert.matches("stopped by SIGTERM", summary(), 1, true)
      end
      r = deploy()
      assert.equal(0, r.code, r.err)
      assert.equal("applied  2_name\n1 applied\n", r.out)
    end)
  end
end)
