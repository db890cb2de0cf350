-- Runs stint as a user would:
--   local r = run({ "status" }, { cwd = dir, env = { STINT_URL = url } })
--   r.code, r.out, r.err, r.signal
-- The environment is clean but for what `env` gives; stdin is empty but for `stdin`. A run that
-- takes longer than `timeout` seconds (120) is an error.
local native = require "native"
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"

local process = native.process

local build = os.getenv("STINT_BUILD") or "build"
local binary = os.getenv("STINT_BIN") or build .. "/stint"
if binary:sub(1, 1) ~= "/" then
  binary = process.cwd() .. "/" .. binary
end

local Handle = {}
Handle.__index = Handle

function Handle:running()
  if not self.result then
    self:collect(0)
  end
  return self.result == nil
end

function Handle:collect(seconds)
  local code, signal = process.wait(self.pid, seconds)
  if code or signal then
    self.result = {
      code = code,
      signal = signal,
      out = place.read(self.files .. "/out"),
      err = place.read(self.files .. "/err"),
    }
    place.remove(self.files)
  end
end

-- What it has written so far.
function Handle:out()
  return self.result and self.result.out or place.read(self.files .. "/out")
end

function Handle:err()
  return self.result and self.result.err or place.read(self.files .. "/err")
end

-- Looks until it has said `text`; it is an error if it ends without.
function Handle:says(text)
  local function said()
    return self:out() .. self:err()
  end
  local found
  eventually(function()
    return ("%q from stint %s, which said:\n%s"):format(text, self.shown, said())
  end, function()
    local ended = not self:running()
    found = said():find(text, 1, true) ~= nil
    return found or ended
  end)
  if not found then
    error(("stint %s ended and never said %q, but:\n%s"):format(self.shown, text, said()), 2)
  end
end

-- "INT", "TERM", "KILL", "STOP", "CONT" or a number. True if it was still there.
function Handle:kill(signal)
  return self:running() and process.signal(self.pid, signal or "KILL")
end

function Handle:wait(seconds)
  seconds = seconds or self.timeout
  if not self.result then
    self:collect(seconds)
  end
  if not self.result then
    process.signal(-self.pid, "KILL")
    self:collect(10)
    local r = self.result or { out = "", err = "" }
    error(("stint %s did not end within %g s\nout: %s\nerr: %s"):format(self.shown, seconds, r.out, r.err), 2)
  end
  return self.result
end

local run = {}

function run.start(args, opts)
  opts = opts or {}
  local argv = { opts.program or binary }
  for _, word in ipairs(args) do
    argv[#argv + 1] = tostring(word)
  end
  local files = place.folder()
  local input = "/dev/null"
  if opts.stdin then
    input = files .. "/in"
    place.write(input, opts.stdin)
  end
  place.write(files .. "/out", "")
  place.write(files .. "/err", "")
  local pid = process.start {
    argv = argv,
    env = place.environment(opts.env),
    cwd = opts.cwd,
    stdin = input,
    out = files .. "/out",
    err = files .. "/err",
    account = opts.account,
  }
  return setmetatable(
    { pid = pid, files = files, timeout = opts.timeout or 120, shown = table.concat(args, " ") },
    Handle
  )
end

-- A new project folder: run.project({ ["scripts/migrations/1_a.sql"] = "..." }, "[development]\n...")
function run.project(files, config)
  local folder = place.folder()
  if config then
    place.write(folder .. "/config.ini", config)
  end
  for name, text in pairs(files or {}) do
    local path = folder .. "/" .. name
    if name:find("/", 1, true) then
      place.make(path:match("^(.*)/"))
    end
    place.write(path, text)
  end
  return folder
end

run.binary = binary

return setmetatable(run, {
  __call = function(_, args, opts)
    return run.start(args, opts):wait()
  end,
})
