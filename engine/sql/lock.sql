-- The run lock: a session advisory lock, keyed by Stint's word ('stin') and the ledger's schema.
-- It is polled, never waited for: a waiter inside the server would make the holder's
-- CREATE INDEX CONCURRENTLY die of a deadlock.

-- :name lock_try
SELECT pg_catalog.pg_try_advisory_lock(1937008750, pg_catalog.hashtext($1))

-- :name lock_release
SELECT pg_catalog.pg_advisory_unlock(1937008750, pg_catalog.hashtext($1))

-- :name lock_is_ours
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND granted AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
  AND database OPERATOR(pg_catalog.=) (SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
  AND classid OPERATOR(pg_catalog.=) 1937008750::pg_catalog.oid AND objsubid OPERATOR(pg_catalog.=) 2::pg_catalog.int2
  AND objid::pg_catalog.int8 OPERATOR(pg_catalog.=) (pg_catalog.hashtext($1)::pg_catalog.int8 OPERATOR(pg_catalog.&) 4294967295))

-- :name lock_holder
-- Of another role's session little can be seen without pg_read_all_stats: those cells are NULL.
SELECT a.pid, a.application_name, a.usename, CASE WHEN a.backend_start IS NOT NULL THEN coalesce(pg_catalog.host(a.client_addr), 'local') END,
       pg_catalog.to_char(pg_catalog.timezone('UTC', a.backend_start), 'YYYY-MM-DD HH24:MI:SS"Z"'),
       (extract(epoch FROM pg_catalog.clock_timestamp() - a.backend_start))::bigint, a.state,
       (extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change))::bigint,
       CASE WHEN a.backend_start IS NOT NULL THEN pg_catalog."left"(a.query, 200) END
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1937008750 AND l.objsubid = 2
  AND l.objid::bigint = (pg_catalog.hashtext($1)::bigint & 4294967295)
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())

-- :name lock_end_holder
SELECT pg_catalog.pg_terminate_backend($1::integer)
