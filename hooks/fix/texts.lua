-- The files that a fix writes: their names, and their texts.
local texts = {}

local carried = { environments = true, ["lock-timeout"] = true, ["statement-timeout"] = true, downtime = true }

-- Directives that hold for all that a file has become.
function texts.head(file)
  local lines = {}
  for line in file.text:gmatch "[^\n]+" do
    local word = line:match "^%-%- stint: ([%a-]+)"
    if word == "down" then
      break
    end
    lines[#lines + 1] = carried[word] and line or nil
  end
  return #lines > 0 and table.concat(lines, "\n") .. "\n" or ""
end

local function sql_text(file, group, head)
  local up, down = {}, {}
  for _, piece in ipairs(group) do
    up[#up + 1] = (piece.lead or "") .. piece.sql .. ";\n" .. (piece.tail or "")
    if piece.down and piece.down ~= "" then
      table.insert(down, 1, piece.down .. ";\n")
    end
  end
  for _, s in ipairs(group.rest or {}) do
    down[#down + 1] = s.sql .. ";\n"
  end
  local text = head .. table.concat(up)
  if group.way == "steps" and not ("\n" .. text):find "\n%-%- stint: no%-transaction" then
    text = "-- stint: no-transaction\n" .. text
  end
  return file.down and text .. "\n-- stint: down\n" .. table.concat(down) or text
end

local function lua_text(file, piece)
  local name = piece.column:find "^[%a_][%w_]*$" and piece.column or ("[%q]"):format(piece.column)
  return ([=[
backfill {
  table  = %q,
  set    = { %s = %q },
  where  = %q,
  writes = "default", -- the column's default: rows that are new have it already
%s}
]=]):format(piece.relation, name, piece.value, piece.where,
    file.down and ("  down   = { %s = %q },\n"):format(name, "NULL") or "")
end

function texts.name(file, version, group)
  local rest = file.name:gsub("^%d+", "")
  return ("%s%s_%s.%s"):format(version, rest, group.name, group.way == "backfill" and "lua" or "sql")
end

-- Of pieces that stay together; `head` stands above what is SQL.
function texts.of(file, group, head)
  return group.way == "backfill" and lua_text(file, group[1]) or sql_text(file, group, head)
end

return texts
