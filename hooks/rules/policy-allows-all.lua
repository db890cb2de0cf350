local rows = require "stint.rows"

local words = { insert = "insert", update = "update", delete = "delete", all = "change" }

-- Who comes without having signed in, by the names that Supabase and PostgREST give to it.
local strangers = { anon = true, web_anon = true }

-- Who it is that the policy lets in, if that is everybody.
local function everybody(node)
  for _, role in ipairs(node.roles or {}) do
    if role.roletype == "ROLESPEC_PUBLIC" then
      return "every role"
    elseif strangers[role.rolename] then
      return role.rolename .. ", which needs no password,"
    end
  end
end

local function is_true(node)
  return node ~= nil and rows.are_all(node)
end

policy {
  about = "a policy lets everybody write every row",
  family = "security",
  on = "CreatePolicyStmt",
  level = "warning",
  why = "with USING (true) or WITH CHECK (true) row level security stands in the way of nobody",
  safe = "CREATE POLICY own ON t USING (owner = current_user);",
  statement = function(s)
    local node = s.node
    local verb = node and node.tag == "CreatePolicyStmt" and node.permissive and words[node.cmd_name]
    if not verb then
      return allow()
    end
    local who = everybody(node)
    if not who then
      return allow()
    end
    if is_true(node.qual) and (not node.with_check or is_true(node.with_check)) or not node.qual and is_true(node.with_check) then
      return warn(("%s may %s every row of %s by the policy %s"):format(who, verb, node.table.relname, node.policy_name), {
        object = node.table.relname, certainty = "certain",
      })
    end
  end,
  tests = {
    bad = {
      "CREATE POLICY p ON votes FOR INSERT TO anon WITH CHECK (1 = 1)",
      "CREATE POLICY p ON storage.objects FOR ALL TO anon USING (true)",
      "CREATE POLICY p ON t FOR INSERT TO authenticated, anon WITH CHECK (true)",
      "CREATE POLICY p ON t USING (true)",
      "CREATE POLICY p ON t FOR INSERT WITH CHECK (true)",
      "CREATE POLICY p ON app.t FOR ALL TO PUBLIC USING (true) WITH CHECK (true)",
    },
    good = {
      "CREATE POLICY p ON t FOR SELECT TO anon USING (true)",
      "CREATE POLICY p ON t FOR UPDATE TO authenticated USING (true)",
      "CREATE POLICY p ON t FOR INSERT TO anon WITH CHECK (bucket_id = 'uploads')",
      "CREATE POLICY p ON t FOR SELECT USING (true)",
      "CREATE POLICY p ON t USING (owner = current_user)",
      "CREATE POLICY p ON t FOR ALL TO admin USING (true)",
      "CREATE POLICY p ON t USING (true) WITH CHECK (owner = current_user)",
    },
  },
}
