-- What `backup` asks, counts and writes down.

-- :name backup_snapshot
-- The moment that the backup shows; pg_dump and the counts see the same. This session does nothing
-- while pg_dump works, and must not be ended for it.
SELECT pg_catalog.pg_export_snapshot(), pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.now()), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1),
       pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true), pg_catalog.set_config('row_security', 'off', true)

-- :name backup_last
SELECT name FROM stint.migration WHERE state IN ('applied', 'baselined') AND kind <> 'repeatable' ORDER BY applied_at DESC, id DESC LIMIT 1

-- :name backup_tables
-- The tables whose rows are dumped, and how to count them; $1 the schemas that are left out. Of an
-- extension's own tables pg_dump takes what the extension says.
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), pg_catalog.format('SELECT pg_catalog.count(*) FROM ONLY %I.%I', n.nspname, c.relname)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND n.nspname <> ALL ($1::text[])
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY 1

-- :name backup_record
INSERT INTO stint.backup (environment, database, file, format, bytes, tables, checksum, server, last_migration, taken_at, who)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id

-- :name backup_proven
UPDATE stint.backup SET proven_at = pg_catalog.clock_timestamp() WHERE id = $1

-- :name backup_known
SELECT 1 FROM stint.backup WHERE checksum = $1 AND environment = $2 AND removed_at IS NULL

-- :name backup_removed
UPDATE stint.backup SET removed_at = pg_catalog.clock_timestamp() WHERE checksum = $1 AND environment = $2
