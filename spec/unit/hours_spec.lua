local cluster = require "spec.support.cluster"
local place = require "spec.support.place"

-- The server's clock cannot be moved: the statement is asked as it would be at a given moment.
local ASK = place.read("engine/sql/governor.sql"):match "%-%- :name hours_ask\n(.*)"

describe("the hours of a window", function()
  local pg, url

  -- Is it open then, and when does it close? In UTC.
  local function at(moment, from, to, zone)
    local values = { from, to, zone }
    local sql = ASK:gsub("clock_timestamp%(%)", ("timestamptz '%sZ'"):format(moment)):gsub("%$(%d)", function(n)
      return ("'%s'"):format(values[tonumber(n)])
    end)
    return pg:sql(url, ([[SELECT CASE WHEN h.is_open THEN 'until ' || to_char(h.closes AT TIME ZONE 'UTC', 'DD HH24:MI') ELSE 'closed' END
      FROM (%s) h(is_open, closes)]]):format(sql))
  end

  setup(function()
    pg = cluster.get()
    url = pg:url()
  end)

  it("go over midnight, and are those of its zone", function()
    assert.equal("closed", at("2026-01-10 20:59", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("until 11 05:00", at("2026-01-10 21:00", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("until 11 05:00", at("2026-01-11 04:59", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("closed", at("2026-01-11 05:00", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("until 10 12:30", at("2026-01-10 12:00", "09:00", "18:00", "Asia/Kolkata"))
    assert.equal("closed", at("2026-01-10 12:30", "09:00", "18:00", "Asia/Kolkata"))
  end)

  it("are an hour shorter in the night when summer begins", function()
    assert.equal("until 29 04:00", at("2026-03-28 21:00", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("until 29 04:00", at("2026-03-29 03:59", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("closed", at("2026-03-29 04:00", "22:00", "06:00", "Europe/Berlin"))
  end)

  it("are an hour longer in the night when it ends", function()
    assert.equal("until 25 05:00", at("2026-10-24 20:00", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("until 25 05:00", at("2026-10-25 04:59", "22:00", "06:00", "Europe/Berlin"))
    assert.equal("closed", at("2026-10-25 05:00", "22:00", "06:00", "Europe/Berlin"))
  end)

  it("begin with the hour that follows where the clock leaves theirs out", function()
    assert.equal("closed", at("2026-03-29 00:59", "02:30", "04:00", "Europe/Berlin"))
    assert.equal("until 29 02:00", at("2026-03-29 01:00", "02:30", "04:00", "Europe/Berlin"))
    assert.equal("closed", at("2026-03-29 02:00", "02:30", "04:00", "Europe/Berlin"))
  end)

  it("are as the clock on the wall says in the hour that comes twice", function()
    assert.equal("until 25 03:00", at("2026-10-25 00:30", "02:30", "04:00", "Europe/Berlin"))
    assert.equal("closed", at("2026-10-25 01:00", "02:30", "04:00", "Europe/Berlin"))
    assert.equal("until 25 03:00", at("2026-10-25 01:30", "02:30", "04:00", "Europe/Berlin"))
  end)
end)
