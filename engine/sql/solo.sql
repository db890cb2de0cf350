-- What became of a statement that no transaction can hold, when the run that sent it died before
-- it could write the outcome. Each answers done, again or unknown; $1 is the object, $2 the table,
-- $3 what was noted before (the OIDs of the table's indexes).

-- :name solo_create_index
-- An index stands in the schema of its table, wherever the search_path leads.
SELECT CASE WHEN i.indexrelid IS NULL THEN 'again' WHEN i.indisvalid THEN 'done' ELSE 'invalid' END,
       i.indexrelid::pg_catalog.regclass::pg_catalog.text
FROM (SELECT 1) one LEFT JOIN LATERAL (
  SELECT x.indexrelid, x.indisvalid FROM pg_catalog.pg_index x
  WHERE x.indrelid = pg_catalog.to_regclass($2)
    AND CASE WHEN $1::text IS NOT NULL
             THEN x.indexrelid = pg_catalog.to_regclass((SELECT pg_catalog.quote_ident(n.nspname) || '.' || $1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = x.indrelid))
             ELSE NOT x.indexrelid = ANY ($3::oid[]) END
  ORDER BY x.indisvalid LIMIT 1) i ON true

-- :name solo_index_oids
SELECT coalesce(pg_catalog.array_agg(indexrelid), '{}')::text FROM pg_catalog.pg_index WHERE indrelid = pg_catalog.to_regclass($1)

-- :name solo_index_builder
-- A session that is at work on this very index: not ours to drop. Of another role's session only
-- the pid can be seen without pg_read_all_stats: then its lock on the table tells.
SELECT l.pid FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_locks l USING (pid)
WHERE p.relid IS NULL AND l.relation = pg_catalog.to_regclass($2) AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
UNION ALL
SELECT pid FROM pg_catalog.pg_stat_progress_create_index WHERE index_relid = pg_catalog.to_regclass($1) OR (index_relid = 0 AND relid = pg_catalog.to_regclass($2))

-- :name solo_reindex_leftovers
-- What a REINDEX CONCURRENTLY that died has left of its new (or old) indexes; $1 is the table or the
-- index. A table that some session builds an index on is left alone.
SELECT i.indexrelid::pg_catalog.regclass::pg_catalog.text
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p WHERE p.relid = i.indrelid OR (p.relid IS NULL AND EXISTS (
    SELECT FROM pg_catalog.pg_locks l WHERE l.pid = p.pid AND l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted)))
  AND (i.indrelid = pg_catalog.to_regclass($1) OR i.indrelid = (SELECT x.indrelid FROM pg_catalog.pg_index x WHERE x.indexrelid = pg_catalog.to_regclass($1)))

-- :name solo_drop_index
SELECT CASE WHEN pg_catalog.to_regclass($1) IS NULL THEN 'done' ELSE 'again' END, NULL

-- :name solo_create_database
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_database WHERE pg_catalog.quote_ident(datname) = $1 OR datname = pg_catalog.lower($1)) THEN 'done' ELSE 'again' END, NULL

-- :name solo_drop_database
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_database WHERE pg_catalog.quote_ident(datname) = $1 OR datname = pg_catalog.lower($1)) THEN 'again' ELSE 'done' END, NULL

-- :name solo_create_tablespace
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE pg_catalog.quote_ident(spcname) = $1 OR spcname = pg_catalog.lower($1)) THEN 'done' ELSE 'again' END, NULL

-- :name solo_drop_tablespace
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE pg_catalog.quote_ident(spcname) = $1 OR spcname = pg_catalog.lower($1)) THEN 'again' ELSE 'done' END, NULL

-- :name solo_create_subscription
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_subscription WHERE (pg_catalog.quote_ident(subname) = $1 OR subname = pg_catalog.lower($1)) AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) THEN 'done' ELSE 'again' END, NULL

-- :name solo_drop_subscription
SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_subscription WHERE (pg_catalog.quote_ident(subname) = $1 OR subname = pg_catalog.lower($1)) AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())) THEN 'again' ELSE 'done' END, NULL

-- :name solo_detach_partition
SELECT CASE WHEN i.inhrelid IS NULL THEN 'done' WHEN i.inhdetachpending THEN 'finalize' ELSE 'again' END, NULL
FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = pg_catalog.to_regclass($1) AND i.inhparent = pg_catalog.to_regclass($2)

-- :name solo_unknown
SELECT 'unknown', NULL

-- :name solo_repeat
SELECT 'again', NULL

-- :name solo_lock_timeout
-- What it was, and from now on $1.
SELECT pg_catalog.current_setting('lock_timeout'), pg_catalog.set_config('lock_timeout', $1, false)
