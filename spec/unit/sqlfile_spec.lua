local sqlfile = require("native").sqlfile

local CONFIG = 78

local function read(text, down)
  local file, failure = sqlfile.read(text, down)
  return assert(file, failure and failure.message)
end

local function failure_of(text, down)
  local file, failure = sqlfile.read(text, down)
  assert.is_nil(file, text)
  assert.equal(CONFIG, failure.kind)
  assert.is_string(failure.hint)
  return failure
end

local function place(failure)
  return failure.file .. ":" .. failure.line .. ":" .. failure.column
end

describe("sqlfile_read", function()
  it("gives up alone where there is no down", function()
    local file = read("create table t ();\nselect 1")
    assert.same({ "1: create table t ()", "2: select 1" }, file.up.statements)
    assert.equal(1, file.up.parts)
    assert.is_nil(file.down)
    assert.equal("x.sql", file.up.file)
  end)

  it("cuts at the down line, counting lines on", function()
    local file = read("create table t ();\n-- stint: down\ndrop table t;\n")
    assert.same({ "1: create table t ()" }, file.up.statements)
    assert.same({ "3: drop table t" }, file.down.statements)
    assert.equal("\ndrop table t;\n", file.down.text)
  end)

  it("takes the down line without a semicolon before it, and with CRLF", function()
    local file = read("create table t ()\r\n--stint: down\r\ndrop table t")
    assert.same({ "1: create table t ()" }, file.up.statements)
    assert.same({ "3: drop table t" }, file.down.statements)
  end)

  it("has a down that is empty when its line is there", function()
    assert.same({}, read("select 1;\n-- stint: down\n").down.statements)
  end)

  it("finds directives in comments only", function()
    local file = read("select '\n-- stint: down\n', $$\n-- stint: nonsense\n$$;\n/*\n-- stint: nonsense\n*/\n"
      .. "copy t from stdin;\n-- stint: down\n\\.\nselect 2; -- stint is a bird\n")
    assert.is_nil(file.down)
    assert.equal(3, #file.up.statements)
  end)

  it("takes a twin for down, with directives of its own", function()
    local file = read("-- stint: lock-timeout 1s\nselect 1", "-- stint: no-transaction\nselect 2; select 3")
    assert.equal("x.down.sql", file.down.file)
    assert.same({ "2: select 2", "2: select 3" }, file.down.statements)
    assert.equal(2, file.down.parts)
    assert.equal(1, file.up.parts)
    assert.equal(1000, file.directives.lock_timeout)
    assert.equal(-1, file.down_directives.lock_timeout)
    assert.is_true(file.down_directives.no_transaction)
  end)

  it("refuses two downs", function()
    assert.equal("x.sql:2:1", place(failure_of("a;\n-- stint: down\nb", "c")))
    assert.equal("x.sql:3:1", place(failure_of("a;\n-- stint: down\n-- stint: down\nb")))
    assert.equal("x.down.sql:2:1", place(failure_of("a;", "b;\n-- stint: down\nc")))
  end)

  it("refuses what is not UTF-8: UTF-16, NUL bytes, other bytes", function()
    assert.matches("UTF%-16", failure_of("\xff\xfea\0").message)
    assert.matches("UTF%-16", failure_of("\xfe\xff\0a").message)
    local failure = failure_of("select 1;\nselect \0")
    assert.equal("x.sql:2:8", place(failure))
    assert.matches("NUL", failure.message)
    assert.matches("NUL", failure_of("a", "b\0").message)
    failure = failure_of("select 1,\n 'gr\xfc\xdfe'")
    assert.equal("x.sql:2:5", place(failure))
    assert.matches("the byte 0xFC", failure.message, 1, true)
    assert.matches("iconv", failure.hint, 1, true)
    for _, bad in ipairs { "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xff" } do
      assert.equal("x.sql:1:9", place(failure_of("select '" .. bad .. "'")))
      assert.equal("x.sql:1:3", place(failure_of("--" .. bad)))
    end
    assert.equal(1, #read("select 'grüße € 𝄞 \xf4\x8f\xbf\xbf \xee\x80\x80'").up.statements)
  end)

  it("refuses a client_encoding that is not the file's", function()
    for _, sql in ipairs {
      "SET client_encoding = 'LATIN1'",
      "set session client_encoding to latin1",
      'SET LOCAL client_encoding TO "WIN1252"',
      "SET NAMES 'EUC_JP'",
    } do
      local failure = failure_of("SELECT 1;\n" .. sql .. ";")
      assert.matches("its client_encoding cannot be", failure.message, 1, true)
      assert.matches("^x.sql:2:%d+$", place(failure))
    end
    local fine = "SET client_encoding = 'UTF8'; SET client_encoding TO default; SET NAMES 'utf-8'; "
    assert.equal(5, #read(fine .. "SET client_encoding = 'SQL_ASCII'; SET x.y = LATIN1").up.statements)
  end)

  it("passes on what is wrong with the statements of either half", function()
    assert.equal("x.sql:1:8", place(failure_of("select 'a")))
    assert.equal("x.sql:3:1", place(failure_of("a;\n-- stint: down\nbegin; b;")))
    assert.equal("x.down.sql:1:1", place(failure_of("a", "\\i x")))
  end)
end)

describe("directives", function()
  local function directives(text)
    return read(text).directives
  end

  it("say nothing where there are none", function()
    assert.same({
      no_transaction = false, lock_timeout = -1, statement_timeout = -1, requires = {}, environments = {}, waivers = {},
    }, directives("-- a comment\nselect 1"))
  end)

  it("are read", function()
    local said = directives [[
-- stint: no-transaction
--stint:   lock-timeout   1h 30m
create table t (); -- stint: statement-timeout 250ms
-- stint: requires 20260101000000,20260102000000
-- stint: requires 3, 4
-- stint: environments staging,production
-- stint: downtime "about \"two\" minutes"
-- stint: rollback "restore the backup"
]]
    assert.is_true(said.no_transaction)
    assert.equal(5400000, said.lock_timeout)
    assert.equal(250, said.statement_timeout)
    assert.same({ "20260101000000", "20260102000000", "3", "4" }, said.requires)
    assert.same({ "staging", "production" }, said.environments)
    assert.equal('about "two" minutes', said.downtime)
    assert.equal("restore the backup", said.rollback)
  end)

  it("allow with a reason, an object and a date", function()
    local waivers = directives [[
-- stint: allow drop-column reason="nobody reads it"
-- stint: allow data-loss public."Old Table" reason="moved = done" until=2028-02-29
]].waivers
    assert.same({ rule = "drop-column", reason = "nobody reads it", line = 1 }, waivers[1])
    assert.same({ rule = "data-loss", object = 'public."Old Table"', reason = "moved = done",
      ["until"] = "2028-02-29", line = 2 }, waivers[2])
  end)

  it("belong to the half that they stand in", function()
    local file = read("-- stint: lock-timeout 1s\na; b;\n-- stint: down\n-- stint: no-transaction\nc; d;")
    assert.is_false(file.directives.no_transaction)
    assert.is_true(file.down_directives.no_transaction)
    assert.same({ 1, 2 }, { file.up.parts, file.down.parts })
  end)

  it("run a file statement by statement when it asks for it", function()
    assert.equal(2, read("-- stint: no-transaction\na; b;").up.parts)
  end)

  it("are refused when they are wrong, at the wrong word", function()
    for line, expected in pairs {
      ["dwon"] = { 11, "unknown directive", "down" },
      ["lock-timout 5s"] = { 11, "unknown directive", "lock-timeout" },
      ["frobnicate-all"] = { 11, "unknown directive", "no-transaction" },
      [""] = { 11, "says nothing", "down" },
      ["down now"] = { 16, "nothing may follow", "down" },
      ["no-transaction please"] = { 26, "nothing may follow", "no-transaction" },
      ["lock-timeout"] = { 23, "duration is missing", "5s" },
      ["lock-timeout soon"] = { 24, "no duration", "5s" },
      ["statement-timeout -1s"] = { 29, "no duration", "1h" },
      ["requires"] = { 19, "name is missing", "VERSION" },
      ["environments ,"] = { 25, "name is missing", "staging" },
      ["allow"] = { 16, "rule is missing", "reason=" },
      ["allow data-loss"] = { 26, "reason is missing", "reason=" },
      ["allow data-loss t reason=because"] = { 36, "double quotes", "reason=" },
      ['allow data-loss t reason=" "'] = { 36, "empty", "reason=" },
      ['allow data-loss t reason="a'] = { 36, "double quotes", "reason=" },
      ['allow data-loss t u reason="a"'] = { 29, "too much", "reason=" },
      ['allow data-loss reson="a"'] = { 27, "unknown option", "reason" },
      ['allow data-loss reason="a" until=2026-02-29'] = { 38, "no date", "YYYY" },
      ['allow data-loss reason="a" until=tomorrow'] = { 38, "no date", "YYYY" },
      ["downtime soon"] = { 20, "double quotes", "TEXT" },
      ['rollback "a" b'] = { 24, "nothing may follow", "TEXT" },
    } do
      local failure = failure_of("select 1;\n-- stint: " .. line .. "\n")
      assert.equal("x.sql:2:" .. expected[1], place(failure), line)
      assert.matches(expected[2], failure.message, 1, true)
      assert.matches(expected[3], failure.hint, 1, true)
      assert.equal("-- stint: " .. line, failure.source)
    end
  end)

  it("are refused a second time where one must do", function()
    assert.equal("x.sql:2:11",
      place(failure_of("-- stint: lock-timeout 1s\n-- stint: lock-timeout 2s\n")))
  end)
end)

describe("an edit", function()
  local up = "-- stint: lock-timeout 1s\ncreate table t (a int);\n"

  it("is told for up and down apart", function()
    local file = read(up .. "-- stint: down\ndrop table t;")
    local other = read(up .. "-- stint: down\ndrop table t cascade;")
    assert.equal(file.up.tokens, other.up.tokens)
    assert.are_not.equal(file.down.tokens, other.down.tokens)
    assert.equal(file.up.tokens, read(up).up.tokens)
    assert.equal(file.down.tokens, read(up, "drop  table t").down.tokens)
  end)

  it("can be told without reading the rest", function()
    assert.equal(read(up).up.tokens, sqlfile.tokens(up))
    assert.equal(sqlfile.tokens(up), sqlfile.tokens("\xef\xbb\xbf" .. up:gsub("\n", "\r\n") .. "-- x\n--stint: down\nx"))
    assert.are_not.equal(sqlfile.tokens(up), sqlfile.tokens((up:gsub("1s", "2s"))))
    local hash, failure = sqlfile.tokens("\xff\xfe")
    assert.is_nil(hash)
    assert.equal("x.sql", failure.file)
  end)
end)

describe("places", function()
  it("are lines, columns in characters, and the line itself", function()
    assert.same({ 2, 3, "äöü" }, { sqlfile.place("a\r\näöü\nb", 7) })
    assert.same({ 1, 1, "" }, { sqlfile.place("", 0) })
    assert.same({ 1, 1, "a" }, { sqlfile.place("\xef\xbb\xbfa", 3) })
  end)

  it("are found from a number of characters", function()
    assert.equal(5, sqlfile.byte("xäöü", 1, 2))
    assert.equal(3, sqlfile.byte("abc", 0, 9))
    assert.equal(4, sqlfile.byte("€uro", 0, 2))
  end)
end)
