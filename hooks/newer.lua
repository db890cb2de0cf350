-- Statements younger than the parser's grammar (PostgreSQL 15) that it can read all the same: each
-- form (newer/*.lua) is written over with one that it knows, and the tree then says what really stood
-- there, as PostgreSQL's own later trees do, and where.
local native = ...

local newer = {}

local forms = {}
for _, about in ipairs { "tables", "queries", "objects" } do
  for _, form in ipairs(native.use("newer/" .. about)) do
    forms[#forms + 1] = form
  end
end

local function found(tokens)
  local list, i = {}, 1
  while i <= #tokens do
    local form
    for _, of in ipairs(forms) do
      form = form or of(tokens, i)
    end
    list[#list + 1] = form
    i = form and form[3] + 1 or i + 1
  end
  return list
end

-- What is written over, with where it begins and ends in the old text; what is shorter is filled up
-- with spaces, so that only what is longer moves what stands behind it.
local function written_over(sql, tokens, list)
  local pieces, moves, at, ahead = {}, {}, 1, 0
  for _, form in ipairs(list) do
    local first, last = tokens[form[2]], tokens[form[3]]
    local stop = last.at + #last.text
    local width = stop - first.at
    local old = sql:sub(first.at, stop - 1)
    pieces[#pieces + 1] = sql:sub(at, first.at - 1)
    pieces[#pieces + 1] = form[4] .. old:sub(#form[4] + 1):gsub("[^\n]", " ")
    at = stop
    if #form[4] > width then
      moves[#moves + 1] = { from = first.at - 1 + ahead, to = stop - 1 + ahead + #form[4] - width, start = first.at - 1, stop = stop - 1 }
      ahead = ahead + #form[4] - width
    end
  end
  pieces[#pieces + 1] = sql:sub(at)
  return table.concat(pieces), moves
end

-- The byte of the old text.
local function moved(byte, moves)
  local last
  for _, move in ipairs(moves) do
    if byte >= move.from then
      last = move
    end
  end
  if not last then
    return byte
  end
  return byte < last.to and last.start or last.stop + byte - last.to
end

local function move_back(node, moves)
  local location = rawget(node, "location")
  if location then
    rawset(node, "location", moved(location, moves))
  end
  for _, value in next, node do
    if type(value) == "table" then
      move_back(value, moves)
    end
  end
end

-- The text in the older grammar, the version that first had what stands there, and a function that
-- puts it right in the tree; nil if there is nothing to try.
function newer.rewritten(sql)
  local tokens = native.tokens(sql)
  local list = found(tokens)
  if #list == 0 then
    return nil
  end
  local version = 0
  for _, form in ipairs(list) do
    version = math.max(version, form[1])
  end
  local text, moves = written_over(sql, tokens, list)
  return text, version, function(root)
    if #moves > 0 then
      move_back(root, moves)
    end
    for _, form in ipairs(list) do
      form[5](root, tokens[form[2]].at - 1)
    end
  end
end

return newer
