-- Forged approvals do not open the gate.
local cluster = require "spec.support.cluster"
local place = require "spec.support.place"
local run = require "spec.support.run"

describe("the gate of approvals", function()
  local pg, project, url

  local function write(path, text)
    place.make((project .. "/" .. path):match "^(.*)/")
    place.write(project .. "/" .. path, text)
  end

  local function git(...)
    local words = { "git", "-c", "user.name=x", "-c", "user.email=anna@x.org", "-C", project, ... }
    for i, word in ipairs(words) do
      words[i] = place.quoted(word)
    end
    local command = table.concat(words, " ")
    assert(os.execute("env -u LD_PRELOAD HOME=" .. place.root() .. " " .. command .. " >/dev/null 2>&1"), command)
  end

  local function as(role)
    return (url:gsub("user=postgres", "user=" .. role))
  end

  local function demands(text)
    write("scripts/policies/production.lua", "policy { approvals = " .. text .. " }\n")
  end

  local function approve(role, ...)
    local r = run({ "approve", "1", "--url", as(role), ... }, { cwd = project })
    assert.equal(0, r.code, r.err)
  end

  local function deploy(role)
    return run({ "deploy", "--url", as(role or "ci") }, { cwd = project })
  end

  local function refuses(text, role)
    local r = deploy(role)
    assert.equal(5, r.code, r.out .. r.err)
    assert.matches("production refuses: the gate approvals", r.err, 1, true)
    assert.matches(text, r.err, 1, true)
    assert.equal("0", pg:sql(url, "SELECT count(*) FROM pg_class WHERE relname = 'users'"))
    return r
  end

  -- A row that nobody has given by stint.approve(), written by the ledger's owner; `more`: columns that are otherwise.
  local function forge(more)
    pg:sql(url, ([[
      SET ROLE keeper;
      INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who, signature)
      SELECT migration, checksum, tokens, %s, %s, %s, who, signature FROM stint.approval ORDER BY id LIMIT 1]]):format(
      more.environment or "environment", more.place or "place", more.role or "role"))
  end

  setup(function()
    pg = cluster.new()
    pg:sql("postgres", [[
      CREATE ROLE keeper; CREATE ROLE ci LOGIN; CREATE ROLE approvers; CREATE ROLE dba; CREATE ROLE anna LOGIN; CREATE ROLE bob LOGIN;
      CREATE ROLE carla LOGIN; GRANT approvers TO anna, bob, carla; GRANT dba TO carla]])
  end)

  teardown(function()
    pg:stop()
  end)

  before_each(function()
    local name
    url, name = pg:database()
    project = run.project {}
    pg:sql(url, ("GRANT CREATE ON DATABASE %s TO ci; GRANT CREATE ON SCHEMA public TO ci"):format(name))
    write("config.ini", ("[project]\nenvironment = production\n[production]\nurl = %s\nprotected = yes\n[people]\nanna@x.org = anna\n"):format(as "ci"))
    write("scripts/migrations/1_users.sql", "CREATE TABLE users (id int PRIMARY KEY);\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "change")
    local grants = run({ "doctor", "--url", url, "--grants", "--owner", "keeper", "--migrator", "ci", "--approver", "approvers" }, { cwd = project })
    pg:sql(url, grants.out)
    demands "1"
  end)

  it("wants as many as the policy says, and shows how many there are", function()
    demands "2"
    local r = refuses "1_users has 0 of 2 approvals"
    assert.matches("-> stint approve 1 -e production", r.err, 1, true)
    approve "bob"
    refuses "1_users has 1 of 2 approvals (by bob)"
    approve "bob"
    refuses "bob's does not count: counted already"
    approve "carla"
    assert.equal(0, deploy().code)
  end)

  it("is closed by an edit after it", function()
    approve "bob"
    write("scripts/migrations/1_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);\n")
    refuses "bob's does not count: the file has changed since"
  end)

  it("is not opened by the author, nor by who is not of the role", function()
    demands "{ not_author = true }"
    approve "anna"
    refuses "anna's does not count: by the author of the file"
    demands "{ roles = { 'dba' } }"
    approve "bob"
    refuses "bob's does not count: bob is not of the role dba"
    approve "carla"
    assert.equal(0, deploy().code)
  end)

  it("is not opened by what was given elsewhere, or for another environment", function()
    approve "bob"
    forge { environment = "'staging'" }
    forge { place = "'1/1'" }
    pg:sql(url, "DELETE FROM stint.approval WHERE id = 1")
    local r = refuses "bob's does not count: given for the environment staging"
    assert.matches("bob's does not count: given in another database", r.err, 1, true)
  end)

  it("is not opened by who could have written the rows", function()
    approve "bob"
    pg:sql(url, "GRANT INSERT ON stint.approval TO ci")
    local r = refuses "has no approval that can count: ci may write to the table of the approvals"
    assert.matches("doctor --grants", r.err, 1, true)
    refuses("postgres is a superuser", "postgres")
    pg:sql(url, "REVOKE INSERT ON stint.approval FROM ci")
    assert.equal(0, deploy().code)
  end)

  it("is not opened by a row that the migrator has written", function()
    approve "anna"
    local row = [[INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who)
      SELECT migration, checksum, tokens, environment, place, '%s', who FROM stint.approval ORDER BY id LIMIT 1]]
    demands "{ not_author = true }"
    assert.is_false(pcall(pg.sql, pg, as "ci", row:format "bob"))
    refuses "anna's does not count: by the author of the file"
    pg:sql(url, "GRANT SELECT, INSERT ON stint.approval TO ci")
    pg:sql(as "ci", row:format "bob")
    refuses "has no approval that can count: ci may write to the table of the approvals"
  end)

  it("with keys believes nothing but signatures, not even the owner", function()
    assert(os.execute(("cd %s && for k in bob eve; do openssl genpkey -algorithm ed25519 -out $k.pem 2>/dev/null && chmod 600 $k.pem; done"):format(project)))
    local pipe = io.popen(("openssl pkey -in %s/bob.pem -pubout -outform DER | tail -c 32 | base64"):format(project))
    write("approval_keys", "bob " .. pipe:read "l" .. "\n")
    pipe:close()
    write("config.ini", (place.read(project .. "/config.ini"):gsub("protected", "approval_keys = approval_keys\nprotected")))
    approve("bob", "--approval-key", "bob.pem")
    forge { role = "'keeper'" }
    pg:sql(url, "UPDATE stint.approval SET signature = NULL WHERE role = 'keeper'; UPDATE stint.approval SET tokens = 'x' WHERE role = 'bob'")
    refuses "it is not signed"
    approve("bob", "--approval-key", "bob.pem")
    assert.equal(0, deploy().code)
  end)
end)
