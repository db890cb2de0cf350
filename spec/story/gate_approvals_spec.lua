-- Forged approvals do not open the gate.
local cluster = require "spec.support.cluster"
local story = require "spec.support.story"

describe("the gate of approvals", function()
  local at = story.new()
  local as, git, sql, write = at.as, at.git, at.sql, at.write

  local function demands(text)
    write("scripts/policies/production.lua", "policy { approvals = " .. text .. " }\n")
  end

  local function approve(role, ...)
    at.stint(0, "approve", "1", "--url", as(role), ...)
  end

  local function deploy(code, role)
    return at.stint(code, "deploy", "--url", as(role or "ci"))
  end

  local function refuses(text, role)
    local r = deploy(5, role)
    story.says("production refuses: the gate approvals", r)
    story.says(text, r)
    assert.equal("0", sql "SELECT count(*) FROM pg_class WHERE relname = 'users'")
    return r
  end

  -- A row that nobody has given by stint.approve(), written by the ledger's owner; `more`: columns that are otherwise.
  local function forge(more)
    sql(([[
      SET ROLE keeper;
      INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who, signature)
      SELECT migration, checksum, tokens, %s, %s, %s, who, signature FROM stint.approval ORDER BY id LIMIT 1]]):format(
      more.environment or "environment", more.place or "place", more.role or "role"))
  end

  setup(function()
    at.pg = cluster.new()
    at.pg:sql("postgres", [[
      CREATE ROLE keeper; CREATE ROLE ci LOGIN; CREATE ROLE approvers; CREATE ROLE dba; CREATE ROLE anna LOGIN; CREATE ROLE bob LOGIN;
      CREATE ROLE carla LOGIN; GRANT approvers TO anna, bob, carla; GRANT dba TO carla]])
  end)

  teardown(function()
    at.pg:stop()
  end)

  local function config(more)
    write("./config.ini", ("[project]\nenvironment = production\n[production]\nurl = %s\n%sprotected = yes\n[people]\nanna@x.org = anna\n"):format(
      as "ci", more or ""))
  end

  before_each(function()
    at.begin { ["1_users.sql"] = "CREATE TABLE users (id int PRIMARY KEY);\n" }
    sql(("GRANT CREATE ON DATABASE %s TO ci; GRANT CREATE ON SCHEMA public TO ci"):format(at.name))
    config()
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "change")
    sql(at.run("doctor", "--url", at.url, "--grants", "--owner", "keeper", "--migrator", "ci", "--approver", "approvers").out)
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
    deploy(0)
  end)

  it("is closed by an edit after it", function()
    approve "bob"
    write("1_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);\n")
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
    deploy(0)
  end)

  it("is not opened by what was given elsewhere, or for another environment", function()
    approve "bob"
    forge { environment = "'staging'" }
    forge { place = "'1/1'" }
    sql("DELETE FROM stint.approval WHERE id = 1")
    local r = refuses "bob's does not count: given for the environment staging"
    assert.matches("bob's does not count: given in another database", r.err, 1, true)
  end)

  it("is not opened by who could have written the rows", function()
    approve "bob"
    sql("GRANT INSERT ON stint.approval TO ci")
    local r = refuses "has no approval that can count: ci may write to the table of the approvals"
    assert.matches("doctor --grants", r.err, 1, true)
    refuses("postgres is a superuser", "postgres")
    sql("REVOKE INSERT ON stint.approval FROM ci")
    deploy(0)
  end)

  it("is not opened by a row that the migrator has written", function()
    approve "anna"
    local row = [[INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who)
      SELECT migration, checksum, tokens, environment, place, '%s', who FROM stint.approval ORDER BY id LIMIT 1]]
    demands "{ not_author = true }"
    assert.is_false(pcall(at.pg.sql, at.pg, as "ci", row:format "bob"))
    refuses "anna's does not count: by the author of the file"
    sql("GRANT SELECT, INSERT ON stint.approval TO ci")
    at.pg:sql(as "ci", row:format "bob")
    refuses "has no approval that can count: ci may write to the table of the approvals"
  end)

  it("with keys believes nothing but signatures, not even the owner", function()
    assert(os.execute(("cd %s && for k in bob eve; do openssl genpkey -algorithm ed25519 -out $k.pem 2>/dev/null && chmod 600 $k.pem; done"):format(at.dir)))
    local pipe = io.popen(("openssl pkey -in %s/bob.pem -pubout -outform DER | tail -c 32 | base64"):format(at.dir))
    write("./approval_keys", "bob " .. pipe:read "l" .. "\n")
    pipe:close()
    config "approval_keys = approval_keys\n"
    approve("bob", "--approval-key", "bob.pem")
    forge { role = "'keeper'" }
    sql("UPDATE stint.approval SET signature = NULL WHERE role = 'keeper'; UPDATE stint.approval SET tokens = 'x' WHERE role = 'bob'")
    refuses "it is not signed"
    approve("bob", "--approval-key", "bob.pem")
    deploy(0)
  end)
end)
