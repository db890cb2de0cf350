local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local process = native.process

local LOCAL = "[development]\nurl = local:shop\n\n[elsewhere]\nurl = postgresql:///nowhere\n"

describe("stint dev", function()
  local project

  local function dev(...)
    return run({ "dev", ... }, { cwd = project })
  end

  local function status()
    return dev("status", "--json").out
  end

  before_each(function()
    project = run.project({}, LOCAL)
  end)

  after_each(function()
    assert.equal(0, dev("stop", "--delete", "--yes").code)
  end)

  it("starts, shows, stops and removes the private PostgreSQL", function()
    local r = dev()
    assert.equal(0, r.code)
    assert.matches("state    absent", r.out, 1, true)

    r = dev "start"
    assert.equal(0, r.code, r.err)
    assert.matches("^postgresql:///shop%?host=/.*&user=postgres\n$", r.out)
    assert.matches("the private PostgreSQL runs in /", r.err, 1, true)
    assert.equal(r.out, dev("url").out)

    r = dev "status"
    assert.matches("state    running", r.out, 1, true)
    assert.matches("server   PostgreSQL 1%d", r.out)
    local json = status()
    assert.matches('"state":"running"', json, 1, true)
    assert.matches('"server_version":"1%d', json)
    assert.matches('"place":"/', json, 1, true)

    r = dev "stop"
    assert.equal(0, r.code)
    assert.matches('"state":"stopped"', status(), 1, true)

    r = dev("stop", "--delete")
    assert.equal(5, r.code)
    assert.matches("STATE: nothing was removed\nNEXT: stint dev stop --delete --yes\n", r.err, 1, true)
    local home = status():match '"place":"(.-)"'
    assert.equal(0, dev("stop", "--delete", "--yes").code)
    assert.matches('"state":"absent"', status(), 1, true)
    assert.is_false(place.exists(home .. "/project"))
  end)

  it("becomes psql, which gets its own options after --", function()
    local url = dev("start").out:gsub("%s+$", "")
    local s = session.open((url:gsub("/shop%?", "/postgres?")))
    s:exec "CREATE DATABASE shop"
    s:close()
    assert.equal(0, dev("stop").code)
    local r = run({ "dev", "psql", "--", "-XAtc", "SELECT current_database()" }, { cwd = project })
    assert.equal(0, r.code, r.err)
    assert.equal("shop\n", r.out)
    r = run({ "dev", "psql", "--", "-XAt" }, { cwd = project, stdin = "SELECT 40 + 2;\n" })
    assert.equal("42\n", r.out)
  end)

  it("is started once when two ask at the same moment", function()
    local handles = {}
    for i = 1, 4 do
      handles[i] = run.start({ "dev", "start" }, { cwd = project })
    end
    local made = 0
    for _, handle in ipairs(handles) do
      local r = handle:wait()
      assert.equal(0, r.code, r.err)
      made = made + select(2, r.err:gsub("making a private PostgreSQL", ""))
    end
    assert.equal(1, made)
  end)

  it("outlives Ctrl-C in the terminal that started it", function()
    assert.equal(0, dev("start").code)
    local pid = tonumber(place.read(status():match '"place":"(.-)"' .. "/data/postmaster.pid"):match "^%d+")
    local stat = place.read("/proc/" .. pid .. "/stat")
    local group = tonumber(stat:match "^%d+ %b() %a %d+ (%d+)")
    assert.equal(pid, group)
  end)

  it("keeps no file of its caller's open", function()
    local r = run({ "-c", '"$0" dev start | cat', run.binary }, { program = "sh", cwd = project })
    assert.equal(0, r.code, r.err)
    assert.matches("postgresql:///shop", r.out, 1, true)
  end)

  it("is refused where the database is elsewhere, with what to write", function()
    for _, word in ipairs { "start", "psql", "url" } do
      local r = run({ "dev", word, "-e", "elsewhere" }, { cwd = project })
      assert.equal(78, r.code)
      assert.equal("", r.out)
      assert.matches("url = local:", r.err, 1, true)
    end
  end)

  it("names what it does not know", function()
    local r = dev "strat"
    assert.equal(64, r.code)
    assert.matches("stint dev start", r.err, 1, true)
    assert.equal(64, dev("stop", "now").code)
    assert.equal(64, dev("status", "--delete").code)
  end)

  if process.am_root() then
    it("runs as an account of its own for root, and as the user for a user", function()
      local json = dev("status", "--json").out
      assert.matches('"account":"' .. process.server_account() .. '"', json, 1, true)
      assert.matches('"place":"/var/lib/stint/', json, 1, true)

      local home = place.folder()
      process.give_to(home, process.server_account())
      local opts = { cwd = project, account = process.server_account(), env = { HOME = home, XDG_STATE_HOME = false } }
      local r = run({ "dev", "start" }, opts)
      assert.equal(0, r.code, r.err)
      r = run({ "dev", "status", "--json" }, opts)
      assert.matches('"place":"' .. home .. "/.local/state/stint/", r.out, 1, true)
      assert.matches('"account":null', r.out, 1, true)
      assert.equal(0, run({ "dev", "stop", "--delete", "--yes" }, opts).code)
    end)

    it("goes to a short folder where the home's path is too long for a socket", function()
      local home = place.folder() .. "/" .. ("long/"):rep(20)
      place.make(home)
      process.give_to(home, process.server_account())
      local opts = { cwd = project, account = process.server_account(), env = { HOME = home } }
      local r = run({ "dev", "start" }, opts)
      assert.equal(0, r.code, r.err)
      r = run({ "dev", "status", "--json" }, opts)
      local socket = r.out:match '"socket":"(.-)"'
      assert.matches("^/tmp/stint%-%x+$", socket)
      assert.equal(0, run({ "dev", "stop", "--delete", "--yes" }, opts).code)
      assert.is_false(place.exists(socket .. "/.s.PGSQL.5432.lock"))
    end)
  end
end)
