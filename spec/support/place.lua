-- Where the specs may leave things: one folder a worker. The test runner makes it and removes it;
-- a busted that somebody starts by hand makes one and removes it at its end. What a spec file leaves
-- is gone with it, before it was ever written to a disk: all of them together would leave 10 GB.
local native = require "native"

local place = {}

local process = native.process

local function shell(command)
  local ok, how, code = os.execute("env -u LD_PRELOAD " .. command)
  if not ok then
    error(("%s ended with %s %d"):format(command, how, code), 2)
  end
end

function place.quoted(word)
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- What a shell prints for it, without the last line end.
function place.output(command)
  local pipe = assert(io.popen("env -u LD_PRELOAD sh -c " .. place.quoted(command)))
  local text = pipe:read("a"):gsub("%s+$", "")
  pipe:close()
  return text
end

function place.lines(command)
  local list = {}
  for line in place.output(command):gmatch "[^\n]+" do
    list[#list + 1] = line
  end
  return list
end

-- The folders that were asked for and are still there.
local folders = {}

function place.remove(path)
  shell("rm -rf -- " .. place.quoted(path))
  folders[path] = nil
end

function place.copy(path, folder)
  shell("cp -r -- " .. place.quoted(path) .. " " .. place.quoted(folder))
end

function place.make(path)
  shell("mkdir -p -- " .. place.quoted(path))
end

function place.write(path, text)
  local file = assert(io.open(path, "wb"))
  assert(file:write(text))
  assert(file:close())
end

function place.read(path)
  local file = assert(io.open(path, "rb"))
  local text = assert(file:read("a"))
  file:close()
  return text
end

function place.exists(path)
  local file = io.open(path, "rb")
  if file then
    file:close()
  end
  return file ~= nil
end

local root, is_ours
local at_end = {}

-- Kept until the Lua state closes, so that it is cleaned up last.
place.owner = setmetatable({}, {
  __gc = function()
    for i = #at_end, 1, -1 do
      pcall(at_end[i])
    end
    for folder in pairs(is_ours and { [root] = true } or folders) do
      pcall(shell, "rm -rf -- " .. place.quoted(folder))
    end
  end,
})

function place.at_end(work)
  at_end[#at_end + 1] = work
end

-- Does it end with this process?
function place.is_ours()
  return is_ours
end

function place.root()
  if root then
    return root
  end
  root = os.getenv("STINT_TEST_ROOT")
  if not root then
    root, is_ours = process.folder("/tmp"), true
    process.mode(root, 493) -- 0755: the servers' account passes through
  end
  return root
end

-- A new, empty folder.
function place.folder()
  local path = process.folder(place.root())
  process.mode(path, 493)
  folders[path] = true
  return path
end

-- What every program that a spec starts is given.
function place.environment(more)
  local variables = {
    PATH = os.getenv("PATH"),
    HOME = place.root(),
    LANG = "C.UTF-8",
    TZ = "UTC",
    ASAN_OPTIONS = os.getenv("STINT_ASAN_OPTIONS"),
    UBSAN_OPTIONS = os.getenv("UBSAN_OPTIONS"),
    LSAN_OPTIONS = os.getenv("LSAN_OPTIONS"),
    ASAN_SYMBOLIZER_PATH = os.getenv("ASAN_SYMBOLIZER_PATH"),
  }
  for name, value in pairs(more or {}) do
    variables[name] = value or nil
  end
  local list = {}
  for name, value in pairs(variables) do
    list[#list + 1] = name .. "=" .. tostring(value)
  end
  return list
end

-- git in a folder, by anna@x.org.
function place.git(folder, ...)
  local words = { "git", "-c", "user.name=x", "-c", "user.email=anna@x.org", "-C", folder, ... }
  for i, word in ipairs(words) do
    words[i] = place.quoted(word)
  end
  local command = table.concat(words, " ")
  assert(os.execute("env -u LD_PRELOAD HOME=" .. place.root() .. " " .. command .. " >/dev/null 2>&1"), command)
end

return place
