local lexer = require("native").lexer

local function shown(sql)
  local out = {}
  for _, token in ipairs(lexer.tokens(sql)) do
    out[#out + 1] = token.kind .. " " .. token.text
  end
  return out
end

-- Seconds of processor time that a call takes, the least of three.
local function seconds(work, ...)
  local least = math.huge
  for _ = 1, 3 do
    local start = os.clock()
    work(...)
    least = math.min(least, os.clock() - start)
  end
  return least
end

describe("lexer", function()
  it("tells words, numbers, parameters and operators", function()
    assert.same(
      { "word select", "word a", "operator +", "number 1.5e-3", "operator ,", "parameter $12",
        "operator ::", "word int", "semicolon ;" },
      shown("select a + 1.5e-3, $12::int;"))
  end)

  it("takes letters of any script, digits and $ into a word", function()
    assert.same({ "word größe_1$x", "word a$b$", "word c" }, shown("größe_1$x a$b$ c"))
  end)

  it("reads numbers in all their forms", function()
    assert.same(
      { "number 1", "operator ..", "number 10", "number .5", "number 1_000", "number 0xFF",
        "number 1.", "operator ,", "number 1e5" },
      shown("1..10 .5 1_000 0xFF 1. , 1e5"))
    assert.same({ "number 1", "word e" }, shown("1e"))
  end)

  describe("strings", function()
    it("end at a single quote, and hold doubled ones", function()
      assert.same({ "string 'it''s;'", "semicolon ;" }, shown("'it''s;';"))
    end)

    it("take a backslash as it is, but for E''", function()
      assert.same({ [[string 'a\']], "semicolon ;" }, shown([['a\';]]))
      assert.same({ [[string E'a\';']], "semicolon ;" }, shown([[E'a\';';]]))
      assert.same({ [[string e'\\']], "semicolon ;" }, shown([[e'\\';]]))
      assert.same({ [[string e'it''s \'']], "word x" }, shown([[e'it''s \''x]]))
    end)

    it("know every prefix, and only those", function()
      assert.same(
        { "string B'1'", "string x'f'", "string N'a'", "string U&'d\\0061'", 'quoted u&"d\\0061"',
          "word re", "string 'a'", "word u", "operator &", "word x" },
        shown([[B'1' x'f' N'a' U&'d\0061' u&"d\0061" re'a' u&x]]))
    end)

    it("go on in the next line with the escapes of E''", function()
      assert.same({ "string E'a'", "string '\\';'", "semicolon ;" }, shown("E'a'\n  '\\';';"))
      assert.same({ "string E'a'", "comment -- b", "string '\\';'" }, shown("E'a' -- b\n'\\';'"))
      assert.same({ "string E'a'", "operator ,", "string '\\'", "semicolon ;" },
        shown("E'a',\n'\\';"))
      assert.same({ "string E'a'", "string '\\'", "semicolon ;" }, shown("E'a' '\\';"))
    end)

    it("may be quoted by dollars, tagged, one in the other", function()
      assert.same({ "string $$a;'$x$$", "semicolon ;" }, shown("$$a;'$x$$;"))
      assert.same({ "string $a$ $$ $b$ ; $b$ $$ $a$", "word x" }, shown("$a$ $$ $b$ ; $b$ $$ $a$x"))
      assert.same({ "string $ä_1$;$ä_1$" }, shown("$ä_1$;$ä_1$"))
      assert.same({ "parameter $1", "operator +", "parameter $2" }, shown("$1+$2"))
      assert.same({ "operator $", "word foo", "operator +" }, shown("$foo +"))
    end)
  end)

  it("doubles quotes within quoted names", function()
    assert.same({ 'quoted "a"";b"', "operator .", 'quoted "c"' }, shown('"a"";b"."c"'))
  end)

  describe("comments", function()
    it("run to the end of the line, whichever end it has", function()
      for _, ending in ipairs { "\n", "\r\n", "\r" } do
        assert.same({ "comment -- it's; \"x", "word a" }, shown("-- it's; \"x" .. ending .. "a"))
      end
    end)

    it("nest", function()
      assert.same({ "comment /* /* ; */ ' */", "word a" }, shown("/* /* ; */ ' */a"))
      assert.same({ "comment /**/", "comment /***/", "word a" }, shown("/**//***/a"))
    end)

    it("end an operator", function()
      assert.same({ "operator <", "comment -- a" }, shown("<-- a"))
      assert.same({ "operator +", "comment /* a */", "number 1" }, shown("+/* a */1"))
    end)
  end)

  it("cuts operators as PostgreSQL does", function()
    assert.same({ "word a", "operator =", "operator -", "number 1" }, shown("a=-1"))
    assert.same({ "word a", "operator @-", "number 1" }, shown("a@-1"))
    assert.same({ "operator <=", "operator <>", "operator ->>", "operator #>>", "operator ?|" },
      shown("<= <> ->> #>> ?|"))
    assert.same({ "operator [", "number 1", "operator :", "number 2", "operator ]" }, shown("[1:2]"))
    assert.same({ "operator *", "operator +", "operator +", "operator +", "number 1" },
      shown("*+++1"))
  end)

  it("gives psql's lines whole", function()
    assert.same({ "meta \\echo it's; fine", "word a" }, shown("\\echo it's; fine\na"))
  end)

  it("skips a byte order mark", function()
    local token = lexer.tokens("\xef\xbb\xbfselect")[1]
    assert.same({ kind = "word", text = "select", line = 1, column = 1 }, token)
  end)

  it("counts lines by LF, CRLF and a lone CR, within strings too", function()
    local tokens = lexer.tokens("a\nb\r\nc\rd '\r\n\n\r' e\n/*\n*/f $$\r\n$$ g")
    local lines = {}
    for _, token in ipairs(tokens) do
      lines[#lines + 1] = token.line
    end
    assert.same({ 1, 2, 3, 4, 4, 7, 8, 9, 9, 10 }, lines)
    assert.equal(3, lexer.line_after("a\r\nb\rc", 5))
  end)

  it("counts columns in characters, or in bytes where it is not UTF-8", function()
    assert.equal(4, lexer.tokens("'ä' x")[2].column - 1)
    assert.equal(5, lexer.tokens("'\xe4' x")[2].column)
    assert.equal(3, lexer.tokens("x\n'€' y\n  z")[4].column)
  end)

  it("gives what never ends as one bad token, from its beginning", function()
    for _, open in ipairs { "'a\n;", '"a\n;', "$x$a\n;$y$", "/* /* */\n;", "e'a\\';", "U&'a" } do
      local tokens = lexer.tokens("select " .. open)
      assert.same({ kind = "bad", text = open, line = 1, column = 8 }, tokens[2])
      assert.is_nil(tokens[3])
    end
  end)

  it("takes a NUL anywhere as bad", function()
    for _, sql in ipairs { "\0 a", "'a\0'", "$$a\0$$", "/* \0 */", '"\0"' } do
      assert.equal("bad", lexer.tokens(sql)[1].kind)
    end
    assert.equal("bad", lexer.tokens("-- a\0b\n")[2].kind)
  end)

  it("compares words without regard to case, and nothing else", function()
    assert.is_true(lexer.is("SeLeCt 1", "select"))
    assert.is_true(lexer.is("select", "SELECT"))
    assert.is_false(lexer.is("selects", "select"))
    assert.is_false(lexer.is("selec", "select"))
    assert.is_false(lexer.is('"select"', "select"))
    assert.is_false(lexer.is("a_b", "a\127b"))
    assert.is_true(lexer.is_operator("(a", "("))
    assert.is_false(lexer.is_operator("<=", "<"))
  end)

  it("takes time in proportion to the text", function()
    local texts = {
      ["nested comments"] = function(n) return ("/*"):rep(n) .. ("*/"):rep(n) end,
      ["comments that never end"] = function(n) return ("/*"):rep(n) end,
      ["long expressions"] = function(n) return "select a" .. ("||a"):rep(n) end,
      ["runs of signs"] = function(n) return "select " .. ("+"):rep(n) .. "1" end,
      ["runs of operators"] = function(n) return ("=+"):rep(n) end,
      ["dollars"] = function(n) return ("$a"):rep(n) end,
      ["almost the end tag"] = function(n) return "$aaaa$" .. ("$aaa"):rep(n) .. "$aaaa$" end,
      ["strings that go on"] = function(n) return "e'a'\n" .. ("'b'\n"):rep(n) end,
    }
    for name, text in pairs(texts) do
      local once, twice = text(200000), text(400000)
      local ratio = (seconds(lexer.count, twice) + 0.001) / (seconds(lexer.count, once) + 0.001)
      assert.is_true(ratio < 4, name .. " takes " .. ratio .. " times as long when doubled")
    end
  end)

  it("gives 50,000 nested comments and an expression of 40,000 terms", function()
    assert.equal(2, lexer.count(("/*"):rep(50000) .. ("*/"):rep(50000) .. " a"))
    assert.equal(80002, lexer.count("select a" .. ("||a"):rep(40000)))
  end)
end)

describe("digest", function()
  it("is SHA-256", function()
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", lexer.digest "")
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
      lexer.digest "abc")
    assert.equal("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
      lexer.digest("a", 1000000))
  end)

  it("is the same however the bytes come", function()
    local streamed = lexer.digest(("x"):rep(4095), 3)
    local _, whole = lexer.digest(("x"):rep(4095 * 3))
    assert.equal(whole, streamed)
    local large, at_once = lexer.digest(("y"):rep(10000))
    assert.equal(at_once, large)
  end)
end)
