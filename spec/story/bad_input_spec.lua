-- Bad input of every kind: each gives a clear error that names its place, the documented exit
-- code, and leaves the database as it was; never a crash, never a hang, never a password.
-- STINT_SEED=n repeats a run; STINT_BAD_INPUTS=n takes so many inputs (300).
local cluster = require "spec.support.cluster"
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

local PASSWORD = "hunter22secret"
local COUNT = tonumber(os.getenv "STINT_BAD_INPUTS" or 300)
local seed = tonumber(os.getenv "STINT_SEED" or os.time() % 1000000)
local MOST_COMPLAINTS = 12
local PATIENCE = 60 -- seconds, for what takes milliseconds

-- Everything that could have changed: what the catalogs hold and what counts as applied.
local FINGERPRINT = [[
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
  SELECT 'c' || oid || relname || relnamespace || relowner || relnatts AS line FROM pg_class
  UNION ALL SELECT 'p' || oid || proname FROM pg_proc
  UNION ALL SELECT 't' || oid || typname FROM pg_type
  UNION ALL SELECT 'n' || oid || nspname FROM pg_namespace
  UNION ALL SELECT 'r' || oid || rolname FROM pg_roles
  UNION ALL SELECT 'd' || oid || datname FROM pg_database
  UNION ALL SELECT 'b' || n FROM public.base
  UNION ALL SELECT 'm' || id || state || position || tokens FROM stint.migration) all_lines]]

