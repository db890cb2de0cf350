-- A file becomes its statements, the transactions that they run in, its directives and waivers; a
-- migration in Lua is recorded. What cannot be known of it is said to the run.
local native = ...

local recorder = native.use("recorder")
local statement = native.use("statement")
local waiver = native.use("waiver")

local reading = {}

local function make_statements(file, half)
  local list = {}
  for i, raw in ipairs(half) do
    raw.file, raw.index, raw.inside, raw.migration = file.path, i, "top", file
    list[i] = statement.new(raw)
  end
  return list
end

-- The text without the psql command that begins on a line, or ends a statement there; nil: there is none.
local function without_command(text, number)
  local at = 1
  for _ = 2, number or 0 do
    at = (text:find("\n", at, true) or #text) + 1
  end
  local before, command = text:sub(at):match "^([^\n]-)(\\[%a][^\n]*)"
  if not command then
    return nil
  end
  local from = at + #before
  return text:sub(1, from - 1) .. (before:find "%S" and ";" or " ") .. (" "):rep(#command - 1) .. text:sub(from + #command)
end

-- What stands behind a psql command that cannot be honoured is judged all the same.
local function cut(run, file)
  local text = file.text
  while true do
    local read, problem = native.sqlfile(file.path, text, file.down_path, file.down_text, run.variables)
    text = not read and not problem.up and without_command(text, problem.line)
    if not text then
      return read, problem
    end
    run:say(file, "unreadable", problem)
  end
end

local function read_sql(run, file)
  local read, problem = cut(run, file)
  if not read and not problem.up then
    return problem
  elseif not read then
    read, file.misbegun = problem, problem
    read.up.parts = { { kind = "own", first = 1, last = #read.up } }
  end
  file.directives = read.directives
  file.statements = make_statements(file, read.up)
  file.parts = read.up.parts
  file.transactional = #file.parts == 1 and file.parts[1].kind == "transaction"
  file.down = read.down and make_statements(file, read.down)
  file.waivers = waiver.of(file, file.statements)
end

-- A migration in Lua: one transaction, or statement by statement. A backfill has no statements.
local function read_lua(run, file)
  local fields = native.declared[file.path].fields
  file.declaration, file.directives = fields, {}
  file.statements, file.parts = {}, {}
  file.transactional = fields.transaction == true
  if not fields.up then
    return
  end
  local unknown
  file.statements, unknown = recorder.record(file, fields.up)
  if unknown and not file.known then
    run.coverage.statements, run.coverage.opaque = run.coverage.statements + 1, run.coverage.opaque + 1
    run:tell_opaque(file, nil, unknown.why, unknown.line, unknown.column)
  end
  if file.transactional then
    file.parts[1] = { kind = "transaction", first = 1, last = #file.statements }
    return
  end
  for i = 1, #file.statements do
    file.parts[i] = { kind = "solo", first = i, last = i }
  end
end

function reading.file(run, file)
  file.waivers = {}
  if native.declared[file.path] then
    return read_lua(run, file)
  end
  return read_sql(run, file)
end

return reading
