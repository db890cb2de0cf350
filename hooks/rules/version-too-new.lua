local tree = require "stint.tree"

-- old.c, new.c in a RETURNING list: names of rows only where nothing else is called so.
local function row_of_returning(node, _, s)
  local first = (node.fields or {})[1]
  local name = first and #node.fields == 2 and first.sval
  if (name ~= "old" and name ~= "new") or s.inside ~= "top" then
    return false
  end
  for range in s:each "RangeVar" do
    if range.relname == name or range.alias and range.alias.aliasname == name then
      return false
    end
  end
  local at = node.parent
  while at and not at.returningList do
    at = at.parent
  end
  return at ~= nil
end

local function has_option(name)
  return function(node)
    for _, option in ipairs(node.options or {}) do
      if option.defname == name then
        return true
      end
    end
    return false
  end
end

-- What a node says, and the first server that has it: { version, words, is(node, relation, s) }
local features = {
  IndexStmt = { { 150000, "NULLS NOT DISTINCT", function(node)
    return node.nulls_not_distinct
  end } },
  Constraint = {
    { 150000, "NULLS NOT DISTINCT", function(node)
      return node.nulls_not_distinct
    end },
    { 150000, "ON DELETE SET NULL with columns", function(node)
      return node.fk_del_set_cols
    end },
    { 170000, "EXCLUDE on a partitioned table", function(node, relation)
      return node.contype == "CONSTR_EXCLUSION" and relation and relation.kind == "partitioned"
    end },
    { 180000, "NOT VALID for a foreign key of a partitioned table", function(node, relation)
      return node.contype == "CONSTR_FOREIGN" and node.skip_validation and relation and relation.kind == "partitioned"
    end },
  },
  PartitionCmd = { { 140000, "DETACH PARTITION CONCURRENTLY", function(node)
    return node.concurrent
  end } },
  AlterTableCmd = {
    { 140000, "SET COMPRESSION", function(node)
      return node.subtype == "AT_SetCompression"
    end },
    { 140000, "DETACH PARTITION ... FINALIZE", function(node)
      return node.subtype == "AT_DetachPartitionFinalize"
    end },
    { 150000, "SET ACCESS METHOD", function(node)
      return node.subtype == "AT_SetAccessMethod"
    end },
    { 130000, "DROP EXPRESSION", function(node)
      return node.subtype == "AT_DropExpression"
    end },
    { 170000, "SET ACCESS METHOD of a partitioned table", function(node, relation)
      return node.subtype == "AT_SetAccessMethod" and relation and relation.kind == "partitioned"
    end },
  },
  ColumnDef = { { 140000, "COMPRESSION", function(node)
    return node.compression
  end } },
  AccessPriv = { { 170000, "MAINTAIN", function(node)
    return node.priv_name == "maintain"
  end } },
  CreateEventTrigStmt = { { 170000, "an event trigger on login", function(node)
    return node.eventname == "login"
  end } },
  ColumnRef = { { 180000, "old and new in RETURNING", row_of_returning } },
  MergeStmt = { { 150000, "MERGE", function()
    return true
  end } },
  CreateFunctionStmt = { { 140000, "a body in SQL (BEGIN ATOMIC, RETURN)", function(node)
    return node.sql_body
  end } },
  CreateTrigStmt = { { 140000, "CREATE OR REPLACE TRIGGER", function(node)
    return node.replace
  end } },
  ViewStmt = { { 150000, "security_invoker", has_option "security_invoker" } },
  CTESearchClause = { { 140000, "SEARCH", function()
    return true
  end } },
  CTECycleClause = { { 140000, "CYCLE", function()
    return true
  end } },
  PublicationObjSpec = {
    { 150000, "FOR TABLES IN SCHEMA", function(node)
      return node.pubobjtype == "PUBLICATIONOBJ_TABLES_IN_SCHEMA"
    end },
    { 150000, "a publication's row filter or column list", function(node)
      return node.pubtable and (node.pubtable.whereClause or node.pubtable.columns)
    end },
  },
  ReindexStmt = { { 140000, "TABLESPACE in REINDEX", function(node)
    for _, option in ipairs(node.params or {}) do
      if option.defname == "tablespace" then
        return true
      end
    end
  end } },
}

