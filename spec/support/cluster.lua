-- A throwaway PostgreSQL. cluster.get() gives the one that the spec files of a worker share,
-- cluster.new { settings = {...}, bin = FOLDER } a private one (of the programs in FOLDER). Each makes databases of its own in it.
local native = require "native"
local place = require "spec.support.place"

local process = native.process

local Cluster = {}
Cluster.__index = Cluster

local account = process.server_account()

local settings = {
  "listen_addresses=''",
  "fsync=off",
  "full_page_writes=off",
  "max_connections=60",
  "shared_buffers=32MB",
  "max_prepared_transactions=5",
  "autovacuum_naptime=1h",
  "log_lock_waits=on",
  "log_min_messages=warning",
}

local function bin()
  local command = "ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n | tail -1; pg_config --bindir 2>/dev/null"
  for _, folder in ipairs(place.lines(command)) do
    if place.exists(folder .. "/initdb") then
      return folder
    end
  end
  error("initdb is not installed: sudo apt-get install postgresql")
end

local found_bin

-- Runs one of PostgreSQL's programs; what it says is shown if it fails.
local function program(words, as, said, folder)
  found_bin = found_bin or bin()
  words[1] = (folder or found_bin) .. "/" .. words[1]
  local pid = process.start {
    argv = words,
    env = place.environment(),
    account = as,
    cwd = "/",
    out = said .. ".out",
    err = said,
  }
  local code, signal = process.wait(pid, 120)
  if code ~= 0 then
    if not code and not signal then
      process.signal(-pid, "KILL")
    end
    local what = code and "code " .. code or signal and "signal " .. signal or "120 s of waiting"
    error(("%s ended with %s\n%s"):format(table.concat(words, " "), what, place.read(said)), 0)
  end
  return place.read(said .. ".out")
end

local function pg_ctl(self, ...)
  program({ "pg_ctl", "-s", "-w", "-D", self.data, "-l", self.folder .. "/server.log", ... }, account, self.said, self.bin)
end

local function at(folder)
  local self = { folder = folder, data = folder .. "/data", said = folder .. "/said", host = folder, port = 5432 }
  return setmetatable(self, Cluster)
end

local function make(folder, more, programs)
  local self = at(folder)
  self.bin = programs
  process.give_to(folder, account)
  program(
    { "initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync" },
    account,
    self.said,
    programs
  )
  local conf = { "unix_socket_directories='" .. folder .. "'" }
  for _, list in ipairs { settings, more or {} } do
    for _, line in ipairs(list) do
      conf[#conf + 1] = line
    end
  end
  for name, value in pairs(more or {}) do
    if type(name) == "string" then
      conf[#conf + 1] = name .. "='" .. tostring(value) .. "'"
    end
  end
  local file = assert(io.open(self.data .. "/postgresql.conf", "a"))
  file:write("\n", table.concat(conf, "\n"), "\n")
  file:close()
  pg_ctl(self, "start")
  return self
end

local cluster = {}

local shared

local DROP = [[
\set ON_ERROR_STOP off
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres' \gexec
]]

function cluster.get()
  if shared then
    return shared
  end
  local folder = place.root() .. "/pg"
  if place.exists(folder .. "/ready") then
    shared = at(folder)
  else
    place.make(folder)
    shared = make(folder)
    place.write(folder .. "/ready", "")
  end
  place.at_end(function()
    if place.is_ours() then
      shared:stop()
    else
      shared:sql("postgres", DROP)
    end
  end)
  return shared
end

-- The programs of other major versions, where .ci/servers has fetched them: { [13] = folder, ... },
-- copied to where the servers' account may read them.
function cluster.other_versions()
  local found = {}
  for _, major in ipairs(place.lines "ls build/servers 2>/dev/null") do
    local folder = place.folder()
    place.copy("build/servers/" .. major, folder)
    found[tonumber(major)] = folder .. "/" .. major .. "/bin"
  end
  return found
end

-- settings = { wal_level = "logical", ... }
function cluster.new(opts)
  local self = make(place.folder(), opts and opts.settings, opts and opts.bin)
  place.at_end(function()
    self:stop()
  end)
  return self
end

function Cluster:promote()
  pg_ctl(self, "promote")
end

function Cluster:url(name)
  return ("postgresql:///%s?host=%s&port=%d&user=postgres"):format(name or "postgres", self.host, self.port)
end

-- busted seeds math.random by the second, in which another file may have begun: the process tells them apart.
local ourselves = place.read("/proc/self/stat"):match "^%d+"
local made = 0

-- A fresh database: its URL and its name.
function Cluster:database(template)
  made = made + 1
  local name = ("t%d_%s_%d"):format(os.time() % 1000000, ourselves, made)
  self:sql("postgres", ("CREATE DATABASE %s%s"):format(name, template and " TEMPLATE " .. template or ""))
  return self:url(name), name
end

-- What psql -XAtq prints for it, without the last line end. An error of the server is raised.
function Cluster:sql(url, sql)
  if not url:find("://", 1, true) then
    url = self:url(url)
  end
  local said = place.folder()
  place.write(said .. "/sql", sql)
  local ok, text = pcall(
    program,
    { "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", said .. "/sql" },
    nil,
    said .. "/said"
  )
  place.remove(said)
  if not ok then
    error(text, 2)
  end
  return (text:gsub("%s+$", ""))
end

-- A standby that streams from it, private like a cluster of its own; for a cluster with wal_level=replica.
function Cluster:standby(more)
  local folder = place.folder()
  local other = at(folder)
  process.give_to(folder, account)
  program(
    { "pg_basebackup", "-D", other.data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", self:url() },
    account,
    other.said
  )
  local file = assert(io.open(other.data .. "/postgresql.conf", "a"))
  file:write("\nunix_socket_directories='" .. folder .. "'\n", table.concat(more or {}, "\n"), "\n")
  file:close()
  pg_ctl(other, "start")
  place.at_end(function()
    other:stop()
  end)
  return other
end

-- mode: "fast" (default) or "immediate", which is a crash
function Cluster:restart(mode)
  pg_ctl(self, "restart", "-m", mode or "fast")
end

function Cluster:start()
  pg_ctl(self, "start")
end

function Cluster:stop(mode)
  if place.exists(self.data .. "/postmaster.pid") then
    pg_ctl(self, "stop", "-m", mode or "immediate")
  end
end

return cluster
