local native = require "native"
local place = require "spec.support.place"

local ground = native.ground

describe("arena", function()
  it("gives aligned, zeroed pieces that never overlap, and can be used again", function()
    assert.is_true(ground.arena_holds(1))
    assert.is_true(ground.arena_holds(600))
  end)
end)

describe("text", function()
  it("grows past every block and ends with a NUL", function()
    local grown, ended = ground.text("0123456789", 20000)
    assert.equal(("0123456789"):rep(20000), grown)
    assert.is_true(ended)
  end)

  it("holds bytes, not characters", function()
    local grown = ground.text("a\0\255", 3)
    assert.equal("a\0\255a\0\255a\0\255", grown)
  end)

  it("formats what is longer than its room", function()
    local word = ("x"):rep(5000)
    assert.equal(word .. "=42;", ground.textf(word, 42))
  end)

  it("knows starts and ends", function()
    assert.is_true(ground.starts("stint", "sti"))
    assert.is_false(ground.starts("st", "sti"))
    assert.is_true(ground.ends("a.sql", ".sql"))
    assert.is_false(ground.ends("sql", ".sql"))
  end)

  it("finds the nearest name, and none when all are far", function()
    assert.equal("lock_timeout", ground.nearest("lok_timeout", "url", "lock_timeout", "role"))
    assert.equal("url", ground.nearest("ulr", "role", "url"))
    assert.is_nil(ground.nearest("zebra", "url", "role"))
    assert.is_nil(ground.nearest("zebra"))
  end)
end)

describe("fail", function()
  it("keeps message, context, detail and hint apart", function()
    local f = ground.fails {
      kind = 6,
      message = "no such table",
      within = "range 3",
      detail = "more",
      hint = "type this",
      sqlstate = "42P01",
      file = "a.sql",
    }
    assert.equal(6, f.kind)
    assert.equal("range 3: no such table", f.message)
    assert.equal("more", f.detail)
    assert.equal("type this", f.hint)
    assert.equal("42P01", f.sqlstate)
    assert.equal("a.sql", f.file)
    assert.equal(3, f.line)
  end)

  it("forgets the details of an earlier failure", function()
    ground.fails { kind = 1, message = "one", detail = "of the first", hint = "of the first" }
    local f = ground.fails { kind = 1, message = "two" }
    assert.equal("two", f.message)
    assert.is_nil(f.detail)
    assert.is_nil(f.hint)
    assert.is_nil(f.file)
  end)

  it("can change the kind alone", function()
    local f = ground.fails { kind = 1, message = "m", as = 7 }
    assert.equal(7, f.kind)
    assert.equal("m", f.message)
  end)

  it("lets no secret out", function()
    ground.secret("secret_word")
    ground.secret("hunter2")
    local f = ground.fails {
      kind = 9,
      message = "cannot log in with hunter2",
      detail = "hunter2hunter2",
      hint = "not secret_word",
      within = "hunter2",
      file = "a.sql",
    }
    assert.equal("***: cannot log in with ***", f.message)
    assert.equal("******", f.detail)
    assert.equal("not ***", f.hint)
    assert.equal("SELECT ***", f.source)
    assert.equal("*** and ***", ground.redacted("hunter2 and secret_word"))
  end)

  it("does not take one or two letters for a secret", function()
    ground.secret("a")
    ground.secret("")
    assert.equal("a banana", ground.redacted("a banana"))
  end)
end)

describe("clock", function()
  it("reads durations", function()
    local wanted = {
      ["250ms"] = 250,
      ["5s"] = 5000,
      ["10m"] = 600000,
      ["10min"] = 600000,
      ["2h"] = 7200000,
      ["1d"] = 86400000,
      ["1h30m"] = 5400000,
      ["1.5s"] = 1500,
      ["7"] = 7000,
      ["0"] = 0,
      [" 5 s "] = 5000,
    }
    for written, ms in pairs(wanted) do
      assert.equal(ms, ground.duration(written), written)
    end
  end)

  it("refuses what is no duration", function()
    for _, written in ipairs { "", " ", "s", "5x", "5 5", "-1s", "1s-", "soon" } do
      assert.is_nil(ground.duration(written), written)
    end
  end)

  it("says durations for people", function()
    assert.equal("340ms", ground.say(340))
    assert.equal("1.2s", ground.say(1234))
    assert.equal("2m05s", ground.say(125000))
    assert.equal("2h05m", ground.say(7500000))
  end)

  it("stamps in UTC", function()
    local stamp, version = ground.stamp()
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", stamp)
    assert.matches("^%d%d%d%d%d%d%d%d%d%d%d%d%d%d$", version)
    assert.equal(version:sub(1, 8), (stamp:sub(1, 10):gsub("-", "")))
  end)

  it("backs off twice as long each time, up to the most, with jitter", function()
    for n = 0, 20 do
      local base = math.min(100 * 2 ^ n, 5000)
      local wait = ground.backoff(100, 5000, n)
      assert.is_true(wait >= base * 0.75 - 1 and wait <= base * 1.25 + 1, n .. ": " .. wait)
    end
  end)
end)

describe("file", function()
  local folder

  before_each(function()
    folder = place.folder()
  end)

  it("reads what it has written, NULs and all", function()
    local text = ("a\0b\r\n\255"):rep(5000)
    assert.is_true(ground.replace(folder .. "/x", text))
    assert.equal(text, ground.read(folder .. "/x"))
    assert.is_true(ground.replace(folder .. "/x", ""))
    assert.equal("", ground.read(folder .. "/x"))
  end)

  it("makes folders on the way but never overwrites", function()
    local path = folder .. "/a/b/c.sql"
    assert.is_true(ground.create(path, "one"))
    local ok, f = ground.create(path, "two")
    assert.is_nil(ok)
    assert.equal(1, f.kind)
    assert.matches(path, f.message, 1, true)
    assert.equal("one", ground.read(path))
  end)

  it("names the path in every failure", function()
    local ok, f = ground.read(folder .. "/none")
    assert.is_nil(ok)
    assert.matches(folder .. "/none", f.message, 1, true)
    assert.matches("No such file", f.message, 1, true)
    ok, f = ground.read(folder)
    assert.is_nil(ok)
    assert.matches("is a folder", f.message, 1, true)
    ok, f = ground.names(folder .. "/none")
    assert.is_nil(ok)
    assert.matches(folder .. "/none", f.message, 1, true)
  end)

  it("lists a folder in the order of bytes, without hidden files", function()
    local wanted = {}
    for i = 1, 150 do
      wanted[i] = ("%03d.sql"):format(i)
      place.write(folder .. "/" .. wanted[i], "")
    end
    place.write(folder .. "/.hidden", "")
    assert.same(wanted, ground.names(folder))
  end)

  it("joins and splits paths", function()
    assert.equal("a/b", ground.join("a", "b"))
    assert.equal("a/b", ground.join("a/", "b"))
    assert.equal("/b", ground.join("a", "/b"))
    assert.equal("b", ground.join(".", "b"))
    assert.same({ "a/b", "c" }, { ground.split("a/b/c") })
    assert.same({ "/", "c" }, { ground.split("/c") })
    assert.same({ ".", "c" }, { ground.split("c") })
  end)
end)
