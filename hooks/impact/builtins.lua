-- What PostgreSQL 13 to 18 bring: the names that need no facts of a database.
-- A function that is not listed is one that somebody has made, or one so rare that asking is right.
local builtins = {}

local function set(text)
  local names = {}
  for name in text:gmatch("%S+") do
    names[name] = true
  end
  return names
end

builtins.volatile = set [[
  clock_timestamp timeofday random random_normal gen_random_uuid uuidv4 uuidv7 nextval currval lastval setval
  setseed set_config current_query txid_status pg_sleep pg_sleep_for pg_sleep_until pg_notify pg_advisory_lock
  pg_advisory_xact_lock pg_try_advisory_lock pg_try_advisory_xact_lock pg_is_in_recovery lo_create lo_creat lo_import
  lo_unlink array_sample array_shuffle pg_cancel_backend pg_terminate_backend pg_current_wal_lsn pg_database_size pg_relation_size
  pg_total_relation_size pg_table_size pg_indexes_size pg_xact_commit_timestamp
  uuid_generate_v1 uuid_generate_v1mc uuid_generate_v4 uuid_generate_v7 gen_random_bytes gen_salt gen_ulid
  pgp_sym_encrypt pgp_pub_encrypt dblink dblink_exec
]]

-- STABLE or IMMUTABLE: never a reason to rewrite.
builtins.steady = set [[
  abs acos age array_agg array_append array_cat array_dims array_fill array_length array_lower array_ndims
  array_position array_positions array_prepend array_remove array_replace array_reverse
  array_sort array_to_json array_to_string array_upper ascii asin atan atan2 avg bit_and bit_count bit_length bit_or
  bool_and bool_or box broadcast btrim cardinality casefold cbrt ceil ceiling char_length character_length chr circle
  col_description concat concat_ws convert convert_from convert_to cos cot count crc32 crc32c crypt current_catalog
  current_database current_role current_schema current_schemas current_setting current_user date_add date_bin date_part
  date_subtract date_trunc daterange decode degrees dense_rank digest div encode encrypt enum_first enum_last enum_range
  erf erfc every exp extract factorial family first_value floor format format_type gamma gcd generate_series
  generate_subscripts get_bit get_byte gin_clean_pending_list greatest has_table_privilege height hmac host hostmask
  hstore inet_client_addr inet_client_port inet_merge inet_server_addr initcap int4multirange int4range int8multirange
  int8range isempty isfinite json_agg json_array_elements json_array_length json_build_array json_build_object json_each
  json_object json_object_agg json_object_keys json_populate_record json_strip_nulls json_to_record json_typeof
  jsonb_agg jsonb_array_elements jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object
  jsonb_each jsonb_each_text jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg
  jsonb_object_keys jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
  jsonb_populate_record jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_typeof justify_days
  justify_hours justify_interval lag last_value lcm lead least left length ln localtime localtimestamp log log10 lower
  lower_inc lower_inf lpad ltrim macaddr8_set7bit make_date make_interval make_time make_timestamp make_timestamptz
  masklen max md5 min mod mode multirange netmask network normalize now nummultirange num_nonnulls num_nulls numnode
  numrange obj_description octet_length overlay parse_ident pg_backend_pid pg_client_encoding pg_column_size
  pg_current_snapshot pg_current_xact_id pg_get_constraintdef pg_get_expr pg_get_functiondef pg_get_indexdef
  pg_get_serial_sequence pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_lsn pg_size_bytes pg_size_pretty
  pg_trigger_depth pg_typeof phraseto_tsquery pi plainto_tsquery point polygon position pow power quote_ident
  quote_literal quote_nullable radians range_agg range_merge rank regexp_count regexp_instr regexp_like regexp_match
  regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right
  round row_number row_to_json rpad rtrim session_user setweight sha224 sha256 sha384 sha512 shobj_description sign
  similarity sin split_part sqrt starts_with statement_timestamp stddev string_agg string_to_array string_to_table strip
  strpos substr substring sum tan textcat timestamp timestamptz timezone to_ascii to_bin to_char to_date to_hex to_json
  to_jsonb to_number to_oct to_regclass to_regproc to_regtype to_timestamp to_tsquery to_tsvector transaction_timestamp
  translate trim_array trunc ts_headline ts_rank ts_rank_cd tsmultirange tsquery_phrase tsrange tsvector_to_array
  tstzmultirange tstzrange txid_current unaccent unistr unnest upper upper_inc upper_inf user uuid_extract_timestamp
  uuid_extract_version uuid_generate_v3 uuid_generate_v5 uuid_nil uuid_ns_dns uuid_ns_url variance version
  websearch_to_tsquery width width_bucket xmlagg xmlcomment xpath xpath_exists
]]

builtins.types = set [[
  bool bytea char name int2 int4 int8 text oid tid xid xid8 cid json jsonb jsonpath xml point lseg path box polygon line
  circle float4 float8 money macaddr macaddr8 inet cidr bpchar varchar date time timetz timestamp timestamptz interval bit
  varbit numeric refcursor uuid pg_lsn tsvector tsquery regclass regproc regprocedure regoper regoperator regtype
  regrole regnamespace regconfig regdictionary regcollation int4range int8range numrange tsrange tstzrange daterange
  int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange int2vector oidvector
  citext hstore ltree lquery cube geometry geography vector halfvec
]]

builtins.serial = { serial = "int4", serial4 = "int4", bigserial = "int8", serial8 = "int8", smallserial = "int2",
  serial2 = "int2" }

return builtins
