local native = require("native").script

local reference = require "spec.support.reference"

local used = {}

local function shipped(name)
  used[name] = used[name] or assert(loadfile("hooks/" .. name .. ".lua"))({
    nearest = native.nearest,
    duration = native.duration,
    use = function(other)
      return used[other]
    end,
  })
  return used[name]
end

local _, declare, stubs, kinds, api = shipped "fields", shipped "declare", shipped "describe", shipped "kinds", shipped "api"

-- What the declaring function says of a table, with `fields` as its kind's fields; or what it found.
local function declared(fields, given, kind)
  local found
  local word = declare.kind(kind or "thing", { about = "a thing", fields = fields }, function(copy)
    found = copy
  end)
  local ok, message = pcall(function()
    word(given)
  end)
  return ok and found or nil, not ok and message:gsub("^[^:]+:%d+: ", "") or nil
end

local function wrong(fields, given, kind)
  local _, message = declared(fields, given, kind)
  return message
end

describe("declare", function()
  it("holds integers to their range, and times of day to the clock", function()
    local of = { at = { "time", doc = "when" }, n = { "integer", least = 1, most = 8, doc = "how many" } }
    for _, good in ipairs { "0:00", "22:30", "24:00", "24:00:00", "09:05:59" } do
      assert.is_nil(wrong(of, { at = good, n = 8 }), good)
    end
    for _, bad in ipairs { "", "25:00", "24:01", "24:00:01", "9:5", "09:60", "09:00:60", "6 am", "09:00 " } do
      assert.matches("thing.at must", wrong(of, { at = bad }), 1, true)
    end
    assert.equal("thing.n must be an integer from 1 to 8, not 0", wrong(of, { n = 0 }))
    assert.equal("thing.n must be an integer from 1 to 8, not 9", wrong(of, { n = 9 }))
  end)

  it("hands on a copy, with the defaults filled in", function()
    local given = { name = "x" }
    local found = declared({
      name = { "string", required = true, doc = "its name" },
      size = { "integer", default = 7, doc = "its size" },
      quick = { "boolean", default = false, doc = "quick?" },
    }, given)
    assert.same({ name = "x", size = 7, quick = false }, found)
    assert.is_nil(given.size)
  end)

  it("puts the caller's own line first", function()
    local word = declare.kind("thing", { about = "", fields = {} }, function() end)
    local ok, message = pcall(load("\n\nlocal word = ...\nword { nme = 1 }", "@scripts/x.lua"), word)
    assert.is_false(ok)
    assert.equal('scripts/x.lua:4: thing has no field "nme"', message)
  end)

  it("names the nearest field", function()
    local fields = { batch = { "integer", doc = "" }, where = { "string", doc = "" } }
    assert.equal('thing has no field "batchs", did you mean "batch"?', wrong(fields, { batchs = 1 }))
    assert.equal('thing has no field "zzz"', wrong(fields, { zzz = 1 }))
    assert.equal("thing takes fields by name, such as batch = ..., and [1] has none", wrong(fields, { "x" }))
  end)

  it("says what a required field is for", function()
    local fields = { table = { "string", required = true, doc = "the table whose rows are changed" } }
    assert.equal("thing needs a table: the table whose rows are changed", wrong(fields, {}))
    assert.equal("thing takes one table, thing {...}, not a string", wrong(fields, "users"))
    assert.equal("thing takes one table, thing {...}, not nil", wrong(fields, nil))
  end)

  it("checks types", function()
    local function of(kind, value, more)
      local field = { kind, doc = "" }
      for name, part in pairs(more or {}) do
        field[name] = part
      end
      return wrong({ f = field }, { f = value })
    end
    assert.equal("thing.f must be a string, not a number", of("string", 4))
    assert.equal("thing.f must not be empty", of("string", ""))
    assert.equal("thing.f must not hold a NUL byte", of("string", "a\0b"))
    assert.equal("thing.f must be an integer from 0 up, not 1.5", of("integer", 1.5))
    assert.equal("thing.f must be an integer from 0 up, not -1", of("integer", -1))
    assert.is_nil(of("integer", 2.0))
    assert.equal("thing.f must be a function, not a table", of("function", {}))
    assert.equal("thing.f must be true or false, not a string", of("boolean", "yes"))
    assert.is_nil(of("duration", "1h30m"))
    assert.equal('thing.f must be a duration such as "250ms", "5s" or "1h30m", not "soon"', of("duration", "soon"))
    assert.equal('thing.f must be a duration such as "250ms", not a number', of("duration", 5))
    assert.equal("thing.f must be longer than nothing", of("duration", "0s"))
    assert.is_nil(of("list", { "a", "b" }, { of = "string" }))
    assert.equal("thing.f[2] must be a string, not a number", of("list", { "a", 2 }, { of = "string" }))
    assert.equal("thing.f must be a list of strings, such as { ... }, without names and gaps",
      of("list", { a = "b" }, { of = "string" }))
    assert.equal("thing.f must not be empty", of("list", {}, { of = "string" }))
    assert.is_nil(of("map", { a = "b" }, { of = "string" }))
    assert.equal("thing.f.a must be a string, not a boolean", of("map", { a = true }, { of = "string" }))
    assert.equal("thing.f must be a table of strings by name, such as { name = ... }", of("map", { "b" }, { of = "string" }))
    assert.equal('thing.f must be one of "on", "off", not "onn", did you mean "on"?',
      of("string", "onn", { values = { "on", "off" } }))
  end)

  it("takes one of several types", function()
    local fields = { key = { "string", "list", of = "string", doc = "" } }
    assert.same({ key = "id" }, declared(fields, { key = "id" }))
    assert.same({ key = { "a", "b" } }, declared(fields, { key = { "a", "b" } }))
    assert.equal("thing.key must be a string or a list of strings, not a number", wrong(fields, { key = 1 }))
    assert.equal("thing.key[1] must be a string, not a number", wrong(fields, { key = { 1 } }))
  end)

  it("explains a kind", function()
    local help = stubs.help("backfill", kinds.backfill)
    assert.truthy(help:find("table          a string, required", 1, true))
    assert.truthy(help:find('its size follows (default "250ms")', 1, true))
  end)
end)