-- Functions, and options of statements, that came later than PostgreSQL 13.
local functions = {
  bit_count = 140000, date_bin = 140000, string_to_table = 140000, unistr = 140000, trim_array = 140000, range_agg = 140000,
  regexp_count = 150000, range_intersect_agg = 140000, regexp_instr = 150000, regexp_like = 150000, regexp_substr = 150000,
  any_value = 160000, array_sample = 160000, array_shuffle = 160000, date_add = 160000, date_subtract = 160000, pg_input_is_valid = 160000,
  pg_input_error_info = 160000, random_normal = 160000,
  merge_action = 170000, pg_basetype = 170000, to_bin = 170000, to_oct = 170000, to_regtypemod = 170000,
  unicode_assigned = 170000, uuid_extract_timestamp = 170000, uuid_extract_version = 170000, xmltext = 170000,
  array_reverse = 180000, array_sort = 180000, casefold = 180000, crc32 = 180000, crc32c = 180000, gamma = 180000,
  lgamma = 180000, pg_get_acl = 180000, uuidv4 = 180000, uuidv7 = 180000, error_on_null = 190000, range_minus_multi = 190000,
}

local types = {
  int4multirange = 140000, int8multirange = 140000, nummultirange = 140000, datemultirange = 140000, tsmultirange = 140000,
  tstzmultirange = 140000,
}

local subscription = {
  two_phase = 150000, disable_on_error = 150000, origin = 160000, password_required = 160000, run_as_owner = 160000,
  failover = 170000,
}

local options = {
  CopyStmt = { default = 160000, on_error = 170000, log_verbosity = 170000, reject_limit = 180000, force_array = 190000 },
  VacuumStmt = { process_main = 160000, buffer_usage_limit = 160000, skip_database_stats = 160000, only_database_stats = 160000 },
  ExplainStmt = { generic_plan = 160000, serialize = 170000, memory = 170000, io = 190000 },
  CreatedbStmt = { strategy = 150000, locale_provider = 150000, icu_locale = 150000, icu_rules = 160000, builtin_locale = 170000 },
  CreatePublicationStmt = { publish_generated_columns = 180000 },
  AlterPublicationStmt = { publish_generated_columns = 180000 },
  CreateSubscriptionStmt = subscription,
  AlterSubscriptionStmt = subscription,
}

-- Settings that SET, ALTER ROLE and their like name; a dump of a younger server begins with one.
local settings = {
  client_connection_check_interval = 140000, default_toast_compression = 140000, idle_session_timeout = 140000,
  recursive_worktable_factor = 150000, createrole_self_grant = 160000, icu_validation_level = 160000,
  event_triggers = 170000, restrict_nonsystem_relation_kind = 170000, transaction_timeout = 170000,
  extension_control_path = 180000, file_copy_method = 180000, io_method = 180000, track_cost_delay_timing = 180000,
}

-- A function of that name that the database has of its own.
local function has_own(facts, name)
  for id in pairs(facts.functions or {}) do
    if id:match "[^.]+$" == name then
      return true
    end
  end
  return false
end

