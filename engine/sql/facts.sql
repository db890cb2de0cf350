-- What policies and impact know of a database, as one JSON text: shapes and sizes, no rows. One
-- statement, so that all of it is of one moment; it takes no lock on any table (a size that is
-- measured would wait behind ACCESS EXCLUSIVE: pages and rows are those of the last ANALYZE).
-- $1 is the ledger's schema, which is left out.

-- :name facts_begin
-- Compiling the statement takes seconds where there are thousands of tables, and saves none.
SET jit = off

-- :name facts_end
RESET jit

-- :name facts
WITH space AS (
  SELECT oid, nspname FROM pg_catalog.pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> $1::text
), rel AS (
  SELECT c.*, n.nspname, n.nspname || '.' || c.relname AS id
  FROM pg_catalog.pg_class c JOIN space n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), since AS (
  SELECT extract(epoch FROM now() - stats_reset) AS seconds FROM pg_catalog.pg_stat_database WHERE datname = current_database()
), parts AS (
  SELECT i.inhrelid, json_agg(p.id ORDER BY i.inhseqno) AS parents FROM pg_catalog.pg_inherits i JOIN rel p ON p.oid = i.inhparent GROUP BY 1
), cols AS (
  SELECT a.attrelid, json_object_agg(a.attname, json_build_object(
    'type', format_type(a.atttypid, a.atttypmod), 'position', a.attnum,
    'not_null', a.attnotnull AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_constraint n WHERE n.conrelid = a.attrelid AND n.contype = 'n' AND NOT n.convalidated AND n.conkey = ARRAY[a.attnum]),
    'has_default', CASE WHEN a.atthasdef AND a.attgenerated = '' THEN true END,
    'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
    'identity', nullif(a.attidentity, ''),
    'collation', CASE WHEN a.attcollation <> t.typcollation THEN (SELECT collname FROM pg_catalog.pg_collation WHERE oid = a.attcollation) END)) AS columns
  FROM pg_catalog.pg_attribute a JOIN rel ON rel.oid = a.attrelid AND rel.relkind <> 'S' JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  WHERE a.attnum > 0 AND NOT a.attisdropped GROUP BY 1
), cons AS (
  SELECT k.conrelid, json_object_agg(k.conname, json_build_object(
    'type', k.contype, 'validated', k.convalidated, 'definition', pg_get_constraintdef(k.oid),
    'columns', (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.conkey) WITH ORDINALITY u (attnum, n)
                JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum),
    'references', CASE WHEN k.contype = 'f' THEN (SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = k.confrelid) END,
    'to_columns', CASE WHEN k.contype = 'f' THEN (SELECT json_agg(a.attname ORDER BY u.n) FROM unnest(k.confkey) WITH ORDINALITY u (attnum, n)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum) END,
    'on_delete', CASE WHEN k.contype = 'f' THEN k.confdeltype END)) AS constraints
  FROM pg_catalog.pg_constraint k JOIN rel ON rel.oid = k.conrelid
  WHERE k.contype IN ('c', 'f', 'n', 'p', 'u', 'x')
    AND NOT (k.contype = 'f' AND k.conparentid <> 0 AND EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.oid = k.conparentid AND o.conrelid = k.conrelid))
  GROUP BY 1
), inds AS (
  SELECT i.indrelid, json_object_agg(c.relname, json_build_object(
    'columns', array_to_json(ARRAY(SELECT a.attname FROM unnest(i.indkey::int2[]) WITH ORDINALITY u (attnum, n)
                 JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum ORDER BY u.n)
               || ARRAY(SELECT DISTINCT a.attname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                 WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid
                   AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = i.indrelid AND NOT a.attnum = ANY (i.indkey::int2[]))),
    'unique', i.indisunique, 'valid', i.indisvalid, 'primary', i.indisprimary, 'replica_identity', CASE WHEN i.indisreplident THEN true END,
    'partial', CASE WHEN i.indpred IS NOT NULL THEN true END, 'expression', CASE WHEN i.indexprs IS NOT NULL THEN true END)) AS indexes
  FROM pg_catalog.pg_index i JOIN rel ON rel.oid = i.indrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid GROUP BY 1
), users AS (
  SELECT one.refobjid, json_agg(json_build_object('kind', CASE v.relkind WHEN 'm' THEN 'matview' ELSE 'view' END, 'name', v.id, 'columns', one.columns) ORDER BY v.id) AS dependents
  FROM (SELECT d.refobjid, r.ev_class, json_agg(DISTINCT a.attname) AS columns
        FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0
        WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class GROUP BY 1, 2) one
  JOIN rel v ON v.oid = one.ev_class AND v.relkind IN ('v', 'm') GROUP BY 1
), stats AS (
  SELECT s.stxrelid, json_agg(n.nspname || '.' || s.stxname) AS statistics
  FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace GROUP BY 1
), trigs AS (
  SELECT g.tgrelid, json_object_agg(g.tgname, json_build_object('func', n.nspname || '.' || p.proname, 'enabled', g.tgenabled <> 'D')) AS triggers
  FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid = g.tgrelid JOIN pg_catalog.pg_proc p ON p.oid = g.tgfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE NOT g.tgisinternal GROUP BY 1
), keys AS (
  SELECT p.partrelid, nullif(p.partdefid, 0) AS partdefid,
         (SELECT json_agg(coalesce(to_json(a.attname), 'false'::json) ORDER BY u.n) FROM unnest(p.partattrs::int2[]) WITH ORDINALITY u (attnum, n)
          LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = u.attnum AND u.attnum > 0) AS key
  FROM pg_catalog.pg_partitioned_table p
), published AS (
  SELECT DISTINCT schemaname, tablename FROM pg_catalog.pg_publication_tables
), relations AS (
  SELECT json_object_agg(rel.id, json_build_object(
    'schema', rel.nspname, 'name', rel.relname,
    'kind', CASE rel.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned' WHEN 'v' THEN 'view' WHEN 'm' THEN 'matview' WHEN 'f' THEN 'foreign' ELSE 'sequence' END,
    'rows', CASE WHEN rel.relkind NOT IN ('r', 'm') THEN NULL WHEN rel.reltuples > 0 THEN round(rel.reltuples)::bigint
                 WHEN pg_stat_get_live_tuples(rel.oid) > 0 THEN pg_stat_get_live_tuples(rel.oid)
                 WHEN rel.reltuples = 0 AND current_setting('server_version_num')::int >= 140000 THEN 0 END,
    'bytes', CASE WHEN rel.relkind IN ('r', 'm') AND (rel.relpages > 0 OR rel.reltuples = 0 AND current_setting('server_version_num')::int >= 140000)
                  THEN rel.relpages::bigint * current_setting('block_size')::int END,
    'writes_per_second', CASE WHEN rel.relkind = 'r' THEN
       round(((pg_stat_get_tuples_inserted(rel.oid) + pg_stat_get_tuples_updated(rel.oid) + pg_stat_get_tuples_deleted(rel.oid)) / nullif(since.seconds, 0))::numeric, 1) END,
    'parent', parts.parents -> 0, 'parents', parts.parents, 'partition', CASE WHEN rel.relispartition THEN true END,
    'partition_key', keys.key, 'default_partition', (SELECT d.id FROM rel d WHERE d.oid = keys.partdefid),
    'columns', cols.columns, 'constraints', cons.constraints, 'indexes', inds.indexes, 'dependents', users.dependents, 'triggers', trigs.triggers, 'statistics', stats.statistics,
    'published', CASE WHEN published.tablename IS NOT NULL THEN true END, 'rls', CASE WHEN rel.relrowsecurity THEN true END,
    'replica_identity', CASE WHEN rel.relkind IN ('r', 'p') THEN rel.relreplident END,
    'persistence', rel.relpersistence, 'access_method', am.amname,
    'tablespace', CASE WHEN rel.relkind IN ('r', 'm') THEN space_of.spcname END)) AS json
  FROM rel CROSS JOIN since
  LEFT JOIN parts ON parts.inhrelid = rel.oid LEFT JOIN cols ON cols.attrelid = rel.oid LEFT JOIN cons ON cons.conrelid = rel.oid
  LEFT JOIN inds ON inds.indrelid = rel.oid LEFT JOIN users ON users.refobjid = rel.oid LEFT JOIN stats ON stats.stxrelid = rel.oid LEFT JOIN trigs ON trigs.tgrelid = rel.oid
  LEFT JOIN keys ON keys.partrelid = rel.oid LEFT JOIN published ON published.schemaname = rel.nspname AND published.tablename = rel.relname
  LEFT JOIN pg_catalog.pg_am am ON am.oid = rel.relam AND rel.relkind IN ('r', 'm')
  LEFT JOIN pg_catalog.pg_database base ON base.datname = current_database()
  LEFT JOIN pg_catalog.pg_tablespace space_of ON space_of.oid = CASE WHEN rel.reltablespace = 0 THEN base.dattablespace ELSE rel.reltablespace END
), functions AS (
  SELECT json_object_agg(one.id, json_build_object('volatility', one.volatility, 'returns', one.returns, 'language', one.language)) AS json
  FROM (SELECT n.nspname || '.' || p.proname AS id, min(format_type(p.prorettype, NULL)) AS returns, min(l.lanname) AS language,
               CASE WHEN bool_or(p.provolatile = 'v') THEN 'volatile' WHEN bool_or(p.provolatile = 's') THEN 'stable' ELSE 'immutable' END AS volatility
        FROM pg_catalog.pg_proc p JOIN space n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
        WHERE p.prokind IN ('f', 'p') GROUP BY 1) one
), types AS (
  SELECT json_object_agg(n.nspname || '.' || t.typname, json_build_object('kind',
           CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'c' THEN 'composite' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range' WHEN 'm' THEN 'multirange' ELSE 'base' END,
           'values', (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid))) AS json
  FROM pg_catalog.pg_type t JOIN space n ON n.oid = t.typnamespace LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  WHERE t.typcategory <> 'A' AND (t.typrelid = 0 OR c.relkind = 'c')
), domains AS (
  SELECT json_object_agg(n.nspname || '.' || t.typname, json_build_object('base', format_type(t.typbasetype, t.typtypmod), 'not_null', t.typnotnull,
           'constrained', t.typnotnull OR EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid))) AS json
  FROM pg_catalog.pg_type t JOIN space n ON n.oid = t.typnamespace WHERE t.typtype = 'd'
), long AS (
  SELECT json_agg(json_build_object('pid', pid, 'seconds', round(extract(epoch FROM now() - xact_start)), 'state', state, 'application', application_name) ORDER BY xact_start) AS json
  FROM (SELECT * FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND xact_start < now() - interval '5 s' AND pid <> pg_backend_pid()
        ORDER BY xact_start LIMIT 10) old
)
SELECT json_strip_nulls(json_build_object(
  'facts', 1, 'database', current_database(), 'server_version', current_setting('server_version_num')::int,
  'timezone', current_setting('TimeZone'), 'search_path', to_json(current_schemas(false)),
  'replicas', (SELECT count(*) FROM pg_catalog.pg_stat_replication WHERE coalesce(state, 'streaming') = 'streaming'),
  'replica_lag', (SELECT max(extract(epoch FROM replay_lag)) FROM pg_catalog.pg_stat_replication),
  'long_transactions', coalesce((SELECT json FROM long), '[]'),
  'relations', coalesce((SELECT json FROM relations), '{}'), 'functions', coalesce((SELECT json FROM functions), '{}'),
  'types', coalesce((SELECT json FROM types), '{}'), 'domains', coalesce((SELECT json FROM domains), '{}'),
  'extensions', coalesce((SELECT json_object_agg(extname, extversion) FROM pg_catalog.pg_extension), '{}')))
