local tree = require "stint.tree"

-- What is hashed already tells nobody the password.
local function is_plain(text)
  return type(text) == "string" and text ~= "" and not text:find "^SCRAM%-SHA%-256%$" and not text:find "^md5%x+$"
end

local secrets = { password = true, passfile = false, sslpassword = true }

local function in_options(list)
  for _, option in ipairs(list or {}) do
    if secrets[option.defname] and is_plain(tree.option(option)) then
      return true
    end
  end
  return false
end

local function in_connection(text)
  return text:find "password%s*=%s*[^%s]" or text:find "://[^/@:]*:[^/@]+@"
end

-- dblink('host=a password=b', ...)
local function in_call(s)
  for call in s:each "FuncCall" do
    for _, arg in ipairs(tree.dotted(call.funcname):find "dblink" and call.args or {}) do
      local text = tree.constant(arg)
      if type(text) == "string" and in_connection(text) then
        return true
      end
    end
  end
  return false
end

local function holds(node)
  if node.tag == "CreateRoleStmt" or node.tag == "AlterRoleStmt" or node.tag:find "UserMappingStmt$" or node.tag:find "ForeignServerStmt$" then
    return in_options(node.options)
  elseif node.tag == "CreateSubscriptionStmt" or node.tag == "AlterSubscriptionStmt" then
    return in_connection(node.conninfo or "")
  end
end

policy {
  about = "a password stands in a file",
  family = "security",
  on = { "CreateRoleStmt", "AlterRoleStmt", "CreateUserMappingStmt", "AlterUserMappingStmt", "CreateForeignServerStmt",
    "AlterForeignServerStmt", "CreateSubscriptionStmt", "AlterSubscriptionStmt",
    "SelectStmt" },
  why = "whoever reads the repository, the ledger or the server's log has it",
  safe = "CREATE ROLE app LOGIN;   -- and its password by \\password or the secret store; or its SCRAM-SHA-256$... verifier",
  statement = function(s)
    if s.node and (holds(s.node) or in_call(s)) then
      return deny(("a password stands in this %s"):format(s.kind), { certainty = "certain" })
    end
  end,
  tests = {
    bad = {
      "SELECT dblink_connect('crm', 'host=crm dbname=crm user=sync password=s3cret')",
      "DO $$ BEGIN PERFORM * FROM dblink('postgresql://sync:s3cret@crm/crm', 'SELECT 1') AS t (a int); END $$",
      "CREATE ROLE app LOGIN PASSWORD 'hunter2'",
      "ALTER USER app WITH ENCRYPTED PASSWORD 'hunter2'",
      "CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'app', password 'hunter2')",
      "CREATE SUBSCRIPTION s CONNECTION 'host=db password=hunter2' PUBLICATION p",
    },
    good = {
      "SELECT dblink_connect('crm', 'service=crm')",
      "SELECT 'password=' || a FROM t",
      "CREATE ROLE app LOGIN",
      "ALTER ROLE app PASSWORD NULL",
      "ALTER ROLE app PASSWORD 'SCRAM-SHA-256$4096:c2FsdA==$c3RvcmVk:c2VydmVy'",
      "CREATE USER MAPPING FOR app SERVER other OPTIONS (user 'app')",
      "CREATE TABLE users (password text)",
    },
  },
}
