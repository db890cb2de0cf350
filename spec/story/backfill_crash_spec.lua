local cluster = require "spec.support.cluster"
local eventually = require "spec.support.eventually"
local native = require "native"
local oracle = require "spec.support.oracle"
local session = require "spec.support.session"

local process = native.process
local long = os.getenv "STINT_LONG"

local ROWS = long and 300000 or 30000

local o = oracle.new { rows = ROWS, every = 100, takes = 0.002 }
local ALL, ONCE = o.all, oracle.ONCE

describe("a backfill, each row of which is to be changed once,", function()
  local begin, start, sql = o.begin, o.start, o.sql

  local forms = {
    ["an expression"] = 'set = { n = "n + 1" }',
    ["an expression, in stripes"] = 'set = { n = "n + 1" }, stripes = 4',
    ["a function"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end',
    ["a function, in stripes"] = 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end, stripes = 4',
    ["a statement, in stripes"] = 'batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi AND :stripe", stripes = 4',
    ["a statement"] = 'batch = "UPDATE t SET n = n + 1 WHERE id > :lo AND id <= :hi"',
  }

  for name, form in pairs(forms) do
    it("by " .. name .. ", is killed with -9 at any moment", function()
      o.pg = cluster.get()
      begin(nil, form)
      for round = 1, long and 30 or 4 do
        local h = start "up"
        o.under_way(round * 1000)
        process.pause(0.03 * math.random())
        h:kill "KILL"
        h:wait()
      end
      local r = start("up"):wait()
      assert.equal(0, r.code, r.err)
      assert.equal(ALL, sql(ONCE))
    end)
  end

  for _, commit in ipairs { "on", "off" } do
    it("lives through crashes of the server, synchronous_commit " .. commit, function()
      o.pg = cluster.new { settings = { synchronous_commit = commit } }
      finally(function()
        o.pg:stop()
      end)
      begin "workers = 2"
      local h = start "up"
      for round = 1, long and 10 or 2 do
        eventually("that it gets on", function()
          h = h:running() and h or start "up" -- it has met more crashes than one run puts up with
          return tonumber(sql "SELECT count(*) FROM log") > round * 1500
        end)
        o.pg:restart "immediate"
      end
      local r = h:wait()
      if r.code ~= 0 then
        r = start("up"):wait()
      end
      assert.equal(0, r.code, r.err)
      assert.equal(ALL, sql(ONCE))
    end)
  end

  it("meets an application that writes the same rows: no write is lost, and none done twice", function()
    o.pg = cluster.get()
    begin(nil, 'columns = { "n" }, transform = function(row) return { n = row.n + 1 } end')
    local app = session.open(o.url)
    local h = start "up"
    local writes, changed, gone = 0, 0, 0
    while h:running() do
      local first = math.random(1, ROWS - 20)
      changed = changed + #app:exec(("UPDATE t SET app = app + 1, n = n + 10 WHERE id BETWEEN %d AND %d RETURNING id"):format(first, first + 9))
      gone = gone + #app:exec(("DELETE FROM t WHERE id = %d RETURNING id"):format(math.random(1, ROWS)))
      writes = writes + 1
    end
    local r = h:wait()
    assert.equal(0, r.code, r.err)
    assert.is_true(writes > 5)
    assert.equal("0", sql "SELECT count(*) FROM t WHERE n <> 1 + 10 * app")
    assert.equal(tostring(ROWS - gone), sql "SELECT count(*) FROM t")
    assert.is_true(changed > 0)
  end)
end)
