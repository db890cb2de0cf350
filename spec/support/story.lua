-- What most stories are played with: a database, a project, and stint run there.
--   local at = story.new()
--   at.begin({ ["1_a.sql"] = "CREATE TABLE a (n int);" }, "[development]\n...")
--   local r = at.stint(0, "up")               -- it must end with 0
--   at.start("up"):says "waiting for"          -- as run.start
--   at.sql "SELECT count(*) FROM a"
--   at.git("add", "-A"); at.as "anna"          -- the project's git; the URL of that role
-- at.url, at.name, at.dir and at.pg say where; at.env what stint finds besides DATABASE_URL.
local assert = require "luassert"
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

local FOLDER = "scripts/migrations/"

local story = {}

local function path(name)
  return name:find("/", 1, true) and name or FOLDER .. name
end

function story.new(env)
  local at = { env = env or {} }

  -- A folder of a project. A file without a folder is a migration.
  function at.project(files, config)
    local list = {}
    for name, text in pairs(files or {}) do
      list[path(name)] = text
    end
    local dir = run.project(list, config)
    place.make(dir .. "/" .. FOLDER)
    return dir
  end

  -- There, and in a database of its own.
  function at.place(dir)
    at.pg = at.pg or cluster.get()
    at.url, at.name = at.pg:database()
    at.dir = dir
    return at.url, at.dir, at.name
  end

  function at.begin(files, config)
    return at.place(at.project(files, config))
  end

  function at.write(name, text)
    local where = at.dir .. "/" .. path(name)
    place.make(where:match "^(.*)/")
    place.write(where, text)
  end

  function at.start(...)
    local variables = { DATABASE_URL = at.url }
    for name, value in pairs(at.env) do
      variables[name] = value
    end
    return run.start({ ... }, { cwd = at.dir, env = variables, timeout = at.timeout })
  end

  function at.run(...)
    return at.start(...):wait()
  end

  function at.stint(code, ...)
    local r = at.run(...)
    assert.equal(code, r.code, r.err .. r.out)
    return r
  end

  function at.sql(text)
    return at.pg:sql(at.url, text)
  end

  -- In the project, by anna@x.org.
  function at.git(...)
    place.git(at.dir, ...)
  end

  -- The same database for another role.
  function at.as(role)
    return (at.url:gsub("user=postgres", "user=" .. role))
  end

  return at
end

function story.has(text, where)
  assert.is_truthy(where:find(text, 1, true), ("%q is not in:\n%s"):format(text, where))
end

-- On stderr.
function story.says(text, r)
  story.has(text, r.err)
end

return story
