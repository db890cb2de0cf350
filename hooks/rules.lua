-- The rules that are at work: those that Stint ships (hooks/rules/NAME.lua) and the team's policies
-- that judge statements; each is a policy {...} under the name of its file.
local native = ...

local rules = {}

local asks = { "statement", "transaction", "file", "history" }

local function name_of(path)
  return (path:match "([^/]+)$":gsub("%.lua$", ""))
end

-- A name or a list of names as a set; nil for none.
local function set_of(names)
  if not names then
    return nil
  end
  local set = {}
  for _, name in ipairs(type(names) == "table" and names or { names }) do
    set[name] = true
  end
  return set
end

local default_inside = { top = true, ["do"] = true, lua = true }

-- A rule of a declared policy, or nil: it asks nothing about statements.
function rules.of(path, fields)
  for _, what in ipairs(asks) do
    if fields[what] then
      return {
        id = name_of(path),
        path = path,
        family = fields.family or "team",
        level = fields.level or "error",
        about = fields.about,
        why = fields.why,
        safe = fields.safe,
        inside = set_of(fields.inside) or default_inside,
        on = set_of(fields.on),
        tests = fields.tests,
        statement = fields.statement,
        transaction = fields.transaction,
        file = fields.file,
        history = fields.history,
      }
    end
  end
end

local shipped

-- Stint's own, in the order of their names; loaded once.
function rules.shipped()
  if not shipped then
    shipped = {}
    for _, file in ipairs(native.embedded_names "hooks/rules/") do
      local path = "stint/" .. file
      local _, _, fields = native.declare(path, native.embedded(file), "=")
      shipped[#shipped + 1] = assert(rules.of(path, fields), path)
    end
  end
  return shipped
end

-- Stint's and those of the policies at these paths, which have been declared.
function rules.all(paths)
  local list, by_id = {}, {}
  local function add(rule)
    local other = by_id[rule.id]
    if other then
      error(("%s: there is a rule %s already: give the file another name"):format(rule.path, rule.id), 0)
    end
    list[#list + 1] = rule
    by_id[rule.id] = rule
  end
  for _, rule in ipairs(rules.shipped()) do
    add(rule)
  end
  for _, path in ipairs(paths) do
    local rule = rules.of(path, native.declared[path].fields)
    if rule then
      add(rule)
    end
  end
  return list, by_id
end

-- What the judge finds by itself; level: unless a policy or a setting gives another, else error.
rules.own = {
  ["rule-crashed"] = { family = "dynamic-sql", why = "a rule that fails has judged nothing, and is no silent yes" },
  ["unreadable"] = { family = "will-fail", why = "the file cannot be run: it does not read as a migration" },
  ["unparsed"] = {
    family = "version",
    why = "the parser (PostgreSQL 15's grammar) cannot read the statement, so no rule has judged it",
  },
  ["opaque"] = { family = "dynamic-sql", level = "warning", why = "what the statement does is decided when it runs" },
  ["out-of-order"] = { family = "will-fail", why = "a branch that was merged before has a newer one: up refuses what is older" },
  ["edited"] = { family = "will-fail", why = "what was applied is not applied again: up refuses a file whose text has changed" },
  ["version-collision"] = { family = "will-fail", why = "two files cannot have one version" },
  ["guard"] = { family = "dynamic-sql", why = "a statement does what its plan did not say: it was cancelled before that" },
  ["waiver-expired"] = { family = "security", level = "warning", why = "its until= has passed, so it lifts nothing any more" },
  ["waiver-stale"] = { family = "security", level = "warning", why = "another statement has taken the place of the one that it was given to" },
  ["waiver-unbound"] = {
    family = "security", level = "notice",
    why = "it names no object: what takes the place of its statement is lifted too; a notice in repeatable files, elsewhere said where a "
      .. "policy gives it a level",
  },
  ["waiver-unused"] = { family = "security", level = "warning", why = "nothing was found that it lifts: it would hide what comes later" },
}

return rules
