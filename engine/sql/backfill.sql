-- A backfill's own row, and what is asked of the catalog before it begins.

-- :name backfill_table
-- The table as the catalog names it, and how many rows the planner believes in (-1: never analyzed).
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, c.reltuples::bigint, c.oid,
       CASE WHEN c.reltuples > 0 THEN (pg_table_size(c.oid) / c.reltuples)::bigint ELSE 0 END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1)

-- :name backfill_key
-- The primary key, or the unique index over just the columns of $2; with casts that keep collations,
-- and what comes before all other values of its type (NULL: nothing does).
SELECT quote_ident(a.attname),
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> 0
         THEN ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname) ELSE '' END,
       a.attnotnull,
       CASE format_type(a.atttypid, NULL) WHEN 'smallint' THEN '-32768' WHEN 'integer' THEN '-2147483648'
         WHEN 'bigint' THEN '-9223372036854775808' WHEN 'oid' THEN '0' WHEN 'real' THEN '-Infinity' WHEN 'double precision' THEN '-Infinity'
         WHEN 'numeric' THEN CASE WHEN current_setting('server_version_num')::integer >= 140000 AND a.atttypmod = -1 THEN '-Infinity' END
         WHEN 'text' THEN '' WHEN 'character varying' THEN '' WHEN 'bytea' THEN '\x' WHEN 'date' THEN '-infinity'
         WHEN 'timestamp without time zone' THEN '-infinity' WHEN 'timestamp with time zone' THEN '-infinity'
         WHEN 'uuid' THEN '00000000-0000-0000-0000-000000000000' END,
       a.attname, format_type(a.atttypid, NULL) IN ('smallint', 'integer', 'bigint')
FROM (SELECT i.indrelid, i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i
      WHERE i.indrelid = $1::oid AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
        AND CASE WHEN $2::text[] IS NULL THEN i.indisprimary
                 ELSE i.indisunique AND $2::text[] = ARRAY(SELECT b.attname::text FROM generate_series(0, i.indnkeyatts - 1) p JOIN pg_catalog.pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[p] ORDER BY p) END
      LIMIT 1) x
CROSS JOIN generate_series(0, x.indnkeyatts - 1) g
JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[g]
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
ORDER BY g

-- :name backfill_columns
-- name, quoted, type, can it be written, is it JSON, has it a default, does an index know of it
SELECT a.attname, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
       a.attgenerated = '' AND a.attidentity <> 'a', a.atttypid IN (114, 3802), a.atthasdef OR a.attidentity <> '',
       EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND (a.attnum = ANY (i.indkey) OR EXISTS (SELECT FROM pg_catalog.pg_depend d
         WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum)))
FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum

-- :name backfill_leaves
-- The tables that hold rows: the table itself, or its partitions; the parent alone where a column of
-- $2 decides about the partition, for such a row moves. The last column: may a trigger, a policy or a
-- rule keep a row from being changed (also of tables that inherit: they are not looked into)?
WITH tree AS (SELECT p.relid, p.isleaf FROM pg_partition_tree($1::oid) p),
moves AS (SELECT EXISTS (SELECT FROM tree JOIN pg_catalog.pg_partitioned_table pt ON pt.partrelid = tree.relid
  JOIN pg_catalog.pg_attribute a ON a.attrelid = pt.partrelid AND a.attnum = ANY (pt.partattrs)
  WHERE a.attname = ANY ($2::text[])) AS yes)
SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text,
       c.relhassubclass OR c.relrowsecurity OR c.relhasrules OR EXISTS (SELECT FROM pg_catalog.pg_trigger g
         WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgtype & 1 = 1 AND g.tgtype & 2 = 2 AND g.tgtype & 16 = 16)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE CASE WHEN (SELECT yes FROM moves) OR NOT EXISTS (SELECT FROM pg_catalog.pg_class p WHERE p.oid = $1::oid AND p.relkind = 'p')
           THEN c.oid = $1::oid
           ELSE c.oid IN (SELECT relid FROM tree WHERE isleaf) AND c.oid <> $1::oid END
ORDER BY c.oid

-- :name backfill_facts
-- What the order of the walk depends on: is a column of $2 in an index, are the pages full, how many
-- rows are on one, how far does the key's order follow the table's, who has kept old rows in sight for
-- long, is the table larger than the server's buffers. The largest of the leaves in $1 speaks for all.
SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attname = ANY ($2::text[])
         WHERE i.indrelid = c.oid AND (a.attnum = ANY (i.indkey) OR EXISTS (SELECT FROM pg_catalog.pg_depend d
           WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = c.oid AND d.refobjsubid = a.attnum))),
       coalesce((SELECT o.option_value::integer FROM pg_options_to_table(c.reloptions) o WHERE o.option_name = 'fillfactor'), 100),
       CASE WHEN c.relpages > 0 THEN (c.reltuples / c.relpages)::bigint ELSE 0 END,
       coalesce((SELECT 100 * abs(s.correlation) FROM pg_catalog.pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname
         AND s.attname = $3 AND NOT s.inherited), 0)::bigint,
       c.relkind::text,
       (SELECT h.what FROM (
          SELECT 'a transaction of pid ' || s.pid AS what, s.xact_start AS since FROM pg_catalog.pg_stat_activity s
          WHERE s.backend_xmin IS NOT NULL AND s.datname = current_database() AND s.pid <> pg_backend_pid()
          UNION ALL SELECT 'the prepared transaction ' || quote_literal(p.gid), p.prepared FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database()) h
        WHERE h.since < clock_timestamp() - interval '1 min' ORDER BY h.since LIMIT 1),
       c.relpages > b.buffers, b.buffers
