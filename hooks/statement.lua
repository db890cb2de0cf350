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
    local now, newer_root, nodes
    if text then
      now, newer_root, nodes = tree.parse(text, s)
    end
    if now == "parsed" and pcall(put_right, newer_root) then -- else it is as unreadable as it was
      rawset(s, "needs_version", version)
      state, root, at = now, newer_root, nodes
    end
  end
  rawset(s, "state", state)
  if state == "parsed" then
    rawset(s, "node", root)
    rawset(s, "nodes", at)
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
for _, name in ipairs { "node", "nodes" } do
  later[name] = function(s)
    local state = rawget(s, "state")
    if not state or state == "parsed" then
      parse(s)
    end
    return rawget(s, name)
  end
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

local meta = {
  __index = function(s, key)
    if methods[key] then
      return methods[key]
    end
    return later[key] and later[key](s)
  end,
  __metatable = false,
}

local function nothing() end

-- The nodes of a tag, in the order of the text; none where there is no tree. What every rule asks.
function methods:each(tag)
  local nodes, i = self.nodes, 0
  local list = nodes and nodes[tag]
  if not list then
    return nothing
  end
  return function()
    i = i + 1
    return list[i]
  end
end

function methods:find(tag)
  return self:each(tag)()
end

-- What a RangeVar names here, before the statement has run: always a relation.
function methods:relation(range)
  return self.impact.world:relation(range)
end

-- The index of that name: { relation, name }, or nil where nobody has told of it.
function methods:index_of(range)
  return self.impact.world:index(range)
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
  fields.each = methods.each
  return setmetatable(fields, meta)
end

local shortcuts = { "locks", "rewrites", "scans", "builds", "loses", "table", "certainty" }

-- What impact.lua has found out about it, and the statements of its body.
function statement.judged(s, impact, inner)
  rawset(s, "impact", impact)
  rawset(s, "inner", inner)
  for _, name in ipairs(shortcuts) do
    rawset(s, name, impact[name])
  end
end

-- Of ten thousand files only the texts are kept: the tree is made again when it is asked for again,
-- what the statement did in its world is not.
function statement.forget(s)
  for _, name in ipairs { "node", "nodes", "tokens", "impact", "inner", "locks", "rewrites", "scans", "builds", "loses", "table" } do
    rawset(s, name, nil)
  end
end

return statement
