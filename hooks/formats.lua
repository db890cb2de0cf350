-- What `stint lint` says, in the formats of other programs. `report` is { findings, files = { path...
-- }, version, by_id = { RULE = { about, why, safe, level, family } } }; a finding is as in the
-- JSON of lint, with `key` (the same for the same finding of a later run) and `source`, its line.
local native = ...

local json = native.json
local formats = {}

local function present(value)
  if value ~= json.null then
    return value
  end
end

local function has_file(finding)
  return finding.file ~= ""
end

local function with_hint(finding)
  local hint = present(finding.hint)
  return finding.message .. (hint and "\nHINT: " .. hint or "")
end

-- GitHub's workflow commands: https://docs.github.com/actions/reference/workflow-commands
local function data(text)
  return (text:gsub("[%%\r\n]", { ["%"] = "%25", ["\r"] = "%0D", ["\n"] = "%0A" }))
end

local function property(text)
  return (data(text):gsub("[:,]", { [":"] = "%3A", [","] = "%2C" }))
end

function formats.github(report)
  local lines = {}
  for i, f in ipairs(report.findings) do
    local place = has_file(f) and ("file=%s,line=%d,col=%d,"):format(property(f.file), f.line, f.column) or ""
    lines[i] = ("::%s %stitle=%s::%s\n"):format(f.level, place, property(f.rule), data(with_hint(f)))
  end
  return table.concat(lines)
end

-- SARIF 2.1.0, columns in characters.
local function encoded(path)
  return (path:gsub("[^%w/._~-]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

local sarif_levels = { error = "error", warning = "warning", notice = "note" }

local function text_of(text)
  return text and { text = text }
end

local function sarif_rule(id, rule)
  return {
    id = id,
    shortDescription = text_of(rule.about or rule.why),
    fullDescription = text_of(rule.why),
    help = text_of(rule.safe or rule.why or rule.about),
    defaultConfiguration = { level = sarif_levels[rule.level or "error"] },
    properties = { tags = json.list { rule.family } },
  }
end

-- From the place to the end of its line.
local function region(f)
  local source = present(f.source)
  local from = source and utf8.offset(source, f.column)
  local snippet = from and source:sub(from)
  return {
    startLine = f.line,
    startColumn = f.column,
    endColumn = snippet and #snippet > 0 and f.column + (utf8.len(snippet) or #snippet) or nil,
    snippet = snippet and #snippet > 0 and text_of(snippet) or nil,
  }
end

local function locations(f)
  if not has_file(f) then
    return nil
  end
  local rooted = f.file:sub(1, 1) == "/"
  return json.list {
    {
      physicalLocation = {
        artifactLocation = {
          uri = (rooted and "file://" or "") .. encoded(f.file),
          uriBaseId = not rooted and "%SRCROOT%" or nil,
        },
        region = region(f),
      },
    },
  }
end

function formats.sarif(report)
  local rules, index, results = {}, {}, {}
  for i, f in ipairs(report.findings) do
    if not index[f.rule] then
      rules[#rules + 1] = sarif_rule(f.rule, report.by_id[f.rule])
      index[f.rule] = #rules - 1
    end
    results[i] = {
      ruleId = f.rule,
      ruleIndex = index[f.rule],
      level = sarif_levels[f.level],
      message = { text = with_hint(f) },
      locations = locations(f),
      partialFingerprints = { ["stint/v1"] = f.key },
      properties = { certainty = f.certainty, family = f.family },
    }
  end
  local run = {
    tool = { driver = { name = "stint", version = report.version, rules = json.list(rules) } },
    columnKind = "unicodeCodePoints",
    results = json.list(results),
  }
  return json.encode {
    ["$schema"] = "https://json.schemastore.org/sarif-2.1.0.json",
    version = "2.1.0",
    runs = json.list { run },
  } .. "\n"
end

-- JUnit: a test case for each finding, and one for each file without.
local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["\n"] = "&#10;", ["\t"] = "&#9;" }

local function xml(text)
  return (text:gsub('[&<>"\n\t]', entities):gsub("%c", "?"))
end

local function junit_case(f)
  local name = ("%s:%d:%d %s"):format(f.file, f.line, f.column, f.rule)
  local head = ('  <testcase classname="%s" name="%s">'):format(xml(f.file), xml(name))
  local body
  if f.level == "error" then
    body = ('<failure type="%s" message="%s">%s</failure>'):format(xml(f.rule), xml(f.message), xml(with_hint(f)))
  else
    body = ("<system-out>%s: %s</system-out>"):format(f.level, xml(with_hint(f)))
  end
  return head .. body .. "</testcase>"
end

function formats.junit(report)
  local lines, found, failures = {}, {}, 0
  for i, f in ipairs(report.findings) do
    lines[i], found[f.file] = junit_case(f), true
    failures = failures + (f.level == "error" and 1 or 0)
  end
  for _, path in ipairs(report.files) do
    if not found[path] then
      lines[#lines + 1] = ('  <testcase classname="%s" name="%s"/>'):format(xml(path), xml(path))
    end
  end
  local suite = ('<testsuite name="stint lint" tests="%d" failures="%d" errors="0" skipped="0">'):format(#lines, failures)
  return table.concat({
    '<?xml version="1.0" encoding="UTF-8"?>',
    suite,
    table.concat(lines, "\n"),
    "</testsuite>\n",
  }, "\n")
end

return formats
