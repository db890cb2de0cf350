local place = require "spec.support.place"
local run = require "spec.support.run"

describe("stint init", function()
  it("writes what a project needs, and names it", function()
    local folder = place.folder()
    local r = run({ "init" }, { cwd = folder })
    assert.equal(0, r.code, r.err)
    for _, name in ipairs {
      "config.ini", "scripts/migrations", ".luarc.json", "scripts/policies/production.lua", "scripts/policies/staging.lua",
      "scripts/policies/ci.lua", "scripts/policies/development.lua",
    } do
      assert.truthy(r.out:find("wrote  " .. name, 1, true), name)
    end
    assert.equal(place.read "config.ini", place.read(folder .. "/config.ini"))
    assert.matches("stint new", r.err)
    assert.equal(0, run({ "new", "a" }, { cwd = folder }).code)
  end)

  it("never overwrites, and says what was there", function()
    local folder = run.project({ [".luarc.json"] = "{}" }, "; mine\n")
    local r = run({ "init" }, { cwd = folder })
    assert.equal(0, r.code, r.err)
    assert.equal("; mine\n", place.read(folder .. "/config.ini"))
    assert.equal("{}", place.read(folder .. "/.luarc.json"))
    assert.truthy(r.out:find("kept   config.ini", 1, true))
    assert.truthy(r.out:find("wrote  scripts/migrations", 1, true))
  end)

  it("writes a first migration only when it is asked for", function()
    local folder = place.folder()
    run({ "init" }, { cwd = folder })
    local r = run({ "init", "--example", "--json" }, { cwd = folder })
    local path = r.out:match '^{"written":%["(scripts/migrations/%d+_create_users.sql)"%]'
    assert.truthy(path, r.out)
    assert.equal(14, #path:match "%d+")
    assert.matches("\n%-%- stint: down\nDROP TABLE users;\n$", place.read(folder .. "/" .. path))
    assert.truthy(run({ "init", "--example" }, { cwd = folder }).out:find("kept   " .. path, 1, true))
  end)

  it("keeps .env out of git, once", function()
    local folder = run.project { [".gitignore"] = "node_modules" }
    local r = run({ "init" }, { cwd = folder })
    assert.truthy(r.out:find("added  .env to .gitignore", 1, true), r.out)
    run({ "init" }, { cwd = folder })
    assert.truthy(r.out:find("added  /backups/ to .gitignore", 1, true), r.out)
    assert.equal("node_modules\n.env\n/backups/\n", place.read(folder .. "/.gitignore"))
    assert.is_false(place.exists(place.folder() .. "/.gitignore"))
  end)

  it("leaves a .gitignore alone that has it already, with any line end", function()
    local folder = run.project { [".gitignore"] = "a\r\n.env\r\nbackups/\r\nb" }
    run({ "init" }, { cwd = folder })
    assert.equal("a\r\n.env\r\nbackups/\r\nb", place.read(folder .. "/.gitignore"))
  end)

  it("works in another folder with -C, and points at migrations that are there", function()
    local folder = run.project { ["prisma/migrations/x.sql"] = "" }
    local r = run({ "-C", folder, "init" }, {})
    assert.equal(0, r.code, r.err)
    assert.is_true(place.exists(folder .. "/config.ini"))
    assert.matches("migrations = prisma/migrations", r.err)
  end)

  it("refuses a word", function()
    local r = run({ "init", "here" }, { cwd = place.folder() })
    assert.equal(64, r.code)
    assert.matches('takes no "here"', r.err)
  end)
end)
