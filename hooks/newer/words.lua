-- Readings of a statement's words that the forms of younger syntax share.
local words = {}

function words.is(token, word)
  return token and token.kind == "word" and token.text:upper() == word
end

function words.are(tokens, i, list)
  for k, word in ipairs(list) do
    if not words.is(tokens[i + k - 1], word) then
      return false
    end
  end
  return true
end

function words.set(text)
  local names = {}
  for word in text:gmatch "%S+" do
    names[word] = true
  end
  return names
end

function words.one_of(token, names)
  return token and token.kind == "word" and names[token.text:upper()] or false
end

function words.says(token, text)
  return token ~= nil and token.text == text
end

-- How much deeper in parentheses it is behind the token.
function words.step(token)
  return token.text == "(" and 1 or token.text == ")" and -1 or 0
end

-- The token that closes the parenthesis at `i`, or nil.
function words.closing(tokens, i)
  local depth = 0
  for k = i, #tokens do
    depth = depth + words.step(tokens[k])
    if depth == 0 then
      return k
    end
  end
end

-- A name as the server has it.
function words.folded(token)
  if token.kind == "word" then
    return token.text:lower()
  end
  return (token.text:gsub('^"', ""):gsub('"$', ""):gsub('""', '"'))
end

-- The relation named at `i`, and the index of the token behind it.
function words.range(tokens, i)
  local schema, name = nil, words.folded(tokens[i])
  while words.says(tokens[i + 1], ".") and tokens[i + 2] do
    i = i + 2
    schema, name = name, words.folded(tokens[i])
  end
  return { tag = "RangeVar", schemaname = schema, relname = name, inh = true }, i + 1
end

-- The words from `i` to `to` as they are written.
function words.text(tokens, i, to)
  local list = {}
  for k = i, to do
    list[#list + 1] = tokens[k].text
  end
  return table.concat(list, " ")
end

-- The node of these tags that begins nearest before a byte.
function words.before(root, tags, byte, fits)
  local best, nearest
  for _, tag in ipairs(tags) do
    for node in root:each(tag) do
      local at = node.location or 0
      if at <= byte and (not best or at >= nearest) and (not fits or fits(node)) then
        best, nearest = node, at
      end
    end
  end
  return best
end

function words.nothing() end

-- The form of just these words, such as "AT LOCAL", over which `text` is written.
function words.form(version, said, text, mark)
  local list = {}
  for word in said:gmatch "%S+" do
    list[#list + 1] = word
  end
  return function(tokens, i)
    if words.are(tokens, i, list) then
      return { version, i, i + #list - 1, text, mark or words.nothing }
    end
  end
end

return words
