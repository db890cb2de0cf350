-- A statement as rules see it, `s`: made of a text and its place; what is asked of it is found out
-- when it is first asked. (include/statement.h is how the runner sees the same statement.)
local native = ...

local command = native.use("command")
local tree = native.use("tree")

local statement = {}

local methods = {}

-- Line and column, in characters, of a byte (from 0) of the text.
function methods:place(byte)
  local s = self
  local before = s.sql:sub(1, byte)
  local _, lines = before:gsub("\n", "")
  if lines == 0 then
    return s.line, s.column + (utf8.len(before) or #before)
  end
  local last = before:match("[^\n]*$")
  return s.line + lines, (utf8.len(last) or #last) + 1
end

-- "CREATE INDEX" of the first words, where there is no tree.
local function kind_of_words(s)
  local words = s.words
  if not words then
    local list = {}
    for _, token in ipairs(native.tokens(s.sql)) do
      if token.kind ~= "word" or #list == 2 then
        break
      end
      list[#list + 1] = token.text:upper()
    end
    words = table.concat(list, " ")
  end
  return (words:gsub(" CONCURRENTLY$", ""))
end

-- What is younger than the parser's grammar is read in an older form, where there is one.
local function parse(s)
  local state, root, at = tree.parse(s.sql, s)
  if state == "unparsed" then
    local text, version, put_right = native.use("newer").rewritten(s.sql)
    local now, newer_root = "unparsed", nil
    if text then
      now, newer_root = tree.parse(text, s)
    end
    if now == "parsed" then
      put_right(newer_root)
      rawset(s, "needs_version", version)
      state, root = now, newer_root
    end
  end
  rawset(s, "state", state)
  if state == "parsed" then
    rawset(s, "node", root)
  else
    rawset(s, "problem", root)
    rawset(s, "problem_at", at)
  end
end

local later = {}

function later.state(s)
  parse(s)
  return rawget(s, "state")
end

-- nil for good where it cannot be parsed
function later.node(s)
  if not rawget(s, "state") or (s.state == "parsed" and not rawget(s, "node")) then
    parse(s)
  end
  return rawget(s, "node")
end

function later.kind(s)
  local node = s.node
  local kind = node and command.of(node) or kind_of_words(s)
  rawset(s, "kind", kind)
  return kind
end

function later.tokens(s)
  local tokens = native.tokens(s.sql)
  rawset(s, "tokens", tokens)
  return tokens
end

function later.fingerprint(s)
  local fingerprint = native.fingerprint(s.sql)
  rawset(s, "fingerprint", fingerprint)
  return fingerprint
end

-- What impact.lua has found out about it.
for _, name in ipairs { "locks", "rewrites", "scans", "builds", "loses", "table", "certainty" } do
  later[name] = function(s)
    local impact = rawget(s, "impact")
    return impact and impact[name]
  end
end

local meta = {
  __index = function(s, key)
    if methods[key] then
      return methods[key]
    end
    return later[key] and later[key](s)
  end,
  __metatable = false,
}

-- The nodes of a tag, in the order of the text; none where there is no tree.
function methods:each(tag)
  local node = self.node
  if not node then
    return function() end
  end
  return node:each(tag)
end

function methods:find(tag)
  return self:each(tag)()
end

-- Line and column where a node begins; without one, of the statement.
function methods:at(node)
  if not node then
    return self.line, self.column
  end
  return self:place(tree.byte(node))
end

-- Where the parser gave up; the statement's own place if that is not known.
function methods:problem_place()
  local at = self.problem_at or 0
  if at == 0 then
    return self.line, self.column
  end
  return self:place((utf8.offset(self.sql, at) or at) - 1)
end

-- fields: sql, file, line, column, inside, migration, index, words
function statement.new(fields)
  return setmetatable(fields, meta)
end

-- The tree is made again when it is asked for again.
function statement.forget(s)
  rawset(s, "node", nil)
  rawset(s, "impact", nil)
end

return statement
