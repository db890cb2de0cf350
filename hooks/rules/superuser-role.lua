local tree = require "stint.tree"

local powers = { superuser = "SUPERUSER", bypassrls = "BYPASSRLS", isreplication = "REPLICATION", createrole = "CREATEROLE" }
local granted = { pg_execute_server_program = true, pg_write_server_files = true, pg_read_server_files = true, pg_write_all_data = true,
  rds_superuser = true, cloudsqlsuperuser = true, azure_pg_admin = true, postgres = true }

policy {
  about = "a role is made nearly almighty",
  family = "security",
  on = { "CreateRoleStmt", "AlterRoleStmt", "GrantRoleStmt" },
  why = "a superuser, a role past row level security, or one that runs programs on the server is held by no right",
  safe = "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA app TO app;",
  statement = function(s)
    local node, found = s.node, {}
    if node and (node.tag == "CreateRoleStmt" or node.tag == "AlterRoleStmt") then
      local name = node.role
      name = type(name) == "table" and name.rolename or name or "the role"
      for _, option in ipairs(node.options or {}) do
        if powers[option.defname] and tree.is_on({ option }, option.defname) then
          local level = option.defname == "createrole" and warn or deny
          found[#found + 1] = level(("%s becomes %s"):format(name, powers[option.defname]), { object = name })
        end
      end
    elseif node and node.tag == "GrantRoleStmt" and node.is_grant then
      for _, role in ipairs(node.granted_roles or {}) do
        if granted[role.priv_name] then
          found[#found + 1] = deny(("%s is given to a role"):format(role.priv_name), { object = role.priv_name })
        end
      end
    end
    return found
  end,
  tests = {
    bad = {
      "CREATE ROLE admin SUPERUSER",
      "ALTER ROLE app BYPASSRLS",
      "CREATE USER sync WITH LOGIN REPLICATION",
      "GRANT pg_execute_server_program TO app",
    },
    good = {
      "CREATE ROLE app LOGIN",
      "ALTER ROLE app NOSUPERUSER NOBYPASSRLS",
      "GRANT app_reader TO app",
      "REVOKE pg_write_server_files FROM app",
    },
  },
}
