-- A file that has not changed is not read again; one that has changed always is.
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

local pg = cluster.get()

describe("the cache of checksums", function()
  local url, project, cache

  local function stint(...)
    return run({ ... }, { cwd = project, env = { DATABASE_URL = url, XDG_CACHE_HOME = cache } })
  end

  local function status()
    return stint("status", "--check").code
  end

  -- As if it had been written long ago: what is two seconds old at the most is never cached.
  local function age(file)
    assert.is_true(os.execute(("touch -d '2020-01-01' %s"):format(place.quoted(file))))
  end

  local file

  before_each(function()
    url = pg:database()
    cache = place.folder()
    project = run.project { ["scripts/migrations/1_a.sql"] = "CREATE TABLE a (id int);\n" }
    file = project .. "/scripts/migrations/1_a.sql"
    assert.equal(0, stint("up").code)
  end)

  it("does not take a new file for a known one", function()
    assert.equal(0, status())
    age(file)
    assert.equal(0, status())
    place.write(file, "CREATE TABLE b (id int);\n")
    assert.equal(4, status())
    place.write(file, "CREATE TABLE a (id int);\n")
    assert.equal(0, status())
  end)

  it("sees an edit that keeps size and modification time", function()
    age(file)
    assert.equal(0, status())
    place.write(file, "CREATE TABLE b (id int);\n")
    age(file)
    assert.equal(4, status())
  end)

  it("is only a cache: gone, spoilt or somebody else's, it changes nothing", function()
    age(file)
    for _, spoil in ipairs { "rm -rf %s/stint", "sh -c 'for f in %s/stint/*; do echo x > $f; done'", "chmod 500 %s" } do
      os.execute(spoil:format(place.quoted(cache)) .. " 2>/dev/null")
      assert.equal(0, status())
      place.write(file, "CREATE TABLE b (id int);\n")
      assert.equal(4, status())
      place.write(file, "CREATE TABLE a (id int);\n")
    end
  end)
end)
