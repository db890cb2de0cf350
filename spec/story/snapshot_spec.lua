-- Facts of a database, written by doctor and read by lint, which then answers as it would with a database.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local session = require "spec.support.session"

local pg = cluster.get()

-- Finds statements that are not certain to leave the rows alone.
local POLICY = [[
policy {
  about = "nothing is written anew",
  statement = function(s) if #s.rewrites > 0 then return deny(s.certainty) end end,
}
]]

describe("a snapshot of facts", function()
  local url = pg:database()
  local db = session.open(url)
  db:exec "CREATE TABLE t (v varchar(10), secret text DEFAULT 'hush'); INSERT INTO t VALUES ('row-data')"
  local project = run.project {
    ["config.ini"] = "[development]\nurl = " .. url .. "\n",
    ["scripts/policies/calm.lua"] = POLICY,
    ["a.sql"] = "ALTER TABLE t ALTER v TYPE varchar(20);",
  }

  local function verdicts(...)
    local r = run({ "lint", "--json", "a.sql", ... }, { cwd = project })
    local list = {}
    for _, finding in ipairs(assert(json.decode(r.out), r.out .. r.err).findings) do
      list[#list + 1] = finding.rule == "calm" and finding.message or nil
    end
    return list
  end

  it("makes certain what is assumed without it", function()
    assert.same({ "assumed" }, verdicts())
    local r = run({ "doctor", "--snapshot", "facts.json" }, { cwd = project })
    assert.truthy(r.err:find("facts.json: facts of 1 relations", 1, true), r.out .. r.err)
    assert.same({}, verdicts("--snapshot", "facts.json"))
  end)

  it("holds no rows and no defaults", function()
    local text = place.read(project .. "/facts.json")
    assert.truthy(text:find("varying(10)", 1, true))
    assert.is_nil(text:find("row-data", 1, true))
    assert.is_nil(text:find("hush", 1, true))
  end)

  it("keeps quiet about files that have made what is there", function()
    local folder = run.project {
      ["config.ini"] = "[development]\nurl = " .. pg:database() .. "\n",
      ["scripts/migrations/1_made.sql"] = "CREATE TABLE made (id bigint PRIMARY KEY);",
    }
    assert.equal(0, run({ "up" }, { cwd = folder }).code)
    place.write(folder .. "/scripts/migrations/2_more.sql", "ALTER TABLE made ADD COLUMN id int;")
    assert.equal(0, run({ "doctor", "--snapshot", "facts.json" }, { cwd = folder }).code)
    local r = run({ "lint", "--snapshot", "facts.json", "--json" }, { cwd = folder })
    assert.equal(2, r.code, r.err)
    local found = json.decode(r.out).findings
    assert.same({ 1, "scripts/migrations/2_more.sql" }, { #found, found[1].file })
    assert.matches("1 file of 2 not judged: applied where the snapshot was taken", r.err, 1, true)
  end)

  it("that is none is refused", function()
    local r = run({ "lint", "a.sql", "--snapshot", "config.ini" }, { cwd = project })
    assert.equal(78, r.code)
    assert.truthy(r.err:find("config.ini is no snapshot of facts", 1, true), r.err)
  end)
end)
