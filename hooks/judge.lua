-- The judge: every statement of every file, in the order of the run, through the simulated world,
-- what it does there (impact.lua), and every rule; findings, waivers, levels, coverage.
local native = ...

local findings = native.use("judge/findings")
local fix = native.use("fix")
local impact = native.use("impact")
local reading = native.use("judge/reading")
local routine = native.use("routine")
local rules = native.use("rules")
local statement = native.use("statement")
local toll = native.use("toll")
local verdict = native.use("verdict")
local waiver = native.use("waiver")
local world = native.use("world")

local judge = {}

-- What this run knows: judge.open.
local now

-- Asks a rule: call(subject, facts).
local function ask(file, rule, call, subject, s)
  local ok, answer = pcall(call, subject, now.facts)
  local fine, list = true, answer
  if ok then
    if answer == nil then
      return
    end
    fine, list = pcall(verdict.list, answer)
  end
  if not ok or not fine then
    return now:crashed(file, rule, tostring(ok and list or answer), s)
  end
  for _, one in ipairs(list) do
    now:note(file, rule, one, s)
  end
end

local function count(s)
  if s.migration.known then
    return
  end
  local coverage = now.coverage
  local certainty = s.state == "parsed" and s.certainty or "opaque"
  coverage.statements = coverage.statements + 1
  coverage[certainty] = coverage[certainty] + 1
  if s.state == "unparsed" then
    coverage.unparsed = coverage.unparsed + 1
  end
end

