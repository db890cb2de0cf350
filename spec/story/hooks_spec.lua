local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("a hook", function()
  local pg, url, dir
  local at = story.new()
  local start, stint = at.start, at.run

  setup(function()
    pg = cluster.get()
  end)

  local function write(files)
    for name, text in pairs(files) do
      place.write(dir .. "/scripts/" .. name, text)
    end
  end

  -- `settings` are lines of [project]. told.sh keeps what it is told, and what it was called with.
  local function begin(files, settings)
    url, dir = at.begin({}, ("[project]\n%s\n[development]\nurl = ${DATABASE_URL}\n[staging]\nurl = ${DATABASE_URL}\n"):format(settings or ""))
    place.make(dir .. "/scripts/migrations")
    place.make(dir .. "/scripts/hooks")
    place.make(dir .. "/scripts/lib")
    place.write(dir .. "/told.sh", 'for word; do echo "word <$word>"; done >> told\ncat >> told\n')
    write(files)
  end

  local function told()
    return place.exists(dir .. "/told") and place.read(dir .. "/told") or ""
  end

  local function said(r, ...)
    for _, text in ipairs { ... } do
      assert.truthy(r.err:find(text, 1, true), text .. "\nis not in\n" .. r.err)
    end
  end

  local function lines(text, part)
    local n, from = 0, 1
    while true do
      local found, to = text:find(part, from, true)
      if not found then
        return n
      end
      n, from = n + 1, to + 1
    end
  end

  it("is told each statement when it is committed, and none that was rolled back", function()
    begin {
      ["migrations/1_a.sql"] = "CREATE TABLE a (n int);\nINSERT INTO a VALUES (1);",
      ["migrations/2_b.sql"] = "\nCREATE INDEX CONCURRENTLY i ON a (n);\nCREATE TABLE b (n int);\nSELECT 1 / (n - 1) FROM a;",
      ["hooks/tell.lua"] = [[
hook {
  on = "statement",
  run = function(event)
    assert(event.duration_ms >= 0)
    log.say("%s %d/%d line %d %s", event.version, event.number, event.statements, event.line, event.kind)
  end,
}
]],
    }
    local r = stint("up")
    assert.equal(7, r.code, r.err)
    said(r, "1 1/2 line 1 CREATE TABLE\n1 2/2 line 2 INSERT\n2 1/3 line 2 CREATE INDEX CONCURRENTLY\n2 2/3 line 3 CREATE TABLE\n")
    assert.falsy(r.err:find("2 3/3", 1, true))
  end)

  it("is told what happens, as --json tells it", function()
    begin({
      ["migrations/1_a.sql"] = "CREATE TABLE a (n int);",
      ["migrations/2_b.sql"] = "SELECT 1;\n\n-- stint: down\nSELECT 2;",
      ["hooks/tell.lua"] = [[
hook {
  on = { "run_started", "migration_started", "migration_applied", "migration_rolled_back", "run_finished" },
  run = function(event)
    assert(event.at:find "^%d%d%d%d%-%d%d%-%d%dT.*Z$")
    if event.event == "migration_applied" then
      assert(math.type(event.duration_ms) == "integer")
    end
    log.say("%s %s", event.event, event.name or event.command or event.applied)
  end,
}
]],
    })
    local r = stint("up", "--json")
    assert.equal(0, r.code, r.err)
    assert.equal("run_started up\nmigration_started 1_a\nmigration_applied 1_a\nmigration_started 2_b\nmigration_applied 2_b\nrun_finished 2\n", r.err)
    r = stint("down", "--json")
    assert.equal(0, r.code, r.err)
    assert.equal("run_started down\nmigration_started 2_b\nmigration_rolled_back 2_b\nrun_finished down\n", r.err)
  end)

  it("starts the notify command, without a shell, the event on its stdin", function()
    begin({
      ["migrations/1_a.sql"] = "SELECT 1;",
      ["migrations/2_b.sql"] = "SELECT nope;",
      ["hooks/tell.lua"] = 'hook { on = { "run_failed", "run_finished" }, run = function(event) notify(event) end }',
    }, [[notify = sh told.sh "two words" 'a "b" $HOME' c\ d ; a comment]])
    local r = stint("up", "--json")
    assert.equal(6, r.code, r.err)
    local text = told()
    assert.equal('word <two words>\nword <a "b" $HOME>\nword <c d>\n', text:match "^(.-){")
    assert.matches('"event":"run_failed"', text, 1, true)
    assert.matches('"applied":1', text, 1, true)
    assert.matches('"error":"2_b: column \\"nope\\" does not exist"', text, 1, true)
    assert.equal("\n", text:sub(-1))
    assert.matches("^[^\n]*{", r.out)
    write { ["migrations/2_b.sql"] = "SELECT 2;" }
    assert.equal(0, stint("up").code)
    assert.matches('"event":"run_finished"', told(), 1, true)
  end)

  it("tells of a run that was stopped", function()
    begin({
      ["migrations/1_a.sql"] = "SELECT pg_sleep(60);",
      ["hooks/tell.lua"] = 'hook { on = "run_failed", run = function(event)\nfor _ = 1, 100000 do end\nnotify(event)\nend }',
    }, "notify = sh told.sh")
    local up = start "up"
    session.wait_until(url, "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'stint:up' AND wait_event = 'PgSleep'", "1")
    up:kill "INT"
    assert.equal(130, up:wait().code)
    assert.matches('"event":"run_failed"', told(), 1, true)
  end)

  describe("that fails", function()
    local function failing(text, settings, code, migration)
      begin({ ["migrations/1_a.sql"] = migration or "CREATE TABLE a (n int);", ["hooks/x.lua"] = text }, settings)
      local r = stint("up", "-v")
      assert.equal(code or 0, r.code, r.err)
      return r
    end

    it("is a warning with file and line, once, and nothing else", function()
      local r = failing 'hook { on = { "migration_started", "migration_applied", "run_finished" },\nrun = function(event)\n  return event.nope.n\nend }'
      said(r, "WARNING: scripts/hooks/x.lua:3: attempt to index a nil value (field 'nope') (hook x; the run goes on)")
      assert.equal(1, lines(r.err, "WARNING"))
      assert.matches("1 applied", r.out, 1, true)
    end)

    it("does not hide why the run failed", function()
      local r = failing('hook { on = "run_failed", run = function() error("oh no") end }', nil, 6, "SELECT nope;")
      said(r, "WARNING: scripts/hooks/x.lua:1: oh no (hook x; the run goes on)", 'ERROR: 1_a: column "nope" does not exist')
    end)

    it("has no database, and reads and writes no unknown globals", function()
      local r = failing 'hook { on = "run_finished", run = function(event, db) assert(db == nil)\nreturn database\nend }'
      said(r, 'WARNING: scripts/hooks/x.lua:2: there is no global "database"')
      r = failing 'hook { on = "run_finished", run = function()\ncount = 1\nend }'
      said(r, 'WARNING: scripts/hooks/x.lua:2: "count" is no variable of this file: write "local count" where it begins')
      r = failing 'hook { on = "run_finished", run = function()\nhook { on = "batch", run = print }\nend }'
      said(r, "WARNING: scripts/hooks/x.lua:2: hook {...} declares, and belongs at the top of a file")
    end)

    it("is not told more when it takes all of its time", function()
      local r = failing('hook { on = { "run_started", "migration_started", "run_finished" }, run = function()\nwhile true do end\nend }', "lua_time = 200ms")
      said(r, "WARNING: scripts/hooks/x.lua:2: ran for more than 200ms (hook x; the run goes on without it)")
      assert.equal(1, lines(r.err, "WARNING"))
    end)

    it("says what is the matter with notify", function()
      local hook = 'hook { on = "run_finished", run = function(event)\nnotify(event)\nend }'
      said(failing(hook), "WARNING: scripts/hooks/x.lua:2: notify starts a command, and config.ini names none: notify = COMMAND in [project]")
      said(failing(hook, "notify = no-such-program x"), "x.lua:2: notify: cannot start no-such-program: No such file or directory")
      said(failing(hook, "notify = sh -c 'exit 3'"), "x.lua:2: notify: sh ended with exit code 3")
      said(failing(hook, "notify = sh -c 'kill -TERM $$'"), "x.lua:2: notify: sh was ended by signal 15")
      said(failing(hook, "notify = sh 'exit 3"), "x.lua:2: notify in config.ini has a quote without its end")
      said(failing('hook { on = "run_finished", run = function(event)\nnotify "x"\nend }'),
        "x.lua:2: notify takes the event, a table, not a string")
    end)

    it("is not waited for beyond notify_timeout, and what it started ends with it", function()
      begin({
        ["migrations/1_a.sql"] = "SELECT 1;",
        ["hooks/x.lua"] = 'hook { on = "run_finished", run = function(event) notify(event) end }',
      }, [[notify = sh -c "sleep 600 & echo $! > pid; wait"
notify_timeout = 1s]])
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      said(r, "notify: sh did not end within 1.0s (notify_timeout) and was killed")
      -- gone, or dead and not yet collected by whoever inherited it
      local stat = ("/proc/%d/stat"):format(tonumber(place.read(dir .. "/pid")))
      eventually("its end", function()
        local there, text = pcall(place.read, stat)
        return not there or text:find "%) Z"
      end)
    end)

    it("takes more than a pipe holds, unread", function()
      begin({
        ["migrations/1_a.sql"] = "SELECT 1;",
        ["hooks/x.lua"] = 'hook { on = "run_finished", run = function(event)\nevent.much = ("x"):rep(1000000)\nnotify(event)\nend }',
      }, "notify = true")
      local r = stint "up"
      assert.equal(0, r.code, r.err)
      assert.equal(0, lines(r.err, "WARNING"))
    end)
  end)

  it("is told of what happens inside a script's call when that is over", function()
    begin {
      ["migrations/1_a.lua"] = 'migration { up = function(db) db:exec "LOCK TABLE t" log.say "got it" end }',
      ["hooks/x.lua"] = 'hook { on = { "blocked", "migration_applied" }, run = function(event) log.say("told %s", event.event) end }',
    }
    pg:sql(url, "CREATE TABLE t (n int)")
    local holder = session.open(url)
    holder:exec "BEGIN; LOCK TABLE t"
    local up = start("up", "--lock-timeout", "30s", "--json")
    up:says '"event":"blocked"'
    assert.is_nil(up:err():find("told", 1, true))
    holder:exec "COMMIT"
    local r = up:wait()
    assert.equal(0, r.code, r.err)
    assert.matches("got it\ntold blocked\ntold migration_applied\n", r.err, 1, true)
    holder:close()
  end)

  it("is for its environments only", function()
    begin {
      ["migrations/1_a.sql"] = "SELECT 1;",
      ["hooks/x.lua"] = 'hook { on = "run_finished", environments = "staging", run = function() log.say "heard" end }',
    }
    assert.equal(0, lines(stint("up").err, "heard"))
    assert.equal(1, lines(stint("up", "-e", "staging").err, "heard"))
  end)

  it("that is wrong is an error at its own line, before anything runs", function()
    local function wrong(text)
      begin { ["migrations/1_a.sql"] = "SELECT 1;", ["hooks/x.lua"] = text }
      local r = stint "up"
      assert.equal(78, r.code, r.err)
      assert.equal("f", pg:sql(url, "SELECT to_regnamespace('stint') IS NOT NULL"))
      return r.err
    end
    assert.equal([[
ERROR: scripts/hooks/x.lua:1: hook.on[2] must be one of "run_started", "migration_started", "statement", "migration_applied", ]]
      .. [["migration_rolled_back", "migration_failed", "batch", "throttled", "blocked", "retry", "check", "backfill_left", "backfill_finished", ]]
      .. [["reset", "drift_found", "run_finished", "run_failed", not "run_fail", did you mean "run_failed"?
STATE: nothing was run
]], wrong 'hook { on = { "batch", "run_fail" }, run = print }')
    assert.equal([[
ERROR: scripts/hooks/x.lua:1: hook needs a run: the function, with the event as a table
STATE: nothing was run
]], wrong 'hook { on = "run_failed" }')
    assert.equal([[
ERROR: scripts/hooks/x.lua: declares nothing: it needs one of backfill, check, hook, migration, policy
STATE: nothing was run
]], wrong "local x = 1")
    assert.matches("a NUL byte stands in the file", wrong(string.dump(function() end)), 1, true)
    assert.matches("notify is for the functions of hooks", wrong "notify {}", 1, true)
  end)

  it("knows every event that is told", function()
    local known = {}
    local kinds = assert(loadfile("hooks/kinds.lua"))()
    for _, name in ipairs(kinds.hook.fields.on.values) do
      known[name] = 0
    end
    local pipe = assert(io.popen("cat engine/*.c"))
    local source = pipe:read "a"
    pipe:close()
    for name in source:gmatch '"([%w_]+)"' do
      known[name] = known[name] and known[name] + 1
    end
    for name, times in pairs(known) do
      assert(times > 0, name .. " is never told")
    end
    for name in source:gmatch 'event_tell%("([%w_]+)"' do
      assert(known[name], name .. " is told and hooks cannot ask for it: hooks/kinds.lua")
    end
  end)
end)
