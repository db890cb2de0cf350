-- Where the judge sits: what C and specs ask of it, in values that JSON has.
local native = ...

local impact = native.use("impact")
local judge = native.use("judge")
local rules = native.use("rules")

local bench = {}

-- The rules of the run that has begun.
local now_by_id

-- json.null is nil here, and stays away from rules.
local function plain(value)
  if value == native.json.null then
    return nil
  end
  if type(value) ~= "table" then
    return value
  end
  local copy = {}
  for name, field in pairs(value) do
    copy[name] = plain(field)
  end
  return copy
end

-- The levels that policies give to rules: { ["drop-column"] = "deny" }; a later file wins.
local function levels_of(paths, by_id)
  local levels = {}
  for _, path in ipairs(paths) do
    local declaration = native.declared[path]
    for id, level in pairs(declaration.fields.rules or {}) do
      if not by_id[id] and not rules.own[id] then
        local names = {}
        for name in pairs(by_id) do
          names[#names + 1] = name
        end
        local near = native.nearest(id, names)
        error(("%s:%d: policy.rules: there is no rule \"%s\"%s"):format(path, declaration.line, id,
          near and (", did you mean \"%s\"?"):format(near) or ""), 0)
      end
      levels[id] = level
    end
  end
  return levels
end

local function shown(findings)
  local list = {}
  for i, finding in ipairs(findings) do
    list[i] = {
      rule = finding.rule,
      family = finding.family,
      level = finding.level,
      certainty = finding.certainty,
      file = finding.file,
      line = finding.line,
      column = finding.column,
      message = finding.message,
      hint = finding.hint or native.json.null,
      fix = finding.fix and native.json.list(finding.fix) or native.json.null,
      object = finding.object or native.json.null,
      statement = finding.statement or native.json.null,
      fingerprint = finding.fingerprint or native.json.null,
      binding = finding.binding,
    }
  end
  return native.json.list(list)
end

-- { environment, facts, variables, unparsed, assumed, opaque, policies = { path... }, deeds }
function bench.judge_begin(with)
  collectgarbage("incremental", 300, 400) -- trees come and go, the world stays: walking it is what costs
  with = plain(with)
  local paths = with.policies or {}
  local list, by_id = rules.all(paths)
  with.rules, with.levels = list, levels_of(paths, by_id)
  now_by_id = by_id
  judge.begin(with)
  return true
end

function bench.judge_file(file)
  local findings, deeds = judge.file(plain(file))
  return { findings = shown(findings), deeds = deeds and native.json.list(deeds) }
end

function bench.judge_finish()
  local findings, coverage, effects = judge.finish()
  return { findings = shown(findings), coverage = coverage, effects = effects }
end

-- What gates.lua says of each.
function bench.gates_begin(with)
  return native.use("gates").begin(plain(with))
end

function bench.gates_override(with)
  return native.use("gates").override(plain(with))
end

function bench.gates_judge(ask)
  return native.use("gates").judge(plain(ask))
end

-- { format, findings, files, version }: the text of it.
function bench.judge_format(with)
  with.by_id = setmetatable({}, { __index = function(_, id)
    return now_by_id[id] or rules.own[id]
  end })
  return native.use("formats")[with.format](with)
end

function bench.judge_fixing()
  judge.fixing()
  return true
end

-- { path, statements, taken }: as judge.fix.
function bench.judge_fix(with)
  local done = judge.fix(with.path, with.statements, with.taken)
  return { files = native.json.list(done.files), refused = native.json.list(done.refused) }
end

-- { path, text }: the text with bound waivers, or null.
function bench.judge_bind(file)
  return { text = judge.bound(plain(file)) or native.json.null }
end

local function impacts_of(facts, sql)
  local here, list = native.use("world").new(facts), {}
  here:begin()
  for i, raw in ipairs(native.sqlfile("it.sql", sql).up) do
    local s = native.use("statement").new(raw)
    native.use("statement").judged(s, impact.of(here, s))
    here:apply(s)
    list[i] = impact.plain(s.impact)
  end
  return native.json.list(list)
end

-- { facts, transactions = { SQL text... } }: for each a list of what each of its statements does.
function bench.impacts(with)
  local facts, list = plain(with.facts), {}
  for i, sql in ipairs(with.transactions) do
    list[i] = impacts_of(facts, sql)
  end
  return native.json.list(list)
end

-- { sql, facts, environment, server_version, policies }: what is found in one text.
function bench.judge_text(with)
  bench.judge_begin(with)
  local found = judge.file { path = "test.sql", version = "", name = "test", kind = "sql", text = with.sql }
  local late, coverage = judge.finish()
  table.move(late, 1, #late, #found + 1, found)
  return { findings = shown(found), coverage = coverage }
end

-- { { files = { { name, text } ... }, facts, server_version } ... }: what is found in each, by Stint's
-- own rules.
function bench.judge_cases(cases)
  local results = {}
  for i, case in ipairs(plain(cases)) do
    local facts = case.facts or {}
    facts.server_version = case.server_version
    bench.judge_begin { facts = facts }
    local found = {}
    for _, file in ipairs(case.files) do
      local version = file.name:match "^%d+" or ""
      local list = judge.file { path = file.name, version = version, name = file.name, kind = "sql", text = file.text }
      table.move(list, 1, #list, #found + 1, found)
    end
    local late = judge.finish()
    table.move(late, 1, #late, #found + 1, found)
    results[i] = shown(found)
  end
  return native.json.list(results)
end

-- Runs the tests of rules: Stint's own, or with { policies = { path... } } those of the team. A list
-- of { rule, what = "bad" or "good", number, sql, problem (nil: it holds) }.
function bench.rule_tests(with)
  local tests = native.use("rule_tests")
  local paths = plain(with).policies
  if not paths then
    return native.json.list(tests.run(rules.shipped()))
  end
  local _, by_id = rules.all(paths)
  local list = {}
  for _, path in ipairs(paths) do
    local rule = rules.of(path, native.declared[path].fields)
    list[#list + 1] = rule and by_id[rule.id]
  end
  return native.json.list(tests.run(list))
end

return bench
