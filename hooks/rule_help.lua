-- stint help rules, stint help RULE: from the same tables that judge.
local native = ...

local rules = native.use("rules")

local function all()
  local list = {}
  for _, rule in ipairs(rules.shipped()) do
    list[#list + 1] = rule
  end
  for path, declared in pairs(native.declared) do
    local rule = declared.kind == "policy" and not path:find "^stint/" and rules.of(path, declared.fields)
    list[#list + 1] = rule or nil
  end
  for id, own in pairs(rules.own) do
    list[#list + 1] = { id = id, family = own.family, about = own.why, level = own.level or "error" }
  end
  table.sort(list, function(a, b)
    if a.family ~= b.family then
      return a.family < b.family
    end
    return a.id < b.id
  end)
  return list
end

local function overview()
  local lines, family = { "the rules that statements are judged by, by family:" }, nil
  for _, rule in ipairs(all()) do
    if rule.family ~= family then
      family = rule.family
      lines[#lines + 1] = "\n" .. family
    end
    lines[#lines + 1] = ("  %-28s %s"):format(rule.id, rule.about or rule.why or "")
  end
  lines[#lines + 1] = [[

stint help RULE says why, and what is safe. A policy of scripts/policies sets levels for its
environments: rules = { ["drop-column"] = "warn" } (deny, warn, allow), and adds rules of the team's
own: stint help policy. One finding is lifted by a line above its statement, or in its file's head:
  -- stint: allow RULE [OBJECT] reason="..." [until=YYYY-MM-DD] [for=FINGERPRINT]
]]
  return table.concat(lines, "\n")
end

local function indented(text)
  return "  " .. text:gsub("%s+$", ""):gsub("\n", "\n  ")
end

local function one(rule)
  local lines = { ("%s (%s, %s): %s"):format(rule.id, rule.family, rule.level, rule.about or "") }
  if rule.why then
    lines[#lines + 1] = "\nwhy:\n" .. indented(rule.why)
  end
  if rule.safe then
    lines[#lines + 1] = "\nsafe:\n" .. indented(rule.safe)
  end
  for _, what in ipairs { "bad", "good" } do
    local list = rule.tests and rule.tests[what] or {}
    local item = list[1]
    local sql = type(item) == "table" and item.sql or item
    if type(sql) == "string" then
      lines[#lines + 1] = ("\n%s:\n%s"):format(what == "bad" and "found" or "not found", indented(sql))
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

return function(word)
  if word == "rules" then
    return overview()
  end
  for _, rule in ipairs(all()) do
    if rule.id == word then
      return one(rule)
    end
  end
end
