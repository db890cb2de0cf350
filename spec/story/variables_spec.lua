-- Section [variables] of config.ini: placeholders in SQL migrations, as psql has them.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"

local pg = cluster.get()

local CONFIG = [[
[development]
url = %s
[variables]
schema = sales
who = o'neill
column = Last Name
owner = ${STINT_SPEC_OWNER:-postgres}
how = CONCURRENTLY
timeout = 7s
]]

describe("variables", function()
  local url, project

  local function write(name, text)
    place.write(project .. "/scripts/migrations/" .. name, text)
  end

  local function stint(...)
    return run({ ... }, { cwd = project })
  end

  local function ok(r)
    assert.equal(0, r.code, r.err)
    return r.out
  end

  before_each(function()
    url = pg:database()
    project = run.project({ ["scripts/migrations/1_base.sql"] = "CREATE SCHEMA :schema;\n" }, CONFIG:format(url))
  end)

  it("are replaced in all kinds of files, and the ledger keeps the text as written", function()
    write("2_table.sql", [[
CREATE TABLE :schema.t (n int, :"column" text DEFAULT :'who');
ALTER TABLE :schema.t OWNER TO :owner;
INSERT INTO :schema.t (n) VALUES (1);
COPY :schema.t FROM stdin;
2	:who
\.
]])
    write("3_index.sql", "CREATE INDEX :how t_n ON :schema.t (n);\n")
    write("4_own.sql", "BEGIN;\nINSERT INTO :schema.t VALUES (3, :'who');\nCOMMIT;\nINSERT INTO :schema.t VALUES (4, ':who');\n")
    ok(stint "up")
    assert.equal(
      "1 o'neill|2 :who|3 o'neill|4 :who",
      pg:sql(url, [[SELECT string_agg(n || ' ' || "Last Name", '|' ORDER BY n) FROM sales.t]])
    )
    assert.equal("t", pg:sql(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'sales.t_n'::regclass"))
    assert.equal("CREATE SCHEMA :schema;", pg:sql(url, "SELECT rtrim(text, E'\\n') FROM stint.migration WHERE id = '1'"))
  end)

  it("are no edit when their value changes", function()
    ok(stint "up")
    place.write(project .. "/config.ini", (CONFIG:format(url):gsub("schema = sales", "schema = other")))
    assert.matches("applied +1_base", ok(stint "status"))
  end)

  it("find an index that was built when the run died", function()
    write("2_index.sql", "CREATE TABLE :schema.t (n int);\nCREATE INDEX CONCURRENTLY t_n ON :schema.t (n);\nSELECT 1;\n")
    ok(stint "up")
    pg:sql(url, "UPDATE stint.migration SET state = 'partial', position = 1, intent = 2, applied_at = NULL WHERE id = '2'")
    ok(stint "up")
    assert.equal("applied", pg:sql(url, "SELECT state FROM stint.migration WHERE id = '2'"))
  end)

  it("are set again when a half-applied file goes on", function()
    write("2_set.sql", [[
-- stint: no-transaction
SET lock_timeout = :'timeout';
CREATE TABLE seen AS SELECT 1 AS one;
INSERT INTO seen SELECT 1 / 0;
]])
    assert.equal(7, stint("up").code)
    write("2_set.sql", [[
-- stint: no-transaction
SET lock_timeout = :'timeout';
CREATE TABLE seen AS SELECT 1 AS one;
CREATE TABLE saw AS SELECT current_setting('lock_timeout') AS timeout;
]])
    ok(stint "up")
    assert.equal("7s", pg:sql(url, "SELECT timeout FROM saw"))
  end)

  it("leave the places of errors where they are in the file", function()
    write("2_bad.sql", "CREATE TABLE :schema.a (n int);\nSELECT 1,\n  :'who' || :schema.b.nix FROM :schema.a b;\n")
    local r = stint "up"
    assert.equal(6, r.code)
    assert.matches("at scripts/migrations/2_bad.sql:3:13\n     3 |   :'who' || :schema.b.nix FROM :schema.a b;\n       |             ^", r.err, 1, true)
    write("2_bad.sql", "SELECT :'who', ä FRM :schema.a WHERE;\n")
    r = stint "up"
    assert.matches("2_bad.sql:1:22\n", r.err, 1, true)
    write("2_bad.sql", "VACUUM :schema.t 1;\n")
    r = stint "up"
    assert.matches("2_bad.sql:1:18\n", r.err, 1, true)
    write("2_bad.sql", "CREATE TABLE :schema.a (n int);\nSELECT 1 / 0, :'who';\n")
    r = stint "up"
    assert.matches("2_bad.sql:2:1\n", r.err, 1, true)
  end)

  it("are left alone where nobody declared them, and the error says how to", function()
    write("2_bad.sql", "SELECT 1;\nSELECT :shcema, 2;\n")
    local r = stint "up"
    assert.equal(6, r.code)
    assert.matches('syntax error at or near ":"', r.err, 1, true)
    assert.matches("2_bad.sql:2:8\n", r.err, 1, true)
    assert.matches("HINT: :shcema is not declared in [variables] of config.ini; did you mean :schema?", r.err, 1, true)
    write("2_bad.sql", "VACUUM :'nobody';\n")
    r = stint "up"
    assert.matches("HINT: :nobody is not declared: write nobody = ... in section [variables]", r.err, 1, true)
  end)

  it("are shown replaced by plan, without passwords", function()
    place.write(project .. "/config.ini", CONFIG:format(url) .. "app_password = hunter22\n")
    write("2_role.sql", "CREATE ROLE :schema PASSWORD :'app_password';\n")
    local out = ok(stint("plan", "--sql"))
    assert.matches("CREATE SCHEMA sales", out, 1, true)
    assert.matches("CREATE ROLE sales PASSWORD '***'", out, 1, true)
    local list = json.decode(ok(stint("plan", "--json"))).pending
    assert.equal("CREATE SCHEMA sales", list[1].statements[1].sql)
    assert.equal("CREATE ROLE sales PASSWORD '***'", list[2].statements[1].sql)
    write("2_role.sql", "SELECT 1;\nCREATE ROLE postgres PASSWORD :'app_password';\nSELECT :'app_password'::int;\n")
    local r = stint "up"
    assert.is_nil((r.out .. r.err):find("hunter22", 1, true))
  end)

  it("are refused before anything runs when a value breaks the statement", function()
    place.write(project .. "/config.ini", CONFIG:format(url) .. "open = '\nmore = 1; DROP SCHEMA sales\n")
    write("2_bad.sql", "SELECT 1;\nSELECT :more;\n")
    local r = stint "up"
    assert.equal(78, r.code)
    assert.matches("2_bad.sql:2:8\n", r.err, 1, true)
    assert.equal("t", pg:sql(url, "SELECT to_regnamespace('sales') IS NULL"))
    write("2_bad.sql", "SELECT :open;\n")
    r = stint "up"
    assert.equal(78, r.code)
    assert.matches("2_bad.sql:1:8\n", r.err, 1, true)
  end)

  it("have names that a placeholder can have", function()
    place.write(project .. "/config.ini", CONFIG:format(url) .. "app-role = x\n")
    local r = stint "status"
    assert.equal(78, r.code)
    assert.matches('[variables] has "app-role"', r.err, 1, true)
    assert.matches("config.ini:10", r.err, 1, true)
  end)

  it("are for SQL, not for Lua", function()
    write("2_lua.lua", [[migration { up = function(db) db:exec "CREATE TABLE l AS SELECT ':schema' AS s" end }]])
    ok(stint "up")
    assert.equal(":schema", pg:sql(url, "SELECT s FROM l"))
  end)
end)
