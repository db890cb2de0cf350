-- The judge: every statement of every file, in the order of the run, through the simulated world,
-- what it does there (impact.lua), and every rule; findings, waivers, levels, coverage.
local native = ...

local fix = native.use("fix")
local impact = native.use("impact")
local recorder = native.use("recorder")
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

local levels = { deny = "error", warn = "warning", notice = "notice" }

-- What a setting (unparsed, assumed, opaque) makes of a finding: its level, and whether a waiver
-- lifts it.
local meanings = {
  block = { level = "error", firm = true },
  ack = { level = "error" },
  warn = { level = "warning" },
  allow = { level = "notice" },
}

-- Findings that the environment's policy has turned off count for nothing.
local function add(file, finding)
  if file.known then
    return
  end
  local wanted = now.levels[finding.rule]
  if wanted == "allow" then
    return
  end
  if wanted and finding.level ~= "notice" then
    finding.level = levels[wanted]
  end
  finding.binding = finding.binding or wanted ~= nil or finding.firm or false
  if finding.certainty == "assumed" and now.assumed ~= "ack" and finding.level == "error" then
    local meaning = meanings[now.assumed]
    finding.level, finding.firm = meaning.level, meaning.firm
    finding.binding = finding.binding or finding.firm or false
  end
  if finding.firm or not waiver.find(file.waivers, finding) then
    now.findings[#now.findings + 1] = finding
  end
end

-- The level of a verdict: a rule may say that its own deny is a warning.
local function level_of(rule, answer)
  local level = levels[answer.verdict]
  return level == "error" and rule.level or level
end

-- A verdict's `at` is a node or a statement; without one it is about `s`.
local function note(file, rule, answer, s)
  local at, line, column = answer.at, 1, 1
  if at and at.tag then
    s = at.statement
  elseif at then
    s, at = at, nil
  end
  if s then
    file = s.migration or file
    line, column = s:at(at)
  end
  add(file, {
    rule = rule.id,
    family = rule.family,
    level = level_of(rule, answer),
    certainty = answer.certainty or (s and s.certainty) or "certain",
    file = file.path,
    line = line,
    column = column,
    message = answer.text,
    hint = answer.hint or rule.safe and "for example: " .. rule.safe,
    fix = answer.fix,
    object = answer.object,
    statement = s and (s.outer or s).index,
    top_line = s and (s.outer or s).line,
    fingerprint = s and (s.outer or s).fingerprint,
    binding = not rule.path:find "^stint/",
  })
end

-- A finding of the judge's own.
local function say(file, id, more)
  local own = rules.own[id]
  add(file, {
    rule = id,
    family = own.family,
    level = more.level or "error",
    firm = more.firm,
    certainty = more.certainty or "certain",
    file = file.path,
    line = more.line or 1,
    column = more.column or 1,
    message = more.message,
    hint = more.hint,
    object = more.object,
    top_line = more.top_line,
    fingerprint = more.fingerprint,
  })
end

local function crashed(file, rule, message, s)
  say(file, "rule-crashed", {
    line = s and s.line,
    column = s and s.column,
    message = ("the rule %s failed: %s"):format(rule.id, message),
    hint = rule.path:find "^stint/" and "report it, with the statement" or "mend " .. rule.path,
    certainty = "opaque",
  })
end

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
    return crashed(file, rule, tostring(ok and list or answer), s)
  end
  for _, one in ipairs(list) do
    note(file, rule, one, s)
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

local function tell_unparsed(file, s)
  local line, column = s:problem_place()
  local meaning = meanings[now.unparsed]
  say(file, "unparsed", {
    level = meaning.level,
    firm = meaning.firm,
    line = line,
    column = column,
    message = ("%s cannot be read, so nothing is known of it: %s"):format(s.kind ~= "" and s.kind or "the statement", s.problem),
    hint = "a mistake, or younger than PostgreSQL 15: then -- stint: allow unparsed reason=\"...\" above it",
    certainty = "opaque",
    top_line = (s.outer or s).line,
    fingerprint = (s.outer or s).fingerprint,
  })
end

-- Without `s` it is about the file as a whole.
local function tell_opaque(file, s, why, line, column)
  local meaning = meanings[now.opaque]
  say(file, "opaque", {
    level = meaning.level,
    firm = meaning.firm,
    line = line or s.line,
    column = column or s.column,
    message = s and ("%s: %s"):format(s.kind, why) or why,
    certainty = "opaque",
    top_line = s and (s.outer or s).line,
    fingerprint = s and (s.outer or s).fingerprint,
  })
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
  crashed(file, own, tostring(does), s)
  return impact.of(now.world, {})
end

local function apply(file, s)
  local ok, problem = pcall(now.world.apply, now.world, s)
  if not ok then
    crashed(file, own, tostring(problem), s)
  end
end

-- What can be mended in a statement of the text itself.
local function consider_fix(s)
  local families
  for i = #now.findings, 1, -1 do
    local finding = now.findings[i]
    if finding.statement ~= s.index then
      break
    end
    if finding.level ~= "notice" then
      families = families or {}
      families[finding.family] = true
    end
  end
  if families and s.inside == "top" then
    fix.consider(s, now.world, families)
    now.repaired[s.migration.path] = s.migration
  end
end

-- A statement of a function's body does not run now, and counts for nothing.
local function judge_statement(file, s)
  local inner, unknown = routine.of(s)
  local does = impact_of(file, s)
  if #unknown > 0 then
    does:cannot_see(unknown[1].why)
  end
  statement.judged(s, does, inner)
  if s.inside ~= "function" then
    count(s)
    if s.state == "unparsed" then
      tell_unparsed(file, s)
    elseif s.state == "opaque" then
      tell_opaque(file, s, s.problem)
    end
    if now.deeds then
      note_deed(file, s, does)
    end
  end
  for _, part in ipairs(unknown) do
    tell_opaque(file, s, part.why, part.line, part.column)
  end
  if not file.known then
    ask_all(file, s)
    if now.fixing then
      consider_fix(s)
    end
  end
  if s.inside ~= "function" then
    if not file.known then
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
  if part.kind == "rolled_back" then
    now.world:rollback()
  else
    now.world:commit()
  end
end

local function make_statements(file, half)
  local list = {}
  for i, raw in ipairs(half) do
    raw.file, raw.index, raw.inside, raw.migration = file.path, i, "top", file
    list[i] = statement.new(raw)
  end
  return list
end

local function read_sql(file)
  local read, problem = native.sqlfile(file.path, file.text, file.down_path, file.down_text, now.variables)
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
local function read_lua(file)
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
    now.coverage.statements, now.coverage.opaque = now.coverage.statements + 1, now.coverage.opaque + 1
    tell_opaque(file, nil, unknown.why, unknown.line, unknown.column)
  end
  if file.transactional then
    file.parts[1] = { kind = "transaction", first = 1, last = #file.statements }
    return
  end
  for i = 1, #file.statements do
    file.parts[i] = { kind = "solo", first = i, last = i }
  end
end

local function read(file)
  file.waivers = {}
  if native.declared[file.path] then
    return read_lua(file)
  end
  return read_sql(file)
end

-- Its transactions are wrong, so that it does not run: said here if no rule has said more.
local function tell_misbegun(file)
  local problem, told = file.misbegun, false
  for _, finding in ipairs(now.findings) do
    told = told or problem and finding.line == problem.line and finding.level == "error"
  end
  if problem and not told then
    say(file, "unreadable", { line = problem.line, column = problem.column, message = problem.message, hint = problem.hint, firm = true })
  end
end

local function tell_waivers(file)
  for _, one in ipairs(file.waivers) do
    local rule, message, hint = waiver.problem(one, now)
    if rule then
      say(file, rule, { level = "warning", line = one.line, message = message, hint = hint })
    end
  end
end

local function before(a, b)
  for _, key in ipairs { "line", "column", "rule", "message" } do
    if a[key] ~= b[key] then
      return a[key] < b[key]
    end
  end
  return false
end

-- Judges a file: { path, version, name, kind, text, down_path, down_text, together, known, problem }.
-- Its findings, in the order of the text; and what its statements do, where judge.begin was asked for
-- `deeds`.
function judge.file(file)
  now.findings, now.deeds = {}, now.wants_deeds and {}
  now.world:file(file)
  local problem = read(file)
  if problem then
    say(file, "unreadable", problem)
    return now.findings, now.deeds
  end
  if file.problem then
    say(file, file.problem.rule, file.problem)
  end
  for _, part in ipairs(file.parts) do
    judge_part(file, part)
  end
  for _, rule in ipairs(now.by_ask.file) do
    ask(file, rule, rule.file, file, file.statements[1])
  end
  tell_misbegun(file)
  tell_waivers(file)
  if #now.by_ask.history > 0 then
    now.files[#now.files + 1] = file
    for _, s in ipairs(file.statements) do
      statement.forget(s)
    end
  end
  table.sort(now.findings, before)
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
  now = {
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
  }
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
  return not read(file) and waiver.bound(file.text, file.waivers) or nil
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
