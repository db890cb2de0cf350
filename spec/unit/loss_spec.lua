-- Which statements drop data, by their words.
local native = require "native"

local function lost(sql)
  return native.loss.of(sql)
end

describe("loss", function()
  local dropping = {
    "DROP TABLE a",
    "DROP TABLE IF EXISTS a, b CASCADE",
    "drop schema s",
    "DROP DATABASE d",
    "DROP OWNED BY r",
    "DROP EXTENSION hstore",
    "TRUNCATE a",
    "TRUNCATE TABLE ONLY a RESTART IDENTITY",
    "ALTER TABLE a DROP COLUMN b",
    "ALTER TABLE a DROP b",
    "ALTER TABLE a DROP IF EXISTS b CASCADE",
    'ALTER TABLE a DROP "constraint"',
    "ALTER TABLE a ADD c int, DROP COLUMN b",
    "ALTER TABLE IF EXISTS ONLY s.a /* DROP */ DROP COLUMN b",
    "ALTER TYPE t DROP ATTRIBUTE b",
    "DROP TYPE t CASCADE",
    "DROP DOMAIN d CASCADE",
    "DELETE FROM a",
    "DELETE FROM a USING b",
    "WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x",
    "DO $$ BEGIN DELETE FROM a; END $$",
    "CALL clean()",
  }
  for _, sql in ipairs(dropping) do
    it("sees it in " .. sql, function()
      assert.equal(1, #lost(sql .. ";"))
    end)
  end

  local keeping = {
    "CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE)",
    "ALTER TABLE a DROP CONSTRAINT b",
    "ALTER TABLE a ALTER COLUMN b DROP DEFAULT",
    "ALTER TABLE a ALTER b DROP NOT NULL, ALTER c DROP IDENTITY IF EXISTS, ALTER d DROP EXPRESSION",
    "DROP VIEW v CASCADE",
    "DROP INDEX i",
    "DROP FUNCTION f()",
    "DROP TYPE t",
    "DROP MATERIALIZED VIEW v",
    "DELETE FROM a WHERE id = 1",
    "UPDATE a SET b = 'DROP TABLE c'",
    "INSERT INTO a VALUES ('DELETE FROM a')",
    "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM a; END",
    "CREATE TRIGGER t AFTER DELETE ON a EXECUTE FUNCTION f()",
    "GRANT DELETE, TRUNCATE ON a TO b",
  }
  for _, sql in ipairs(keeping) do
    it("sees none in " .. sql, function()
      assert.same({}, lost(sql .. ";"))
    end)
  end

  it("says where, and in one line", function()
    assert.same({
      "x.sql:2: DROP TABLE a",
      "x.sql:3: ALTER TABLE b DROP COLUMN c",
      "x.sql:6: DO $$ x $$ (may)",
    }, lost "SELECT 1;\nDROP TABLE a;\nALTER TABLE b\n\n  DROP COLUMN c;\nDO $$ x $$;\n")
  end)
end)
