-- People may repair the ledger by hand; each repair says what it is, is refused where it makes no
-- sense, and is written down with who did it.
local json = require "dkjson"
local session = require "spec.support.session"
local story = require "spec.support.story"

describe("stint resolve", function()
  local url, project, db
  local has = story.has

  local at = story.new()
  local stint, write = at.run, at.write

  local function path(name)
    return project .. "/scripts/migrations/" .. name
  end

  local function up(code, ...)
    return at.stint(code, "up", ...)
  end

  local function resolve(said, ...)
    local r = stint("resolve", ...)
    assert.equal(0, r.code, r.err)
    assert.equal(said .. "\n", r.out)
  end

  local function states()
    local list = {}
    for i, item in ipairs(json.decode(stint("status", "--json").out).migrations) do
      list[i] = item.version .. " " .. item.state
    end
    return table.concat(list, ", ")
  end

  local function exists(name)
    return db:value("SELECT to_regclass('" .. name .. "') IS NOT NULL") == "t"
  end

  -- Everything that a repair could change.
  local function ledger()
    return db:value [[
SELECT (SELECT coalesce(string_agg(m::text, ' ' ORDER BY id), '') FROM stint.migration m)
  || (SELECT count(*) FROM stint.run) || '/' || (SELECT count(*) FROM stint.event)]]
  end

  local function refused(code, text, ...)
    local before = ledger()
    local r = stint("resolve", ...)
    assert.equal(code, r.code, r.err)
    has(text, r.err)
    assert.equal("", r.out)
    assert.equal(before, ledger())
  end

  before_each(function()
    url, project = at.begin {
      ["scripts/migrations/1_one.sql"] = "CREATE TABLE one ();\n",
      ["scripts/migrations/2_two.sql"] = "CREATE TABLE two ();\nSELECT 1;\n",
      ["scripts/migrations/3_three.sql"] = "CREATE TABLE three ();\n",
    }
    db = session.open(url)
  end)

  after_each(function()
    db:close()
  end)

  describe("--applied", function()
    it("is a baseline: what is there already is not run", function()
      db:exec "CREATE TABLE one (); CREATE TABLE two ()"
      resolve("1_one: counts as applied", "1", "--applied")
      resolve("2_two: counts as applied", "scripts/migrations/2_two.sql", "--applied")
      assert.equal("1 baselined, 2 baselined, 3 pending", states())
      local row = db:exec("SELECT * FROM stint.migration WHERE version = '2'")[1]
      assert.same({ "baselined", "2", "2", "sql" }, { row.state, row.position, row.statements, row.kind })
      assert.equal("CREATE TABLE two ();\nSELECT 1;\n", row.text)
      assert.is_truthy(row.applied_at)
      has("1 applied in", up(0).out)
      assert.is_true(exists "three")
      assert.equal(0, stint("status", "--check").code)
      write("2_two.sql", "CREATE TABLE two (id int);\nSELECT 1;\n")
      assert.equal("1 baselined, 2 edited, 3 applied", states())
    end)

    it("warns of what is out of order then", function()
      write("8_eight.sql", "SELECT 8;\n")
      write("9_nine.sql", "SELECT 9;\n")
      local r = stint("resolve", "9", "--applied")
      assert.equal(0, r.code, r.err)
      has("pending, and out of order now: stint resolve", r.err)
    end)

    it("ends a failure that was mended by hand", function()
      write("2_two.sql", "CREATE TABLE two ();\nSELECT nix;\n")
      up(6)
      assert.equal("1 applied, 2 failed, 3 pending", states())
      resolve("2_two: counts as applied", "2", "--applied")
      assert.equal("1 applied, 2 baselined, 3 pending", states())
      assert.is_nil(stint("status").out:find("last attempt", 1, true))
      up(0)
      assert.is_false(exists "two")
    end)

    it("ends a file that is half applied", function()
      write("2_two.sql", "-- stint: no-transaction\nCREATE TABLE two ();\nSELECT nix;\n")
      up(7)
      resolve("2_two: counts as applied", "2", "--applied")
      up(0)
      assert.equal("1 applied, 2 baselined, 3 applied", states())
    end)

    it("is refused for what is in the ledger, and for what has no file", function()
      up(0)
      refused(4, "1_one is applied: it is in the ledger already", "1", "--applied")
      has("STATE: nothing was changed\n", stint("resolve", "1", "--applied").err)
      write("1_one.sql", "CREATE TABLE one (id int);\n")
      refused(4, "1_one is edited: it is in the ledger already; --accept-change takes its new text", "1", "--applied")
      os.remove(path "1_one.sql")
      refused(4, "1_one is missing: there is no file to take the text from", "1", "--applied")
    end)

    it("is refused for a file that cannot be read", function()
      write("2_two.sql", "SELECT 'never")
      up(0, "--to", "1")
      refused(78, "the string never ends", "2", "--applied")
    end)
  end)

  describe("--rolled-back", function()
    it("makes an applied one pending, and up runs it anew", function()
      up(0)
      db:exec "DROP TABLE three"
      resolve("3_three: counts as rolled back: it is pending", "3", "--rolled-back")
      assert.equal("1 applied, 2 applied, 3 rolled_back", states())
      assert.equal(2, stint("status", "--check").code)
      up(0)
      assert.is_true(exists "three")
      assert.equal("1 applied, 2 applied, 3 applied", states())
      assert.equal("3", db:value "SELECT count(*) FROM stint.migration")
    end)

    it("keeps the row where that fails, and shows only what failed since", function()
      write("3_three.sql", "CREATE TABLE three ();\nSELECT nix;\n")
      up(6)
      write("3_three.sql", "CREATE TABLE three ();\n")
      up(0)
      resolve("3_three: counts as rolled back: it is pending", "3", "--rolled-back")
      assert.is_nil(stint("status").out:find("last attempt", 1, true))
      has('relation "three" already exists', up(6).err)
      has("already exists", stint("status").out)
      assert.equal("3", db:value "SELECT count(*) FROM stint.migration")
      db:exec "DROP TABLE three"
      up(0)
      assert.equal("1 applied, 2 applied, 3 applied", states())
    end)

    it("puts one that is older than the newest out of order, and order lets it in", function()
      up(0)
      db:exec "DROP TABLE two"
      resolve("2_two: counts as rolled back: it is pending", "2", "--rolled-back")
      assert.equal("1 applied, 2 out_of_order, 3 applied", states())
      up(4)
      up(0, "--order", "allow")
      assert.is_true(exists "two")
      assert.equal("1 applied, 2 applied, 3 applied", states())
    end)

    it("starts a half applied one anew", function()
      write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three ();\nSELECT nix;\n")
      up(7)
      db:exec "DROP TABLE three"
      resolve("3_three: counts as rolled back: it is pending", "3", "--rolled-back")
      write("3_three.sql", "CREATE TABLE three (id int);\n")
      up(0)
      assert.equal("1 applied, 2 applied, 3 applied", states())
      assert.equal("1 1", db:value "SELECT position || ' ' || statements FROM stint.migration WHERE version = '3'")
    end)

    it("lets a file go that is gone, for ever", function()
      up(0)
      os.remove(path "2_two.sql")
      up(4)
      resolve("2_two: counts as rolled back; its file is gone, so nothing of it is pending", "2_two", "--rolled-back")
      assert.equal("1 applied, 3 applied", states())
      up(0)
    end)

    it("is refused for what is not in the ledger", function()
      up(0, "--to", "2")
      refused(4, "3_three is pending: it is not in the ledger", "3", "--rolled-back")
      resolve("2_two: counts as rolled back: it is pending", "2", "--rolled-back")
      refused(4, "2_two is rolled_back: it is not in the ledger", "2", "--rolled-back")
      refused(4, "2_two is rolled_back: it is not in the ledger", "2", "--accept-change")
    end)
  end)

  describe("--accept-change", function()
    it("takes a half applied file as it is now, and up goes on at its position", function()
      write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three (id int);\nINSERT INTO three VALUES (1);\nSELECT nix;\n")
      up(7)
      write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three (id bigint);\nINSERT INTO three VALUES (1);\nINSERT INTO three VALUES (2);\n")
      up(4)
      resolve("3_three: its text of now is what counts as applied", "3", "--accept-change")
      assert.equal("1 applied, 2 applied, 3 partial", states())
      up(0)
      assert.equal("2", db:value "SELECT count(*) FROM three")
    end)

    it("is refused for what is not in the ledger, or has no file", function()
      up(0, "--to", "2")
      refused(4, "3_three is pending: it is not in the ledger", "3", "--accept-change")
      os.remove(path "2_two.sql")
      refused(4, "2_two is missing: there is no file to take the text from", "2", "--accept-change")
    end)
  end)

  it("is not needed where the rest of a half applied file was cut off", function()
    write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three (id int);\nINSERT INTO three VALUES (1);\nSELECT nix;\n")
    up(7)
    write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three (id int);\nINSERT INTO three VALUES (1);\n")
    has("applied  3_three", up(0).out)
    assert.equal("1 applied, 2 applied, 3 applied", states())
    has("nothing to do", up(0).out)
    assert.equal("1", db:value "SELECT count(*) FROM three")
  end)

  it("--statement-done and --statement-again are refused where nothing is in doubt", function()
    write("3_three.sql", "-- stint: no-transaction\nCREATE TABLE three ();\nSELECT nix;\n")
    up(7)
    for _, option in ipairs { "--statement-done", "--statement-again" } do
      refused(4, "3_three is partial: no statement of it is in doubt", "3", option, "2")
      refused(4, "2_two is applied: no statement of it is in doubt", "2", option, "2")
    end
    db:exec "UPDATE stint.migration SET intent = 2 WHERE version = '3'"
    for _, option in ipairs { "--statement-done", "--statement-again" } do
      refused(64, "statement 1 is not the one in doubt", "3", option, "1")
      refused(64, "HINT: statement 2 is", "3", option, "2x")
    end
    resolve("3_three: the statement counts as done", "3", "--statement-done", "2")
    assert.equal("1 applied, 2 applied, 3 applied", states())
  end)

  it("writes down who did what", function()
    up(0)
    write("2_two.sql", "CREATE TABLE two (id int);\nSELECT 1;\n")
    resolve("2_two: its text of now is what counts as applied", "2", "--accept-change")
    resolve("3_three: counts as rolled back: it is pending", "3", "--rolled-back")
    local events = db:exec("SELECT * FROM stint.event ORDER BY id")
    assert.same({ "resolve_accept-change", "2" }, { events[1].kind, events[1].migration })
    assert.same({ "resolve_rolled-back", "3" }, { events[2].kind, events[2].migration })
    local who = db:value "SELECT applied_by FROM stint.migration WHERE version = '1'"
    assert.matches("^[%w_-]+@.", who)
    for _, event in ipairs(events) do
      assert.equal(who, event.who)
      local r = db:exec(("SELECT command, outcome, applied, finished_at IS NOT NULL AS ended FROM stint.run WHERE id = %s"):format(event.run))[1]
      assert.same({ "resolve", "ok", "0", "t" }, { r.command, r.outcome, r.applied, r.ended })
    end
  end)

  it("answers in JSON too", function()
    local r = stint("resolve", "1", "--applied", "--json")
    assert.equal(0, r.code, r.err)
    local said = json.decode(r.out)
    assert.same({ version = "1", name = "1_one", resolved = "applied" }, said)
  end)

  it("names what it does not understand", function()
    up(0)
    local usage = "resolve takes one VERSION and one of its options"
    refused(64, usage, "1")
    refused(64, usage, "--applied")
    refused(64, usage, "1", "2", "--applied")
    refused(64, usage, "1", "--applied", "--rolled-back")
    refused(64, "there is no migration 1_on", "1_on", "--applied")
    refused(64, "did you mean 1_one?", "1_on", "--applied")
  end)
end)
