local option = require("native").option

local USAGE = 64

describe("option", function()
  it("takes values after a space, after = and behind a letter", function()
    local r = option.parse("--to", "7", "--count=3", "-n", "4", "-n5", "-n=6", "-e", "prod")
    assert.same({ "to=7", "count=3", "count=4", "count=5", "count=6", "environment=prod" }, r.given)
  end)

  it("bundles letters, the last of which may take a value", function()
    assert.same({ "verbose=", "quiet=", "environment=prod" }, option.parse("-vqe", "prod").given)
    assert.same({ "verbose=", "environment=prod" }, option.parse("-veprod").given)
  end)

  it("finds the first word behind options with values", function()
    assert.equal(3, option.first_word("--environment", "x", "up"))
    assert.equal(2, option.first_word("--environment=x", "up"))
    assert.equal(3, option.first_word("-qe", "x", "up"))
    assert.equal(2, option.first_word("-ex", "up", "-v"))
    assert.equal(3, option.first_word("-q", "--verbose"))
  end)

  it("finds options anywhere, and words between them", function()
    local r = option.parse("up", "--dry-run", "a", "-v", "b")
    assert.same({ "up", "a", "b" }, r.words)
    assert.is_true(r.dry)
  end)

  it("takes everything behind -- for words, and - for one", function()
    local r = option.parse("-", "--", "--to", "-v", "--")
    assert.same({ "-", "--to", "-v", "--" }, r.words)
    assert.same({}, r.given)
  end)

  it("lets the last of several win", function()
    assert.equal("2", option.parse("--to", "1", "--to=2").to)
    assert.is_nil(option.parse("-v").to)
  end)

  it("takes an empty value, and one that begins with a dash", function()
    assert.equal("", option.parse("--to=").to)
    assert.equal("", option.parse("--to", "").to)
    assert.equal("-1", option.parse("--to", "-1").to)
  end)

  it("names what is near an unknown option", function()
    local r, message, hint, kind = option.parse("--cuont=2")
    assert.is_nil(r)
    assert.equal("there is no option --cuont", message)
    assert.matches("did you mean %-%-count%?", hint)
    assert.matches("stint help", hint)
    assert.equal(USAGE, kind)
    assert.equal("there is no option -x", select(2, option.parse("-vx")))
  end)

  it("says which value is missing", function()
    assert.equal("--to needs a value: VERSION", select(2, option.parse("--to")))
    assert.equal("-n needs a value: N", select(2, option.parse("-vn")))
  end)

  it("refuses a value for a flag", function()
    assert.equal("--dry-run takes no value", select(2, option.parse("--dry-run=yes")))
  end)

  it("lists options in columns", function()
    assert.equal(
      "      --to VERSION        up to this one\n"
        .. "  -n, --count N           so many\n"
        .. "      --dry-run           changes nothing\n",
      option.help()
    )
  end)
end)