policy {
  about = "the server is too old for what the file says",
  family = "version",
  why = "the statement is a syntax error there, or means something else",
  safe = "the older form; or an upgrade of the server before the migration",
  statement = function(s, facts)
    local version, found = facts.server_version, {}
    if not version then
      return allow()
    end
    local function say(needed, words, at)
      found[#found + 1] = deny(("%s needs PostgreSQL %d, the server is %d"):format(words, needed // 10000, version // 10000), {
        at = at, certainty = "certain",
      })
    end
    if s.needs_version and s.needs_version > version then
      say(s.needs_version, "this " .. s.kind)
    end
    for tag, list in pairs(s.nodes and features or {}) do
      for node in s:each(tag) do
        for _, feature in ipairs(list) do
          if feature[1] > version and feature[3](node, s.table, s) then
            say(feature[1], feature[2], node)
          end
        end
      end
    end
    for call in s:each "FuncCall" do
      local name = tree.bare(call.funcname)
      if (functions[name] or 0) > version and not has_own(facts, name) and not s.impact.world:func(nil, name) then
        say(functions[name], name .. "()", call)
      end
    end
    for type in s:each "TypeName" do
      local name = tree.bare(type.names)
      if (types[name] or 0) > version then
        say(types[name], "the type " .. name, type)
      end
    end
    for set in s:each "VariableSetStmt" do
      local name = (set.name or ""):lower()
      if (settings[name] or 0) > version then
        say(settings[name], "the setting " .. name, set)
      end
    end
    local known = s.node and options[s.node.tag] or {}
    for _, option in ipairs(s.node and s.node.options or {}) do
      if option.tag == "DefElem" and (known[option.defname] or 0) > version then
        say(known[option.defname], option.defname:upper(), option)
      end
    end
    return found
  end,
  tests = {
    facts = { relations = { ["public.p"] = { kind = "partitioned", columns = {} }, ["public.t"] = { kind = "table", columns = {} } } },
    bad = {
      { sql = "CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT", server_version = 140010 },
      { sql = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", server_version = 130010 },
      { sql = "ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES t NOT VALID", server_version = 170002 },
      { sql = "ALTER TABLE t ALTER a SET COMPRESSION lz4", server_version = 130010 },
      { sql = "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", server_version = 140010 },
      { sql = "ALTER TABLE t ADD CONSTRAINT c NOT NULL a NOT VALID", server_version = 170002 },
      { sql = "CREATE OR REPLACE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()", server_version = 130010 },
      { sql = "ALTER TABLE t ADD COLUMN id uuid DEFAULT uuidv7()", server_version = 170002 },
      { sql = "VACUUM (PROCESS_MAIN false) t", server_version = 150004 },
      { sql = "CREATE TABLE n (during tstzmultirange)", server_version = 130010 },
      { sql = "SET transaction_timeout = 0", server_version = 160004 },
      { sql = "ALTER ROLE app SET idle_session_timeout = '1h'", server_version = 130010 },
      { sql = "GRANT MAINTAIN ON t TO ops", server_version = 160004 },
      { sql = "CREATE EVENT TRIGGER audit ON login EXECUTE FUNCTION f()", server_version = 160004 },
      { sql = "ALTER TABLE p ADD EXCLUDE USING gist (a WITH =)", server_version = 160004 },
      { sql = "UPDATE t SET a = 1 WHERE a = 2 RETURNING old.a, new.a", server_version = 170002 },
      { sql = "CREATE SUBSCRIPTION s CONNECTION 'host=a' PUBLICATION p WITH (failover = true)", server_version = 160004 },
      { sql = "COPY t FROM '/tmp/t.csv' WITH (FORMAT csv, ON_ERROR ignore)", server_version = 160004 },
      { sql = "CREATE STATISTICS ON a, b FROM t", server_version = 150004 },
      { sql = "SELECT count(*) FROM (SELECT a FROM t)", server_version = 150004 },
      { sql = "ALTER TABLE p MERGE PARTITIONS (p1, p2) INTO p_all", server_version = 180001 },
      { sql = "REPACK (CONCURRENTLY) t", server_version = 180001 },
    },
    good = {
      { sql = "CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT", server_version = 150004 },
      { sql = "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY", server_version = 140010 },
      { sql = "ALTER TABLE p ADD FOREIGN KEY (a) REFERENCES t NOT VALID", server_version = 180000 },
      { sql = "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u NOT VALID", server_version = 150004 },
      { sql = "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", facts = {} },
      { sql = "CREATE UNIQUE INDEX i ON t (a) NULLS DISTINCT", server_version = 150004 },
      { sql = "SET transaction_timeout = 0", server_version = 170002 },
      { sql = "SET LOCAL app.tenant = '1'", server_version = 130010 },
      { sql = "CREATE TABLE changes (old text, new text); INSERT INTO changes VALUES ('a', 'b') RETURNING old, new", server_version = 150004 },
      { sql = "UPDATE t SET a = new.a FROM u AS new WHERE t.id = new.id RETURNING new.a", server_version = 150004 },
      { sql = "CREATE STATISTICS ON a, b FROM t", server_version = 160004 },
      { sql = "SELECT uuidv7()", facts = { server_version = 150004, functions = { ["public.uuidv7"] = { volatility = "volatile" } } } },
    },
  },
}
