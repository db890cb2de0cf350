-- :name session_clean
-- What an earlier file set, prepared, opened or left in temporary tables is gone; the run lock
-- stays (DISCARD ALL would drop it).
RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; DEALLOCATE ALL;
DISCARD TEMP; DISCARD PLANS; DISCARD SEQUENCES

-- :name session_unlock
-- Session advisory locks that a file left, however often it took them; the transaction holds the
-- run lock meanwhile, so that nobody else gets it.
SELECT pg_catalog.pg_try_advisory_xact_lock(1937008750, (CASE WHEN objid::bigint > 2147483647 THEN objid::bigint - 4294967296 ELSE objid::bigint END)::int4)
FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1937008750 AND objsubid = 2;
SELECT pg_catalog.pg_advisory_unlock_all();
SELECT pg_catalog.pg_try_advisory_lock(1937008750, (CASE WHEN objid::bigint > 2147483647 THEN objid::bigint - 4294967296 ELSE objid::bigint END)::int4)
FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid() AND classid = 1937008750 AND objsubid = 2

-- :name session_database_exists
SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1

-- :name session_started
SELECT pg_catalog.pg_postmaster_start_time()::text, EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D')
