-- What the backfill declares, without a database: it can be stopped and started at any time only if
-- the rows that it has changed no longer match.
local testing = require "stint.testing"

describe("the backfill of full_name", function()
  local backfill = testing.script "migrations/20260127120500"

  it("is one, of users", function()
    assert.equal("backfill", backfill.kind)
    assert.equal("users", backfill.table)
  end)

  it("changes no row twice, and proves that none is left", function()
    assert.equal("full_name IS NULL", backfill.where)
    assert.truthy(backfill.verify:find(backfill.where, 1, true))
  end)

  it("has a way back", function()
    assert.same({ full_name = "NULL" }, backfill.down)
  end)
end)
