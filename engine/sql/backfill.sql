-- Words in braces are filled in by backfill.c with identifiers that the server quoted and with the
-- expressions of the team's declaration. Positions are text[], cast to the key's types.

-- :name backfill_table
-- The table as the catalog names it, and how many rows the planner believes in (-1: never analyzed).
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text, c.reltuples::bigint, c.oid
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = to_regclass($1)

-- :name backfill_key
-- The primary key, or the unique index over just the columns of $2; with casts that keep collations.
SELECT quote_ident(a.attname),
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> 0
         THEN ' COLLATE ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname) ELSE '' END,
       a.attnotnull
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

-- :name backfill_settings
-- For the batches' session: an index walk whatever the statistics say, and no compiling.
SELECT pg_catalog.set_config('enable_seqscan', 'off', false), pg_catalog.set_config('jit', 'off', false),
       pg_catalog.set_config('extra_float_digits', '1', false), pg_catalog.set_config('IntervalStyle', 'postgres', false),
       pg_catalog.set_config('bytea_output', 'hex', false), pg_catalog.set_config('statement_timeout', $1, false),
       pg_catalog.set_config('TimeZone', 'UTC', false)

-- :name backfill_open
-- $1 migration, $2 name, $3 version, $4 spec, $5 relation, $6 key, $7 types, $8 target, $9 rows
UPDATE stint.migration SET state = 'backfilling' WHERE id = $1 AND state <> 'reverting';
INSERT INTO stint.backfill (migration, name, version, spec, relation, key, key_type, target_ms, rows_total, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'running')
ON CONFLICT (migration) DO UPDATE SET spec = excluded.spec, relation = excluded.relation, key = excluded.key, key_type = excluded.key_type,
  target_ms = excluded.target_ms, rows_total = excluded.rows_total, state = 'running', desired = 'run', started_at = clock_timestamp(), finished_at = NULL

-- :name backfill_cut
-- One range up to the greatest key there is now, so that the walk ends under constant inserts.
DELETE FROM stint.backfill_range WHERE backfill = (SELECT id FROM stint.backfill WHERE migration = $1);
INSERT INTO stint.backfill_range (backfill, number, high)
SELECT b.id, 1, k.high FROM stint.backfill b,
  LATERAL (SELECT ARRAY[{keys_as_text}] AS high FROM {table} t ORDER BY {keys_descending} LIMIT 1) k
WHERE b.migration = $1

-- :name backfill_find
SELECT b.id, b.spec, b.rows_total, b.state, b.desired,
       coalesce(sum(r.rows_seen), 0)::bigint, coalesce(sum(r.rows_changed), 0)::bigint
FROM stint.backfill b LEFT JOIN stint.backfill_range r ON r.backfill = b.id
WHERE b.migration = $1 GROUP BY b.id

-- :name backfill_take
-- A new token: whoever held the range before changes nothing from now on.
UPDATE stint.backfill_range r SET state = 'taken', token = r.token + 1, worker = $2, updated_at = clock_timestamp()
FROM (SELECT backfill, number FROM stint.backfill_range WHERE backfill = $1 AND state <> 'done'
      ORDER BY number LIMIT 1 FOR UPDATE) x
WHERE (r.backfill, r.number) = (x.backfill, x.number)
RETURNING r.number, r.token, r.batch_size, r.position IS NULL

-- :name backfill_batch
-- One statement, one round trip: the range row locked and fenced first, the next bound by counting
-- keys after the position, the rows, the position. $1 backfill, $2 range, $3 token, $4 keys
WITH ctl AS MATERIALIZED (
  SELECT desired FROM stint.backfill WHERE id = $1
), cur AS MATERIALIZED (
  SELECT r.number, {position_columns}, {high_columns}
  FROM stint.backfill_range r
  WHERE r.backfill = $1 AND r.number = $2 AND r.token = $3 AND r.state = 'taken' AND {which_start}
    AND (SELECT desired = 'run' FROM ctl)
  FOR UPDATE
), nxt AS MATERIALIZED (
  SELECT {upper_columns}, k.k1 IS NULL AS last
  FROM cur LEFT JOIN LATERAL (
    SELECT {key_columns} FROM {table} t
    WHERE {after_position_lateral} ({keys}) <= ({high_lateral})
    ORDER BY {keys} OFFSET $4::bigint - 1 LIMIT 1) k ON true
), seen AS MATERIALIZED (
  SELECT CASE WHEN (SELECT last FROM nxt)
    THEN (SELECT count(*) FROM {table} t WHERE {after_position} ({keys}) <= ({upper}))
    ELSE $4::bigint END AS keys FROM cur
), changed AS (
  UPDATE {table} t SET {set}
  WHERE {after_position} ({keys}) <= ({upper}) AND ({where})
  RETURNING 1
), moved AS (
  UPDATE stint.backfill_range r
  SET position = ARRAY[{upper_as_text}], state = CASE WHEN nxt.last THEN 'done' ELSE 'taken' END,
      rows_seen = r.rows_seen + (SELECT keys FROM seen), rows_changed = r.rows_changed + (SELECT count(*) FROM changed),
      batches = r.batches + 1, batch_size = $4::integer, updated_at = clock_timestamp()
  FROM cur, nxt WHERE r.backfill = $1 AND r.number = cur.number
  RETURNING r.state, (SELECT keys FROM seen) AS seen, (SELECT count(*) FROM changed) AS changed
)
SELECT moved.state, moved.seen, moved.changed, ctl.desired,
       (SELECT r.token = $3 AND r.state = 'taken' FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2) AS still_ours
FROM ctl LEFT JOIN moved ON true

-- :name backfill_finish
-- $1 migration, $2 state of the backfill's row before; no row, no division
WITH mine AS (UPDATE stint.migration SET state = 'applied', position = 1, applied_at = pg_catalog.clock_timestamp(),
  duration_ms = (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint
  WHERE id = $1 AND state = 'backfilling' RETURNING 1),
done AS (UPDATE stint.backfill SET state = 'finished', finished_at = pg_catalog.clock_timestamp() WHERE migration = $1)
SELECT 1 / count(*) FROM mine

-- :name backfill_state
UPDATE stint.backfill SET state = $2 WHERE migration = $1
