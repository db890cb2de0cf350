local tree = require "stint.tree"

-- Everybody has these unless they are taken away.
local usual = { OBJECT_FUNCTION = true, OBJECT_PROCEDURE = true, OBJECT_ROUTINE = true, OBJECT_TYPE = true, OBJECT_DOMAIN = true,
  OBJECT_LANGUAGE = true }

local function is_public(grant)
  for _, role in ipairs(grant.grantees or {}) do
    if role.roletype == "ROLESPEC_PUBLIC" then
      return true
    end
  end
  return false
end

local function privileges(grant)
  local list = {}
  for _, privilege in ipairs(grant.privileges or {}) do
    list[#list + 1] = (privilege.priv_name or "all"):upper()
  end
  return #list > 0 and table.concat(list, ", ") or "ALL"
end

local function target(grant)
  local object = grant.objects and grant.objects[1]
  if not object then
    return "what is made from now on"
  end
  return object.relname or object.sval or object.tag == "List" and tree.dotted(object.items) or "it"
end

policy {
  about = "rights are given to everybody",
  family = "security",
  on = { "GrantStmt", "AlterDefaultPrivilegesStmt", "CreateSchemaStmt" },
  why = "PUBLIC is every role that there is and every one to come, whatever it was made for",
  safe = "GRANT SELECT ON t TO app_reader;   -- a role made for it",
  statement = function(s)
    for grant in s:each "GrantStmt" do
      if grant.is_grant and is_public(grant) and not usual[grant.objtype] then
        return deny(("%s on %s is given to everybody"):format(privileges(grant), target(grant)), { object = target(grant) })
      end
    end
  end,
  tests = {
    bad = {
      "GRANT SELECT ON t TO PUBLIC",
      "GRANT ALL ON SCHEMA public TO PUBLIC",
      "GRANT ALL PRIVILEGES ON ALL TABLES IN SCHEMA app TO app, PUBLIC",
      "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC",
      "GRANT CONNECT ON DATABASE shop TO PUBLIC",
    },
    good = {
      "GRANT SELECT ON t TO reader",
      "REVOKE ALL ON SCHEMA public FROM PUBLIC",
      "GRANT EXECUTE ON FUNCTION f() TO PUBLIC",
      'GRANT SELECT ON t TO "PUBLIC"',
      "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    },
  },
}
