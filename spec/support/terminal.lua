-- stint on a terminal of its own, as somebody who looks at it and presses keys:
--   local t = terminal.start({ "watch" }, { cwd = dir, env = { DATABASE_URL = url } })
--   t:shows "2_fill"
--   t:press "p"
--   local code, signal = t:ended()
local native = require "native"
local place = require "spec.support.place"
local run = require "spec.support.run"

local process, tty = native.process, native.terminal

local PATIENCE = 60

local Terminal = {}
Terminal.__index = Terminal

local terminal = {}

function terminal.start(args, opts)
  local ours, theirs, path = tty.open(opts.rows or 40, opts.columns or 160)
  local argv = { run.binary }
  for _, word in ipairs(args) do
    argv[#argv + 1] = word
  end
  local pid = process.start {
    argv = argv,
    env = place.environment(opts.env),
    cwd = opts.cwd,
    terminal = path,
  }
  return setmetatable({ pid = pid, ours = ours, theirs = theirs, all = "" }, Terminal)
end

function Terminal:press(keys)
  return tty.press(self.ours, keys)
end

function Terminal:read(seconds)
  local more = tty.read(self.ours, seconds)
  self.all = self.all .. (more or "")
  return more
end

-- The picture as it stands, without what moves the cursor.
function Terminal:picture()
  local last = self.all:match ".*\27%[H(.-)\27%[J" or ""
  return (last:gsub("\27%[%?*%d*%a", ""):gsub("\r", ""))
end

-- Looks until the picture has the text; without one for as long as it takes to be sure.
function Terminal:shows(text, seconds)
  local until_then = process.seconds() + (seconds or PATIENCE)
  while process.seconds() < until_then do
    if self:picture():find(text, 1, true) then
      return true
    end
    self:read(0.05)
  end
  error(("never showed %q, but:\n%s"):format(text, self:picture()), 2)
end

function Terminal:signal(name)
  return process.signal(self.pid, name)
end

-- Exit code, signal, when it has ended.
function Terminal:ended(seconds)
  local until_then = process.seconds() + (seconds or PATIENCE)
  while process.seconds() < until_then do
    local code, signal = process.wait(self.pid, 0)
    if code or signal then
      while self:read(0) do -- what is on its way
      end
      return code, signal
    end
    self:read(0.02)
  end
  process.signal(self.pid, "KILL")
  process.wait(self.pid, 5)
  error("it did not end", 2)
end

-- Echo and lines as a shell wants them, the cursor there, the first screen in front.
function Terminal:is_as_before()
  local _, entered = self.all:gsub("\27%[%?1049h\27%[%?25l", "")
  local _, left = self.all:gsub("\27%[%?25h\27%[%?1049l", "")
  return tty.is_plain(self.theirs) and left >= entered
end

function Terminal:is_plain()
  return tty.is_plain(self.theirs)
end

function Terminal:close()
  tty.close(self.ours, self.theirs)
end

return terminal
