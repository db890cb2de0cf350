local tree = require "stint.tree"

-- The first server that has it no more, and what stands in its place.
local settings = {
  operator_precedence_warning = { 140000 }, vacuum_cleanup_index_scale_factor = { 140000 }, stats_temp_directory = { 150000 },
  force_parallel_mode = { 160000, "debug_parallel_query" }, promote_trigger_file = { 160000, "pg_promote()" },
  vacuum_defer_cleanup_age = { 160000, "hot_standby_feedback" }, db_user_namespace = { 170000 },
  old_snapshot_threshold = { 170000, "transaction_timeout" }, trace_recovery_messages = { 170000 },
}

local functions = {
  pg_start_backup = { 150000, "pg_backup_start()" }, pg_stop_backup = { 150000, "pg_backup_stop()" },
  pg_is_in_backup = { 150000 }, pg_backup_start_time = { 150000 },
}

local extensions = { adminpack = { 170000 } }

local of_tables = { AT_SetUnLogged = "SET UNLOGGED", AT_SetLogged = "SET LOGGED" }

policy {
  about = "the server has no more what the file asks for",
  family = "version",
  why = "the statement fails there, though older servers took it",
  safe = "what has taken its place",
  statement = function(s, facts)
    local version, found = facts.server_version, {}
    if not version or not s.node then
      return allow()
    end
    local function say(gone, what, at)
      if gone and gone[1] <= version then
        found[#found + 1] = deny(("%s is gone since PostgreSQL %d, the server is %d"):format(what, gone[1] // 10000, version // 10000), {
          at = at, certainty = "certain", hint = gone[2] and "in its place: " .. gone[2] or nil,
        })
      end
    end
    for set in s:each "VariableSetStmt" do
      say(settings[(set.name or ""):lower()], "the setting " .. (set.name or ""), set)
    end
    for call in s:each "FuncCall" do
      local name = tree.bare(call.funcname)
      say(functions[name], name .. "()", call)
    end
    if s.node.tag == "CreateExtensionStmt" then
      say(extensions[s.node.extname], "the extension " .. s.node.extname)
    end
    local unlogged = s.node.tag == "CreateStmt" and s.node.partspec and s.node.relation.relpersistence == "u"
    say(unlogged and { 180000 }, "UNLOGGED of a partitioned table")
    for cmd in s:each "AlterTableCmd" do
      local what = s.table and s.table.kind == "partitioned" and of_tables[cmd.subtype]
      say(what and { 180000 }, (what or "") .. " of a partitioned table", cmd)
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.p"] = { kind = "partitioned", columns = {} }, ["public.t"] = { kind = "table", columns = {} } } },
    bad = {
      { sql = "SET old_snapshot_threshold = '1h'", server_version = 170002 },
      { sql = "ALTER SYSTEM SET vacuum_defer_cleanup_age = 1000", server_version = 160004 },
      { sql = "SELECT pg_start_backup('nightly')", server_version = 150004 },
      { sql = "CREATE EXTENSION IF NOT EXISTS adminpack", server_version = 170002 },
      { sql = "CREATE UNLOGGED TABLE staging (k int) PARTITION BY RANGE (k)", server_version = 180001 },
      { sql = "ALTER TABLE p SET UNLOGGED", server_version = 180001 },
    },
    good = {
      { sql = "SET old_snapshot_threshold = '1h'", server_version = 160004 },
      { sql = "SELECT pg_backup_start('nightly')", server_version = 150004 },
      { sql = "CREATE UNLOGGED TABLE staging (k int) PARTITION BY RANGE (k)", server_version = 170002 },
      { sql = "CREATE UNLOGGED TABLE staging (k int)", server_version = 180001 },
      { sql = "ALTER TABLE t SET UNLOGGED", server_version = 180001 },
      { sql = "SELECT pg_start_backup('nightly')", facts = {} },
    },
  },
}
