local native = require "native"

local variable = native.variable

local vars = { role = "app", schema = "sales", quoted = "it's", slash = [[a\b]], name = 'a"b', n = "7", what = "CONCURRENTLY" }

local function fill(text)
  local list, failure = variable.fill(text, vars)
  assert.is_truthy(list, failure and failure.message)
  local texts = {}
  for i, s in ipairs(list) do
    texts[i] = s.sql
  end
  return table.concat(texts, "; "), list
end

describe("variables", function()
  it("stand for text, literals and identifiers", function()
    assert.equal("GRANT SELECT ON sales.t TO app", (fill "GRANT SELECT ON :schema.t TO :role;"))
    assert.equal("SELECT 'app', 'it''s'", (fill "SELECT :'role', :'quoted';"))
    assert.equal([[SELECT  E'a\\b']], (fill "SELECT :'slash'"))
    assert.equal([[SELECT 1 AS "a""b", "app"]], (fill [[SELECT 1 AS :"name", :"role"]]))
    assert.equal("SELECT 7,7+7", (fill "SELECT :n,:n+:n"))
    assert.equal("SELECT ARRAY[7, 7], f(7)", (fill "SELECT ARRAY[:n, :n], f(:n)"))
  end)

  it("are replaced in each statement", function()
    assert.equal("SELECT 1; SELECT app; SELECT 2", (fill "SELECT 1; SELECT :role; SELECT 2"))
  end)

  it("are left alone where they are not declared", function()
    for _, text in ipairs { "SELECT :nobody", "SELECT :'nobody'", 'SELECT :"nobody"', "SELECT :Role", "SELECT : role", "SELECT :7" } do
      assert.equal(text, (fill(text)))
    end
  end)

  it("are no variables within strings, identifiers, dollar quotes and comments", function()
    for _, text in ipairs {
      "SELECT ':role'",
      "SELECT E'\\':role'",
      'SELECT ":role"',
      "SELECT $$ :role $$, $a$ :'role' $a$",
      "SELECT /* :role */ 1",
      "SELECT 1 -- :role\n, 2",
      "SELECT U&':role'",
    } do
      assert.equal(text, (fill(text)))
    end
  end)

  it("are no variables behind a cast's or an assignment's colons", function()
    for _, text in ipairs { "SELECT 1::n", "SELECT '1' ::n", "SELECT f(n:=role)", "SELECT a:::n" } do
      assert.equal(text == "SELECT a:::n" and "SELECT a::7" or text, (fill(text)))
    end
  end)

  it("are no variables in a subscript, but for parentheses", function()
    for _, text in ipairs { "SELECT a[1:n]", "SELECT a[:n]", "SELECT (f(x))[role:n]", "SELECT a[1][2:n]", "SELECT $1[:n]" } do
      assert.equal(text, (fill(text)))
    end
    assert.equal("SELECT a[1:(7)]", (fill "SELECT a[1:(:n)]"))
    assert.equal("SELECT a[b] , 7", (fill "SELECT a[b] , :n"))
  end)

  it("leave the data of COPY alone", function()
    local _, list = fill "COPY :schema.t FROM stdin;\n:role\t:'role'\n\\.\nSELECT :n;\n"
    assert.equal("COPY sales.t FROM stdin", list[1].sql)
    assert.equal("SELECT 7", list[2].sql)
  end)

  it("know where each byte comes from", function()
    local text = "SELECT 1;\n  SELECT :role, :'n' nix"
    local _, list = fill(text)
    assert.equal("SELECT app, '7' nix", list[2].sql)
    local homes = list[2].homes
    local function home(word)
      return homes[list[2].sql:find(word, 1, true)]
    end
    assert.equal(text:find("SELECT :", 1, true), home "SELECT")
    assert.equal(text:find(":role", 1, true), home "app")
    assert.equal(text:find(":role", 1, true), home "pp")
    assert.equal(text:find(":'n'", 1, true), home "'7'")
    assert.equal(text:find("nix", 1, true), home "nix")
    assert.equal(#text + 1, homes[#list[2].sql + 1])
  end)

  it("may change what a statement is", function()
    local _, list = fill "CREATE TABLE t (a int); CREATE INDEX :what i ON :schema.t (a);"
    assert.equal("CREATE INDEX CONCURRENTLY", list[2].words)
    assert.equal("i", list[2].object)
    assert.equal(2, list[2].parts)
  end)

  it("hold a part of a statement, not several and not none", function()
    local list, failure = variable.fill("SELECT 1;\nSELECT 2 :more", { more = "; DROP TABLE t" })
    assert.is_nil(list)
    assert.equal(78, failure.kind)
    assert.matches("there are 2 statements where one should be", failure.message, 1, true)
    assert.same({ 2, 10 }, { failure.line, failure.column })
    list, failure = variable.fill(":nothing;", { nothing = "" })
    assert.is_nil(list)
    assert.matches("there are 0 statements", failure.message, 1, true)
    list, failure = variable.fill("SELECT :open;", { open = "'" })
    assert.is_nil(list)
    assert.equal(78, failure.kind)
    assert.equal(8, failure.column)
  end)

  it("are explained where one is not declared", function()
    assert.matches("write unheard_of = ... in section [variables]", variable.hint("SELECT :unheard_of", vars, 8), 1, true)
    assert.matches("did you mean :role?", variable.hint("SELECT :'roel'", vars, 8), 1, true)
    assert.is_nil(variable.hint("SELECT :role", vars, 8))
    assert.is_nil(variable.hint("SELECT ::gone", vars, 8))
    assert.is_nil(variable.hint("SELECT gone", vars, 8))
  end)
end)
