-- stint lint --format: findings for the programs that show them; and those that are known already.
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local schema = require "spec.support.schema"

describe("stint lint --format", function()
  local function lint(files, ...)
    local project = run.project(files)
    return run({ "lint", ... }, { cwd = project }), project
  end

  local TWO = { ["a,b.sql"] = 'SELECT 1;\n\tALTER TABLE ü DROP "x%:<&",\r\n  DROP d;\n', ["clean.sql"] = "CREATE TABLE t (a int);" }

  it("github: annotations, escaped as GitHub reads them", function()
    local r = lint(TWO, "--format", "github", "a,b.sql")
    assert.equal(2, r.code, r.err)
    local first, second = r.out:match "^([^\n]*)\n([^\n]*)\n$"
    assert.truthy(first:find("::error file=a%2Cb.sql,line=2,col=16,title=drop-column::"
      .. "\"ü\".\"x%25:<&\" is dropped, and its data with it%0AHINT: ", 1, true), r.out)
    assert.truthy(second:find("::error file=a%2Cb.sql,line=3,col=3,title=drop-column::\"ü\".d is dropped", 1, true), r.out)
  end)

  it("sarif: a log that fits its schema, with rules, regions and fingerprints", function()
    local r = lint(TWO, "--format", "sarif", "a,b.sql", "clean.sql")
    assert.equal(2, r.code, r.err)
    local log = json.decode(r.out)
    assert.same({}, schema.problems(json.decode(place.read "spec/support/sarif-2.1.0.json"), log))
    local tool, result = log.runs[1].tool.driver, log.runs[1].results[1]
    assert.same({ "drop-column", "error" }, { tool.rules[result.ruleIndex + 1].id, result.level })
    assert.truthy(tool.rules[1].help.text and tool.rules[1].fullDescription.text)
    local at = result.locations[1].physicalLocation
    assert.equal("a%2Cb.sql", at.artifactLocation.uri)
    assert.same({ startLine = 2, startColumn = 16, endColumn = 29, snippet = { text = 'DROP "x%:<&",' } }, at.region)
    assert.equal("unicodeCodePoints", log.runs[1].columnKind)
    local prints = {}
    for i, one in ipairs(log.runs[1].results) do
      prints[i] = one.partialFingerprints["stint/v1"]
    end
    assert.equal(2, #prints)
    assert.not_equal(prints[1], prints[2])
  end)

  it("sarif: empty where nothing is found, and the check of the spec bites", function()
    local r = lint(TWO, "--format", "sarif", "clean.sql")
    assert.equal(0, r.code, r.err)
    local log, rules = json.decode(r.out), json.decode(place.read "spec/support/sarif-2.1.0.json")
    assert.same({}, schema.problems(rules, log))
    assert.equal(0, #log.runs[1].results)
    log.runs[1].tool.driver.name, log.runs[1].columnKind = nil, "bytes"
    assert.equal(2, #schema.problems(rules, log))
  end)

  it("junit: a failure for each error, a test for each clean file", function()
    local r = lint(TWO, "--format", "junit", "a,b.sql", "clean.sql")
    assert.equal(2, r.code, r.err)
    assert.truthy(r.out:find('<testsuite name="stint lint" tests="3" failures="2" errors="0" skipped="0">', 1, true), r.out)
    assert.truthy(r.out:find('name="a,b.sql:2:16 drop-column"><failure type="drop-column" message="&quot;ü&quot;.&quot;x%:&lt;&amp;&quot; is', 1, true), r.out)
    assert.truthy(r.out:find('<testcase classname="clean.sql" name="clean.sql"/>', 1, true), r.out)
  end)

  it("and nothing else", function()
    local r = lint(TWO, "--format", "xml", "clean.sql")
    assert.equal(64, r.code)
    assert.truthy(r.err:find("--format text, json, github, sarif or junit", 1, true), r.err)
  end)
end)

describe("stint lint --baseline", function()
  local function project()
    return run.project {
      ["scripts/migrations/1_a.sql"] = "ALTER TABLE t DROP a;\nALTER TABLE t DROP a;\n",
      ["scripts/migrations/2_b.sql"] = "ALTER TABLE t DROP b;\n",
    }
  end

  local function lint(folder, ...)
    return run({ "lint", ... }, { cwd = folder })
  end

  it("does not report again what is known, wherever its line has gone", function()
    local folder = project()
    local r = lint(folder, "--write-baseline")
    assert.equal(0, r.code, r.err)
    assert.truthy(r.err:find("lint.baseline.json: 3 findings that will not be reported again", 1, true), r.err)
    r = lint(folder)
    assert.equal(0, r.code, r.out)
    assert.truthy(r.err:find("lint.baseline.json: 3 findings are known and not reported", 1, true), r.err)
    place.write(folder .. "/scripts/migrations/1_a.sql",
      "-- moved\n\nALTER  TABLE t DROP a;\nALTER TABLE t DROP a;\nALTER TABLE t DROP a;\n")
    r = lint(folder)
    assert.equal(2, r.code)
    assert.truthy(r.out:find("^scripts/migrations/1_a.sql:5:15: error: t.a is dropped"), r.out)
    assert.truthy(r.out:find("\n1 errors, 0 warnings", 1, true), r.out)
  end)

  it("says what it holds without need, of the files that are judged", function()
    local folder = project()
    assert.equal(0, lint(folder, "--write-baseline", "--baseline", "old.json").code)
    place.write(folder .. "/scripts/migrations/2_b.sql", "SELECT 1;\n")
    local r = lint(folder, "--baseline", "old.json")
    assert.equal(0, r.code, r.out .. r.err)
    assert.truthy(r.err:find("old.json: 1 of its findings are found no more", 1, true), r.err)
    r = lint(folder, "--baseline", "old.json", "1")
    assert.falsy(r.err:find("no more", 1, true), r.err)
  end)

  it("is refused when it is none", function()
    local folder = project()
    for text, said in pairs { ["{}"] = "x.json is no baseline of lint", ["{"] = "x.json: " } do
      place.write(folder .. "/x.json", text)
      local r = lint(folder, "--baseline", "x.json")
      assert.equal(78, r.code, r.err)
      assert.truthy(r.err:find(said, 1, true), r.err)
    end
    assert.equal(1, lint(folder, "--baseline", "no.json").code)
  end)
end)
