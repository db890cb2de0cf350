-- A backfill tried on a copy of some rows. The batches' ledger is temporary; the copy is a table of the
-- ledger's schema, named after the session that made it.

-- :name estimate_left
-- Copies whose session is no more.
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname ~ '^sample_[0-9]+_[0-9]+$' AND c.relkind = 'r'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity s WHERE s.pid = split_part(c.relname, '_', 2)::bigint
    AND coalesce(extract(epoch FROM s.backend_start)::bigint = split_part(c.relname, '_', 3)::bigint, true))

-- :name estimate_schema
SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1

-- :name estimate_name
-- The name of this session's copy.
SELECT quote_ident($1) || '.' || format('sample_%s_%s', s.pid, extract(epoch FROM s.backend_start)::bigint)
FROM pg_catalog.pg_stat_activity s WHERE s.pid = pg_backend_pid()

-- :name estimate_settings
-- How the table's pages are filled, as it says itself: the largest of its leaves.
SELECT array_to_string(c.reloptions, ', ') FROM pg_catalog.pg_class c WHERE c.oid = ANY ($1::oid[]) ORDER BY c.relpages DESC LIMIT 1

-- :name estimate_columns
SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''

-- :name estimate_make
CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING IDENTITY EXCLUDING COMMENTS)%s

-- :name estimate_fill
-- Whole pages at equal distances, so many that they hold the rows of this leaf: its share of them all.
-- $1 leaf, $2 rows, $3 leaves
INSERT INTO %s (%s)
SELECT %s FROM %s t WHERE t.ctid = ANY (ARRAY(
  WITH leaf AS (
    SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint AS pages, greatest(c.reltuples / greatest(c.relpages, 1), 1)::numeric AS density
    FROM pg_catalog.pg_class c WHERE c.oid = $1::oid
  ), wanted AS (
    SELECT pages, least(291, 2 * density + 16)::integer AS places,
      least(pages, ceil($2::numeric / density * pages / (SELECT greatest(sum(pg_relation_size(l)) / current_setting('block_size')::bigint, 1) FROM unnest($3::oid[]) l)))::bigint AS count
    FROM leaf
  )
  SELECT ('(' || i * pages / count || ',' || place || ')')::tid
  FROM wanted, generate_series(0, count - 1) i, generate_series(1, places) place WHERE pages > 0
  )) LIMIT $2::bigint
ON CONFLICT DO NOTHING

-- :name estimate_open
-- No governor looks, and no window holds: it is short, and to be measured.
INSERT INTO stint.backfill (migration, name, version, spec, relation, key, key_type, target_ms, rows_total, stripes, walk, max_quarantine, stripe_keys, look_at, valid_until)
VALUES ($1, $2, $3, '', $4, $5, $6, $7, $8, $9, $10, $11, $12, 'infinity', 'infinity')

-- :name estimate_facts
-- What is measured: WAL so far, bytes of the table and of its indexes, its rows.
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, pg_table_size($1::oid), pg_indexes_size($1::oid),
       (SELECT c.reltuples::bigint FROM pg_catalog.pg_class c WHERE c.oid = $1::oid)

-- :name estimate_whole
-- Of the table itself: bytes of its pages (where their first change after a checkpoint goes into the WAL as a
-- whole), and the triggers that a copy does not have.
SELECT CASE WHEN current_setting('full_page_writes')::boolean THEN (SELECT sum(pg_relation_size(l))::bigint FROM unnest($1::oid[]) l) ELSE 0 END,
       (SELECT count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = $2::oid AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 <> 0)

-- :name estimate_failing
SELECT count(*), min(q.key::text || ': ' || q.message) FROM stint.backfill_quarantine q WHERE q.backfill = $1

-- :name estimate_oid
SELECT $1::pg_catalog.regclass::pg_catalog.oid

-- :name estimate_drop
DROP TABLE IF EXISTS %s

-- :name estimate_home
CREATE SCHEMA stint
