-- Who stands in the way of a table lock. Queries are asked from a second session (the witness), or
-- before a transaction begins, so that they hold no lock and keep no snapshot.

-- :name retreat_blockers
-- The sessions that block process $1, oldest transaction first; autovacuum yields after
-- deadlock_timeout, unless it works against wraparound.
SELECT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.usename, ''), coalesce(a.state, ''),
       coalesce((extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, 0), coalesce(a.query, ''),
       a.backend_type = 'autovacuum worker', a.query LIKE '%(to prevent wraparound)%'
FROM unnest(pg_catalog.pg_blocking_pids($1::integer)) AS b (pid)
JOIN pg_catalog.pg_stat_activity a ON a.pid = b.pid
ORDER BY a.xact_start NULLS LAST

-- :name retreat_holders
-- Transactions older than $2 ms that hold a lock on one of the tables $1 (or on their partitions and
-- indexes, by which they came).
SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), a.backend_type), coalesce(a.usename, ''), coalesce(a.state, ''),
       coalesce((extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, 0), coalesce(a.query, ''),
       a.backend_type = 'autovacuum worker', a.query LIKE '%(to prevent wraparound)%'
FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.granted AND l.locktype = 'relation' AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.relation IN (SELECT to_regclass(t)::oid FROM unnest($1::text[]) AS t)
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND a.xact_start < clock_timestamp() - $2::bigint * interval '1 millisecond'

-- :name retreat_deadlock_timeout
SELECT (extract(epoch FROM current_setting('deadlock_timeout')::interval) * 1000)::bigint
