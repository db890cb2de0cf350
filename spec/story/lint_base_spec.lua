-- stint lint --base: what a branch brings, and whether it fits what it is to be merged into.
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

describe("stint lint --base", function()
  local folder

  local function git(...)
    place.git(folder, ...)
  end

  local function write(name, text)
    place.write(folder .. "/scripts/migrations/" .. name, text)
  end

  local function commit(branch, files)
    git("checkout", "-q", branch)
    for name, text in pairs(files) do
      write(name, text)
    end
    git("add", ".")
    git("commit", "-qm", "x")
  end

  before_each(function()
    folder = run.project({ ["scripts/migrations/10_a.sql"] = "CREATE TABLE t (a int, b int);\nALTER TABLE old DROP z;\n" },
      "[development]\n[loose]\norder = warn\n[free]\norder = allow\n")
    git("init", "-q", "-b", "main", ".")
    git("add", ".")
    git("commit", "-qm", "base")
    git("branch", "mine")
  end)

  local function lint(...)
    local r = run({ "lint", "--json", ... }, { cwd = folder })
    local answer = json.decode(r.out)
    local list = {}
    for i, f in ipairs(answer and answer.findings or {}) do
      list[i] = ("%s:%d %s %s"):format(f.file:match "[^/]*$", f.line, f.level, f.rule)
    end
    return list, r, answer
  end

  it("judges what the merge base lacks, and nothing else", function()
    commit("mine", { ["30_c.sql"] = "CREATE TABLE n (a int, b int);\nALTER TABLE t DROP a;\n" })
    commit("main", { ["20_theirs.sql"] = "ALTER TABLE t DROP b;\n" })
    git("checkout", "-q", "mine")
    write("40_not yet 'added'\n.sql", "ALTER TABLE n DROP a;\nALTER TABLE t DROP b;\n")
    local list, r, answer = lint("--base", "main")
    assert.same({ "30_c.sql:2 error drop-column", "40_not yet 'added'\n.sql:2 error drop-column" }, list, r.err)
    assert.equal(2, r.code)
    assert.equal(4, answer.coverage.statements)
  end)

  it("finds a file that is older than one of the branch's tip, or of its base", function()
    commit("mine", { ["15_b.sql"] = "SELECT 1;\n", ["5_c.sql"] = "SELECT 1;\n", ["25_d.sql"] = "SELECT 1;\n" })
    assert.same({ "5_c.sql:1 error out-of-order" }, (lint("--base", "main")))
    commit("main", { ["20_theirs.sql"] = "SELECT 2;\n" })
    git("checkout", "-q", "mine")
    assert.same({ "5_c.sql:1 error out-of-order", "15_b.sql:1 error out-of-order" }, (lint("--base", "main")))
    assert.same({ "5_c.sql:1 warning out-of-order", "15_b.sql:1 warning out-of-order" }, (lint("--base", "main", "-e", "loose")))
    assert.same({}, (lint("--base", "main", "-e", "free")))
    write("15_b.sql", '-- stint: allow out-of-order reason="it needs nothing of it"\nSELECT 1;\n')
    assert.same({ "5_c.sql:1 error out-of-order" }, (lint("--base", "main")))
  end)

  it("finds two files of one version", function()
    commit("mine", { ["20_mine.sql"] = "SELECT 1;\n" })
    commit("main", { ["0020_theirs.sql"] = "SELECT 2;\n" })
    git("checkout", "-q", "mine")
    local list, _, answer = lint("--base", "main")
    assert.same({ "20_mine.sql:1 error version-collision" }, list)
    assert.equal("0020_theirs.sql has version 20 too, and is on main already", answer.findings[1].message)
  end)

  it("finds edits of what is there already, by tokens", function()
    git("checkout", "-q", "mine")
    write("10_a.sql", "-- a comment\ncreate   table t (a int, b int);\n")
    assert.same({ "10_a.sql:1 error edited" }, (lint("--base", "main")))
    write("10_a.sql", "-- a comment\nCREATE   TABLE t (a int, b int);\r\nALTER TABLE old DROP z")
    assert.same({}, (lint("--base", "main")))
    place.remove(folder .. "/scripts/migrations/10_a.sql")
    local list, _, answer = lint("--base", "main")
    assert.same({ "10_a.sql:1 error edited" }, list)
    assert.equal("the file is on main already, and is gone here", answer.findings[1].message)
  end)

  it("judges repeatable files that have changed, which may be edited", function()
    place.make(folder .. "/scripts/repeatable")
    place.write(folder .. "/scripts/repeatable/v.sql", "ALTER TABLE t DROP a;\n")
    place.write(folder .. "/scripts/repeatable/w.sql", "ALTER TABLE t DROP a;\n")
    commit("main", {})
    git("checkout", "-q", "-B", "mine")
    place.write(folder .. "/scripts/repeatable/v.sql", "ALTER TABLE t DROP b;\n")
    assert.same({ "v.sql:1 error drop-column" }, (lint("--base", "main")))
  end)

  it("says what is missing", function()
    local function fails(code, said, opts, ...)
      opts.cwd = opts.cwd or folder
      local r = run({ "lint", "--base", ... }, opts)
      assert.equal(code, r.code, r.err)
      assert.truthy(r.err:find(said, 1, true), r.err)
    end
    fails(64, "git knows no commit nope", {}, "nope")
    fails(64, "git knows no commit --all", {}, "--all")
    fails(1, "git cannot be run, and --base needs it", { env = { PATH = "/nowhere" } }, "main")
    fails(1, "in no git repository", { cwd = run.project { ["scripts/migrations/1_a.sql"] = "SELECT 1" } }, "main")
    fails(64, "--base finds out itself which files are judged", {}, "main", "10")
    git("checkout", "-q", "--orphan", "other")
    git("commit", "-qm", "x")
    fails(1, "HEAD and main have no common commit", {}, "main")
  end)
end)
