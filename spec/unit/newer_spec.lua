-- Statements that are younger than the parser's grammar: each is read, as what it is, from which version on, and where.
local json = require "dkjson"
local run = require "spec.support.run"

local SHOW = [[
policy { level = "notice", statement = function(s)
  local said = {}
  for _, lock in ipairs(s.locks or {}) do said[#said + 1] = lock.relation.name .. " " .. lock.mode end
  return notice(("%d %s: %s"):format((s.needs_version or 0) // 10000, s.kind, table.concat(said, ", ")))
end }
]]

local statements = {
  { "CREATE STATISTICS ON a, b FROM t", "16 CREATE STATISTICS: t ShareUpdateExclusive" },
  { "CREATE STATISTICS (ndistinct) ON a, b FROM t", "16 CREATE STATISTICS: t ShareUpdateExclusive" },
  { "REINDEX DATABASE", "16 REINDEX: " },
  { "REINDEX SYSTEM CONCURRENTLY", "16 REINDEX: " },
  { "SELECT * FROM (SELECT a FROM t) JOIN (VALUES (1)) ON true WHERE a IN (SELECT b FROM u)", "16 SELECT: t AccessShare, u AccessShare" },
  { "INSERT INTO t SELECT * FROM u, (SELECT 1) WHERE u.a IS DISTINCT FROM (SELECT 2)", "16 INSERT: t RowExclusive, u AccessShare" },
  { "UPDATE t SET a = 1 FROM (SELECT id FROM u) WHERE t.id = 1", "16 UPDATE: t RowExclusive, u AccessShare" },
  { "REVOKE INHERIT OPTION FOR app FROM bob", "16 REVOKE: " },
  { "GRANT app TO bob WITH INHERIT FALSE, SET TRUE GRANTED BY alice", "16 GRANT: " },
  { "SELECT XMLSERIALIZE(CONTENT x AS text NO INDENT) FROM t", "16 SELECT: t AccessShare" },
  { "SELECT 1_000.5, 0xFF, 1e1_0 FROM t", "16 SELECT: t AccessShare" },
  { "SELECT x IS NOT JSON OBJECT WITH UNIQUE KEYS FROM t", "16 SELECT: t AccessShare" },
  { "SELECT JSON_SCALAR(1), JSON('{}' WITH UNIQUE KEYS) FROM t", "17 SELECT: t AccessShare" },
  { "ALTER TABLE t ALTER a SET STORAGE DEFAULT, ALTER b SET STATISTICS DEFAULT", "17 ALTER TABLE: t AccessExclusive" },
  { "WITH m AS (MERGE INTO t AS a USING u b ON a.id = b.id WHEN MATCHED THEN DELETE RETURNING a.id) SELECT * FROM m",
    "17 SELECT: t RowExclusive, u AccessShare" },
  { "WITH s AS (SELECT 1 id) MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING t.id",
    "17 MERGE: t RowExclusive" },
  { "ALTER OPERATOR === (t, t) SET (MERGES, HASHES)", "17 ALTER OPERATOR: " },
  { "CREATE TABLE n (a int NOT NULL NO INHERIT, CONSTRAINT nn NOT NULL b, b int)", "18 CREATE TABLE: " },
  { "ALTER TABLE t ALTER CONSTRAINT f DEFERRABLE ENFORCED, ALTER CONSTRAINT g NO INHERIT", "18 ALTER TABLE: t AccessExclusive" },
  { "ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO web", "18 ALTER DEFAULT PRIVILEGES: " },
  { "VACUUM ONLY t", "18 VACUUM: t ShareUpdateExclusive" },
  { "ALTER TABLE p MERGE PARTITIONS (p1, app.p2) INTO p12", "19 ALTER TABLE: p AccessExclusive, p1 AccessExclusive, p2 AccessExclusive" },
  { "ALTER TABLE q SPLIT PARTITION q1 INTO (PARTITION q2 FOR VALUES FROM (1) TO (2), PARTITION q3 DEFAULT)",
    "19 ALTER TABLE: q AccessExclusive, q1 AccessExclusive" },
  { "REPACK", "19 REPACK: " },
  { "REPACK (CONCURRENTLY, VERBOSE) app.t", "19 REPACK: t ShareUpdateExclusive" },
  { "REPACK (ANALYZE) t USING INDEX t_a", "19 REPACK: t AccessExclusive" },
  { "CREATE PUBLICATION x FOR ALL SEQUENCES", "19 CREATE PUBLICATION: " },
  { "CREATE PUBLICATION x FOR ALL TABLES EXCEPT (TABLE t, u), ALL SEQUENCES", "19 CREATE PUBLICATION: " },
  { "ALTER SUBSCRIPTION s REFRESH SEQUENCES", "19 ALTER SUBSCRIPTION: " },
  { "CHECKPOINT (MODE FAST)", "19 CHECKPOINT: " },
  { "SELECT a, lag(a) IGNORE NULLS OVER (ORDER BY b) FROM t GROUP BY ALL", "19 SELECT: t AccessShare" },
  { "INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO SELECT FOR UPDATE RETURNING id", "19 INSERT: t RowExclusive" },
  { "UPDATE t FOR PORTION OF valid FROM '2020-01-01' TO NULL SET a = 1 WHERE id = 3", "19 UPDATE: t RowExclusive" },
  { "SELECT * FROM (SELECT a FROM t) AS named, LATERAL (SELECT 1) l", "0 SELECT: t AccessShare" },
}

describe("younger syntax", function()
  local shown = {}

  setup(function()
    local texts = {}
    for i, one in ipairs(statements) do
      texts[i] = one[1] .. ";\n"
    end
    local dir = run.project {
      ["scripts/migrations/1_all.sql"] = table.concat(texts),
      ["scripts/migrations/2_place.sql"] = "WITH x AS (SELECT * FROM (SELECT 1), (SELECT 2))\nUPDATE t SET a = random()\n  FROM x WHERE t.a = nil.b;\n",
      ["scripts/policies/show.lua"] = SHOW,
      ["scripts/policies/place.lua"] = [[policy { level = "notice", on = "UpdateStmt", statement = function(s)
        return notice("call", { at = s:find "FuncCall" })
      end }]],
    }
    for _, finding in ipairs(json.decode(run({ "lint", "--json" }, { cwd = dir }).out).findings) do
      if finding.rule == "show" and finding.file:find "1_all" then
        shown[finding.line] = finding.message
      elseif finding.rule == "place" and finding.file:find "2_place" then
        shown.place = finding.line .. ":" .. finding.column
      end
    end
  end)

  for i, one in ipairs(statements) do
    it(one[1], function()
      assert.equal(one[2], shown[i])
    end)
  end

  it("stays where it is, though names were put in before it", function()
    assert.equal("2:18", shown.place)
  end)
end)
