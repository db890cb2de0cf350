-- Runs over many databases, as seen from outside.
local fleet = {}

-- The rows of the table that such a run prints: name -> { state, count, exit }; and the names in their order.
function fleet.table_of(out)
  local rows, names = {}, {}
  for line in out:gmatch "[^\n]+" do
    local name, state, count, code = line:match "^(%S+)%s+(%l[%l_]+)%s+([%d-]+)%s+([%d-]+)$"
    if name and name ~= "target" then
      rows[name] = { state = state, count = count, exit = code }
      names[#names + 1] = name
    end
  end
  return rows, names
end

local function read(path)
  local file = io.open(path, "rb")
  local text = file and file:read "a"
  if file then
    file:close()
  end
  return text or ""
end

-- The process that works on a target; others may end meanwhile.
function fleet.process_of(handle, target)
  for pid in read(("/proc/%d/task/%d/children"):format(handle.pid, handle.pid)):gmatch "%d+" do
    if read("/proc/" .. pid .. "/environ"):find("STINT_TARGET=" .. target .. "\0", 1, true) then
      return tonumber(pid)
    end
  end
  error("nobody works on " .. target)
end

return fleet
