-- stint lint --fix: a file whose statements are unsafe becomes the files that do the same the safe
-- way. It gives texts; what is written where, and whether the file may be touched, is not known here.
local native = ...

local clauses = native.use("fix/clauses")
local recipes = native.use("fix/recipes")
local texts = native.use("fix/texts")

local fix = {}

-- What a rule of a team says to write instead: what no transaction can hold stands alone.
local function pieces_said(list)
  local pieces = {}
  for i, sql in ipairs(list) do
    local read = native.sqlfile("fix", sql)
    local alone = read and read.up.parts[1] and read.up.parts[1].kind == "solo"
    pieces[i] = { way = alone and "alone" or "keep", name = "fix", sql = sql:gsub("%s*;?%s*$", ""), own = i == #list }
  end
  return #pieces > 0 and pieces or nil
end

-- The safe way of a statement with these findings, as pieces; nil, why, sketch: a machine does not know it.
local function safe_way(s, world, found)
  local families, said = {}, nil
  for _, finding in ipairs(found) do
    families[finding.family] = true
    said = said or finding.said
  end
  local ok, pieces, why, sketch = pcall(recipes.of, s, world, families)
  if not ok then
    pieces, why = nil, "no machine can take it apart: " .. tostring(pieces)
  end
  if not pieces and said then
    return pieces_said(said)
  end
  return pieces, why, sketch
end

local function text_of(piece)
  if piece.way == "backfill" then
    return ("-- a backfill: UPDATE %s SET %s = %s WHERE %s"):format(piece.relation, clauses.name(piece.column), piece.value, piece.where)
  end
  return piece.sql
end

-- Gives findings of a statement that has just been judged the safe way of it as SQL (`fix`), while
-- the world is still the one before it.
function fix.tell(s, world, found)
  for _, finding in ipairs(found) do
    finding.said = finding.fix
    local pieces = not finding.fix and safe_way(s, world, { finding })
    for i, piece in ipairs(pieces or {}) do
      finding.fix = finding.fix or {}
      finding.fix[i] = text_of(piece)
    end
  end
end

-- Says what the statement becomes for all of its findings.
function fix.consider(s, world, found)
  local pieces, why, sketch = safe_way(s, world, found)
  s.migration.repairs = s.migration.repairs or {}
  s.migration.repairs[s.index] = pieces and { pieces = pieces } or { why = why or "no machine knows how", sketch = sketch }
end

-- The byte at which a statement begins in the file's text; nil: what runs is not what is written.
local function byte_of(text, s)
  local at = 1
  for _ = 2, s.line do
    at = text:find("\n", at, true) + 1
  end
  at = utf8.offset(text, s.column, at)
  return text:sub(at, at + #s.sql - 1) == s.sql and at or nil
end

local begins = { TRANS_STMT_BEGIN = true, TRANS_STMT_START = true }

-- Are all of them between one BEGIN and one COMMIT? Those say no more than what Stint does anyway.
local function is_wrapped(list)
  local first, last = #list > 2 and list[1].node, list[#list].node
  for i = 2, #list - 1 do
    if list[i].node and list[i].node.tag == "TransactionStmt" then
      return false
    end
  end
  local opens = first and first.tag == "TransactionStmt" and begins[first.kind] and not first.options
  return opens and last and last.tag == "TransactionStmt" and last.kind == "TRANS_STMT_COMMIT" and not last.chain or false
end

-- What hinders a file from being divided, or nil.
local function hindrance(file)
  for _, part in ipairs(is_wrapped(file.statements) and {} or file.parts) do
    if part.kind == "own" or part.kind == "rolled_back" then
      return "it has transactions of its own"
    end
  end
  if file.down_path then
    return "its way down is a file of its own"
  end
  for _, s in ipairs(file.statements) do
    if not byte_of(file.text, s) then
      return "it has placeholders"
    end
    if s.node and s.node.tag == "CopyStmt" then
      return "it holds data of COPY"
    end
  end
end

-- Each statement with the comments before it: { lead, s }; and the comments behind the last one.
local function chunks(text, statements)
  local list, from = {}, 1
  for i, s in ipairs(statements) do
    local at = byte_of(text, s)
    list[i] = { lead = text:sub(from, at - 1):gsub("^%s*\n", ""):gsub("^[ \t]+", ""), s = s }
    from = at + #s.sql
    from = text:match("^%s*;()", from) or from
  end
  local tail = (text:sub(from) .. "\n"):gsub("\n%-%- stint: down.*$", "\n")
  return list, tail:find "%S" and tail:gsub("^%s+", ""):gsub("%s+$", "") .. "\n" or ""
end

local function undone_by(pieces, undoes, what)
  for _, piece in ipairs(pieces) do
    if piece.undoes and undoes(what, piece.undoes[1], piece.undoes[2]) then
      return piece
    end
  end
end

-- An ALTER TABLE of the way down with several commands: each goes to the piece that it undoes. What
-- belongs to none stays together: { sql, line, tokens }, or nil.
local function divide_alter(s, pieces)
  local alter = s.node and s.node.tag == "AlterTableStmt" and #s.node.cmds > 1 and clauses.alter(s)
  local left, tokens = {}, {}
  for i, part in ipairs(alter or {}) do
    local piece = undone_by(pieces, clauses.is_undone, s.node.cmds[i])
    if piece then
      piece.down = ("%s %s"):format(alter.head, part.sql)
    else
      left[#left + 1] = part.sql
      table.move(part.tokens, 1, #part.tokens, #tokens + 1, tokens)
    end
  end
  if not alter or #left == #alter then
    return s
  end
  return #left > 0 and { sql = ("%s %s"):format(alter.head, table.concat(left, ", ")), line = s.line, tokens = tokens } or nil
end

local function mentions(statements, name)
  for _, s in ipairs(statements) do
    for _, token in ipairs(s.tokens) do
      if token.text == name or token.text == '"' .. name .. '"' then
        return true
      end
    end
  end
  return false
end

-- Gives each piece its part of the way down; what belongs to none is the answer.
local function divide_down(file, pieces)
  local rest, down = {}, file.down or {}
  local border = #down > 0 and is_wrapped(down) and 1 or 0
  for i = 1 + border, #down - border do
    local s = down[i]
    local piece = undone_by(pieces, clauses.undoes, s)
    if piece then
      piece.down = s.sql
    else
      rest[#rest + 1] = divide_alter(s, pieces)
    end
  end
  for _, piece in ipairs(pieces) do
    if piece.undoes and mentions(rest, piece.undoes[2]) then
      piece.down = ""
    end
  end
  return rest
end

local together = { keep = true, steps = true }

-- Pieces in files: those that may stay together do.
local function gather(pieces)
  local files = {}
  for _, piece in ipairs(pieces) do
    local last = files[#files]
    if last and last.way == piece.way and together[piece.way] then
      last[#last + 1] = piece
      last.own = last.own or piece.own
    else
      files[#files + 1] = { way = piece.way, name = piece.name, own = piece.own, piece }
    end
  end
  return files
end

-- The version a second later, as long as that is a time.
local function later(version)
  local day, h, m, s = version:match "^(%d%d%d%d%d%d%d%d)(%d%d)(%d%d)(%d%d)$"
  local seconds = day and h * 3600 + m * 60 + s + 1
  if seconds and seconds < 86400 then
    return ("%s%02d%02d%02d"):format(day, seconds // 3600, seconds // 60 % 60, seconds % 60)
  end
  return (("%%0%dd"):format(#version):format(math.tointeger(version) + 1))
end

-- Versions for `count` more files, before the next one that is taken; nil and that one: no room.
local function versions(version, taken, count)
  local next_one
  for _, other in ipairs(taken) do
    local number = math.tointeger(tonumber(other))
    if number and number > tonumber(version) and (not next_one or number < tonumber(next_one)) then
      next_one = other
    end
  end
  local list = { version }
  for i = 1, count do
    list[i + 1] = later(list[i])
    if next_one and tonumber(list[i + 1]) >= tonumber(next_one) then
      return nil, next_one
    end
  end
  return list
end

local function refused(line, why, sketch)
  return { line = line, why = why, sketch = sketch }
end

local function pieces_of(file, wanted, refusals)
  local list, changed = {}, false
  local parts, tail = chunks(file.text, file.statements)
  local wrapped, lead = is_wrapped(file.statements), ""
  for i, chunk in ipairs(parts) do
    local is_border = wrapped and (i == 1 or i == #parts)
    local repair = wanted[i] and file.repairs and file.repairs[i]
    if repair and repair.why then
      refusals[#refusals + 1] = refused(chunk.s.line, repair.why, repair.sketch)
    end
    local pieces = repair and repair.pieces or { { way = "keep", name = "rest", own = true, sql = chunk.s.sql } }
    changed = changed or (repair and repair.pieces ~= nil)
    pieces[1].lead, lead = lead .. chunk.lead, is_border and chunk.lead or ""
    table.move(pieces, 1, is_border and 0 or #pieces, #list + 1, list)
  end
  local last = list[#list]
  if last and last.way ~= "backfill" then
    last.tail = lead .. tail
  end
  return list, changed
end

-- Where the rest of the way down belongs: to the statements that stayed as they were.
local function place_rest(groups, rest)
  local home = #groups == 1 and groups[1] or nil
  for _, group in ipairs(groups) do
    if group.own and #groups > 1 then
      if home then
        return #rest == 0
      end
      home = group
    end
  end
  if home then
    home.rest = rest
  end
  return home ~= nil or #rest == 0
end

-- { files = { { name (nil: the file itself), text } ... }, refused = { { line, why, sketch } ... } }.
-- `wanted`: the numbers of the statements to mend; `taken`: the versions that are there.
function fix.file(file, wanted, taken)
  local refusals = {}
  local why = hindrance(file)
  if why then
    return { files = {}, refused = { refused(1, why) } }
  end
  local pieces, changed = pieces_of(file, wanted, refusals)
  if not changed then
    return { files = {}, refused = refusals }
  end
  local rest = divide_down(file, pieces)
  local groups = gather(pieces)
  if not place_rest(groups, rest) then
    refusals[#refusals + 1] = refused(rest[1].line, "its way down cannot be divided: nobody knows which of its files this is of",
      "write the way down of each file by hand")
    return { files = {}, refused = refusals }
  end
  local list, next_one = versions(file.version, taken, #groups - 1)
  if not list then
    refusals[#refusals + 1] = refused(1, ("it becomes %d files, and there is no room for their versions before %s"):format(#groups, next_one),
      "give the later files newer versions")
    return { files = {}, refused = refusals }
  end
  local head, out = texts.head(file), {}
  for i, group in ipairs(groups) do
    out[i] = {
      name = i > 1 and texts.name(file, list[i], group) or nil,
      text = texts.of(file, group, i > 1 and head or ""),
    }
  end
  return { files = out, refused = refusals }
end

return fix
