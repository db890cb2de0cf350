-- stint lint: findings about files, without a database.
local json = require "dkjson"
local run = require "spec.support.run"

describe("stint lint", function()
  local function lint(files, config, ...)
    local project = run.project(files, config)
    return run({ "lint", ... }, { cwd = project }), project
  end

  local function findings(files, config, ...)
    local r = lint(files, config, "--json", ...)
    local answer = assert(json.decode(r.out), r.out .. r.err)
    return answer.findings, answer.coverage, r
  end

  it("shows a finding with its place, and ends with 2", function()
    local r = lint({ ["a.sql"] = "SELECT 1;\nALTER TABLE app.u\n  ADD COLUMN b int,\n  DROP COLUMN c;\n" }, nil, "a.sql")
    assert.equal(2, r.code, r.err)
    assert.truthy(r.out:find("a.sql:4:3: error: app.u.c is dropped", 1, true), r.out)
    assert.truthy(r.out:find("     4 |   DROP COLUMN c;\n       |   ^\n", 1, true), r.out)
    assert.truthy(r.out:find("1 errors, 0 warnings, 0 notices; 2 statements: 2 certain, 0 assumed, 0 opaque\n", 1, true), r.out)
  end)

  it("is silent and ends with 0 where nothing is found", function()
    local list, coverage, r = findings({ ["a.sql"] = "CREATE TABLE t (a int);" }, nil, "a.sql")
    assert.same({}, list)
    assert.equal(0, r.code)
    assert.same({ statements = 1, certain = 1, assumed = 0, opaque = 0, unparsed = 0 }, coverage)
  end)

  -- "LINE:COLUMN RULE" of the findings of one SQL text.
  local function places(sql, config, name)
    local list = findings({ [name or "a.sql"] = sql }, config, name or "a.sql")
    for i, f in ipairs(list) do
      list[i] = ("%d:%d %s %s"):format(f.line, f.column, f.level, f.rule)
    end
    return list
  end

  describe("finds what stands inside", function()
    it("a DO block, with its own place", function()
      assert.same(
        { "4:25 error drop-column", "6:27 error drop-column" },
        places [=[
DO $body$
BEGIN
  IF true THEN
    ALTER TABLE app.t   DROP COLUMN a;
  END IF;
  EXECUTE 'ALTER TABLE ü  DROP COLUMN b; SELECT 1';
END
$body$;
]=]
      )
    end)

    it("and says what nobody can read before it runs", function()
      assert.same(
        { "1:44 warning opaque", "2:1 warning opaque", "3:1 warning opaque" },
        places "DO $$ DECLARE x name := 'x'; BEGIN EXECUTE format('DROP TABLE %I', x); END $$;\nDO LANGUAGE plperl 'x';\nDO $$ no such thing $$;"
      )
    end)

    it("a function, only for rules that ask for it", function()
      assert.same({}, places "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER TABLE t DROP a; END $$")
      assert.same({}, places "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER TABLE t DROP a'")
    end)

    it("a migration in Lua, up to where it asks the database", function()
      assert.same(
        { "3:41 error drop-column", "6:11 error drop-column", "7:1 warning opaque" },
        places(
          [==[
migration {
  up = function(db)
    db:exec("ALTER TABLE t ADD b int,   DROP COLUMN c")
    db:transaction(function() db:exec [[
        ALTER TABLE t
          DROP COLUMN d]] end)
    if db:value "SELECT 1" == 1 then db:exec "ALTER TABLE t DROP COLUMN e" end
    db:exec "ALTER TABLE t DROP COLUMN f"
  end,
}
]==],
          nil,
          "1_a.lua"
        )
      )
    end)
  end)

  it("cannot read every statement, and says so", function()
    local sql = "SELECT 1;\nSELECT * FROM ü,\n  JSON_TABEL('{}', '$' COLUMNS (a int));"
    assert.same({ "3:24 error unparsed" }, places(sql))
    assert.same({ "3:24 warning unparsed" }, places(sql, "[development]\nunparsed = warn\n"))
    local waived = sql:gsub("\n", '\n-- stint: allow unparsed reason="17"\n', 1)
    assert.same({}, places(waived))
    assert.same({ "2:1 warning waiver-unused", "4:24 error unparsed" }, places(waived, "[development]\nunparsed = block\n"))
  end)

  it("does not hand over what would crash the parser", function()
    local list = places("SELECT " .. ("("):rep(1100) .. "1" .. (")"):rep(1100) .. ";\nSELECT a" .. ("||a"):rep(40000) .. ";")
    assert.same({ "1:1 warning opaque", "2:1 warning opaque" }, list)
  end)

  it("goes on behind a psql command that cannot be honoured", function()
    assert.same({ "1:1 error unreadable", "3:12 error unreadable", "4:1 error drop-table" },
      places("\\i other.sql\nSELECT 1;\nSELECT 'x' \\gexec\nDROP TABLE t;\n"))
  end)

  it("goes on behind a file that cannot be read", function()
    local list, _, r = findings({ ["a.sql"] = "SELECT 1;\nSELECT 'x", ["b.sql"] = "ALTER TABLE t DROP c" }, nil, "a.sql", "b.sql")
    assert.equal(2, r.code)
    assert.same({ "a.sql", 2, "unreadable" }, { list[1].file, list[1].line, list[1].rule })
    assert.same({ "b.sql", 1, "drop-column" }, { list[2].file, list[2].line, list[2].rule })
  end)

  describe("lifts by waivers", function()
    it("above a statement, for a file, for an object", function()
      assert.same(
        { "5:15 error drop-column" },
        places [[
SELECT 1;
-- stint: allow drop-column t.a reason="it is empty"
-- and more
ALTER TABLE t DROP a;
ALTER TABLE t DROP b;
]]
      )
      assert.same({}, places '-- stint: allow drop-column reason="x"\n\nALTER TABLE t DROP a;\nALTER TABLE t DROP b;')
      assert.same(
        { "3:15 error drop-column" },
        places '-- stint: allow data-loss t.b reason="x"\n\nALTER TABLE t DROP a; ALTER TABLE public.t DROP b;'
      )
    end)

    it("until their day, and not without need", function()
      assert.same({ "1:1 warning waiver-expired", "2:15 error drop-column" },
        places '-- stint: allow drop-column reason="x" until=2020-01-01\nALTER TABLE t DROP a;')
      assert.same({}, places '-- stint: allow drop-column reason="x" until=2999-01-01\nALTER TABLE t DROP a;')
      assert.same({ "1:1 warning waiver-unused" }, places '-- stint: allow drop-column reason="x"\nSELECT 1;')
      local list = findings({ ["a.sql"] = '-- stint: allow drop-colum reason="x"\nSELECT 1;' }, nil, "a.sql")
      assert.equal("there is no rule drop-colum, did you mean drop-column?", list[1].message)
    end)
  end)

  describe("asks the team's policies", function()
    local FLOAT = [=[
policy {
  about = "money is numeric, never float",
  statement = function(s, facts)
    for column in s:each "ColumnDef" do
      if column.name and column.name:find "price" and column.type:find "^float" then return deny("store " .. column.name .. " as numeric", { at = column }) end
    end
  end,
}
]=]

    local function with(policies, sql, ...)
      local files = { ["a.sql"] = sql }
      for name, text in pairs(policies) do
        files["scripts/policies/" .. name .. ".lua"] = text
      end
      return lint(files, "[development]\n[production]\n", "a.sql", "--json", ...)
    end

    it("for help on them, as on its own", function()
      local folder = "scripts/policies/no_float.lua"
      local dir = run.project({ [folder] = FLOAT }, "[development]\n")
      local r = run({ "help", "no_float" }, { cwd = dir })
      assert.equal("no_float (team, error): money is numeric, never float\n", r.out)
      assert.truthy(run({ "help", "rules" }, { cwd = dir }).out:find("\nteam\n  no_float  ", 1, true))
    end)

    it("as its own rules", function()
      local r = with({ no_float = FLOAT }, "CREATE TABLE t (\n  id int,\n  price float8\n)")
      local list = json.decode(r.out).findings
      assert.same(
        { "no_float", "team", 3, 3, "store price as numeric" },
        { list[1].rule, list[1].family, list[1].line, list[1].column, list[1].message }
      )
    end)

    it("and takes their levels, where they are for", function()
      local levels = 'policy { environments = "production", rules = { ["drop-column"] = "warn", no_float = "allow" } }'
      local sql = "ALTER TABLE t DROP a, ADD price float8"
      assert.equal(2, with({ no_float = FLOAT, levels = levels }, sql).code)
      local r = with({ no_float = FLOAT, levels = levels }, sql, "-e", "production")
      assert.equal(0, r.code, r.out .. r.err)
      local list = json.decode(r.out).findings
      assert.same({ 1, "warning" }, { #list, list[1].level })
    end)

    it("and says when one fails, or is wrong", function()
      local r = with({ bad = "policy { statement = function(s) return s.nothing.here end }" }, "SELECT 1")
      assert.equal(2, r.code)
      local list = json.decode(r.out).findings
      assert.equal("rule-crashed", list[1].rule)
      assert.truthy(list[1].message:find("scripts/policies/bad.lua:1: attempt to index a nil value", 1, true), list[1].message)
      r = with({ bad = 'policy { rules = { ["drop-colum"] = "deny" } }' }, "SELECT 1")
      assert.equal(78, r.code)
      assert.truthy(r.err:find('scripts/policies/bad.lua:1: policy.rules: there is no rule "drop-colum", did you mean "drop-column"?', 1, true), r.err)
      r = with({ bad = "policy { window = { form = 1 } }" }, "SELECT 1")
      assert.equal(78, r.code)
      assert.truthy(r.err:find('bad.lua:1: policy.window has no field "form", did you mean "from"?', 1, true), r.err)
    end)
  end)

  it("has help on its rules, and on each", function()
    local r = run { "help", "rules" }
    assert.equal(0, r.code)
    assert.truthy(r.out:find("\ndata-loss\n", 1, true) and r.out:find("\n  drop-column ", 1, true), r.out)
    r = run { "help", "drop-column" }
    assert.truthy(r.out:find("^drop%-column %(data%-loss, error%): "), r.out)
    assert.truthy(r.out:find("\nfound:\n  ALTER TABLE t DROP COLUMN c\n", 1, true), r.out)
    assert.equal(64, run({ "help", "drop-colum" }).code)
    assert.matches("^waiver%-stale %(security, warning%): ", run({ "help", "waiver-stale" }).out)
    r = run { "help", "backfill" } -- a command, and what a file declares
    assert.truthy(r.out:find("^usage: stint backfill") and r.out:find("\nbackfill {...}: ", 1, true), r.out)
  end)

  describe("reads what is younger than its grammar", function()
    local SHOW = [=[
policy { level = "notice", statement = function(s)
  local said = {}
  for c in s:each "Constraint" do
    said[#said + 1] = table.concat({ c.contype:sub(8), c.is_enforced == false and "unenforced" or "", c.skip_validation and "unproven" or "",
      c.keys and c.keys[1].sval or "", c.generated_kind or "", c.without_overlaps and "overlaps" or "", c.fk_with_period and "period" or "" }, " ")
  end
  for c in s:each "AlterTableCmd" do said[#said + 1] = c.subtype end
  for c in s:each "ColumnDef" do said[#said + 1] = c.name .. (c.storage_name and " " .. c.storage_name or "") end
  return notice((s.needs_version or "old") .. ": " .. table.concat(said, "; "):gsub(" +", " "):gsub(" ;", ";"):gsub(" $", ""))
end }
]=]

    for sql, expected in pairs {
      ['ALTER TABLE t ADD CONSTRAINT nn NOT NULL "Col" NOT VALID'] = "180000: NOTNULL unproven Col; AT_AddConstraint",
      ["ALTER TABLE t ADD NOT NULL c NO INHERIT"] = "180000: NOTNULL c; AT_AddConstraint",
      ["ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES u NOT ENFORCED, ADD CHECK (b > 1)"]
        = "180000: FOREIGN unenforced unproven; CHECK; AT_AddConstraint; AT_AddConstraint",
      ["CREATE TABLE g (b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c text STORAGE external)"] = "180000: GENERATED v; b; c external",
      ["CREATE TABLE g (r tsrange, PRIMARY KEY (a, r WITHOUT OVERLAPS), FOREIGN KEY (a, PERIOD r) REFERENCES u (a, PERIOD r))"]
        = "180000: PRIMARY a overlaps; FOREIGN period; r",
      ["ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a + 1), ALTER d SET DEFAULT 1_000"] = "170000: AT_SetExpression; AT_ColumnDefault",
      ["CREATE TABLE period (period int, storage text, enforced bool)"] = "old: period; storage; enforced",
    } do
      it(sql, function()
        local list = findings({ ["a.sql"] = sql, ["scripts/policies/show.lua"] = SHOW }, nil, "a.sql")
        local said = {}
        for _, finding in ipairs(list) do
          said[#said + 1] = finding.rule == "show" and finding.message or nil
        end
        assert.same({ expected }, said)
      end)
    end
  end)
end)