-- The rules that are asked about statements of a tag.
local function rules_on(tag)
  local list = now.by_tag[tag]
  if not list then
    list = {}
    for _, rule in ipairs(now.by_ask.statement) do
      if not rule.on or rule.on[tag] then
        list[#list + 1] = rule
      end
    end
    now.by_tag[tag] = list
  end
  return list
end

local function ask_all(file, s)
  for _, rule in ipairs(rules_on(s.node and s.node.tag or "")) do
    if rule.inside[s.inside] then
      ask(file, rule, rule.statement, s, s)
    end
  end
end

-- What the file's statement does, or one within it: plan shows it, guard holds it to that.
local function note_deed(file, s, does)
  local top = s.outer or s
  now.deeds[#now.deeds + 1] = {
    number = top.index,
    line = s.line,
    kind = s.kind,
    inside = s.inside,
    sql = s.inside ~= "top" and s.sql or native.json.null,
    fingerprint = top.fingerprint or native.json.null,
    impact = impact.plain(does),
    waived = waiver.find(file.waivers, { rule = "guard", top_line = top.line, fingerprint = top.fingerprint }) ~= nil,
  }
end

-- A mistake of Stint's own about one statement is told of, and keeps nobody from judging the others.
local own = { id = "impact", path = "stint/impact.lua" }

local function impact_of(file, s)
  local ok, does = pcall(impact.of, now.world, s)
  if ok then
    return does
  end
  now:crashed(file, own, tostring(does), s)
  return impact.of(now.world, {})
end

local function apply(file, s)
  local ok, problem = pcall(now.world.apply, now.world, s)
  if not ok then
    now:crashed(file, own, tostring(problem), s)
  end
end

-- What was found of a statement of the text itself, and is no mere notice.
local function found_of(s)
  local list = {}
  for i = s.inside == "top" and #now.findings or 0, 1, -1 do
    local finding = now.findings[i]
    if finding.statement ~= s.index then
      break
    end
    list[#list + 1] = finding.level ~= "notice" and finding or nil
  end
  return list
end

local function consider_fix(s)
  local found = found_of(s)
  if #found > 0 then
    fix.tell(s, now.world, found)
  end
  if #found > 0 and now.fixing then
    fix.consider(s, now.world, found)
    now.repaired[s.migration.path] = s.migration
  end
end

-- Is it there only for what it leaves behind? `applied`: so many of a file that is half applied.
local function is_done(file, s)
  return file.known or (s.outer or s).index <= (file.applied or 0)
end

-- A statement of a function's body does not run now, and counts for nothing.
local function judge_statement(file, s)
  local inner, unknown = routine.of(s)
  local does = impact_of(file, s)
  if #unknown > 0 then
    does:cannot_see(unknown[1].why)
  end
  statement.judged(s, does, inner)
  local done = is_done(file, s)
  if s.inside ~= "function" then
    count(s)
    if done then
      unknown = {}
    elseif s.state == "unparsed" then
      now:tell_unparsed(file, s)
    elseif s.state == "opaque" then
      now:tell_opaque(file, s, s.problem)
    end
    if now.deeds then
      note_deed(file, s, does)
    end
  end
  for _, part in ipairs(unknown) do
    now:tell_opaque(file, s, part.why, part.line, part.column)
  end
  if not done then
    ask_all(file, s)
    consider_fix(s)
  end
  if s.inside ~= "function" then
    if not done then
      toll.note(now.toll, file, s, now.world)
    end
    apply(file, s)
  end
  for _, one in ipairs(inner) do
    judge_statement(file, one)
  end
end

-- The statements of a part, each with a world that knows those before.
local function judge_part(file, part)
  local t = { kind = part.kind, statements = {}, migration = file }
  local kept = now.world
  if part.kind == "rolled_back" then
    now.world = kept:aside()
  end
  now.world:begin()
  for i = part.first, part.last do
    local s = file.statements[i]
    t.statements[#t.statements + 1] = s
    judge_statement(file, s)
  end
  t.locks = now.world.tx and now.world.tx.locks or {}
  for _, rule in ipairs(now.by_ask.transaction) do
    ask(file, rule, rule.transaction, t, t.statements[1])
  end
  now.world:commit()
  now.world = kept
end

-- Judges a file: { path, version, name, kind, text, down_path, down_text, together, known, applied,
-- problem }.
-- Its findings, in the order of the text; and what its statements do, where judge.begin was asked for
-- `deeds`.
function judge.file(file)
  now.findings, now.deeds = {}, now.wants_deeds and {}
  now.world:file(file)
  local problem = reading.file(now, file)
  if problem then
    now:say(file, "unreadable", problem)
    return now.findings, now.deeds
  end
  if file.problem then
    now:say(file, file.problem.rule, file.problem)
  end
  for _, part in ipairs(file.parts) do
    judge_part(file, part)
  end
  for _, rule in ipairs(now.by_ask.file) do
    ask(file, rule, rule.file, file, file.statements[1])
  end
  now:tell_misbegun(file)
  now:tell_waivers(file)
  if #now.by_ask.history > 0 then
    now.files[#now.files + 1] = file
    for _, s in ipairs(file.statements) do
      statement.forget(s)
    end
  end
  table.sort(now.findings, findings.before)
  return now.findings, now.deeds
end

local function by_ask(list)
  local map = { statement = {}, transaction = {}, file = {}, history = {} }
  for _, rule in ipairs(list) do
    for what, of in pairs(map) do
      if rule[what] then
        of[#of + 1] = rule
      end
    end
  end
  return map
end

-- Begins a run: { environment, facts, variables, unparsed, assumed, opaque, rules, levels, deeds }.
function judge.begin(with)
  local facts = with.facts or {}
  facts.environment = facts.environment or with.environment
  now = setmetatable({
    facts = facts,
    world = world.new(facts),
    variables = with.variables,
    unparsed = with.unparsed or "ack",
    assumed = with.assumed or "ack",
    opaque = with.opaque or "warn",
    levels = with.levels or {},
    wants_deeds = with.deeds,
    by_ask = by_ask(with.rules),
    by_tag = {},
    known = {},
    names = {},
    files = {},
    toll = toll.new(),
    repaired = {},
    coverage = { statements = 0, certain = 0, assumed = 0, opaque = 0, unparsed = 0 },
  }, { __index = findings })
  for _, rule in ipairs(with.rules) do
    now.known[rule.id], now.known[rule.family] = rule.history and "late" or "now", "late"
    now.names[#now.names + 1] = rule.id
  end
  for id in pairs(rules.own) do
    now.known[id] = id == "guard" and "late" or "now"
    now.names[#now.names + 1] = id
  end
end

-- From now on what is found is looked at for a safe way.
function judge.fixing()
  now.fixing = true
end

-- The file as it should be, by fix.lua; `statements` are the numbers of those to mend.
function judge.fix(path, statements, taken)
  local wanted, file = {}, now.repaired[path]
  for _, number in ipairs(statements) do
    wanted[number] = true
  end
  return file and fix.file(file, wanted, taken) or { files = {}, refused = {} }
end

-- The file's text with its waivers bound to their statements; nil where nothing is to be done.
function judge.bound(file)
  return not reading.file(now, file) and waiver.bound(file.text, file.waivers) or nil
end

-- Ends it: what the whole history shows, what was covered, and what it all costs (toll.lua).
function judge.finish()
  local file = { path = "", waivers = {} }
  now.findings = {}
  for _, rule in ipairs(now.by_ask.history) do
    ask(file, rule, rule.history, now.files)
  end
  return now.findings, now.coverage, toll.plain(now.toll)
end

return judge
