local native = require "native"
local place = require "spec.support.place"

local config = native.config

local CONFIG = 78
local MB = 1024 * 1024

-- A folder with these files, loaded.
local function load(files, wanted)
  if type(files) == "string" then
    files = { ["config.ini"] = files }
  end
  wanted = wanted or {}
  wanted.folder = wanted.folder or place.folder()
  for name, text in pairs(files) do
    if name:find("/", 1, true) then
      place.make(wanted.folder .. "/" .. name:match("^(.*)/"))
    end
    place.write(wanted.folder .. "/" .. name, text)
  end
  return config.load(wanted)
end

local function loaded(files, wanted)
  local c, f = load(files, wanted)
  return assert(c, f and f.message)
end

local function refused(files, wanted)
  local c, f = load(files, wanted)
  assert.is_nil(c)
  assert.equal(CONFIG, f.kind)
  assert.truthy(f.hint, f.message)
  return f
end

describe("config", function()
  it("has its defaults", function()
    local c = loaded "[development]\nurl = postgresql://h/d\n"
    assert.equal("development", c.environment)
    assert.equal("scripts/migrations", c.migrations)
    assert.equal("stint", c.ledger_schema)
    assert.equal(60000, c.run_lock_wait)
    assert.equal(2000, c.lock_timeout)
    assert.equal(30, c.lock_retries)
    assert.equal(0, c.wait_for_db)
    assert.equal("strict", c.order)
    assert.equal(256 * MB, c.lua_memory)
    assert.equal(60000, c.lua_time)
    assert.is_false(c.protected)
    assert.is_false(c.unsafe_lua)
    assert.is_nil(c.role)
    assert.equal("default", c.source.lock_timeout)
    assert.equal("config.ini:2", c.source.url)
  end)

  it("reads every type", function()
    local c = loaded [[
[project]
lua_memory = 64 MB
lua_time   = 1h30m
unsafe_lua = Yes
[development]
lock_timeout = 250ms
wait_for_db  = 90
lock_retries = 0
order        = WARN
protected    = on
role         = owner
]]
    assert.same(
      { 64 * MB, 5400000, true, 250, 90000, 0, "warn", true, "owner" },
      { c.lua_memory, c.lua_time, c.unsafe_lua, c.lock_timeout, c.wait_for_db, c.lock_retries, c.order, c.protected, c.role }
    )
  end)

  it("says what is accepted where a value is of the wrong type", function()
    for line, hint in pairs {
      ["lock_timeout = soon"] = "a duration such as 250ms",
      ["lock_timeout ="] = "a duration such as 250ms",
      ["lock_retries = -1"] = "a whole number",
      ["lock_retries = 99999999999999999999"] = "a whole number",
      ["protected = maybe"] = "yes or no",
      ["order = loose"] = "strict, warn, allow",
    } do
      local f = refused("[development]\nrole = x\n" .. line .. "\n")
      assert.matches(line:match "^%S+", f.message, line)
      assert.matches(hint, f.hint, line)
      assert.equal(3, f.line, line)
      assert.matches("config.ini$", f.file)
    end
    assert.matches("256MB", refused("[project]\nlua_memory = 1e9\n").hint)
    assert.matches("default, stint", refused("[project]\nledger_schema =\n").hint)
  end)

  describe("precedence", function()
    local files = {
      ["config.ini"] = "[project]\nrole = p\nschema = p\n[development]\nrole = e\n[staging]\n",
      [".env"] = "STINT_ROLE=f\nSTINT_CONTACTS=f\n",
    }

    it("is flag, environment, .env, section, [project], default", function()
      local c = loaded(files, { flags = { role = "flag" }, env = { STINT_ROLE = "env", STINT_SCHEMA = "env" } })
      assert.same({ "flag", "env", "f" }, { c.role, c.schema, c.contacts })
      assert.same({ "--role", "STINT_SCHEMA", ".env:2" }, { c.source.role, c.source.schema, c.source.contacts })

      c = loaded(files, { env = { STINT_ROLE = "env" } })
      assert.same({ "env", "p" }, { c.role, c.schema })
      assert.same({ "STINT_ROLE", "config.ini:3" }, { c.source.role, c.source.schema })

      assert.equal("f", loaded(files).role)

      c = loaded { ["config.ini"] = files["config.ini"] }
      assert.same({ "e", "config.ini:5" }, { c.role, c.source.role })
      c = loaded({ ["config.ini"] = files["config.ini"] }, { environment = "staging" })
      assert.same({ "p", "config.ini:2" }, { c.role, c.source.role })
    end)

    it("names flags as they are typed, and checks their type", function()
      local c = loaded(files, { flags = { lock_timeout = "9s" } })
      assert.same({ 9000, "--lock-timeout" }, { c.lock_timeout, c.source.lock_timeout })
      assert.matches("^%-%-lock%-timeout: lock_timeout is not a duration", refused(files, { flags = { lock_timeout = "x" } }).message)
      assert.matches("^STINT_LOCK_TIMEOUT: ", refused(files, { env = { STINT_LOCK_TIMEOUT = "x" } }).message)
    end)

    it("takes an empty variable for one that is not set", function()
      assert.equal("e", loaded({ ["config.ini"] = files["config.ini"] }, { env = { STINT_ROLE = "" } }).role)
    end)

    it("lets --url go before a direct_url of the file", function()
      local text = "[development]\nurl = postgresql://a/d\ndirect_url = postgresql://b/d\n"
      assert.equal("postgresql://b/d", loaded(text).connection)
      assert.equal("postgresql://c/d", loaded(text, { flags = { url = "postgresql://c/d" } }).connection)
      assert.equal("postgresql://c/d", loaded(text, { env = { STINT_URL = "postgresql://c/d" } }).connection)
    end)
  end)

  describe("environment", function()
    local text = "[project]\nenvironment = staging\n[development]\n[staging]\n[production]\nprotected = yes\n"

    it("is chosen by -e, STINT_ENV, [project], in this order", function()
      assert.equal("staging", loaded(text).environment)
      assert.equal("development", loaded(text, { env = { STINT_ENV = "development" } }).environment)
      local c = loaded(text, { environment = "production", env = { STINT_ENV = "development" } })
      assert.equal("production", c.environment)
      assert.is_true(c.protected)
      assert.equal("-e", c.source.environment)
      assert.same({ "development", "staging", "production" }, c.environments)
    end)

    it("must exist; the error names those that do", function()
      local f = refused(text, { environment = "prodction" })
      assert.equal('there is no environment "prodction"', f.message)
      assert.matches('did you mean "production"', f.hint)
      assert.matches("has development, staging, production", f.hint)
      assert.matches("has development, staging", refused(text, { environment = "project" }).hint)
      assert.matches("stint init", refused({}, { environment = "production" }).hint)
      assert.matches("%[x%]", refused("[project]\n", { environment = "x" }).hint)
    end)

    it("needs no section where there is none at all", function()
      local c = loaded "[project]\nurl = postgresql://h/d\n"
      assert.same({ "development", "postgresql://h/d" }, { c.environment, c.connection })
    end)
  end)

  describe("inih's traps", function()
    it("keeps a URL of 4,000 bytes whole", function()
      local url = "postgresql://h/d?options=" .. ("x"):rep(4000)
      local c = loaded("[development]\nurl = " .. url .. "\nrole = r\n")
      assert.equal(url, c.url)
      assert.equal("r", c.role)
    end)

    it("reads an indented section", function()
      local c = loaded "  [development]\n    url = postgresql://h/d ; a comment\n\trole = r\n      ; more\n"
      assert.same({ "postgresql://h/d", "r" }, { c.url, c.role })
    end)

    it('keeps a password that holds " ;" in quotes, and cuts a comment outside of them', function()
      local c = loaded '[development]\nurl = "postgresql://u:a ;b#c@h/d" ; comment\ncontacts = a;b # c ; d\n'
      assert.equal("postgresql://u:a ;b#c@h/d", c.url)
      assert.equal("a;b # c", c.contacts)
      assert.equal([[a "quoted" \ back\n]], loaded([[
[development]
contacts = "a \"quoted\" \\ back\n"
]]).contacts)
    end)

    it("keeps a value that looks like a token of its own", function()
      assert.equal("@", loaded("[development]\nrole = @\n").role)
    end)

    it("reads CRLF, a BOM, both comment signs, a key with a colon, a last line without an end", function()
      local c = loaded "\xef\xbb\xbf# c\r\n; c\r\n[development]\r\nrole: r\r\n\r\nschema = s = t"
      assert.same({ "r", "s = t" }, { c.role, c.schema })
    end)

    it("takes an empty value for none", function()
      assert.is_nil(loaded("[project]\nrole = r\n[development]\nrole = ; none\n").role)
    end)
  end)

  describe("errors", function()
    it("name an unknown key, its line and the nearest", function()
      local f = refused "[development]\n\nlock_timeot = 2s\n"
      assert.equal('[development] has an unknown key "lock_timeot"', f.message)
      assert.equal(3, f.line)
      assert.equal('did you mean "lock_timeout"?', f.hint)
      assert.matches("stint help config", refused("[project]\nzebra = 1\n").hint)
    end)

    it("are found in the environments that are not chosen, too", function()
      assert.equal(4, refused("[development]\n[production]\nurl = x\nrol = y\n").line)
    end)

    it("know a key that stands in the wrong section, and a misspelt section", function()
      local f = refused "[development]\nmigrations = x\n"
      assert.equal("migrations belongs in [project], not in [development]", f.message)
      assert.matches("did you mean %[project%]", refused("[projct]\nmigrations = x\n").hint)
      assert.matches("did you mean %[variables%]", refused("[variable]\nmy_own_thing = x\n").hint)
    end)

    it("name both lines of a duplicate", function()
      local f = refused "[development]\nrole = a\n[staging]\nrole = b\n[development]\nrole = c\n"
      assert.equal("[development] has role twice, in lines 2 and 6", f.message)
    end)

    it("never show what stands in a line", function()
      for text, line in pairs {
        ["[development]\npostgres//u+hunter2@h/d\n"] = 2,
        ["[development]\nurl = a\npostgres://u:hunter2@h/d?a=b\n"] = 3,
        ["hunter2 = x\n[development]\n"] = 1,
        ["[development]\nurl = \"hunter2\n"] = 2,
        ["[development]\nurl = \"a\" hunter2\n"] = 2,
        ["[hunter2 x]\n"] = 1,
        ["[development]\nurl = ${hunter2 x}\n"] = 2,
        ["[development]\nurl = ${HUNTER:hunter2\n"] = 2,
      } do
        local f = refused(text)
        assert.equal(line, f.line, text)
        assert.is_nil((f.message .. f.hint):find("hunter2", 1, true), f.message)
      end
    end)

    it("refuse a NUL, a missing file and a missing folder", function()
      assert.matches("NUL", refused("[development]\nrole = a\0b\n").message)
      assert.matches("^there is no file .*other.ini$", refused({}, { file = "other.ini" }).message)
      assert.matches("STINT_CONFIG", refused({}, { env = { STINT_CONFIG = "other.ini" } }).hint)
      local _, f = config.load { folder = "/nowhere/at/all" }
      assert.equal("there is no folder /nowhere/at/all", f.message)
    end)
  end)

  describe("${VAR}", function()
    it("is replaced from the environment", function()
      local c = loaded("[development]\nurl = postgresql://${SPEC_USER}:x@h/${SPEC_DB:-d}\n", { env = { SPEC_USER = "u" } })
      assert.equal("postgresql://u:x@h/d", c.url)
    end)

    it("takes its default where the variable is not set or empty, which may hold another", function()
      local text = "[development]\nrole = ${SPEC_A:-${SPEC_B:-c}}d\n"
      assert.equal("cd", loaded(text).role)
      assert.equal("cd", loaded(text, { env = { SPEC_A = "" } }).role)
      assert.equal("bd", loaded(text, { env = { SPEC_B = "b" } }).role)
      assert.equal("ad", loaded(text, { env = { SPEC_A = "a", SPEC_B = "b" } }).role)
    end)

    it("leaves $$, $VAR and what a value holds as they are", function()
      local text = "[development]\nrole = $$HOME$SPEC_A ${SPEC_A} $\n"
      assert.equal("$$HOME$SPEC_A ${SPEC_B} $", loaded(text, { env = { SPEC_A = "${SPEC_B}" } }).role)
    end)

    it("fails at its line where it is not set, with its own message if it has one", function()
      local f = refused "[development]\nrole = ${SPEC_NOT_SET}\n"
      assert.equal("role: the variable SPEC_NOT_SET is not set", f.message)
      assert.equal(2, f.line)
      f = refused "[development]\nrole = ${SPEC_NOT_SET:?ask Anna}\n"
      assert.equal("role: SPEC_NOT_SET is not set: ask Anna", f.message)
    end)

    it("is left alone in environments that are not chosen", function()
      local text = "[development]\nrole = r\n[production]\nrole = ${SPEC_NOT_SET}\n"
      assert.equal("r", loaded(text).role)
      refused(text, { environment = "production" })
    end)

    it("hurts only who connects, where it is the URL's", function()
      local c = loaded "[development]\nurl = ${SPEC_NOT_SET}\n"
      assert.is_nil(c.connection)
      assert.equal(CONFIG, c.no_connection.kind)
      assert.equal("config.ini:2: url: the variable SPEC_NOT_SET is not set", c.no_connection.message)
      assert.equal("postgresql://h", loaded("[development]\nurl = ${SPEC_NOT_SET}\n", { flags = { url = "postgresql://h" } }).connection)
    end)

    it("leaves direct_url out where its variable is not set, but not where it is demanded", function()
      local text = "[development]\nurl = postgresql://h\ndirect_url = ${SPEC_NOT_SET%s}\n"
      assert.equal("postgresql://h", loaded(text:format("")).connection)
      local c = loaded(text:format(":?no way past the pooler"))
      assert.is_nil(c.connection)
      assert.matches("no way past the pooler", c.no_connection.message)
    end)
  end)

  describe(".env", function()
    it("gives what the environment does not, and overrides nothing", function()
      local files = { ["config.ini"] = "[development]\nrole = ${SPEC_A}${SPEC_B}\n", [".env"] = "SPEC_A=file\nSPEC_B=file\n" }
      assert.equal("envfile", loaded(files, { env = { SPEC_A = "env" } }).role)
      assert.equal("file", loaded(files, { env = { SPEC_A = "" } }).role, "set, though empty")
    end)

    it("is read as people write it", function()
      local env = table.concat({
        "\xef\xbb\xbf# a comment",
        "export SPEC_1=one # comment",
        "SPEC_2='two # ${SPEC_1}'   # comment",
        'SPEC_3="three\\n\\"${SPEC_1}\\" \\$x"',
        "  SPEC_4 = four#not ${SPEC_1} ${SPEC_UNKNOWN}",
        "SPEC_5=",
        "what is this",
        'SPEC_6="six',
        'lines"',
        "SPEC_7=it's",
        "SPEC_8=8",
        "SPEC_8=eight",
      }, "\r\n")
      local ini = { "[development]", "[variables]" }
      for i = 1, 8 do
        ini[#ini + 1] = ("v%d = ${SPEC_%d}"):format(i, i)
      end
      local c = loaded { ["config.ini"] = table.concat(ini, "\n"), [".env"] = env }
      assert.same({
        v1 = "one",
        v2 = "two # ${SPEC_1}",
        v3 = 'three\n"one" $x',
        v4 = "four#not one",
        v5 = "",
        v6 = "six\r\nlines",
        v7 = "it's",
        v8 = "eight",
      }, c.variables)
    end)

    it("is refused for a protected environment, unless dotenv = yes", function()
      local files = { ["config.ini"] = "[development]\nprotected = yes\nurl = ${SPEC_A}\n", [".env"] = "\nSPEC_A=hunter2\n" }
      local f = refused(files)
      assert.matches('protected environment "development", and only it has SPEC_A', f.message)
      assert.matches("dotenv = yes", f.hint)
      assert.matches("%.env$", f.file)
      assert.equal(2, f.line)
      assert.equal("set", loaded(files, { env = { SPEC_A = "set" } }).connection)
      assert.equal("hunter2", loaded(files, { env = { STINT_DOTENV = "yes" } }).connection)
      files["config.ini"] = files["config.ini"] .. "dotenv = yes\n"
      assert.equal("hunter2", loaded(files).connection)
    end)

    it("cannot say of itself that it may be used", function()
      refused {
        ["config.ini"] = "[development]\nprotected = yes\nurl = ${SPEC_A}\n",
        [".env"] = "SPEC_A=x\nSTINT_PROTECTED=no\nSTINT_DOTENV=yes\n",
      }
    end)
  end)

  describe("without config.ini", function()
    it("takes DIRECT_URL, then DATABASE_URL", function()
      local env = { DATABASE_URL = "postgresql://a/d" }
      local c = loaded({}, { env = env })
      assert.same({ "postgresql://a/d", "DATABASE_URL" }, { c.connection, c.source.url })
      assert.is_nil(c.file)
      env.DIRECT_URL = "postgresql://b/d"
      assert.equal("postgresql://b/d", loaded({}, { env = env }).connection)
      assert.equal("postgresql://c/d", loaded({}, { env = env, flags = { url = "postgresql://c/d" } }).connection)
      assert.equal("postgresql://e/d", loaded { [".env"] = "DATABASE_URL=postgresql://e/d\n" }.connection)
    end)

    it("finds the migrations", function()
      assert.equal("migrations", loaded({ ["migrations/1_a.sql"] = "" }).migrations)
      assert.equal("scripts/migrations", loaded({ ["migrations/1_a.sql"] = "", ["scripts/migrations/1_a.sql"] = "" }).migrations)
      assert.equal("scripts/migrations", loaded({}).migrations)
      assert.equal("m", loaded({ ["migrations/1_a.sql"] = "" }, { flags = { migrations = "m" } }).migrations)
    end)
  end)

  it("asks for no DATABASE_URL that config.ini does not name", function()
    local c = loaded("[development]\nrole = r\n", { env = { DATABASE_URL = "postgresql://a/d" } })
    assert.is_nil(c.connection)
    assert.equal('the environment "development" has no url', c.no_connection.message)
    assert.matches("under %[development%]: url = ", c.no_connection.hint)
  end)

  it("finds another file, and its folder is the project's", function()
    local folder = place.folder()
    local c = loaded({ ["deploy/stint.ini"] = "[development]\nrole = ${SPEC_A}\n", ["deploy/.env"] = "SPEC_A=a\n" }, {
      folder = folder,
      file = "deploy/stint.ini",
    })
    assert.equal("a", c.role)
    assert.equal("/deploy", c.folder:sub(-7))
    assert.equal("scripts/migrations", c.migrations, "relative to the project's folder")
    assert.equal("stint.ini:2", c.source.role)
  end)

  it("has variables", function()
    local c = loaded("[development]\n[variables]\napp_role = ${SPEC_A}\n", { env = { SPEC_A = "a" } })
    assert.same({ app_role = "a" }, c.variables)
  end)

  it("writes a sample that it can read, the one that is checked in", function()
    assert.equal(place.read "config.ini", config.sample())
    local c = loaded(config.sample())
    assert.equal("local:", c.url)
    assert.same({ "development", "staging", "production" }, c.environments)
    c = loaded(config.sample(), { environment = "production", env = { DATABASE_URL = "postgresql://h/d" } })
    assert.is_true(c.protected)
    assert.equal("postgresql://h/d", c.connection)
  end)

  it("writes a sample whose commented keys all are right when they are taken in", function()
    local text = config.sample():gsub("\n;(%l[%w_]* = %S)", "\n%1")
    assert.matches("\nlock_timeout = 2s\n", text)
    loaded(text)
  end)

  it("explains every key", function()
    local help = config.help()
    for key in pairs(loaded("[development]\n").source) do
      assert.truthy(help:find("\n  " .. key .. " = ", 1, true), key)
    end
  end)
end)
