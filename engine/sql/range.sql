-- Ranges: cut, taken, stolen. Words in braces are filled in by batch.c.

-- :name range_clear
DELETE FROM stint.backfill_range WHERE backfill = (SELECT id FROM stint.backfill WHERE migration = $1);
DELETE FROM stint.backfill_residue WHERE backfill = (SELECT id FROM stint.backfill WHERE migration = $1);
DELETE FROM stint.backfill_quarantine WHERE backfill = (SELECT id FROM stint.backfill WHERE migration = $1)

-- :name range_cut
-- Up to the greatest key there is now, so that the walk ends under constant inserts; into about $3 parts of
-- as many rows each, by the histogram of the key's first column. $1 migration, $2 where the walk begins (NULL: anywhere)
INSERT INTO stint.backfill_range (backfill, number, leaf, low, position, high, batch_size)
WITH b AS (SELECT id, (SELECT coalesce(max(r.number), 0) FROM stint.backfill_range r WHERE r.backfill = f.id) AS before FROM stint.backfill f WHERE f.migration = $1),
stats AS (
  SELECT x, row_number() OVER () AS i, count(*) OVER () AS n
  FROM pg_catalog.pg_stats s, pg_catalog.pg_class c, pg_catalog.pg_namespace n, unnest(coalesce(s.histogram_bounds::text, s.most_common_vals::text)::text[]) x
  WHERE c.oid = {leaf} AND n.oid = c.relnamespace AND s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = {first_key_name} AND NOT s.inherited
    AND $3::integer > 1
), picked AS (
  SELECT x FROM stats WHERE i > 1 AND i < n AND (i * $3::integer) / n > ((i - 1) * $3::integer) / n
), found AS (
  SELECT k.* FROM picked p, LATERAL (SELECT {key_columns} FROM {table} t WHERE {first_key} <= p.x::{first_type} ORDER BY {keys_descending} LIMIT 1) k
  UNION (SELECT {key_columns} FROM {table} t ORDER BY {keys_descending} LIMIT 1)
)
SELECT b.id, b.before + row_number() OVER w, {leaf}, lag(ARRAY[{found_as_text}]) OVER w, coalesce(lag(ARRAY[{found_as_text}]) OVER w, $2::text[]), ARRAY[{found_as_text}], $4::integer
FROM b, found WINDOW w AS (ORDER BY {found_keys})

-- :name range_cut_pages
-- The same for a walk by pages: those that the table has now.
INSERT INTO stint.backfill_range (backfill, number, leaf, low, position, high, batch_size)
WITH b AS (SELECT id, (SELECT coalesce(max(r.number), 0) FROM stint.backfill_range r WHERE r.backfill = f.id) AS before FROM stint.backfill f WHERE f.migration = $1),
size AS (SELECT pg_relation_size({leaf}) / current_setting('block_size')::bigint AS pages),
part AS (SELECT i, pages * (i - 1) / parts AS low, pages * i / parts - 1 AS high FROM (
  SELECT pages, least($3::bigint, pages) AS parts FROM size) s, generate_series(1, parts) i)
SELECT b.id, b.before + part.i, {leaf}, $2::text[], ARRAY['(' || part.low || ',0)'], ARRAY['(' || part.high || ',65535)'], $4::integer FROM b, part

-- :name range_by_key
-- From a walk by pages to one along the key, from its beginning; what was changed stays changed. Once, whoever does it.
WITH old AS (DELETE FROM stint.backfill_range r USING stint.backfill b WHERE b.migration = $1 AND b.walk = 'page' AND r.backfill = b.id RETURNING r.rows_changed)
UPDATE stint.backfill SET walk = 'key', rows_late = rows_late + (SELECT coalesce(sum(rows_changed), 0) FROM old) WHERE migration = $1 AND walk = 'page'

-- :name range_again
-- A sweep: the same leaves from the beginning. The old ranges' counts stay with the backfill.
WITH old AS (DELETE FROM stint.backfill_range r USING stint.backfill b WHERE b.migration = $1 AND r.backfill = b.id RETURNING r.rows_changed, r.rows_seen)
UPDATE stint.backfill SET rows_late = rows_late + (SELECT coalesce(sum(rows_changed), 0) FROM old), sweep = sweep + 1,
  rows_walked = CASE sweep WHEN 0 THEN (SELECT coalesce(sum(rows_seen), 0) FROM old) ELSE rows_walked END,
  sweep_from = rows_late + (SELECT coalesce(sum(rows_changed), 0) FROM old) WHERE migration = $1

-- :name range_missing
-- Partitions that came later and have no range yet. $1 backfill, $2 leaves
SELECT l FROM unnest($2::oid[]) l WHERE l NOT IN (SELECT r.leaf FROM stint.backfill_range r WHERE r.backfill = $1)

-- :name range_drop
-- Leaves that are no more.
UPDATE stint.backfill_range r SET state = 'done', token = token + 1
WHERE r.backfill = $1 AND r.state <> 'done' AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = r.leaf)

