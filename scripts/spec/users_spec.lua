-- The table of users, from its first file to the last one, on a few rows.
local testing = require "stint.testing"

local ADD, FILL, NOT_NULL = "20260127120000", "20260127120500", "20260127121000"

-- As 20260127110000_create_users makes it, but for its half a million rows.
local function few_users()
  testing.sql [[
    CREATE TABLE users (
      id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      first_name text NOT NULL,
      last_name  text NOT NULL,
      email      text NOT NULL
    );
    INSERT INTO users (first_name, last_name, email)
    VALUES ('Ada', 'Lovelace', 'ada@example.org'), ('Alan', 'Turing', 'alan@example.org');
  ]]
  testing.apply { ADD }
end

describe("users.full_name", function()
  local db = testing.db

  before_each(function()
    testing.fresh(few_users)
  end)

  it("is added empty", function()
    assert.equal(2, db:value "SELECT count(*) FROM users WHERE full_name IS NULL")
  end)

  it("is filled from both names", function()
    testing.apply { FILL }
    assert.same(
      { { full_name = "Ada Lovelace" }, { full_name = "Alan Turing" } },
      db:query "SELECT full_name FROM users ORDER BY id"
    )
  end)

  it("keeps what somebody has written already", function()
    db:exec "UPDATE users SET full_name = 'A. L.' WHERE id = 1"
    testing.apply { FILL }
    assert.equal("A. L.", db:value "SELECT full_name FROM users WHERE id = 1")
  end)

  it("can be demanded once it is filled, and not before", function()
    local ok, e = pcall(testing.apply, { NOT_NULL })
    assert.is_false(ok)
    assert.equal("23514", e.sqlstate)
    testing.fresh(few_users)
    testing.apply { FILL, NOT_NULL }
    ok, e = pcall(db.exec, db, "INSERT INTO users (first_name, last_name, email) VALUES ('A', 'B', 'c')")
    assert.is_false(ok)
    assert.equal("23502", e.sqlstate)
  end)

  it("goes away again", function()
    testing.revert(0)
    assert.is_nil(db:value "SELECT attname FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'full_name'")
  end)
end)
