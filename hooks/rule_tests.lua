-- The tests inside a rule: tests = { bad = {...}, good = {...}, facts = {...} }. An item is a SQL
-- text, or { sql = ..., facts = ..., server_version = ..., files = { NAME = SQL text } }. Each of
-- `bad` must make the rule say something, none of `good` may.
local native = ...

local judge = native.use("judge")

local rule_tests = {}

local function copy(value)
  if type(value) ~= "table" then
    return value
  end
  local new = {}
  for name, field in pairs(value) do
    new[name] = copy(field)
  end
  return new
end

local function file_of(name, text)
  local version = name:match "^%d+" or ""
  return { path = name, name = name, version = version, kind = "sql", text = text, together = true }
end

-- The files of an item in the order of their names.
local function files_of(item)
  if not item.files then
    return { file_of("test.sql", item.sql) }
  end
  local names, files = {}, {}
  for name in pairs(item.files) do
    names[#names + 1] = name
  end
  table.sort(names)
  for i, name in ipairs(names) do
    files[i] = file_of(name, item.files[name])
    files[i].together = nil
  end
  return files
end

local function sql_of(item)
  if item.sql then
    return item.sql
  end
  local texts = {}
  for _, file in ipairs(files_of(item)) do
    texts[#texts + 1] = "-- " .. file.name .. "\n" .. file.text
  end
  return table.concat(texts, "\n")
end

local function findings_of(rule, item, facts)
  judge.begin { rules = { rule }, facts = facts }
  local list = {}
  local function keep(findings)
    for _, finding in ipairs(findings) do
      list[#list + 1] = finding
    end
  end
  for _, file in ipairs(files_of(item)) do
    keep(judge.file(file))
  end
  keep((judge.finish()))
  return list
end

-- Why the item does not show what it should, or nil.
local function problem(rule, what, findings)
  local said
  for _, finding in ipairs(findings) do
    if finding.rule == rule.id then
      said = finding
    elseif finding.rule ~= "opaque" then
      return ("%s: %s"):format(finding.rule, finding.message)
    end
  end
  if what == "bad" and not said then
    return "the rule says nothing"
  elseif what == "good" and said then
    return "the rule says: " .. said.message
  end
end

local function run_one(rule, what, number, item, facts)
  if type(item) == "string" then
    item = { sql = item }
  end
  facts = copy(item.facts or facts or {})
  facts.server_version = item.server_version or facts.server_version
  return {
    rule = rule.id,
    path = rule.path,
    what = what,
    number = number,
    sql = sql_of(item),
    problem = problem(rule, what, findings_of(rule, item, facts)),
  }
end

function rule_tests.run(list)
  local results = {}
  for _, rule in ipairs(list) do
    local tests = rule.tests or {}
    for _, what in ipairs { "bad", "good" } do
      for number, item in ipairs(tests[what] or {}) do
        results[#results + 1] = run_one(rule, what, number, item, tests.facts)
      end
    end
  end
  return results
end

return rule_tests