FROM (SELECT s.setting::bigint AS buffers FROM pg_catalog.pg_settings s WHERE s.name = 'shared_buffers') b,
     pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[])
ORDER BY c.relpages DESC LIMIT 1

-- :name backfill_spread
-- The first column of the key in even steps, as the largest of the leaves in $1 has it. $2 its name
SELECT unnest(s.histogram_bounds::text::text[])
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = $2 AND NOT s.inherited
WHERE c.oid = (SELECT l.oid FROM pg_catalog.pg_class l WHERE l.oid = ANY ($1::oid[]) ORDER BY l.relpages DESC LIMIT 1)

-- :name backfill_settings
-- For the batches' session: an index walk whatever the statistics say, no compiling, one text form of
-- every key; and the word by which our own trigger knows us. $1 statement_timeout, $2 lock_timeout
SELECT pg_catalog.set_config('enable_seqscan', 'off', false), pg_catalog.set_config('jit', 'off', false),
       pg_catalog.set_config('extra_float_digits', '1', false), pg_catalog.set_config('IntervalStyle', 'postgres', false),
       pg_catalog.set_config('bytea_output', 'hex', false), pg_catalog.set_config('statement_timeout', $1, false),
       pg_catalog.set_config('TimeZone', 'UTC', false), pg_catalog.set_config('DateStyle', 'ISO', false),
       pg_catalog.set_config('lock_timeout', $2, false), pg_catalog.set_config('stint.backfill', 'on', false)

-- :name backfill_open
-- $1 migration, $2 name, $3 version, $4 spec, $5 relation, $6 key, $7 types, $8 target, $9 rows, $10 way, $11 workers, $12 stripes,
-- $13 writes, $14 max_quarantine, $15 walk, $16 stripe_keys
UPDATE stint.migration SET state = 'backfilling' WHERE id = $1 AND state <> 'reverting';
INSERT INTO stint.backfill (migration, name, version, spec, relation, key, key_type, target_ms, rows_total, way, workers, stripes, writes, max_quarantine, walk, stripe_keys)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
ON CONFLICT (migration) DO UPDATE SET spec = excluded.spec, relation = excluded.relation, key = excluded.key, key_type = excluded.key_type,
  target_ms = excluded.target_ms, rows_total = excluded.rows_total, way = excluded.way, workers = excluded.workers, stripes = excluded.stripes,
  stripe_keys = excluded.stripe_keys, writes = excluded.writes, max_quarantine = excluded.max_quarantine, walk = excluded.walk, sweep = 0, sweep_from = 0,
  rows_walked = 0, rows_late = 0, speed = 1,
  budget = 1, throttled_by = NULL, throttled_at = NULL, held_ms = 0, look_at = NULL, valid_until = NULL, health = NULL,
  state = 'planned', error = NULL, desired = 'run', started_at = clock_timestamp(), finished_at = NULL

-- :name backfill_find
SELECT b.id, b.spec, b.rows_total, b.state, b.desired,
       coalesce(sum(r.rows_seen), 0)::bigint, coalesce(sum(r.rows_changed), 0)::bigint + b.rows_late, b.stripes, b.sweep, b.sweep_from,
       (SELECT count(*) FROM stint.backfill_quarantine q WHERE q.backfill = b.id), count(r.*) FILTER (WHERE r.state <> 'done'),
       (SELECT count(*) FROM stint.backfill_residue e WHERE e.backfill = b.id), b.error, count(r.*), coalesce(max(r.batch_size), 0),
       coalesce(sum(r.rows_still), 0)::bigint, b.walk = 'page', b.throttled_by,
       b.held_ms + coalesce((extract(epoch FROM clock_timestamp() - b.throttled_at) * 1000)::bigint, 0), b.stripe_keys,
       coalesce(sum(r.batches), 0)::bigint
FROM stint.backfill b LEFT JOIN stint.backfill_range r ON r.backfill = b.id
WHERE b.migration = $1 GROUP BY b.id

-- :name backfill_at_work
-- Those that workers may join.
SELECT b.migration, b.name, b.workers, b.way = 'up' FROM stint.backfill b WHERE b.state = 'running' AND ($1::text IS NULL OR $1 IN (b.migration, b.name, b.version) OR b.name = b.version || '_' || $1)
ORDER BY b.id

-- :name backfill_finish
-- $1 migration; no row, no division
WITH mine AS (UPDATE stint.migration SET state = 'applied', position = 1, applied_at = pg_catalog.clock_timestamp(),
  duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint
  WHERE id = $1 AND state = 'backfilling' AND EXISTS (SELECT FROM stint.backfill WHERE migration = $1 AND state = 'running') RETURNING 1),
done AS (UPDATE stint.backfill SET state = 'finished', error = NULL, finished_at = pg_catalog.clock_timestamp() WHERE migration = $1)
SELECT 1 / count(*) FROM mine

-- :name backfill_state
-- $2 state, $3 why
UPDATE stint.backfill SET state = $2, error = $3 WHERE migration = $1 AND state NOT IN ('finished', 'cancelled')
