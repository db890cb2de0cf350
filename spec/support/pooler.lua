-- pooler(cluster, "transaction", 2): a pgbouncer in front of a cluster, its pools of that size.
local process = require("native").process
local eventually = require "spec.support.eventually"
local place = require "spec.support.place"
local session = require "spec.support.session"

local PORT = 6432

-- A pgbouncer in front of the cluster, on a socket of its own; it answers when this returns.
return function(pg, mode, size)
  local folder = place.folder()
  process.give_to(folder, process.server_account())
  place.write(folder .. "/users", '"postgres" ""\n')
  place.write(
    folder .. "/ini",
    ([=[
[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr =
listen_port = %d
unix_socket_dir = %s
auth_type = trust
auth_file = %s/users
admin_users = postgres
pool_mode = %s
default_pool_size = %d
]=]):format(pg.host, pg.port, PORT, folder, folder, mode, size)
  )
  local self = { folder = folder }
  self.pid = process.start {
    argv = { "pgbouncer", folder .. "/ini" },
    env = place.environment { PATH = os.getenv "PATH" .. ":/usr/sbin" },
    account = process.server_account(),
    cwd = folder,
    err = folder .. "/said",
  }
  function self.url(name)
    return ("postgresql:///%s?host=%s&port=%d&user=postgres"):format(name, folder, PORT)
  end
  function self.stop()
    process.signal(self.pid, "KILL")
    process.wait(self.pid, 10)
  end
  eventually(function()
    return "a pgbouncer that answers: " .. place.read(folder .. "/said")
  end, function()
    local ok, eye = pcall(session.open, self.url "pgbouncer")
    if ok then
      eye:close()
    end
    return ok
  end)
  return self
end
