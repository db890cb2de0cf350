-- What was applied is what the ledger says: a file that differs since is refused, what only looks
-- different is not.
local json = require "dkjson"
local place = require "spec.support.place"
local session = require "spec.support.session"
local story = require "spec.support.story"

local FIRST = [[
-- the people
CREATE TABLE people (id int, name text DEFAULT 'a
b');

INSERT INTO people VALUES (1, 'x;y');
]]

describe("an applied file", function()
  local url, project, db
  local has = story.has

  local at = story.new()
  local stint, write = at.run, at.write

  local function path(name)
    return project .. "/scripts/migrations/" .. name
  end

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  -- "1 applied, 2 pending"
  local function states(...)
    local list = {}
    for i, item in ipairs(json.decode(stint("status", "--json", ...).out).migrations) do
      list[i] = item.version .. " " .. item.state
    end
    return table.concat(list, ", ")
  end

  local function check(...)
    return stint("status", "--check", ...).code
  end

  local function exists(name)
    return db:value("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
  end

  before_each(function()
    url, project = at.begin { ["scripts/migrations/1_people.sql"] = FIRST }
    db = session.open(url)
    up(0)
  end)

  after_each(function()
    db:close()
  end)

  describe("that was edited", function()
    before_each(function()
      write("1_people.sql", (FIRST:gsub("1, 'x;y'", "2, 'x;y'")))
      write("2_next.sql", "CREATE TABLE next ();")
    end)

    it("is called so by status, with the difference", function()
      local r = stint "status"
      assert.equal(0, r.code)
      assert.matches("\nedited       1_people ", r.out)
      has("\n             - INSERT INTO people VALUES (1, 'x;y');\n             + INSERT INTO people VALUES (2, 'x;y');\n", r.out)
      assert.is_nil(r.out:find("- CREATE", 1, true))
      assert.equal("1 edited, 2 pending", states())
    end)

    it("is refused by up, and nothing is run", function()
      local r = up(4)
      has("ERROR: scripts/migrations/1_people.sql was edited after it was applied\n", r.err)
      has("STATE: nothing was run\n", r.err)
      has("stint resolve 1 --accept-change", r.err)
      assert.equal("", r.out)
      assert.is_false(exists "next")
      for _, order in ipairs { "warn", "allow" } do
        up(4, "--order", order)
      end
      os.remove(path "2_next.sql")
      up(4)
      local said = json.decode(stint("up", "--json").out:match "[^\n]+\n$").error
      assert.equal(4, said.code)
    end)

    it("is refused by status --check even where something is pending", function()
      assert.equal(4, check())
      write("1_people.sql", FIRST)
      assert.equal(2, check())
      up(0)
      assert.equal(0, check())
    end)

    it("is applied again once resolve --accept-change has said so", function()
      local r = stint("resolve", "1", "--accept-change")
      assert.equal(0, r.code, r.err)
      assert.equal("1_people: its text of now is what counts as applied\n", r.out)
      assert.equal("1 applied, 2 pending", states())
      assert.equal("t", db:value "SELECT text LIKE '%(2, ''x;y'')%' FROM stint.migration WHERE version = '1'")
      assert.equal("1", db:value "SELECT id FROM people")
      up(0)
      assert.is_true(exists "next")
      write("1_people.sql", FIRST)
      assert.equal("1 edited, 2 applied", states())
    end)

    it("is not edited any more when the edit is undone", function()
      write("1_people.sql", FIRST)
      up(0)
      assert.equal("1 applied, 2 applied", states())
    end)
  end)

  local looks = {
    ["CRLF line ends, within strings too"] = (FIRST:gsub("\n", "\r\n")),
    ["lone CR line ends"] = (FIRST:gsub("\n", "\r")),
    ["other comments"] = (FIRST:gsub("%-%- the people", "/* who /* is */ here */")),
    ["a comment between tokens"] = (FIRST:gsub("INSERT INTO", "INSERT -- why\n INTO")),
    ["no comments"] = (FIRST:gsub("%-%- the people\n", "")),
    ["more white space"] = (FIRST:gsub("CREATE TABLE", " CREATE \t\n\fTABLE")),
    ["less white space"] = (FIRST:gsub("\n\nINSERT", "INSERT"):gsub("int, ", "int,")),
    ["a byte order mark"] = "\239\187\191" .. FIRST,
    ["no final line end"] = FIRST:sub(1, -2),
    ["no final semicolon"] = FIRST:sub(1, -3),
    ["empty statements"] = ";;" .. FIRST .. ";\n;",
  }
  for what, text in pairs(looks) do
    it("is not edited by " .. what, function()
      assert.are_not.equal(FIRST, text)
      write("1_people.sql", text)
      assert.equal("1 applied", states())
      assert.equal(0, check())
      has("nothing to do", up(0).out)
    end)
  end

  local edits = {
    ["letter case"] = (FIRST:gsub("CREATE TABLE", "create table")),
    ["white space in a string"] = (FIRST:gsub("'x;y'", "'x; y'")),
    ["a statement more"] = FIRST .. "SELECT 1;\n",
    ["a statement less"] = (FIRST:gsub("INSERT[^\n]*\n", "")),
    ["a semicolon in another place"] = (FIRST:gsub("%);\n\nINSERT", ")\n\nINSERT")),
    ["a directive"] = "-- stint: lock-timeout 5s\n" .. FIRST,
    ["quotes around a name"] = (FIRST:gsub("INTO people", 'INTO "people"')),
    ["a comment that becomes text"] = (FIRST:gsub("%-%- the people", "SELECT 1;")),
    ["a text that becomes a comment"] = (FIRST:gsub("INSERT", "-- INSERT")),
    ["an unreadable end"] = FIRST .. "SELECT 'never",
    ["all of it"] = "",
  }
  for what, text in pairs(edits) do
    it("is edited by " .. what, function()
      assert.are_not.equal(FIRST, text)
      write("1_people.sql", text)
      assert.equal("1 edited", states())
      assert.equal(4, check())
      has("was edited after it was applied", up(4).err)
    end)
  end

  it("is not edited by blanks within its directives", function()
    write("2_patient.sql", "-- stint: lock-timeout 5s\nSELECT 1;")
    up(0)
    write("2_patient.sql", "--   stint:  lock-timeout \t 5s  \r\nSELECT 1;")
    assert.equal("1 applied, 2 applied", states())
    write("2_patient.sql", "-- stint: lock-timeout 6s\nSELECT 1;")
    assert.equal("1 applied, 2 edited", states())
  end)

  it("is known by its version, whatever the rest of its name", function()
    os.rename(path "1_people.sql", path "1_persons.sql")
    assert.equal("1 applied", states())
    up(0)
  end)

  describe("whose way down was changed", function()
    local function said(changed)
      local r = up(0)
      assert.equal(changed, r.err:find("the way down was changed since it was applied", 1, true) ~= nil, r.err)
      r = stint "status"
      assert.equal(changed, r.out:find("its way down was changed since", 1, true) ~= nil, r.out)
      assert.equal(0, check())
    end

    it("is not refused, but it is said", function()
      local head = "CREATE TABLE t ();\n"
      write("2_t.sql", head .. "-- stint: down\nDROP TABLE t;\n")
      up(0)
      said(false)
      write("2_t.sql", head .. "-- stint: down\nDROP TABLE t CASCADE;\n")
      said(true)
      write("2_t.sql", head)
      said(true)
      write("2_t.sql", head .. "-- stint: down\n/* so */ DROP TABLE t\n")
      said(false)
      write("2_t.sql", "CREATE TABLE t2 ();\n-- stint: down\nDROP TABLE t;\n")
      assert.equal("1 applied, 2 edited", states())
    end)

    it("is said of a twin too", function()
      write("2_t.sql", "CREATE TABLE t ();\n")
      write("2_t.down.sql", "DROP TABLE t;\n")
      up(0)
      said(false)
      write("2_t.down.sql", "DROP TABLE t CASCADE;\n")
      said(true)
      os.remove(path "2_t.down.sql")
      said(true)
      write("2_t.down.sql", "DROP   TABLE t")
      said(false)
    end)
  end)

  describe("in Lua", function()
    local LUA = 'migration {\n  up = function(db)\n    db:exec "CREATE TABLE lua ()"\n  end,\n}\n'

    before_each(function()
      write("2_lua.lua", LUA)
      up(0)
    end)

    it("is not edited by other line ends", function()
      for _, ends in ipairs { "\r\n", "\r" } do
        write("2_lua.lua", (LUA:gsub("\n", ends)))
        assert.equal("1 applied, 2 applied", states())
        up(0)
      end
    end)

    it("is edited by anything else", function()
      write("2_lua.lua", "-- so\n" .. LUA)
      assert.equal("1 applied, 2 edited", states())
      has("2_lua.lua was edited after it was applied", up(4).err)
      assert.equal(0, stint("resolve", "2", "--accept-change").code)
      up(0)
    end)
  end)

  describe("that is gone", function()
    before_each(function()
      os.remove(path "1_people.sql")
      write("2_next.sql", "CREATE TABLE next ();")
    end)

    it("is refused where order is strict", function()
      assert.equal("1 missing, 2 pending", states())
      assert.equal(4, check())
      local r = up(4)
      has("ERROR: 1_people is applied, but its file is missing\n", r.err)
      has("STATE: nothing was run\n", r.err)
      has("stint resolve 1 --rolled-back", r.err)
      assert.is_false(exists "next")
      os.remove(path "2_next.sql")
      up(4)
    end)

    it("is said where order is warn, ignored where it is allow", function()
      assert.equal(2, check("--order", "warn"))
      has("WARNING: 1_people is applied, but its file is missing\n", up(0, "--order", "warn").err)
      assert.is_true(exists "next")
      assert.equal(0, check("--order", "allow"))
      write("3_last.sql", "SELECT 1;")
      assert.is_nil(up(0, "--order", "allow").err:find("missing", 1, true))
    end)

    it("may be let go", function()
      assert.equal(0, stint("resolve", "1", "--rolled-back").code)
      assert.equal("2 pending", states())
      up(0)
      assert.equal(0, check())
    end)
  end)

  describe("with a pending one before it", function()
    before_each(function()
      write("5_newest.sql", "CREATE TABLE newest ();")
      up(0)
      write("3_late.sql", "CREATE TABLE late ();")
      write("6_next.sql", "CREATE TABLE next ();")
    end)

    it("refuses that where order is strict", function()
      assert.equal("1 applied, 3 out_of_order, 5 applied, 6 pending", states())
      assert.equal(4, check())
      local r = up(4)
      has("ERROR: scripts/migrations/3_late.sql is older than the newest applied migration\n", r.err)
      has("--order warn", r.err)
      assert.is_false(exists "late")
      assert.is_false(exists "next")
    end)

    it("applies that where order is warn or allow", function()
      assert.equal(2, check("--order", "warn"))
      local r = up(0, "--order", "warn", "--count", "1")
      has("WARNING: scripts/migrations/3_late.sql is older than the newest applied migration\n", r.err)
      assert.is_true(exists "late")
      assert.is_false(exists "next")
      write("4_late.sql", "CREATE TABLE later ();")
      place.write(project .. "/config.ini", "[development]\nurl = ${DATABASE_URL}\norder = allow\n")
      r = up(0)
      assert.is_nil(r.err:find("older", 1, true))
      assert.is_true(exists "later")
      assert.is_true(exists "next")
      assert.equal("1 applied, 3 applied, 4 applied, 5 applied, 6 applied", states())
    end)
  end)

  it("shares its version with no other file", function()
    write("1_second.sql", "CREATE TABLE second ();")
    for _, command in ipairs { "up", "status" } do
      local r = stint(command)
      assert.equal(4, r.code)
      has("ERROR: two migrations have version 1: scripts/migrations/1_people.sql and scripts/migrations/1_second.sql\n", r.err)
    end
    os.remove(path "1_second.sql")
    write("01_second.sql", "CREATE TABLE second ();")
    assert.equal(4, stint("up").code)
    assert.is_false(exists "second")
  end)
end)
