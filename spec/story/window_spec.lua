-- A window is read off the clock on the wall of its zone, over summer time and midnight, and a
-- freeze closes it.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local native = require "native"

describe("a window", function()
  local pg

  setup(function()
    pg = cluster.get()
  end)

  local function at(now, window)
    return json.decode(assert(native.gate.window(pg:url(), ("policy { window = { %s } }"):format(window), now)))
  end

  local function open(now, window)
    assert.is_true(at(now, window).is_open, now)
  end

  -- `opens`: when it says that it will
  local function closed(now, window, opens)
    local found = at(now, window)
    assert.is_false(found.is_open, now)
    assert.equal(opens, found.opens)
    return found
  end

  it("knows days and hours in its zone", function()
    local office = 'days = "mon-thu", from = "09:00", to = "16:00", zone = "Europe/Berlin"'
    closed("2026-01-28 07:59:59Z", office, "Wed 2026-01-28 09:00")
    open("2026-01-28 08:00Z", office)
    open("2026-01-28 14:59:59Z", office)
    closed("2026-01-28 15:00Z", office, "Thu 2026-01-29 09:00")
    closed("2026-01-30 10:00Z", office, "Mon 2026-02-02 09:00")
    assert.equal("Fri 2026-01-30 11:00 in Europe/Berlin", at("2026-01-30 10:00Z", office).at)
  end)

  it("moves with summer time", function()
    local office = 'from = "09:00", to = "16:00", zone = "Europe/Berlin"'
    open("2026-03-28 08:00Z", office)
    closed("2026-03-29 06:59Z", office, "Sun 2026-03-29 09:00")
    open("2026-03-29 07:00Z", office)
    closed("2026-03-29 14:00Z", office, "Mon 2026-03-30 09:00")
    open("2026-10-24 07:00Z", office)
    closed("2026-10-25 07:59Z", office, "Sun 2026-10-25 09:00")
    open("2026-10-25 08:00Z", office)
  end)

  it("begins with the first moment after an hour that is left out", function()
    local night = 'from = "02:30", to = "04:00", zone = "Europe/Berlin"'
    closed("2026-03-29 00:59:59Z", night, "Sun 2026-03-29 03:30")
    open("2026-03-29 01:00Z", night)
    closed("2026-03-29 02:00Z", night, "Mon 2026-03-30 02:30")
  end)

  it("is open twice in an hour that comes twice", function()
    local night = 'from = "02:00", to = "03:00", zone = "Europe/Berlin"'
    closed("2026-10-24 23:59Z", night, "Sun 2026-10-25 02:00")
    open("2026-10-25 00:30Z", night)
    open("2026-10-25 01:30Z", night)
    closed("2026-10-25 02:00Z", night, "Mon 2026-10-26 02:00")
  end)

  it("goes over midnight, and belongs to the day it began on", function()
    local night = 'days = "fri", from = "22:00", to = "06:00"'
    closed("2026-01-30 21:59Z", night, "Fri 2026-01-30 22:00")
    open("2026-01-30 22:00Z", night)
    open("2026-01-31 05:59Z", night)
    closed("2026-01-31 06:00Z", night, "Fri 2026-02-06 22:00")
    closed("2026-01-30 05:00Z", night, "Fri 2026-01-30 22:00")
  end)

  it("takes days over the week's end, single ones, and none for all", function()
    open("2026-02-01 12:00Z", 'days = "sat-mon"')
    open("2026-02-02 12:00Z", 'days = "sat-mon"')
    closed("2026-02-03 12:00Z", 'days = "sat-mon"', "Sat 2026-02-07 00:00")
    open("2026-02-03 12:00Z", 'days = "Mon, tuesday"')
    open("2026-02-03 23:59:59.999Z", 'from = "12:00"')
    open("2026-02-03 00:00Z", 'to = "12:00"')
  end)

  it("is closed in a freeze, its first and last day included", function()
    local busy = 'days = "mon-fri", from = "09:00", zone = "America/New_York", freeze = { "2026-12-21..2027-01-05", "2026-12-16" }'
    open("2026-12-15 15:00Z", busy)
    assert.equal("2026-12-16 to 2026-12-16", closed("2026-12-16 15:00Z", busy, "Thu 2026-12-17 09:00").frozen)
    open("2026-12-19 04:59Z", busy)
    closed("2026-12-21 15:00Z", busy, "Wed 2027-01-06 09:00")
    closed("2027-01-06 04:59Z", busy, "Wed 2027-01-06 09:00")
    open("2027-01-06 14:00Z", busy)
  end)

  it("opens with the end of a freeze that ends within it", function()
    closed("2026-01-30 12:00Z", 'freeze = { "2026-01-29..2026-01-31" }', "Sun 2026-02-01 00:00")
    closed("2026-01-30 23:00Z", 'from = "22:00", to = "06:00", freeze = { "2026-01-30" }', "Sat 2026-01-31 00:00")
  end)

  it("wants a zone by its name", function()
    local _, message = native.gate.window(pg:url(), 'policy { window = { zone = "CEST-2" } }', "2026-01-30 12:00Z")
    assert.matches("the server knows no zone CEST-2", message, 1, true)
  end)
end)
