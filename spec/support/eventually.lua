-- Looks until `seen()` gives something, and gives that: for what another process is about to do.
--   eventually("a worker at it", function() return pid_of_worker(h) end)
-- A spec waits for a state, never for a time. The patience is for a machine that has much else to do.
local process = require("native").process

local PATIENCE, LOOK = 120, 0.005

-- `what` is a text, or a function that gives one once it is too late.
return function(what, seen)
  local until_then = process.seconds() + PATIENCE
  repeat
    local found = seen()
    if found then
      return found
    end
    process.pause(LOOK)
  until process.seconds() > until_then
  error(("not within %d s: %s"):format(PATIENCE, type(what) == "function" and what() or what), 2)
end
