-- stint lint: findings about files, without a database.
local json = require "dkjson"
local run = require "spec.support.run"

describe("stint lint", function()
  local function lint(files, config, ...)
    local project = run.project(files, config)
    return run({ "lint", ... }, { cwd = project }), project
  end

  local function findings(files, config, ...)
    local r = lint(files, config, "--json", ...)
    local answer = assert(json.decode(r.out), r.out .. r.err)
    return answer.findings, answer.coverage, r
  end

  it("shows a finding with its place, and ends with 2", function()
    local r = lint({ ["a.sql"] = "SELECT 1;\nALTER TABLE app.u\n  ADD COLUMN b int,\n  DROP COLUMN c;\n" }, nil, "a.sql")
    assert.equal(2, r.code, r.err)
    assert.truthy(r.out:find("a.sql:2:13: error: app.u.c is dropped", 1, true), r.out)
    assert.truthy(r.out:find("     2 | ALTER TABLE app.u\n       |             ^\n", 1, true), r.out)
    assert.truthy(r.out:find("1 errors, 0 warnings, 0 notices; 2 statements: 2 certain, 0 assumed, 0 opaque\n", 1, true), r.out)
  end)

  it("is silent and ends with 0 where nothing is found", function()
    local list, coverage, r = findings({ ["a.sql"] = "CREATE TABLE t (a int);" }, nil, "a.sql")
    assert.same({}, list)
    assert.equal(0, r.code)
    assert.same({ statements = 1, certain = 1, assumed = 0, opaque = 0, unparsed = 0 }, coverage)
  end)
end)
