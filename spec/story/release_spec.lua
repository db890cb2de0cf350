-- What passed in one environment may go to the next, and nothing else.
local cluster = require "spec.support.cluster"
local json = require "dkjson"
local place = require "spec.support.place"
local run = require "spec.support.run"
local story = require "spec.support.story"

local pg = cluster.get()

local CONFIG = [[
[project]
environment = staging
[staging]
url = ${STAGING}
[production]
url = ${PRODUCTION}
protected = yes
release_key = ${KEY:-}
[other]
url = ${PRODUCTION}
release_key = ${KEY:-}
]]

local SECRET = ("0123456789abcdef"):rep(4)

describe("release", function()
  local staging, production, name, project
  local says = story.says

  local function stint(code, args, env)
    env = env or {}
    env.STAGING, env.PRODUCTION, env.KEY = env.STAGING or staging, production, env.KEY or SECRET
    local r = run(args, { cwd = project, env = env })
    assert.equal(code, r.code, r.err .. r.out)
    return r
  end

  local function write(file, text)
    place.write(project .. "/scripts/migrations/" .. file, text)
  end

  local function promote(...)
    return json.decode(stint(0, { "promote", "production", "--from", "staging", "--json", ... }).out)
  end

  local function deploy(code, file, ...)
    return stint(code, { "deploy", "-e", "production", "--release", file }, ...)
  end

  local function untouched()
    assert.equal("t|0", pg:sql(name, [[SELECT to_regnamespace('stint') IS NULL, count(*)
      FROM pg_class WHERE relnamespace = 'public'::regnamespace]]))
  end

  before_each(function()
    staging = pg:database()
    production, name = pg:database()
    project = run.project({
      ["scripts/migrations/1_one.sql"] = "CREATE TABLE one (id int);\n",
      ["scripts/migrations/2_two.lua"] = "migration { up = function(db) db:exec 'CREATE TABLE two (id int)' end }\n",
      ["scripts/repeatable/v.sql"] = "CREATE OR REPLACE VIEW v AS SELECT * FROM one;\n",
    }, CONFIG)
    stint(0, { "up", "-e", "staging" })
  end)

  it("is written, and lets through what is in it", function()
    local r = promote()
    assert.matches("^releases/production_%d+T%d+Z%.json$", r.file)
    local kept = json.decode(place.read(project .. "/" .. r.file))
    assert.equal("production staging 1", ("%s %s %d"):format(kept.target, kept.from, kept.release))
    assert.matches("^hmac%-sha256:%x+$", kept.signature)
    assert.equal(3, #kept.migrations)
    local one = kept.migrations[1]
    assert.equal("1 1_one sql", ("%s %s %s"):format(one.version, one.name, one.kind))
    assert.matches("^%d+%-%d+%-%d+T", one.applied_at)
    assert.matches("^%x+$", one.checksum)
    assert.is_number(one.duration_ms)
    assert.is_nil(place.read(project .. "/" .. r.file):find(SECRET, 1, true))
    local shown = stint(0, { "promote", "production", "--check", r.file })
    assert.equal(("good     %s: signed, and covers the 3 that are pending in production\n"):format(r.file), shown.out)
    deploy(0, r.file)
    assert.equal("passed in staging|staging", pg:sql(name, "SELECT message, facts ->> 'from' FROM stint.event WHERE kind = 'released'"))
    assert.equal("3", pg:sql(name, "SELECT count(*) FROM stint.migration WHERE state = 'applied'"))
    says("nothing to promote: production has all that is here", stint(0, { "promote", "production", "--from", "staging" }))
    deploy(0, r.file)
  end)

  it("is not made of what has not passed", function()
    write("3_three.sql", "CREATE TABLE three (id int);\n")
    stint(0, { "resolve", "3", "--applied", "-e", "staging" })
    write("4_four.sql", "CREATE TABLE four (id int);\n")
    write("1_one.sql", "CREATE TABLE one (id bigint);\n")
    local r = stint(5, { "promote", "production", "--from", "staging" })
    says("ERROR: 3 of the files have not passed in staging\n", r)
    says("DETAIL: 1_one was another text when it ran there\n        3_three is only marked as applied there\n        4_four never ran there\n", r)
    says("STATE: no record was made\nNEXT: stint deploy -e staging\n", r)
    assert.is_false(place.exists(project .. "/releases"))
  end)

  it("refuses what is not in it, and what is another text", function()
    local file = promote().file
    write("3_three.sql", "CREATE TABLE three (id int);\n")
    write("1_one.sql", "CREATE TABLE one (id bigint);\n")
    local r = deploy(5, file)
    says(("ERROR: %s does not cover what is pending\n"):format(file), r)
    says("DETAIL: 1_one has another text than what passed\n        3_three is not in it\n", r)
    says("STATE: nothing was run\n", r)
    untouched()
    os.remove(project .. "/scripts/migrations/3_three.sql")
    write("1_one.sql", "-- comments and white space are no edit\nCREATE TABLE one(id int);\r\n")
    deploy(0, file)
  end)

  it("refuses a record that was changed, is for another environment, or is signed by another key", function()
    local file = promote().file
    local text = place.read(project .. "/" .. file)
    place.write(project .. "/changed.json", (text:gsub('"from": "staging"', '"from": "nowhere"')))
    says("ERROR: changed.json: its signature is not by release_key, or not of this text\nSTATE: nothing was run\n", deploy(5, "changed.json"))
    place.write(project .. "/unsigned.json", (text:gsub('"signature": "[^"]*"', '"signature": null')))
    says("unsigned.json: it is no release record of this program", deploy(5, "unsigned.json"))
    place.write(project .. "/text.json", "no record")
    says("text.json is no release record", deploy(5, "text.json"))
    says("its signature is not by release_key", deploy(5, file, { KEY = SECRET:reverse() }))
    says("cannot open nowhere.json", deploy(1, "nowhere.json"))
    local r = stint(5, { "deploy", "-e", "other", "--release", file })
    says(("ERROR: %s: it is a record for production, not for other\n"):format(file), r)
    untouched()
    -- laid out differently it is the same
    place.write(project .. "/compact.json", (text:gsub("\n%s*", "")))
    deploy(0, "compact.json")
  end)

  it("is signed by a private key, and checked by its public half", function()
    local r = stint(0, { "promote", "--new-key", "release.pem" })
    local public = r.out:match "^release_key = (ed25519:%S+)\n$"
    assert.is_string(public)
    local made = stint(0, { "promote", "production", "--from", "staging", "--out", "-" }, { KEY = "release.pem" })
    place.write(project .. "/r.json", made.out)
    assert.matches("^ed25519:", json.decode(made.out).signature)
    says("is a public key: it can check a record, not sign one", stint(78, { "promote", "production", "--from", "staging" }, { KEY = public }))
    stint(0, { "promote", "--new-key", "another.pem" })
    says("its signature is not by release_key", deploy(5, "r.json", { KEY = "another.pem" }))
    says("its signature is not by release_key", deploy(5, "r.json", { KEY = SECRET }))
    untouched()
    deploy(0, "r.json", { KEY = public })
    assert.is_false(place.exists(project .. "/.gitignore"))
    place.output("git -C " .. place.quoted(project) .. " init -q")
    stint(0, { "promote", "--new-key", "secret/mine.pem" })
    stint(0, { "promote", "--new-key", "secret/other.pem" })
    assert.equal("/mine.pem\n/other.pem\n", place.read(project .. "/secret/.gitignore"))
    says("cannot write a new key to release.pem", stint(78, { "promote", "--new-key", "release.pem" }))
    stint(0, { "promote", "--new-key", "keys/of/release.pem" })
    stint(0, { "promote", "production", "--from", "staging", "--out", "-" }, { KEY = "keys/of/release.pem" })
  end)

  it("wants a key that is one", function()
    local file = promote().file
    place.write(project .. "/config.ini", (CONFIG:gsub("release_key[^\n]*\n", "")))
    says("ERROR: production has no release_key, and a release record is signed", stint(78, { "promote", "production", "--from", "staging" }))
    says("production has no release_key", deploy(78, file))
    place.write(project .. "/config.ini", CONFIG)
    says("release_key is no file, and too short for a secret", deploy(78, file, { KEY = "short" }))
    says("release_key (config.ini:8) names a file that is not there\n", deploy(78, file, { KEY = "keys.pem" }))
    says("release_key has no public key after ed25519:", deploy(78, file, { KEY = "ed25519:nonsense" }))
    place.write(project .. "/secret", SECRET .. "\n")
    deploy(0, file, { KEY = "secret" })
  end)

  it("says what is wrong with its words", function()
    says("promote takes the environment that it is for", stint(64, { "promote" }))
    says("--from ENV", stint(64, { "promote", "production" }))
    says('there is no environment "prodution"', stint(78, { "promote", "prodution", "--from", "staging" }))
    says("production and staging are the same database", stint(64, { "promote", "production", "--from", "staging" }, { STAGING = production }))
    says("are the same database", stint(64, { "promote", "production", "--from", "staging", "--url", staging }))
  end)
end)