describe("the kinds", function()
  it("have a type that is known and a text for every field", function()
    for kind, spec in pairs(kinds) do
      assert.is_string(spec.about)
      for name, field in pairs(spec.fields) do
        assert.is_string(field.doc, kind .. "." .. name)
        assert.is_true(#field > 0)
      end
      assert.is_string(stubs.help(kind, spec))
    end
  end)

  it("know the limits of a throttle, and what they may be", function()
    local function said(throttle)
      return wrong(kinds.backfill.fields, { table = "t", set = { a = "1" }, throttle = throttle }, "backfill")
    end
    assert.is_nil(said { replica_lag = "5s", lock_waiters = 3, wal_rate = "8MB", slot_wal = false })
    assert.is_nil(said(print))
    assert.equal('backfill.throttle has no field "replica_lags", did you mean "replica_lag"?', said { replica_lags = "5s" })
    assert.equal('backfill.throttle.replica_lag must be a duration such as "250ms", "5s" or "1h30m", not "soon"', said { replica_lag = "soon" })
  end)

  local function not_stale(path, text)
    if os.getenv("STINT_WRITE") then
      local out = assert(io.open(path, "w"))
      out:write(text)
      out:close()
    end
    local file = assert(io.open(path), "STINT_WRITE=1 makes " .. path)
    local there = file:read("a")
    file:close()
    assert(there == text, path .. " is stale: run this spec with STINT_WRITE=1")
  end

  it("have stubs for editors that are not stale", function()
    local text = stubs.types(kinds, api)
    not_stale("hooks/types.lua", text)
    assert(load(text))
  end)

  it("have a page of reference that is not stale", function()
    not_stale("docs/reference-lua.md", reference(stubs, kinds, api))
  end)
end)
