-- What a run of the judge has found: a verdict of a rule, or something of the judge's own, with its
-- place, and the level that the environment and its waivers leave it. The methods of a run (judge.lua).
local native = ...

local rules = native.use("rules")
local waiver = native.use("waiver")

local findings = {}

local levels = { deny = "error", warn = "warning", notice = "notice" }

-- What a setting (unparsed, assumed, opaque) makes of a finding: its level, and whether a waiver
-- lifts it.
local meanings = {
  block = { level = "error", firm = true },
  ack = { level = "error" },
  warn = { level = "warning" },
  allow = { level = "notice" },
}

-- Findings that the environment's policy has turned off count for nothing, nor does what is done.
function findings:add(file, finding)
  if file.known or (finding.statement or math.huge) <= (file.applied or 0) then
    return
  end
  local wanted = self.levels[finding.rule]
  if wanted == "allow" then
    return
  end
  if wanted and finding.level ~= "notice" then
    finding.level = levels[wanted]
  end
  finding.binding = finding.binding or wanted ~= nil or finding.firm or false
  if finding.certainty == "assumed" and self.assumed ~= "ack" and finding.level == "error" then
    local meaning = meanings[self.assumed]
    finding.level, finding.firm = meaning.level, meaning.firm
    finding.binding = finding.binding or finding.firm or false
  end
  if finding.firm or not waiver.find(file.waivers, finding) then
    self.findings[#self.findings + 1] = finding
  end
end

-- The level of a verdict: a rule may say that its own deny is a warning.
local function level_of(rule, answer)
  local level = levels[answer.verdict]
  return level == "error" and rule.level or level
end

-- A verdict's `at` is a node or a statement; without one it is about `s`.
function findings:note(file, rule, answer, s)
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
  self:add(file, {
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
function findings:say(file, id, more)
  local own = rules.own[id]
  self:add(file, {
    rule = id,
    family = own.family,
    level = more.level or own.level or "error",
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

function findings:crashed(file, rule, message, s)
  self:say(file, "rule-crashed", {
    line = s and s.line,
    column = s and s.column,
    message = ("the rule %s failed: %s"):format(rule.id, message),
    hint = rule.path:find "^stint/" and "report it, with the statement" or "mend " .. rule.path,
    certainty = "opaque",
  })
end

function findings:tell_unparsed(file, s)
  local line, column = s:problem_place()
  local meaning = meanings[self.unparsed]
  self:say(file, "unparsed", {
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
function findings:tell_opaque(file, s, why, line, column)
  local meaning = meanings[self.opaque]
  self:say(file, "opaque", {
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

-- Its transactions are wrong, so that it does not run: said here if no rule has said more.
function findings:tell_misbegun(file)
  local problem, told = file.misbegun, false
  for _, finding in ipairs(self.findings) do
    told = told or problem and finding.line == problem.line and finding.level == "error"
  end
  if problem and not told then
    self:say(file, "unreadable", { line = problem.line, column = problem.column, message = problem.message, hint = problem.hint, firm = true })
  end
end

-- Of a half applied file: what it is about is done, or may be.
local function is_over(file, one)
  local applied = file.applied or 0
  return applied > 0 and (not one.below or one.below.index <= applied)
end

function findings:tell_waivers(file)
  for _, one in ipairs(file.waivers) do
    local rule, message, hint
    if not is_over(file, one) then
      rule, message, hint = waiver.problem(one, self, file.kind == "repeatable")
    end
    if rule then
      local asked = rule == "waiver-unbound" and self.levels[rule]
      self:say(file, rule, { level = asked and "warning" or nil, line = one.line, message = message, hint = hint })
    end
  end
end

-- In the order of the text.
function findings.before(a, b)
  for _, key in ipairs { "line", "column", "rule", "message" } do
    if a[key] ~= b[key] then
      return a[key] < b[key]
    end
  end
  return false
end

return findings
