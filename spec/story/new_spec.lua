local place = require "spec.support.place"
local run = require "spec.support.run"

local ini = "[development]\nurl = ${SPEC_NOT_SET}\n"

local function new(folder, ...)
  return run({ "new", ... }, { cwd = folder })
end

describe("stint new", function()
  it("prints the path of a file that is there, without a database", function()
    local folder = run.project({}, ini)
    local r = new(folder, "add_user_profile")
    assert.equal(0, r.code, r.err)
    local path = r.out:match "^(scripts/migrations/%d%d%d%d%d%d%d%d%d%d%d%d%d%d_add_user_profile%.sql)\n$"
    assert.truthy(path, r.out)
    assert.matches("^%-%- add_user_profile\n", place.read(folder .. "/" .. path))
    assert.equal("", r.err)
  end)

  it("makes a name of whatever is typed", function()
    local folder = run.project({}, ini)
    for typed, name in pairs {
      ["Add user-profile"] = "add_user_profile",
      ["AddUserProfile"] = "add_user_profile",
      ["größe"] = "gr_e",
      ["../../etc/passwd"] = "etc_passwd",
      ["v2.sql"] = "v2",
    } do
      local r = new(folder, "--", typed)
      assert.equal(0, r.code, r.err)
      assert.equal(name .. ".sql", r.out:match "^scripts/migrations/%d+_(.*)\n$", typed)
    end
    assert.matches("_two_words%.sql\n", new(folder, "two", "words").out)
  end)

  it("refuses a name of which nothing is left, and none at all", function()
    local folder = run.project({}, ini)
    for _, typed in ipairs { "é", "--", "", "__" } do
      local r = new(folder, "--", typed)
      assert.equal(64, r.code, typed)
      assert.matches("HINT: .*stint new add_user_profile", r.err)
    end
    assert.equal(64, new(folder).code)
    assert.equal(64, new(folder, ("x"):rep(300)).code)
  end)

  it("gives each file a version of its own, also within one second", function()
    local folder = run.project({}, ini)
    local seen, last = {}, ""
    for i = 1, 5 do
      local version = new(folder, "n" .. i).out:match "%d+"
      assert.is_nil(seen[version])
      assert.is_true(version > last)
      seen[version], last = true, version
    end
  end)

  it("writes Lua migrations and backfills that can be loaded", function()
    local folder = run.project({}, ini)
    local path = new(folder, "first", "--lua").out:match "(.*_first%.lua)\n"
    local declared = {}
    local world = { error = error }
    function world.migration(t)
      declared.migration = t
    end
    function world.backfill(t)
      declared.backfill = t
    end
    assert(load(place.read(folder .. "/" .. path), "first", "t", world))()
    assert.is_function(declared.migration.up)
    assert.matches("still empty", select(2, pcall(declared.migration.up)))

    path = new(folder, "second", "--backfill", 'app."Us\\ers"').out:match "(.*_second%.lua)\n"
    assert(load(place.read(folder .. "/" .. path), "second", "t", world))()
    assert.equal('app."Us\\ers"', declared.backfill.table)
    assert.is_table(declared.backfill.set)
  end)

  it("answers in JSON", function()
    local folder = run.project({}, ini)
    local path, version = new(folder, "--json", "a").out:match '^{"path":"(.-)","version":"(%d+)"'
    assert.equal(("scripts/migrations/%s_a.sql"):format(version), path)
    assert.is_true(place.exists(folder .. "/" .. path))
  end)

  it("goes where config.ini says, from anywhere", function()
    local folder = run.project({}, "[project]\nmigrations = db/changes\n[development]\n")
    local r = run({ "-C", folder, "new", "a" }, {})
    assert.equal(0, r.code, r.err)
    assert.matches("^db/changes/%d+_a%.sql\n$", r.out)
    assert.is_true(place.exists(folder .. "/" .. r.out:sub(1, -2)))
  end)

  it("refuses two kinds at once, and a backfill of nothing", function()
    local folder = run.project({}, ini)
    assert.equal(64, new(folder, "a", "--sql", "--lua").code)
    assert.equal(64, new(folder, "a", "--backfill=").code)
    assert.equal(64, new(folder, "a", "--backfill").code)
  end)
end)

describe("stint help", function()
  it("lists commands, explains one, and all settings", function()
    local r = run({ "help" }, {})
    assert.equal(0, r.code)
    assert.matches("\n  new  +a new, commented migration", r.out)
    assert.matches("usage: stint new NAME", run({ "help", "new" }, {}).out)
    assert.equal(run({ "help", "new" }, {}).out, run({ "new", "--help" }, {}).out)
    assert.matches("\n  lock_timeout = TIME\n", run({ "help", "config" }, {}).out)
  end)

  it("names the nearest of an unknown word", function()
    local r = run({ "help", "stauts" }, {})
    assert.equal(64, r.code)
    assert.matches("status", r.err)
    assert.equal(64, run({ "help", "new", "up" }, {}).code)
  end)
end)
