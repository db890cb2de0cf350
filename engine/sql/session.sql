-- :name session_clean
-- What an earlier file set, prepared, opened or left in temporary tables is gone; the run lock
-- stays (DISCARD ALL would drop it).
RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL;
DISCARD TEMP; DISCARD PLANS; DISCARD SEQUENCES

-- :name session_unlock
-- Session advisory locks that a file left, however often it took them; the transaction holds the
-- run lock meanwhile, so that nobody else gets it.
SELECT pg_catalog.pg_try_advisory_xact_lock(1937008750, (CASE WHEN objid::pg_catalog.int8 > 2147483647 THEN objid::pg_catalog.int8 - 4294967296 ELSE objid::pg_catalog.int8 END)::pg_catalog.int4)
FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1937008750 AND objsubid = 2;
SELECT pg_catalog.pg_advisory_unlock_all();
SELECT pg_catalog.pg_try_advisory_lock(1937008750, (CASE WHEN objid::pg_catalog.int8 > 2147483647 THEN objid::pg_catalog.int8 - 4294967296 ELSE objid::pg_catalog.int8 END)::pg_catalog.int4)
FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1937008750 AND objsubid = 2

-- :name session_missing_schema
-- The first schema of search_path, where it is not there: what is made would go elsewhere.
SELECT pg_catalog.quote_ident(name)
FROM (SELECT CASE WHEN part ~ '^\s*"' THEN pg_catalog.replace(pg_catalog.substring(part, '^\s*"(.*)"\s*$'), '""', '"')
        ELSE pg_catalog.lower(pg_catalog.btrim(part)) END AS name
      FROM pg_catalog.unnest(pg_catalog.string_to_array(pg_catalog.current_setting('search_path'), ',')) WITH ORDINALITY AS parts (part, number)
      WHERE number = 1) path
WHERE name NOT IN ('', '$user') AND name NOT LIKE 'pg\_%' AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = name)

-- :name session_started
SELECT pg_catalog.pg_postmaster_start_time()::pg_catalog.text, EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D')
