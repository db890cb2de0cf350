-- Sessions that a spec steps by hand, so that two of them can be brought into any order without
-- a sleep:
--   local a, b = session.open(url), session.open(url)
--   a:exec "BEGIN; LOCK TABLE t"
--   b:send "SELECT * FROM t"
--   assert.is_true(b:waiting())      -- blocked by a lock
--   a:exec "COMMIT"
--   b:wait()
local native = require "native"
local eventually = require "spec.support.eventually"

local Session = {}
Session.__index = Session

local session = {}

local PATIENCE = 60

function session.open(url)
  return setmetatable({ url = url, handle = native.session.open(url) }, Session)
end

-- The rows of its last statement: by column name and by number; SQL's NULL is nil. An error of the
-- server is raised, as a table with message and sqlstate.
function Session:wait(seconds)
  if native.session.busy(self.handle, seconds or PATIENCE) then
    error(("no answer within %g s"):format(seconds or PATIENCE), 2)
  end
  local rows, message, sqlstate = native.session.results(self.handle)
  if not rows then
    error(
      setmetatable({ message = message, sqlstate = sqlstate }, {
        __tostring = function(e)
          return e.sqlstate .. ": " .. e.message
        end,
      }),
      2
    )
  end
  self.rows = rows
  return rows
end

function Session:send(sql)
  native.session.send(self.handle, sql)
end

function Session:exec(sql, seconds)
  self:send(sql)
  return self:wait(seconds)
end

-- The first column of the first row.
function Session:value(sql)
  local row = self:exec(sql)[1]
  return row and row[1]
end

-- What the server says when it refuses: message, sqlstate; nil if it does not.
function Session:refused(sql)
  local ok, e = pcall(self.exec, self, sql)
  if ok then
    return nil
  end
  if type(e) ~= "table" then
    error(e, 2)
  end
  return e.message, e.sqlstate
end

local WAITS = [[SELECT coalesce((SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %d), false)]]

-- Does what was sent wait for a lock? Looks until it does or has ended.
function Session:waiting(seconds)
  local until_then = native.process.seconds() + (seconds or PATIENCE)
  self.eye = self.eye or session.open(self.url)
  while native.process.seconds() < until_then do
    if self.eye:value(WAITS:format(self:pid())) == "t" then
      return true
    end
    if not native.session.busy(self.handle, 0.005) then
      return false
    end
  end
  return false
end

function Session:pid()
  return native.session.pid(self.handle)
end

function Session:cancel()
  return native.session.cancel(self.handle)
end

function Session:close()
  if self.eye then
    self.eye:close()
  end
  native.session.close(self.handle)
end

-- Looks until the query's first value is `wanted`; for what another process is about to do.
function session.wait_until(url, sql, wanted)
  local eye = session.open(url)
  local seen
  eventually(function()
    return ("%s: wanted %s, saw %s"):format(sql, tostring(wanted), tostring(seen))
  end, function()
    seen = eye:value(sql)
    return seen == wanted
  end)
  eye:close()
  return true
end

return session
