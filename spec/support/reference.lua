-- The text of docs/reference-lua.md, from the tables that check declarations (hooks/kinds.lua) and
-- that editors read (hooks/api.lua).
local function names_of(map)
  local names = {}
  for name in pairs(map) do
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- "sql string one statement": its name, and the rest as people read it.
local function split(argument)
  local name, type, doc = argument:match "^(%S+)%s+(%S+)%s*(.*)$"
  return name, type, doc
end

local function signature(entry)
  local names = {}
  for i, argument in ipairs(entry) do
    names[i] = split(argument):gsub("%?$", "")
  end
  return ("%s(%s)"):format(entry.name, table.concat(names, ", "))
end

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function given(entry)
  local type, name, doc = (entry.returns or ""):match "^(%S+)%s+(%S+)%s*(.*)$"
  if not type then
    return ""
  end
  return doc ~= "" and ("`%s`: %s"):format(type, doc) or ("`%s`: %s"):format(type, name)
end

return function(describe, kinds, api)
  local lines = {
    "# Lua reference",
    "",
    "Made from the tables that check declarations; not to be edited. How it all works: [Lua](lua.md).",
    "",
  }
  local function add(text)
    lines[#lines + 1] = text
  end
  for _, kind in ipairs(names_of(kinds)) do
    add("## " .. kind)
    add ""
    add "```"
    add((describe.help(kind, kinds[kind]):gsub("%s+$", "")))
    add "```"
    add ""
  end
  for _, class in ipairs(api) do
    add("## " .. class.name)
    add ""
    add(class.about .. ".")
    add ""
    if class.fields or #class > 0 then
      add "| | gives | |"
      add "|--|--|--|"
    end
    for _, field in ipairs(class.fields or {}) do
      local name, type, doc = split(field)
      add(("| `%s` | `%s` | %s |"):format(name:gsub("%?$", ""), cell(type), cell(doc)))
    end
    for _, entry in ipairs(class) do
      add(("| `%s` | %s | %s |"):format(signature(entry), cell(given(entry)), cell(entry.doc)))
    end
    add ""
  end
  return table.concat(lines, "\n")
end
