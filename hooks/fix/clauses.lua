-- Clauses of statements as they are written: what a fix takes over word by word.
local native = ...

local clauses = {}

local function span(sql, first, last)
  return sql:sub(first.at, last.at + #last.text - 1)
end

local function is(token, word)
  return token and token.kind == "word" and token.text:upper() == word
end
clauses.is = is

-- A name that Stint makes; at most 63 bytes.
function clauses.name(...)
  local name = table.concat({ ... }, "_"):sub(1, 63)
  return name:find "^[a-z_][a-z0-9_]*$" and name or '"' .. name:gsub('"', '""') .. '"'
end

-- ALTER TABLE: { head = "ALTER TABLE ONLY app.t", relation = "app.t", [i] = { sql, tokens } }, a part
-- for each command; nil if it is written in another way.
function clauses.alter(s)
  local tokens, i = s.tokens, 3
  if is(tokens[i], "IF") then
    i = i + 2
  end
  if is(tokens[i], "ONLY") then
    i = i + 1
  end
  local from = i
  while tokens[i + 1] and tokens[i + 1].text == "." do
    i = i + 2
  end
  local alter = { relation = span(s.sql, tokens[from], tokens[i]) }
  if tokens[i + 1] and tokens[i + 1].text == "*" then
    i = i + 1
  end
  alter.head = span(s.sql, tokens[1], tokens[i])
  local depth, part = 0, {}
  local function close()
    if part[1] then
      alter[#alter + 1] = { sql = span(s.sql, part[1], part[#part]), tokens = part }
    end
    part = {}
  end
  for j = i + 1, #tokens do
    local text = tokens[j].text
    if text == "(" or text == "[" then
      depth = depth + 1
    elseif text == ")" or text == "]" then
      depth = depth - 1
    end
    if text == "," and depth == 0 then
      close()
    elseif text ~= ";" then
      part[#part + 1] = tokens[j]
    end
  end
  close()
  return #alter == #(s.node.cmds or {}) and alter or nil
end

-- The text of a part from the first of these words on (outside of parentheses), and before it.
function clauses.from(s, part, words)
  local depth = 0
  for i, token in ipairs(part.tokens) do
    if token.text == "(" then
      depth = depth + 1
    elseif token.text == ")" then
      depth = depth - 1
    elseif depth == 0 and token.kind == "word" and words[token.text:upper()] and i > 1 then
      return span(s.sql, token, part.tokens[#part.tokens]), span(s.sql, part.tokens[1], part.tokens[i - 1]), i
    end
  end
end

-- The parentheses that open behind token i, with what is in them, and the number of the last one.
function clauses.parentheses(s, tokens, i)
  local depth
  for j = i, #tokens do
    if tokens[j].text == "(" then
      depth = (depth or 0) + 1
    elseif tokens[j].text == ")" and depth then
      depth = depth - 1
    end
    if depth == 0 then
      while tokens[i].text ~= "(" do
        i = i + 1
      end
      return span(s.sql, tokens[i], tokens[j]), j
    end
  end
end

clauses.span = span

-- Is the statement of a way down the undoing of this, and of nothing else? `what` is a constraint, an
-- index, a column, or a NOT NULL.
local undoing = {
  AT_DropConstraint = "constraint",
  AT_DropColumn = "column",
  AT_DropNotNull = "not_null",
}

-- The same of one command of an ALTER TABLE.
function clauses.is_undone(cmd, what, name)
  return undoing[cmd.subtype] == what and cmd.name == name
end

function clauses.undoes(s, what, name)
  local node = s.node
  if not node then
    return false
  end
  if node.tag == "AlterTableStmt" then
    local cmd = #node.cmds == 1 and node.cmds[1]
    return cmd and clauses.is_undone(cmd, what, name)
  end
  local one = node.tag == "DropStmt" and node.removeType == "OBJECT_INDEX" and #node.objects == 1 and node.objects[1]
  if what ~= "index" or not one then
    return false
  end
  local names = native.use("tree").names(one.items)
  return names[#names] == name
end

return clauses