local function pick(list)
  return list[math.random(#list)]
end

local function word()
  local letters = {}
  for i = 1, math.random(3, 10) do
    letters[i] = string.char(math.random(97, 122))
  end
  return "q" .. table.concat(letters)
end

-- Statements that are fine, each on a line of its own.
local function fine(count)
  local lines = {}
  for i = 1, count do
    lines[i] = pick {
      "CREATE TABLE " .. word() .. i .. " (n int);",
      "-- a comment: 'with ; signs",
      "INSERT INTO base VALUES (" .. math.random(10, 99) .. ");",
      "SELECT 'text -- $$ ; /*', $$ body ' ; $$;",
      "/* a block /* within */ */",
      "",
    }
  end
  return lines
end

local function bytes(count, from, to)
  local list = {}
  for i = 1, count do
    list[i] = string.char(math.random(from, to))
  end
  return table.concat(list)
end

-- A file with `bad` in line `line`.
local function file_with(bad)
  local lines = fine(math.random(0, 6))
  lines[#lines + 1] = bad
  local line = #lines
  for _, more in ipairs(fine(math.random(0, 3))) do
    lines[#lines + 1] = more
  end
  local ending = pick { "\n", "\r\n", "\n", "\r" }
  return table.concat(lines, ending) .. ending, line
end

local function sql(bad, code)
  local text, line = file_with(bad)
  return { files = { ["3_bad.sql"] = text }, code = code, says = { ("3_bad.sql:%d:"):format(line) } }
end

local function named(name, text, code, ...)
  return { files = { [name] = text }, code = code, says = { name, ... } }
end

local function lua(text, code, says)
  return { files = { ["3_bad.lua"] = text }, code = code, says = { "3_bad.lua", says } }
end

local function config(line, says)
  return { config = line, code = 78, says = { says } }
end

local function cli(args, says, code)
  return { args = args, code = code or 64, says = { says } }
end

local function link(target, says)
  return { link = target, code = 1, says = { "3_bad.sql", says } }
end

-- Each kind makes one input: files of the migrations folder, lines of config.ini, words of the
-- command line, and what must come of it.
local kinds = {
  ["a syntax error"] = function()
    return sql(pick {
      "CREATE TABEL x (n int);",
      "SELECT FROM WHERE;",
      "INSERT INTO base VALUES (1 2);",
      "ALTER TABLE base ADD COLUMN;",
      ")" .. word() .. ";",
      "SELECT :" .. word() .. ";",
      "CREATE TABLE x (n int,, m int);",
      "GRANT;",
    }, 6)
  end,
  ["an error when it runs"] = function()
    return sql(pick {
      "SELECT 1 / 0;",
      "SELECT * FROM " .. word() .. ";",
      "INSERT INTO base VALUES (NULL);",
      "SELECT 'x'::int;",
      "CREATE TABLE base (n int);",
      "SELECT 99999999999999999999999::bigint;",
      "SELECT repeat('x', 2000000000);",
      "DROP TABLE " .. word() .. ";",
      "DO $$ BEGIN RAISE EXCEPTION 'no'; END $$;",
      "COPY base FROM '/nowhere/at/all';",
    }, 6)
  end,
  ["text that never ends"] = function()
    local bad = pick { "SELECT 'open", 'SELECT "open', "SELECT $a$ open $b$", "/* open /* */", "SELECT E'open\\" }
    local lines = { "SELECT 1;", "SELECT 2;", bad, "SELECT 3;" }
    if bad:sub(-1) == "\\" then
      lines[3] = "SELECT E'open\\'"
    end
    return named("3_bad.sql", table.concat(lines, "\n"), 78, "3_bad.sql:3:")
  end,
  ["a NUL byte"] = function()
    return sql("SELECT '" .. bytes(math.random(0, 9), 97, 122) .. "\0';", 78)
  end,
  ["a file in UTF-16"] = function()
    local text = ("SELECT 1;\n"):gsub(".", "%0\0")
    return named("3_bad.sql", pick { "\xff\xfe", "\xfe\xff" } .. text, 78, "UTF-16")
  end,
  ["Latin-1"] = function()
    return sql("SELECT 'gr\xfc\xdfe " .. bytes(3, 0xc0, 0xff) .. " ';", 78)
  end,
  ["another encoding"] = function()
    return sql(pick { "SET client_encoding = 'LATIN1';", "SET NAMES 'WIN1252';", "\\encoding LATIN1" }, 78)
  end,
  ["a binary file"] = function()
    local start = pick { "\x7fELF\2\1\1", "\x89PNG\r\n\x1a\n", "PK\3\4", "\x1f\x8b\8" }
    return named("3_bad.sql", start .. "\0\xff" .. bytes(math.random(100, 5000), 0, 255), 78)
  end,
  ["a bad directive"] = function()
    return sql(pick {
      "-- stint: " .. word(),
      "-- stint:",
      "-- stint: lock-timeout",
      "-- stint: lock-timeout soon",
      "-- stint: lock-timeout 99999999999h",
      "-- stint: statement-timeout 1s 2s 3x",
      "-- stint: no-transaction please",
      "-- stint: requires",
      "-- stint: environments ,",
      "-- stint: allow drop-column",
      '-- stint: allow drop-column reason="x" until=2026-02-31',
      '-- stint: downtime "open',
    }, 78)
  end,
  ["a line for psql"] = function()
    local lines = { "i other.sql", "connect x", "copy base FROM 'x'", "set a b", "! ls", "gexec", "if true", "." }
    return sql("\\" .. pick(lines), 78)
  end,
  ["a border that is missing"] = function()
    local text = pick {
      "BEGIN;\nSELECT 1;\n",
      "BEGIN;\nVACUUM;\nCOMMIT;\n",
      "START TRANSACTION;\nCREATE INDEX CONCURRENTLY i ON base (n);\nCOMMIT;",
    }
    return named("3_bad.sql", text, 78, "3_bad.sql:")
  end,
  ["two ways down"] = function()
    return { files = { ["3_bad.sql"] = "SELECT 1;\n-- stint: down\nSELECT 2;\n-- stint: down\n" }, code = 78, says = { "3_bad.sql:4:" } }
  end,
  ["a twin too many"] = function()
    local files = { ["3_bad.sql"] = "SELECT 1;\n-- stint: down\n", ["3_bad.down.sql"] = "SELECT 2;" }
    return { files = files, code = 78, says = { "3_bad.sql:2:", "3_bad.down.sql" } }
  end,
  ["a bad name"] = function()
    local names = { "bad.sql", "_3_bad.sql", "v3_bad.sql", "-2.sql", "2 bad.sql", "2bad.sql", "bad.lua", "2*_bad.sql" }
    names[#names + 1] = ("9"):rep(19) .. "_bad.sql"
    names[#names + 1] = "20\n_bad.sql"
    return named(pick(names), "SELECT 1;", 78, "begins with its version")
  end,
  ["two of one version"] = function()
    local a, b = table.unpack(pick { { "3_a.sql", "3_b.sql" }, { "3_a.sql", "3_a.lua" }, { "3_a.sql", "0003_b.sql" } })
    return { files = { [a] = "SELECT 1;", [b] = "SELECT 2;" }, code = 4, says = { a, b, "have version" } }
  end,
  ["a way down of nothing"] = function()
    return named("3_bad.down.sql", "SELECT 1;", 78, "3_bad.sql, which is not there")
  end,
  ["a folder"] = function()
    return { folder = pick { "3_bad.sql", "3_bad.lua" }, code = 78, says = { "3_bad", "is a folder" } }
  end,
  ["a link that leads nowhere"] = function()
    return link(pick { "/nowhere/at/all.sql", "3_bad.sql", "../3_gone.sql" }, "cannot open")
  end,
  ["a device"] = function()
    return link(pick { "/dev/zero", "/dev/null", "/dev/tty0" }, pick { "3_bad" })
  end,
  ["another process's memory"] = function()
    return link("/proc/self/mem", "cannot read")
  end,
  ["a pipe"] = function()
    return { pipe = true, code = 1, says = { "3_bad.sql", "is a pipe" } }
  end,
  ["a file of somebody else's"] = function()
    local input = named("3_bad.sql", "SELECT 1;", 1, "Permission denied")
    input.mode, input.account = 0, "nobody"
    return input
  end,
  ["a file that requires what is not there"] = function()
    return { files = { ["3_bad.sql"] = "-- stint: requires 7\nSELECT 1;" }, code = 4, says = { "3_bad.sql requires 7" } }
  end,
  ["an edit"] = function()
    return { files = { ["1_base.sql"] = "CREATE TABLE base (m int);" }, code = 4, says = { "1_base.sql", "edited" } }
  end,
  ["a file that is gone"] = function()
    return { gone = "1_base.sql", files = { ["3_bad.sql"] = "SELECT 1;" }, code = 4, says = { "1_base", "missing" } }
  end,
  ["a file that comes late"] = function()
    return { files = { ["0_bad.sql"] = "SELECT 1;" }, code = 4, says = { "0_bad.sql", "older" } }
  end,
  ["Lua that is none"] = function()
    return lua(pick { "migration {", "migration { up = function(db) end } }", "x = = 1", "return '\\q'", "goto nowhere" }, 78, "3_bad.lua:1")
  end,
  ["Lua that declares something else"] = function()
    local text, says = table.unpack(pick {
      { "", "declare" },
      { "local x = 1", "declare" },
      { "migration { up = function() end } migration { up = function() end }", "declare" },
      { "migration { up = 7 }", "up" },
      { "migration { upp = function() end }", "upp" },
      { "migration {}", "up" },
      { "backfill { table = 'base' }", "set" },
      { "backfill { table = 7, set = { n = '1' } }", "table" },
      { "migration 'x'", "migration" },
      { "error 'no'", "no" },
      { "io.open 'x'", "io" },
      { "undeclared_thing()", "undeclared_thing" },
    })
    return lua(text, 78, says)
  end,
  ["Lua that eats"] = function()
    return lua(pick {
      "local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
      "local s = 'x' while true do s = s .. s end",
      "local function f() return f() + 1 end f()",
      "while true do end",
      "while true do pcall(function() while true do end end) end",
    }, 78, "3_bad.lua")
  end,
  ["bytecode"] = function()
    return lua(string.dump(function() end), 78, "3_bad.lua")
  end,
  ["Lua that fails when it runs"] = function()
    local text, says = table.unpack(pick {
      { "db:exec 'SELECT 1 / 0'", "division by zero" },
      { "error 'no way'", "no way" },
      { "local x = nil; x.y = 1", "x" },
      { "db:exec 'COMMIT'", "COMMIT" },
      { "db:exec 'SELECT 1; SELECT 2'", "one statement" },
      { "db:query('SELECT $1', print)", "3_bad.lua" },
      { "db:exec('SELECT $1', 'a\\0b')", "3_bad.lua" },
      { "db:nothing()", "nothing" },
    })
    return lua("migration { up = function(db)\n" .. text .. "\nend }", 6, says)
  end,
  ["a key that is unknown"] = function()
    local key = pick { "lock_timout", "urll", "migration", "protect", word() }
    return config(key .. " = 5", 'an unknown key "' .. key .. '"')
  end,
  ["a line that says nothing"] = function()
    return config(pick { "just words", "[open", "[]", "= 5", "\x80\xff", "==", ("x"):rep(5000) }, "config.ini:")
  end,
  ["a key twice"] = function()
    return config("order = warn\norder = allow", "twice")
  end,
  ["a value that is none"] = function()
    local line = pick {
      "lock_timeout = soon",
      "lock_timeout = -1s",
      "lock_timeout = 99999999999999999999s",
      "lock_timeout = 40d",
      "run_lock_wait = 1e9",
      "lock_retries = 1.5",
      "lock_retries = 99999999999999999999",
      "lock_retries = -1",
      "order = sometimes",
      "protected = maybe",
      "statement_timeout =",
    }
    return config(line, line:match "^%w+_?%w*_?%w*")
  end,
  ["a variable that is not set"] = function()
    return config("role = ${STINT_SPEC_" .. word():upper() .. "}", "STINT_SPEC_")
  end,
  ["an odd ${}"] = function()
    return config("role = " .. pick { "${", "${}", "${A B}", "${1}", "${X:+y}", "${X" }, "config.ini:")
  end,
  ["garbage for the ledger's schema"] = function()
    local bad = pick { ("x"):rep(64), "pg_mine", "a\1b", ("ü"):rep(40) }
    return { head = "[project]\nledger_schema = " .. bad .. "\n", code = 78, says = { "ledger_schema", "config.ini:" } }
  end,
  ["a NUL in config.ini"] = function()
    return config("role = a\0b", "NUL")
  end,
  ["a config.ini that is none"] = function()
    return cli({ "status", "-c", pick { "gone.ini", "scripts", "/nowhere/config.ini" } }, "there is no file", 78)
  end,
  ["an environment that is none"] = function()
    local name = pick { "prod", word(), "variables", "project", "" }
    return cli({ "status", "-e", name }, "environment", 78)
  end,
  ["a folder that is none"] = function()
    return cli({ "status", "-C", "/nowhere/at/all" }, "/nowhere/at/all", 78)
  end,
  ["a command that is none"] = function()
    local name = word()
    return cli({ name }, "there is no command " .. name)
  end,
  ["an option that is none"] = function()
    local name = word()
    return cli({ pick { "up", "status", "plan", "doctor", "lock", "new", "help" }, "--" .. name }, "there is no option --" .. name)
  end,
  ["a letter that is none"] = function()
    return cli({ pick { "up", "status", "plan" }, pick { "-Z", "-qZ", "-\xff" } }, "there is no option -")
  end,
  ["an option without its value"] = function()
    return cli({ "up", pick { "--to", "--count", "--url", "--lock-timeout", "-e", "-C", "-c" } }, "needs a value")
  end,
  ["a value for an option that takes none"] = function()
    return cli({ "status", "--check=yes" }, "--check takes no value")
  end,
  ["a number that is none"] = function()
    return cli({ "up", "--count", pick { "0", "-1", "x", "1x", "", "99999999999999999999x", "1.5" } }, "--count")
  end,
  ["a version that is none"] = function()
    return cli({ "up", "--to", pick { "7", word(), "", "../1", ("9"):rep(500) } }, "there is no migration")
  end,
  ["a setting's option that is wrong"] = function()
    return cli({ "up", "--lock-timeout", pick { "soon", "-5", "40d" } }, "lock", 78)
  end,
  ["words too many"] = function()
    return cli({ pick { "up", "deploy", "doctor" }, "now" }, "now")
  end,
  ["a lock command that is none"] = function()
    return cli({ "lock", "pick" }, "pick")
  end,
  ["a resolve that is none"] = function()
    return cli(pick {
      { "resolve" },
      { "resolve", "1" },
      { "resolve", "1", "--applied", "--rolled-back" },
      { "resolve", "1", "2", "--applied" },
    }, "resolve takes")
  end,
  ["a resolve of what is not so"] = function()
    return cli(pick {
      { "resolve", "1", "--statement-done", "1" },
      { "resolve", "1", "--statement-again", "x" },
      { "resolve", "1", "--applied" },
    }, "1_base is applied", 4)
  end,
  ["a URL that is none"] = function()
    local url = pick {
      "mysql://x:" .. PASSWORD .. "@h/db",
      "postgresql://x:" .. PASSWORD .. "@h:port/db",
      "postgresql://x:" .. PASSWORD .. "@h/db?sslmod=require",
      "postgresql://x:" .. PASSWORD .. "%zz@h/db",
      "nonsense",
      "postgresql://x:" .. PASSWORD .. "@[::1/db",
      "host='open password=" .. PASSWORD,
    }
    return cli({ pick { "up", "status", "plan", "lock" }, "--url", url }, "ERROR: ", 78)
  end,
  ["a host that nobody is"] = function()
    local urls = { "postgresql://x:" .. PASSWORD .. "@127.0.0.1:1/x", "postgresql:///x?host=/nowhere&password=" .. PASSWORD }
    return cli({ pick { "up", "status", "plan" }, "--url", pick(urls) }, "cannot connect", 9)
  end,
  ["a wrong password"] = function(pg)
    local url = ("postgresql://keeper:%s@/postgres?host=%s&port=%d"):format(PASSWORD, pg.host, pg.port)
    return cli({ pick { "up", "status" }, "--url", url }, 'password authentication failed for user "keeper"', 9)
  end,
  ["a role that may nothing"] = function(pg, name)
    local url = ("postgresql://clerk:%s@/%s?host=%s&port=%d"):format(PASSWORD, name, pg.host, pg.port)
    local r = cli({ "up", "--url", url }, "permission denied", 1)
    r.files = { ["3_bad.sql"] = "CREATE TABLE mine (n int);" }
    return r
  end,
  ["a role that may not make a ledger"] = function(pg)
    local url = ("postgresql://clerk:%s@/empty?host=%s&port=%d"):format(PASSWORD, pg.host, pg.port)
    return cli({ "up", "--url", url }, "GRANT CREATE ON DATABASE empty TO clerk", 1)
  end,
  ["a role that cannot be taken on"] = function()
    return { config = "role = " .. pick { word(), 'x"y', ("r"):rep(100) }, code = 9, says = { "cannot set up the session", "role" } }
  end,
  ["a database that does not exist"] = function(pg)
    local url = ("postgresql://postgres@/%s?host=%s&port=%d"):format(word(), pg.host, pg.port)
    return cli({ "status", "--url", url, "--protected", "yes" }, "does not exist", 9)
  end,
  ["a full disk"] = function()
    local args = pick { { "status" }, { "plan" }, { "help" }, { "status", "--json" }, { "help", "config" }, { "doctor" }, { "version" } }
    return { args = args, out = "/dev/full", code = 1, says = { "cannot write the output" } }
  end,
  ["a name that cannot be made"] = function()
    return cli({ "new", pick { "", "..", "/", "\xff" } }, "ERROR: ", 64)
  end,
}

describe("bad input", function()
  local pg, db, name, project, before, migrations

  setup(function()
    pg = cluster.new()
    local hba = place.read(pg.data .. "/pg_hba.conf")
    place.write(pg.data .. "/pg_hba.conf", "local all keeper scram-sha-256\n" .. hba)
    pg:restart()
    local url
    url, name = pg:database()
    pg:sql("postgres", "CREATE ROLE keeper LOGIN PASSWORD 'right'; CREATE ROLE clerk LOGIN; CREATE DATABASE empty")
    project = run.project { ["scripts/migrations/1_base.sql"] = "CREATE TABLE base (n int NOT NULL);\n" }
    migrations = project .. "/scripts/migrations/"
    assert.equal(0, run({ "up" }, { cwd = project, env = { DATABASE_URL = url } }).code)
    db = session.open(url)
    before = db:value(FINGERPRINT)
  end)

  teardown(function()
    db:close()
    pg:stop()
  end)

  local function lay_out(input)
    for file, text in pairs(input.files or {}) do
      place.write(migrations .. file, text)
      if input.mode then
        process.mode(migrations .. file, input.mode)
      end
    end
    -- what is refused is refused before anything runs: a good file that comes first does not
    if input.code ~= 6 and math.random(2) == 1 then
      place.write(migrations .. "2_good.sql", "CREATE TABLE good (n int);\n")
    end
    local function shell(command)
      assert.is_true(os.execute("env -u LD_PRELOAD " .. command))
    end
    if input.folder then
      place.make(migrations .. input.folder)
    elseif input.link then
      shell(("ln -s -- %s %s3_bad.sql"):format(input.link, migrations))
    elseif input.pipe then
      shell(("mkfifo %s3_bad.sql"):format(migrations))
    end
    if input.gone then
      place.remove(migrations .. input.gone)
    end
    local url = ("postgresql://postgres:%s@/%s?host=%s&port=%d"):format(PASSWORD, name, pg.host, pg.port)
    local head = input.head or "[project]\nlua_time = 200ms\nlua_memory = 32MB\n"
    place.write(project .. "/config.ini", head .. "[development]\nurl = " .. url .. "\n" .. (input.config or "") .. "\n")
  end

  local function clean_up()
    place.remove(migrations)
    place.make(migrations)
    place.write(migrations .. "1_base.sql", "CREATE TABLE base (n int NOT NULL);\n")
  end

  -- As run() does it, but for the file that takes the output.
  local function start(input)
    local args = input.args or { pick { "up", "up", "up", "deploy" } }
    if not input.out then
      return table.concat(args, " "), run(args, { cwd = project, timeout = PATIENCE, account = input.account })
    end
    local said = place.folder() .. "/err"
    local argv = { run.binary, table.unpack(args) }
    local pid = process.start { argv = argv, env = place.environment(), cwd = project, out = input.out, err = said }
    local code, signal = process.wait(pid, PATIENCE)
    if not code and not signal then
      process.signal(-pid, "KILL")
      process.wait(pid, 10)
    end
    return table.concat(args, " "), { code = code, signal = signal, out = "", err = place.read(said) }
  end

  -- What is wrong with the answer, or nil.
  local function complaint(input, r)
    if r.signal or not r.code then
      return "it ended by signal " .. tostring(r.signal)
    elseif r.code ~= input.code then
      return ("its code is %s, not %d"):format(r.code, input.code)
    elseif not r.err:find("^ERROR: ") and not r.err:find("\nERROR: ", 1, true) then
      return "there is no ERROR"
    elseif (r.out .. r.err):find(PASSWORD, 1, true) then
      return "it shows the password"
    elseif r.err:find("Sanitizer", 1, true) or r.err:find("runtime error:", 1, true) then
      return "a sanitizer found something"
    end
    for _, text in ipairs(input.says or {}) do
      if not r.err:find(text, 1, true) then
        return ("it does not say %q"):format(text)
      end
    end
    local now = db:value(FINGERPRINT)
    if now ~= before then
      before = now
      return "the database has changed"
    end
  end

  it(("of %d inputs (STINT_SEED=%d) is answered clearly and changes nothing"):format(COUNT, seed), function()
    math.randomseed(seed)
    local names, complaints = {}, {}
    for kind in pairs(kinds) do
      names[#names + 1] = kind
    end
    table.sort(names)
    for i = 1, COUNT do
      local kind = names[(i - 1) % #names + 1]
      local input = kinds[kind](pg, name)
      if not input.account or process.am_root() then
        lay_out(input)
        local args, r = start(input)
        local what = complaint(input, r)
        if what and #complaints < MOST_COMPLAINTS then
          db:exec "DELETE FROM stint.migration WHERE id <> '1'"
          before = db:value(FINGERPRINT)
          complaints[#complaints + 1] = ("%s (stint %s): %s\n%s"):format(kind, args, what, r.err:sub(1, 600))
        end
        clean_up()
      end
    end
    assert(#complaints == 0, ("seed %d:\n\n%s"):format(seed, table.concat(complaints, "\n")))
  end)
end)

describe("odd input", function()
  local pg = cluster.get()

  -- Applies one file in a database of its own.
  local function apply(text)
    local url = pg:database()
    local project = run.project { ["scripts/migrations/1_odd.sql"] = text }
    local r = run({ "up" }, { cwd = project, env = { DATABASE_URL = url } })
    assert.equal(0, r.code, r.err)
    assert.equal("t", pg:sql(url, "SELECT state = 'applied' FROM stint.migration"))
    r = run({ "status", "--check" }, { cwd = project, env = { DATABASE_URL = url } })
    assert.equal(0, r.code, r.err)
    return url
  end

  it("is fine: a file of 10 MB", function()
    local lines = { "CREATE TABLE big (n int, t text);" }
    for i = 1, 20000 do
      lines[#lines + 1] = ("INSERT INTO big VALUES (%d, 'a row; with -- signs and ''quotes''');"):format(i)
    end
    for i = 1, 10 do
      lines[#lines + 1] = ("INSERT INTO big VALUES (%d, $$%s$$);"):format(-i, ("0123456789abcde;"):rep(40000))
    end
    lines[#lines + 1] = "COPY big FROM stdin;"
    for i = 1, 100000 do
      lines[#lines + 1] = ("%d\ta line of data; -- %d"):format(100000 + i, i)
    end
    lines[#lines + 1] = "\\.\n"
    local text = table.concat(lines, "\n")
    assert.is_true(#text > 10000000)
    local url = apply(text)
    assert.equal("120010", pg:sql(url, "SELECT count(*) FROM big"))
    assert.equal(tostring(#text), pg:sql(url, "SELECT octet_length(text) FROM stint.migration"))
  end)

  it("is fine: lone CRs, CRLF, a BOM, no line end, nothing at all", function()
    local url = apply "-- one\rCREATE TABLE a (n int);\r-- two\rINSERT INTO a VALUES (1);\r"
    assert.equal("1", pg:sql(url, "SELECT n FROM a"))
    url = apply(
      "\xef\xbb\xbf-- stint: no-transaction\r\nCREATE TABLE a (n int);\r\n"
        .. "COPY a FROM stdin;\r\n7\r\n\\.\r\nSELECT 1"
    )
    assert.equal("7", pg:sql(url, "SELECT n FROM a"))
    for _, text in ipairs { "", "\n", "\xef\xbb\xbf", ";", ";;;\n", "-- nothing", "/* nothing */ ;" } do
      apply(text)
    end
  end)

  it("is fine: names and text beyond ASCII", function()
    local url = apply [[CREATE TABLE "größe" ("日本" text, é int);INSERT INTO größe VALUES ('𝄞 ü', 1);]]
    assert.equal("𝄞 ü", pg:sql(url, 'SELECT "日本" FROM größe'))
  end)
end)