-- :name range_take
-- A new token: whoever held the range before changes nothing from now on. Free is what nobody holds, or
-- a session that is gone, or one that let its lease run out. The bits of the number are turned round, so that workers
-- do not walk side by side.
UPDATE stint.backfill_range r SET state = 'taken', token = r.token + 1, worker = $2, pid = pg_backend_pid(),
  session = (SELECT a.backend_start FROM pg_catalog.pg_stat_activity a WHERE a.pid = pg_backend_pid()),
  lease_until = clock_timestamp() + interval '30 s', updated_at = clock_timestamp()
FROM (SELECT o.backfill, o.number FROM stint.backfill_range o WHERE o.backfill = $1
      AND (o.state = 'ready' OR (o.state = 'taken' AND (o.pid = pg_backend_pid() OR o.lease_until < clock_timestamp()
        OR NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.pid = o.pid AND coalesce(a.backend_start = o.session, true)))))
      AND EXISTS (SELECT FROM stint.backfill b WHERE b.id = $1 AND b.state = 'running')
      ORDER BY o.state, reverse(o.number::bit(12)::text) LIMIT 1 FOR UPDATE SKIP LOCKED) x
WHERE (r.backfill, r.number) = (x.backfill, x.number)
RETURNING r.number, r.token, r.batch_size, r.position IS NULL, r.leaf, (SELECT b.walk = 'page' FROM stint.backfill b WHERE b.id = $1),
  (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.leaf)

-- :name range_left
-- How many are not done; is it still under way?
SELECT (SELECT count(*) FROM stint.backfill_range r WHERE r.backfill = b.id AND r.state <> 'done'), b.state FROM stint.backfill b WHERE b.id = $1

-- :name range_largest
-- The taken range with the most left, by the histogram; $2 those that were tried in vain.
SELECT r.number, r.leaf, r.position IS NULL, (SELECT b.walk = 'page' FROM stint.backfill b WHERE b.id = $1),
  (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.leaf)
FROM stint.backfill_range r WHERE r.backfill = $1 AND r.state = 'taken' AND NOT r.number = ANY ($2::integer[])
ORDER BY r.rows_seen DESC, r.number LIMIT 1

-- :name range_steal
-- The upper part of somebody's range becomes one of its own: behind the middle of what the histogram knows to be
-- left, or else behind the holder's next batches. The holder sees its new end with its next batch. $1 backfill, $2 range
WITH c AS MATERIALIZED (
  SELECT r.number, r.leaf, r.high, r.batch_size, {position_columns}, {high_columns}
  FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2 AND r.state = 'taken' AND {which_start} FOR UPDATE
),

-- :name range_middle
stats AS (
  SELECT k.*, row_number() OVER (ORDER BY {found_keys}) AS i, count(*) OVER () AS n FROM c, pg_catalog.pg_stats s, pg_catalog.pg_class t, pg_catalog.pg_namespace n,
    unnest(coalesce(s.histogram_bounds::text, s.most_common_vals::text)::text[]) x,
    LATERAL (SELECT {key_columns} FROM {table} t WHERE {first_key} <= x::{first_type} ORDER BY {keys_descending} LIMIT 1) k
  WHERE t.oid = {leaf} AND n.oid = t.relnamespace AND s.schemaname = n.nspname AND s.tablename = t.relname AND s.attname = {first_key_name} AND NOT s.inherited
    AND {found_after} ({found_keys_k}) < ({high_lateral_c})
), ahead AS (
  SELECT {key_columns} FROM {table} t
  WHERE NOT EXISTS (SELECT FROM stats) AND {after_c} ({keys}) < ({high_c})
  ORDER BY {keys} OFFSET (SELECT 2 * batch_size * {stripes} FROM c) LIMIT 1
), middle AS (
  SELECT {found_keys} FROM stats WHERE i = (n + 1) / 2 UNION ALL SELECT {found_keys} FROM ahead
),

-- :name range_middle_page
middle AS (
  SELECT ('(' || (d.next + d.last) / 2 || ',65535)')::tid AS k1
  FROM (SELECT (p1::text::point)[0]::bigint AS next, (h1::text::point)[0]::bigint AS last FROM c) d WHERE d.last - d.next > 32
),

-- :name range_shorter
shorter AS (
  UPDATE stint.backfill_range r SET high = ARRAY[{middle_as_text}] FROM c, middle WHERE r.backfill = $1 AND r.number = c.number RETURNING r.high AS low
)
INSERT INTO stint.backfill_range (backfill, number, leaf, low, position, high, batch_size)
SELECT $1, (SELECT max(number) + 1 FROM stint.backfill_range WHERE backfill = $1), c.leaf, shorter.low, shorter.low, c.high, c.batch_size FROM c, shorter

-- :name range_empty
-- A leaf without rows has nothing to walk, now and later.
INSERT INTO stint.backfill_range (backfill, number, leaf, state)
SELECT b.id, (SELECT coalesce(max(number), 0) + 1 FROM stint.backfill_range r WHERE r.backfill = b.id), $2::oid, 'done' FROM stint.backfill b
WHERE b.migration = $1 AND NOT EXISTS (SELECT FROM stint.backfill_range r WHERE r.backfill = b.id AND r.leaf = $2::oid)

-- :name range_ready
UPDATE stint.backfill SET state = 'running', error = NULL WHERE migration = $1 AND state = 'planned'
