local json = require("native").json

local NULL, FLAG, WHOLE, FRACTION, TEXT = 0, 1, 2, 3, 4

describe("json", function()
  it("prints one compact line, in the order of the fields", function()
    assert.equal(
      '{"text":"a","none":null,"integer":-7,"number":0.5,"flag":true,"null":null,"list":["x",null,3]}',
      json.sampled()
    )
  end)

  it("keeps text that is not UTF-8, with U+FFFD for each byte that is no character", function()
    assert.equal('["a\u{fffd}b"]', json.list("a\xffb"))
    assert.equal('["\u{fffd}\u{fffd}"]', json.list("\xc0\xaf"), "an overlong form")
    assert.equal('["\u{fffd}("]', json.list("\xc3("))
    assert.equal('["\u{fffd}\u{fffd}\u{fffd}"]', json.list("\xed\xa0\x80"), "a surrogate is no character")
    assert.equal('["\u{fffd}"]', json.list("\xe2"), "cut off in the middle")
    assert.equal('["é€𝄞"]', json.list("é€𝄞"))
  end)

  it("keeps a field whose name is not UTF-8", function()
    assert.equal('{"\u{fffd}":1}', json.map("\xff", 1))
  end)

  it("escapes quotes, control characters and NUL", function()
    assert.equal([=[["a\"b\\c\n\u0001\u0000d"]]=], json.list('a"b\\c\n\1\0d'))
  end)

  it("prints numbers with as few digits as read back the same", function()
    assert.equal("[0.5,0.1,100.0,1e+300,-2.25]", json.list(0.5, 0.1, 100.0, 1e300, -2.25))
    assert.equal("[0.30000000000000004,0.1]", json.list(0.1 + 0.2, 0.1))
    assert.equal("[9007199254740993,-9223372036854775808]", json.list(9007199254740993, math.mininteger))
  end)

  it("writes null for numbers that JSON cannot hold", function()
    assert.equal("[null,null]", json.list(0 / 0, math.huge))
  end)

  it("replaces a field that is set twice", function()
    assert.equal('{"a":2}', json.map("a", 1, "a", 2))
  end)

  it("reads what it prints", function()
    local text = '{"b":[1,2.5,true,null,{"x":"\\u0000é"}],"a":{},"c":[]}'
    assert.equal(text, json.again(text))
    assert.equal('"alone"', json.again('"alone"'))
  end)

  it("indents for people", function()
    assert.equal('{\n  "a": [\n    1,\n    2\n  ],\n  "b": {}\n}', json.again('{"a":[1,2],"b":{}}', true))
  end)

  it("says line and column of what is no JSON", function()
    local value, message = json.again('{\n  "a": nope }')
    assert.is_nil(value)
    assert.matches("^this is no JSON: line 2, column %d+: ", message)
  end)

  it("gives the fields of a map by kind", function()
    local kind, text = json.get('{"a":"x\\u0000y"}', "a")
    assert.same({ TEXT, "x\0y" }, { kind, text })
    assert.same({ WHOLE, "", 42, 42.0, false }, { json.get('{"a":42}', "a") })
    assert.same({ FRACTION, "", 2, 2.5, false }, { json.get('{"a":2.5}', "a") })
    assert.same({ FLAG, "", 0, 0.0, true }, { json.get('{"a":true}', "a") })
    assert.equal(NULL, (json.get('{"a":null}', "a")))
    assert.is_nil(json.get('{"a":1}', "b"))
    assert.is_nil(json.get("[1]", "b"))
    assert.equal(0, (select(3, json.get('{"a":1e300}', "a"))))
  end)

  it("gives the names of a map in their order", function()
    assert.same({ "z", "a", "m" }, { json.names('{"z":1,"a":2,"m":3}') })
  end)
end)
