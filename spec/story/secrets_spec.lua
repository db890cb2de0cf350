local native = require "native"
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

-- The word that must never be seen, and passwords that hold it.
local WORD = "Zebra7quagga"
local PLAIN = "pw" .. WORD
local ODD = "p@:/?#%&'\" " .. WORD .. "\\x"

local function encoded(text)
  return (text:gsub("[^%w]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

local function assert_silent(r, about)
  for _, text in ipairs { r.out, r.err } do
    assert.is_nil(text:find(WORD, 1, true), (about or "") .. ": " .. text)
  end
end

-- The command lines of all processes there are.
local function command_lines()
  local all = {}
  for _, name in ipairs(place.lines "ls /proc") do
    if name:find "^%d+$" then
      local ok, text = pcall(place.read, "/proc/" .. name .. "/cmdline")
      all[#all + 1] = ok and text or ""
    end
  end
  return table.concat(all, "\n")
end

local FILE = "scripts/migrations/1_a.sql"
local WAITING = "SET lock_timeout = 0;\nCREATE TABLE a (n int);\nSELECT pg_advisory_xact_lock(7);\n"
local WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"

describe("a password", function()
  local pg, admin, name

  local function project(text, config)
    return run.project({ [FILE] = text or "CREATE TABLE a (n int);\n" }, config)
  end

  local function url(user, password, database)
    return ("postgresql://%s:%s@/%s?host=%s&port=%d"):format(user, encoded(password), database or name, pg.host, pg.port)
  end

  local function fresh()
    admin, name = pg:database()
    pg:sql(admin, ("GRANT ALL ON DATABASE %s TO plain, odd; GRANT ALL ON SCHEMA public TO plain, odd"):format(name))
  end

  setup(function()
    pg = cluster.new()
    pg:sql("postgres", ("CREATE ROLE plain LOGIN PASSWORD '%s'; CREATE ROLE odd LOGIN PASSWORD '%s'"):format(PLAIN, (ODD:gsub("'", "''"))))
    local hba = place.read(pg.data .. "/pg_hba.conf")
    place.write(pg.data .. "/pg_hba.conf", "local all plain,odd scram-sha-256\n" .. hba)
    pg:restart()
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(fresh)

  it("opens the database, whatever is in it", function()
    for user, password in pairs { plain = PLAIN, odd = ODD } do
      local r = run({ "up", "-v", "--json" }, { cwd = project("CREATE TABLE " .. user .. " (n int);\n", nil), env = { DATABASE_URL = url(user, password) } })
      assert.equal(0, r.code, r.err)
      assert_silent(r)
      fresh()
    end
  end)

  it("is not shown when it is wrong, at whatever command and however much is said", function()
    local env = { DATABASE_URL = url("plain", ODD .. "x") }
    for _, words in ipairs {
      { "up" }, { "up", "-v" }, { "up", "--json" }, { "up", "--json", "-v" }, { "status" }, { "status", "--json", "-v" },
      { "plan" }, { "plan", "--json" }, { "deploy" }, { "lock" }, { "resolve", "1", "--applied" }, { "up", "--dry-run" },
    } do
      local r = run(words, { cwd = project(), env = env })
      assert.equal(9, r.code, table.concat(words, " ") .. r.err)
      assert_silent(r, table.concat(words, " "))
    end
  end)

  it("is not shown when its URL cannot be read or used", function()
    local at = "@127.0.0.1:1/x"
    local bad = {
      "postgresql://u:" .. WORD .. at .. "?sslmod=require",
      "postgresql://u:" .. WORD .. at .. "?sslmode=nonsense",
      "postgresql://u:" .. WORD .. at .. "?novalue",
      "postgresql://u:" .. WORD .. at .. "?connect_timeout=abc",
      "postgresql://u:" .. WORD .. "/more" .. at,
      "postgresql://u:" .. WORD .. "?more" .. at,
      "postgresql://u:" .. WORD .. "#more" .. at,
      "postgresql://u:more/" .. WORD .. at,
      "postgresql://u:more?" .. WORD .. at,
      "postgresql://u:more?a=b&" .. WORD .. at,
      "postgresql://u:more:" .. WORD .. at,
      "postgresql://u:more@" .. WORD .. at,
      "postgresql://u:%zz" .. WORD .. at,
      "postgresql://u:" .. WORD .. "%" .. at,
      "postgresql://u:" .. WORD .. "%00" .. at,
      "postgresql://u:" .. WORD .. "@[::1/x",
      "postgresql://u:" .. WORD .. "@127.0.0.1:port/x",
      "postgresql://u:" .. WORD .. "@127.0.0.1:99999/x",
      "postgresql://u:" .. WORD .. "@",
      "postgresql://u:" .. WORD .. at .. "?password=" .. WORD .. "2&nonsense=1",
      "postgresql://127.0.0.1:1/x?user=u&password=" .. WORD .. "&nonsense=1",
      "jdbc:postgresql://u:" .. WORD .. at,
      "mysql://u:" .. WORD .. at,
      "https://u:" .. WORD .. at,
      "postgresql+psycopg2://u:" .. WORD .. at,
      "postgres:/u:" .. WORD .. at,
      "//u:" .. WORD .. at,
      "u:" .. WORD .. at,
      WORD,
      "host=127.0.0.1 port=1 user=u password=" .. WORD,
      "host=127.0.0.1 port=1 user=u password='" .. WORD,
      "host=127.0.0.1 port=1 user=u password='a " .. WORD .. "' nonsense=1",
      "host=127.0.0.1 port=1 user=u password=a " .. WORD,
      "host=127.0.0.1 port=1 pass=" .. WORD,
    }
    for _, one in ipairs(bad) do
      for where, opts in pairs {
        DATABASE_URL = { cwd = project(), env = { DATABASE_URL = one } },
        STINT_URL = { cwd = project(), env = { STINT_URL = one } },
        ini = { cwd = project(nil, "[development]\nurl = \"" .. one:gsub('[\\"]', "\\%0") .. "\"\n") },
        dotenv = { cwd = run.project({ [FILE] = "", [".env"] = "DATABASE_URL='" .. one .. "'\n" }) },
      } do
        local r = run({ "up", "-v" }, opts)
        assert.is_true(r.code == 78 or r.code == 9, ("%s in %s: %s %s"):format(one, where, r.code, r.err))
        assert_silent(r, one .. " in " .. where)
        assert.matches("ERROR: ", r.err, 1, true)
      end
    end
  end)

  it("is not shown when a URL stands where it does not belong", function()
    local given = "postgresql://u:" .. PLAIN .. "@127.0.0.1:1/x"
    for _, words in ipairs {
      { "up", given }, { given }, { "up", "--to", given }, { "status", given }, { "-e", given, "up" }, { "up", "--count", given },
      { "up", "--lock-timeout", given }, { "up", "--run-lock-wait=" .. given }, { "--url" .. given, "up" }, { "up", "--" .. given },
      { "-C", given, "up" }, { "-c", given, "up" }, { "up", "--migrations", given }, { "up", "--order", given },
      { "resolve", given, "--applied" }, { "lock", given }, { "dev", given }, { "help", given }, { "up", "--", given },
      { "up", "host=h password=" .. PLAIN }, { "up", "-x" .. given },
    } do
      local r = run(words, { cwd = project(nil, "[development]\nurl = postgresql://127.0.0.1:1/x\n") })
      assert.are_not.equal(0, r.code, table.concat(words, " "))
      assert_silent(r, table.concat(words, " "))
    end
    for _, config in ipairs {
      "[development]\nurll = %s\n", "[development]\nlock_timeout = %s\n", "[development]\nurl = postgresql:///x\nprotected = %s\n",
      "[project]\nenvironment = %s\n[development]\nurl = postgresql:///x\n", "[development]\n%s\n", "%s\n", "[%s]\n", "[development]\n%s = url\n",
      "[development]\nurl = %s ; x\nurl = %s\n", "[development]\nurl = \"%s\n", "[development]\nurl = \"%s\" x\n", "[development]\nurl = ${%s}\n",
      "[development]\nurl = ${%s\n", "[project]\nmigrations = %s\n[development]\nurl = postgresql:///x\n", "[project]\nlayout = %s\n",
      "[development]\norder = %s\nurl = postgresql:///x\n", "[development]\nurl = ${NOT_SET:?%s}\n", "[project]\nlua_memory = %s\n",
      "[development]\nrun_lock_wait = %s\n", "[development]\nschema = %s\nurl = %s\n",
    } do
      local text = config:gsub("%%s", (given:gsub("%%", "%%%%")))
      local r = run({ "up", "-v" }, { cwd = project(nil, text) })
      assert.are_not.equal(0, r.code, text)
      assert_silent(r, text)
    end
    for _, key in ipairs { "STINT_ENV", "STINT_CONFIG", "STINT_LOCK_TIMEOUT", "STINT_ORDER", "STINT_MIGRATIONS", "STINT_LEDGER_SCHEMA" } do
      local r = run({ "up", "-v" }, { cwd = project(nil, "[development]\nurl = postgresql://127.0.0.1:1/x\n"), env = { [key] = given } })
      assert.are_not.equal(0, r.code, key)
      assert_silent(r, key)
    end
  end)

  it("is not shown when the server names it in an error, nor kept in the ledger", function()
    local dir = project()
    local env = { DATABASE_URL = url("plain", PLAIN) }
    for i, text in ipairs {
      ("DO $$ BEGIN RAISE EXCEPTION 'no: %s' USING DETAIL = '%s', HINT = '%s'; END $$;\n"):format(PLAIN, PLAIN, PLAIN),
      ("ALTER ROLE plain PASSWORD '%s' NONSENSE;\n"):format(PLAIN),
      ("SELECT '%s'::int;\n"):format(PLAIN),
      ("DO $$ BEGIN RAISE WARNING 'see: %s'; END $$;\nSELECT 1/0;\n"):format(PLAIN),
    } do
      place.write(dir .. "/" .. FILE, text)
      for _, words in ipairs { { "up", "-v" }, { "up", "--json" } } do
        local r = run(words, { cwd = dir, env = env })
        assert.equal(6, r.code, i .. r.err)
        assert_silent(r, text)
      end
      assert_silent(run({ "status", "-v" }, { cwd = dir, env = env }))
      assert_silent(run({ "status", "--json" }, { cwd = dir, env = env }))
    end
    local ledger = pg:sql(admin, [[SELECT string_agg(query_to_xml(format('SELECT * FROM stint.%I', tablename), true, true, '')::text, '')
      FROM pg_tables WHERE schemaname = 'stint']])
    assert.matches("no: ***", ledger, 1, true)
    assert.is_nil(ledger:find(WORD, 1, true))
  end)

  it("is not shown by what a script says or raises", function()
    local dir = run.project { ["scripts/migrations/1_a.lua"] = ([[
migration { up = function(db)
  log.say("a %%s", "%s")
  log.warn("b %s")
  print("c %s")
  error { "%s" }
end }
]]):gsub("%%s", function() return PLAIN end):gsub('%("a .-", ', '("a %%s", ') }
    local env = { DATABASE_URL = url("plain", PLAIN) }
    local r = run({ "up", "-v" }, { cwd = dir, env = env })
    assert.equal(6, r.code, r.err)
    assert.matches("a ***", r.err, 1, true)
    assert_silent(r)
    place.write(dir .. "/scripts/migrations/1_a.lua", ('migration { up = function() error("%s") end }\n'):format(PLAIN))
    for _, words in ipairs { { "up", "-v" }, { "up", "--json" } } do
      r = run(words, { cwd = dir, env = env })
      assert.equal(6, r.code, r.err)
      assert.matches("***", r.err, 1, true)
      assert_silent(r)
    end
  end)

  it("of PGPASSWORD or a password file is as secret", function()
    local bare = ("postgresql://plain@/%s?host=%s&port=%d"):format(name, pg.host, pg.port)
    local file = place.folder() .. "/pass"
    place.write(file, "*:*:*:*:" .. PLAIN .. "\n")
    process.mode(file, 384) -- 0600
    local dir = project(("SELECT '%s'::int;\n"):format(PLAIN))
    for variable, value in pairs { PGPASSWORD = PLAIN, PGPASSFILE = file } do
      local r = run({ "up", "-v" }, { cwd = dir, env = { DATABASE_URL = bare, [variable] = value } })
      assert.equal(6, r.code, r.err)
      assert_silent(r, variable)
    end
  end)

  it("is not shown when the server goes away in the middle", function()
    local holder = session.open(admin)
    holder:exec "SELECT pg_advisory_lock(7)"
    local h = run.start({ "up", "-v" }, { cwd = project(WAITING), env = { DATABASE_URL = url("plain", PLAIN) } })
    session.wait_until(admin, WAITS, "1")
    pg:stop "immediate"
    pg:start()
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert_silent(r)
  end)

  it("is in no list of processes, even when it was typed into the command line", function()
    local given = url("plain", PLAIN)
    for _, words in ipairs { { "up" }, { "up", "--url", given }, { "--url=" .. given, "up" }, { "up", "--direct-url", given } } do
      fresh()
      given = url("plain", PLAIN)
      for i, word in ipairs(words) do
        words[i] = word:gsub("postgresql://.*", function() return given end)
      end
      local holder = session.open(admin)
      holder:exec "SELECT pg_advisory_lock(7)"
      local h = run.start(words, { cwd = project(WAITING), env = { DATABASE_URL = given } })
      session.wait_until(admin, WAITS, "1")
      local lines = command_lines()
      assert.matches("up", place.read("/proc/" .. h.pid .. "/cmdline"), 1, true)
      assert.is_nil(lines:find(WORD, 1, true), words[2])
      holder:close()
      local r = h:wait()
      assert.equal(0, r.code, r.err)
      assert_silent(r)
    end
  end)
end)
