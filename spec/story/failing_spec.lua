-- A failure is clean or it is named: a file that fails in its transaction leaves nothing but the
-- attempt, and the message says where, what and how to go on.
local json = require "dkjson"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("a failing file", function()
  local url, db
  local at = story.new()
  local stint, write, says = at.run, at.write, story.says

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  -- state and error of every migration, as `status` has them
  local function states()
    local list = {}
    for _, item in ipairs(json.decode(stint("status", "--json").out).migrations) do
      list[item.version] = item.error and item.state .. ": " .. item.error or item.state
    end
    return list
  end

  local function exists(name)
    return db:value("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
  end

  -- The whole message: a caret that is off by one is wrong.
  local function shows(place_and_source, r)
    says("\n  at scripts/migrations/" .. place_and_source .. "\n", r)
  end

  before_each(function()
    url = at.begin({ ["scripts/migrations/1_base.sql"] = "CREATE TABLE base (id int PRIMARY KEY);\n" })
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  it("leaves no trace but the attempt", function()
    write("2_bad.sql", "CREATE TABLE bad (id int);\nINSERT INTO base VALUES (1);\n\nINSERT INTO base\n  VALUES (1);\n")
    write("3_later.sql", "CREATE TABLE later ();")
    local r = up(6)
    assert.equal("applied  1_base", r.out:match "^applied  1_base")
    says('ERROR: 2_bad: duplicate key value violates unique constraint "base_pkey" (SQLSTATE 23505)\n', r)
    shows("2_bad.sql:4:1\n     4 | INSERT INTO base\n       | ^", r)
    says("\nDETAIL: Key (id)=(1) already exists.\n", r)
    says("\nSTATE: rolled back: nothing of this file is left; 1 before it applied in this run\n", r)
    says("\nNEXT: mend the file, then: stint up\n", r)

    assert.is_false(exists "bad")
    assert.is_false(exists "later")
    assert.equal("0", db:value "SELECT count(*) FROM base")
    assert.equal("1", db:value "SELECT string_agg(version, ' ') FROM stint.migration")
    local event = db:exec("SELECT * FROM stint.event")
    assert.equal(1, #event)
    assert.equal("migration_failed", event[1].kind)
    assert.equal("2", event[1].migration)
    assert.equal('duplicate key value violates unique constraint "base_pkey" (SQLSTATE 23505)', event[1].message)
    assert.is_nil(event[1].facts)
    local ended = db:exec("SELECT outcome, applied, finished_at IS NOT NULL AS finished FROM stint.run")[1]
    assert.same({ "failed", "1", "t" }, { ended.outcome, ended.applied, ended.finished })
  end)

  it("is shown by status with its error, until it is mended and up simply goes on", function()
    write("2_bad.sql", "CREATE TABLE bad (id int);\nSELECT 1/0;\n")
    write("3_later.sql", "CREATE TABLE later ();")
    up(6)
    assert.same({ ["1"] = "applied", ["2"] = "failed: division by zero (SQLSTATE 22012)", ["3"] = "pending" }, states())
    local r = stint "status"
    assert.equal(0, r.code)
    assert.matches("failed       2_bad *\n             last attempt [%d-]+ [%d:]+: division by zero", r.out)
    assert.equal(2, stint("status", "--check").code)

    up(6)
    assert.equal("2", db:value "SELECT count(*) FROM stint.event WHERE kind = 'migration_failed'")

    write("2_bad.sql", "CREATE TABLE bad (id int);\nSELECT 1/1;\n")
    r = up(0)
    assert.matches("applied  2_bad .*applied  3_later .*2 applied", r.out)
    assert.same({ ["1"] = "applied", ["2"] = "applied", ["3"] = "applied" }, states())
    assert.is_nil(stint("status").out:find("last attempt", 1, true))
    assert.equal(0, stint("status", "--check").code)
  end)

  it("has the caret where PostgreSQL's parser stopped", function()
    write("2_bad.sql", "CREATE TABLE bad (id int);\n  SELECT id FRM base WHERE;\nSELECT 1;\n")
    local r = up(6)
    says('ERROR: 2_bad: syntax error at or near "base" (SQLSTATE 42601)', r)
    shows("2_bad.sql:2:17\n     2 |   SELECT id FRM base WHERE;\n       |                 ^", r)
  end)

  it("has the caret where the analysis stopped, after statements that ran", function()
    write("2_bad.sql", "CREATE TABLE bad (id int);\nINSERT INTO bad VALUES (1), (2);\nSELECT id,\n\tnix FROM bad;\n")
    local r = up(6)
    says('ERROR: 2_bad: column "nix" does not exist (SQLSTATE 42703)', r)
    shows("2_bad.sql:4:2\n     4 | \tnix FROM bad;\n       | \t^", r)
  end)

  it("counts columns in characters, whatever bytes stand before", function()
    write("2_bad.sql", "-- Grüße, 漢字 und 🐦\nCREATE TABLE \"größe\" ();\nSELECT 'größe', '漢字', '🐦', nix;\n")
    local r = up(6)
    shows("2_bad.sql:3:28\n     3 | SELECT 'größe', '漢字', '🐦', nix;\n       |                            ^", r)
    write("2_bad.sql", "\239\187\191SELECT 'ü', 'ü' FRM x;\n")
    r = up(6)
    says("at scripts/migrations/2_bad.sql:1:21\n", r)
  end)

  it("names its statement when the error has no position", function()
    write(
      "2_bad.sql",
      "CREATE TABLE bad (id int);\n\n-- why\n  DO $$ BEGIN\n  RAISE EXCEPTION 'not today' USING DETAIL = 'it rains', HINT = 'wait';\nEND $$;\n"
    )
    local r = up(6)
    says("ERROR: 2_bad: not today (SQLSTATE P0001)\n", r)
    shows("2_bad.sql:4:3\n     4 |   DO $$ BEGIN\n       |   ^", r)
    says("\nDETAIL: it rains\nHINT: wait\nCONTEXT: PL/pgSQL function inline_code_block line 2 at RAISE\n", r)
  end)

  it("may fail at its COMMIT only", function()
    write(
      "2_bad.sql",
      "CREATE TABLE bad (id int REFERENCES base DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO bad VALUES (7);\n"
    )
    local r = up(6)
    says('ERROR: 2_bad: at the end of the transaction: insert or update on table "bad" violates foreign key', r)
    says("(SQLSTATE 23503)\n", r)
    says('\nDETAIL: Key (id)=(7) is not present in table "base".\n', r)
    says("\nSTATE: rolled back: nothing of this file is left", r)
    assert.is_false(exists "bad")
    assert.equal("1", db:value "SELECT count(*) FROM stint.migration")
    assert.matches("^failed: .*foreign key", states()["2"])
  end)

  it("does not take the ledger's own errors for its own, nor the other way round", function()
    -- the SQLSTATEs that the ledger's fence looks out for
    for _, state in ipairs { "23505", "22012" } do
      write("2_bad.sql", ("DO $$ BEGIN RAISE SQLSTATE '%s' USING MESSAGE = 'mine'; END $$"):format(state))
      local r = up(6)
      says(("ERROR: 2_bad: mine (SQLSTATE %s)\n"):format(state), r)
      says("at scripts/migrations/2_bad.sql:1:1\n", r)
    end
  end)

  it("fails where its own statement swallows nothing: a wrong COPY names its line", function()
    write("2_bad.sql", "CREATE TABLE bad (id int);\nCOPY bad FROM stdin;\n1\nzwei\n\\.\nSELECT 1;\n")
    local r = up(6)
    says('invalid input syntax for type integer: "zwei" (SQLSTATE 22P02)', r)
    says("at scripts/migrations/2_bad.sql:2:1\n", r)
    says('CONTEXT: COPY bad, line 2, column id: "zwei"', r)
    assert.is_false(exists "bad")
  end)

  describe("that cannot be read", function()
    local function refused(text, message, where)
      write("3_unread.sql", text)
      local r = up(78)
      says(message, r)
      says("at scripts/migrations/3_unread.sql:" .. where .. "\n", r)
      says("STATE: nothing was run\n", r)
      assert.equal("", r.out)
      assert.is_false(exists "base")
    end

    it("keeps every other one from running: all are read first", function()
      refused("SELECT 1;\nSELECT 'never;\n", "ERROR: the string never ends", "2:8")
      refused("-- stint: no-transactoin\nSELECT 1", 'ERROR: unknown directive "no-transactoin"', "1:11")
      refused("BEGIN;\nSELECT 1;\n", "ERROR: the transaction that begins here is never ended", "1:1")
      refused("SELECT 1;\n\\gexec\n", "\\gexec", "2:1")
      refused("BEGIN;\nVACUUM;\nCOMMIT;\n", "ERROR: VACUUM cannot be in a transaction", "2:1")
      refused("SELECT 1\0;", "ERROR: a NUL byte stands in the file", "1:9")
    end)

    it("stays out of the way of --to before it", function()
      write("3_unread.sql", "SELECT 'never")
      local r = up(0, "--to", "1")
      assert.matches("^applied  1_base", r.out)
      assert.is_true(exists "base")
    end)
  end)

  it("is told by events and an error object with --json", function()
    write("2_bad.sql", "CREATE TABLE bad ();\nSELECT nix;\n")
    local r = up(6, "--json")
    local lines = {}
    for line in r.out:gmatch "[^\n]+" do
      lines[#lines + 1] = assert(json.decode(line))
    end
    local names = {}
    for i, line in ipairs(lines) do
      names[i] = line.event or "-"
      assert.is_true(not line.event or line.at:match "^%d+%-%d+%-%d+T%d+:%d+:%d+%.?%d*Z$" ~= nil)
    end
    assert.equal(
      "run_started migration_started statement migration_applied migration_started migration_failed run_failed -",
      table.concat(names, " ")
    )
    local failed = lines[6]
    assert.equal("2", failed.version)
    assert.equal("2_bad", failed.name)
    assert.equal('column "nix" does not exist', failed.error)
    assert.equal("42703", failed.sqlstate)
    assert.equal(1, lines[7].applied)
    local e = lines[8].error
    assert.equal(6, e.code)
    assert.equal('2_bad: column "nix" does not exist', e.message)
    assert.same({ "scripts/migrations/2_bad.sql", 2, 8 }, { e.file, e.line, e.column })
    assert.equal("42703", e.sqlstate)
    assert.matches("^rolled back", e.state)
    assert.equal("mend the file, then: stint up", e.next)
    says("ERROR: 2_bad: column", r)
  end)

  it("is not reached by --count and --to", function()
    write("2_good.sql", "CREATE TABLE good ();")
    write("3_bad.sql", "SELECT nix;")
    write("4_last.sql", "CREATE TABLE last ();")
    up(0, "--count", "1")
    assert.is_false(exists "good")
    up(0, "--to", "2_good")
    assert.is_true(exists "good")
    assert.same({ ["1"] = "applied", ["2"] = "applied", ["3"] = "pending", ["4"] = "pending" }, states())
    up(0, "--to", "scripts/migrations/2_good.sql")
    up(6, "--to", "3")
    assert.is_false(exists "last")
    assert.equal(64, stint("up", "--to", "2_goof").code)
    says("did you mean 2_good?", stint("up", "--to", "2_goof"))
    assert.equal(64, stint("up", "--count", "0").code)
    assert.equal(64, stint("up", "--count", "two").code)
  end)
end)
