-- How the database is, from the primary alone: one statement a signal, so that one that a server refuses
-- takes no other with it. Each gives rows (name, value, things, span, mark, about): value NULL cannot be seen; no
-- row: there is nothing of the kind. things: how many there are that must not vanish. span: of what counts only
-- lately, in seconds; of a share, 0 where it does not count. mark: what is held, so long as it stays the same. about: which is the worst.
-- $1 backfill, $2 the worker's pid. stint. is replaced by the ledger's schema.

-- :name health_replica_lag
-- replay_lag is NULL for a standby that has nothing to replay; a standby that says nothing for long, while there is
-- something, is as late as its silence is long. pg_receivewal and subscribers replay nothing.
SELECT 'replica_lag', CASE WHEN bool_and(s.state IS NOT NULL) THEN coalesce(max(s.late), 0)::float8 END, count(*), NULL::float8, NULL, CASE WHEN bool_and(s.state IS NOT NULL) THEN (array_agg(s.who ORDER BY s.late DESC NULLS LAST))[1] END
FROM (SELECT r.state, coalesce(nullif(r.application_name, ''), 'a standby') AS who, greatest(extract(epoch FROM r.replay_lag),
        CASE WHEN r.replay_lsn < pg_current_wal_lsn() AND clock_timestamp() - r.reply_time > interval '15 s' THEN extract(epoch FROM clock_timestamp() - r.reply_time) END) AS late
      FROM pg_catalog.pg_stat_replication r WHERE r.state IS NULL OR (r.replay_lsn IS NOT NULL AND r.state IN ('streaming', 'catchup')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots l WHERE l.active_pid = r.pid AND l.slot_type = 'logical'))) s
HAVING count(*) > 0

-- :name health_replica_lag_bytes
SELECT 'replica_lag_bytes', CASE WHEN bool_and(s.state IS NOT NULL) THEN greatest(max(s.late), 0)::float8 END, count(*), NULL::float8, NULL, CASE WHEN bool_and(s.state IS NOT NULL) THEN (array_agg(s.who ORDER BY s.late DESC NULLS LAST))[1] END
FROM (SELECT r.state, coalesce(nullif(r.application_name, ''), 'a standby') AS who, pg_current_wal_lsn() - r.replay_lsn AS late
      FROM pg_catalog.pg_stat_replication r WHERE r.state IS NULL OR (r.replay_lsn IS NOT NULL AND r.state IN ('streaming', 'catchup')
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_replication_slots l WHERE l.active_pid = r.pid AND l.slot_type = 'logical'))) s
HAVING count(*) > 0

-- :name health_slot_wal
-- A slot that is about to lose its WAL, or has lost it, is beyond every limit.
SELECT 'slot_wal', max(s.kept), 0, NULL::float8, NULL, (array_agg(s.who ORDER BY s.kept DESC))[1]
FROM (SELECT 'slot ' || l.slot_name || CASE WHEN x.endangered THEN ', ' || l.wal_status ELSE '' END AS who,
        CASE WHEN x.endangered THEN 'Infinity' ELSE coalesce(pg_current_wal_lsn() - l.restart_lsn, 0)::float8 END AS kept
      FROM pg_catalog.pg_replication_slots l, LATERAL (SELECT coalesce(l.wal_status IN ('unreserved', 'lost')
        OR 4 * l.safe_wal_size < pg_size_bytes(current_setting('max_slot_wal_keep_size')), false) AS endangered) x) s
HAVING count(*) > 0

-- :name health_archive_backlog
-- From the end of what was archived last, or the beginning of what failed, to the segment that is being written, which cannot
-- be archived yet; on whichever timeline.
SELECT 'archive_backlog', greatest(x.current - coalesce(x.place, x.current), 0)::float8, 0, NULL::float8, NULL,
  CASE WHEN x.fails THEN 'archiving fails since ' || to_char(a.last_failed_time AT TIME ZONE 'UTC', 'HH24:MI:SS"Z"') END
FROM pg_catalog.pg_stat_archiver a,
LATERAL (SELECT coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false) AS fails, pg_size_bytes(current_setting('wal_segment_size')) AS segment) f,
LATERAL (SELECT CASE WHEN f.fails THEN a.last_failed_wal ELSE a.last_archived_wal END AS wal) w,
LATERAL (SELECT f.fails, div(pg_current_wal_lsn() - '0/0', f.segment) * f.segment AS current,
  CASE WHEN w.wal ~ '^[0-9A-F]{24}' THEN ('x' || substr(w.wal, 9, 8))::bit(32)::bigint * 4294967296
  + (('x' || substr(w.wal, 17, 8))::bit(32)::bigint + CASE WHEN f.fails THEN 0 ELSE 1 END) * f.segment END AS place) x
WHERE current_setting('archive_mode') <> 'off'

-- :name health_lock_waiters
-- Sessions that wait for one of us for longer than half a second.
SELECT 'lock_waiters', count(DISTINCT l.pid)::float8, 0, NULL::float8, NULL, 'pid ' || min(l.pid)
FROM (SELECT array_agg(r.pid) || $2::integer AS pids FROM stint.backfill_range r WHERE r.backfill = $1 AND r.state = 'taken') us, pg_catalog.pg_locks l
WHERE NOT l.granted AND NOT l.pid = ANY (us.pids) AND pg_blocking_pids(l.pid) && us.pids
  AND (current_setting('server_version_num')::integer < 140000 OR clock_timestamp() - (to_jsonb(l) ->> 'waitstart')::timestamptz > interval '500 ms')

-- :name health_active_others
SELECT 'active_others', CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN count(*)::float8 END, 0, NULL::float8, NULL, NULL
FROM pg_catalog.pg_stat_activity a WHERE a.state = 'active' AND a.backend_type = 'client backend' AND a.application_name NOT LIKE 'stint:%'

-- :name health_cpu_pressure
-- For how much of the time something that could run waits for a processor: of the container, or of the machine (Linux,
-- Documentation/accounting/psi.rst), a counter in microseconds. It does not count while nobody else works here, or all of
-- them wait for a lock or a time: then it is we who wait for ourselves. The function is called as a text, for who may not call it may not mention it either.
SELECT 'cpu_pressure', CASE WHEN m.may THEN p.waited / 1e4 END, 0, o.counts, NULL,
  CASE WHEN NOT m.may THEN 'it is in a file of the server, as a superuser sees it' WHEN p.waited IS NULL THEN 'the server''s system does not measure it' END
FROM (SELECT has_function_privilege('pg_catalog.pg_read_file(text, bigint, bigint, boolean)', 'EXECUTE') AND pg_has_role(current_user, 'pg_read_server_files', 'USAGE')
        AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may) m,
LATERAL (SELECT substring(query_to_xml(CASE WHEN m.may
    THEN 'SELECT coalesce(pg_catalog.pg_read_file(''/sys/fs/cgroup/cpu.pressure'', 0, 1000, true), pg_catalog.pg_read_file(''/proc/pressure/cpu'', 0, 1000, true))'
    ELSE 'SELECT NULL' END, false, false, '')::text FROM 'some [^\n]*total=(\d+)')::float8 AS waited) p,
LATERAL (SELECT CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.application_name NOT LIKE 'stint:%'
    AND CASE a.state WHEN 'idle' THEN false WHEN 'active' THEN coalesce(a.wait_event_type, '') NOT IN ('Lock', 'Timeout') ELSE clock_timestamp() - a.state_change < interval '1 s' END) THEN 1 ELSE 0 END::float8 AS counts) o

-- :name health_requested_checkpoints
SELECT 'requested_checkpoints', num_requested::float8, 0, extract(epoch FROM current_setting('checkpoint_timeout')::interval)::float8, NULL, 'a higher max_wal_size makes them rare'
FROM pg_catalog.pg_stat_checkpointer

-- :name health_requested_checkpoints_before_17
SELECT 'requested_checkpoints', checkpoints_req::float8, 0, extract(epoch FROM current_setting('checkpoint_timeout')::interval)::float8, NULL, 'a higher max_wal_size makes them rare'
FROM pg_catalog.pg_stat_bgwriter

-- :name health_dead_tuples
-- In thresholds of autovacuum: where it does not come, nothing can be waited for. A small table is no trouble.
SELECT 'dead_tuples', max(x.dead / x.threshold), 0, NULL::float8, NULL, CASE WHEN bool_or(x.threshold IS NOT NULL) THEN (array_agg(x.who || ', ' || x.dead || ' dead rows; VACUUM, where autovacuum is late' ORDER BY x.dead / x.threshold DESC NULLS LAST))[1] ELSE 'autovacuum is off' END
FROM (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS who, pg_stat_get_dead_tuples(c.oid)::float8 AS dead,
        CASE WHEN coalesce(o.enabled, true) AND current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean THEN greatest(20000,
          least(coalesce(o.threshold, current_setting('autovacuum_vacuum_threshold')::float8) + coalesce(o.factor, current_setting('autovacuum_vacuum_scale_factor')::float8) * greatest(c.reltuples, 0),
            nullif(coalesce(current_setting('autovacuum_vacuum_max_threshold', true), '-1')::float8, -1))) END AS threshold
      FROM (SELECT DISTINCT r.leaf FROM stint.backfill_range r WHERE r.backfill = $1) r
      JOIN pg_catalog.pg_class c ON c.oid = r.leaf JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
      LATERAL (SELECT max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_threshold')::float8 AS threshold,
        max(p.option_value) FILTER (WHERE p.option_name = 'autovacuum_vacuum_scale_factor')::float8 AS factor,
        bool_and(p.option_value::boolean) FILTER (WHERE p.option_name = 'autovacuum_enabled') AS enabled FROM pg_options_to_table(c.reloptions) p) o) x
HAVING count(*) > 0

-- :name health_horizon_held
-- Who keeps dead rows from being cleaned up: sessions and prepared transactions by their age, slots and the queries of
-- standbys by how long their xmin stays. Only where there are dead rows.
WITH dead AS (SELECT 1 AS yes FROM stint.backfill_range r WHERE r.backfill = $1 HAVING coalesce(sum(pg_stat_get_dead_tuples(r.leaf)), 0) > 0),
held AS (
  SELECT extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS secs, format('pid %s (%s, %s)', a.pid, coalesce(nullif(a.application_name, ''), 'no name'), a.state) AS who
  FROM pg_catalog.pg_stat_activity a WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.datname = current_database() AND a.backend_type <> 'autovacuum worker'
  UNION ALL
  SELECT extract(epoch FROM clock_timestamp() - p.prepared), format('the prepared transaction %L', p.gid) FROM pg_catalog.pg_prepared_xacts p WHERE p.database = current_database()
), kept AS (
  SELECT l.xmin, 'slot ' || l.slot_name AS who FROM pg_catalog.pg_replication_slots l WHERE l.xmin IS NOT NULL
  UNION ALL
  SELECT r.backend_xmin, 'the standby ' || r.application_name FROM pg_catalog.pg_stat_replication r WHERE r.backend_xmin IS NOT NULL
)
SELECT 'horizon_held', CASE WHEN m.may THEN coalesce(max(h.secs), 0) END, 0, NULL::float8, NULL, CASE WHEN m.may THEN (array_agg(h.who ORDER BY h.secs DESC NULLS LAST))[1] END
FROM (SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may) m, dead LEFT JOIN held h ON true GROUP BY m.may HAVING count(dead.yes) > 0
UNION ALL
(SELECT 'horizon_held', 0, 0, NULL, k.xmin::text, k.who FROM dead, kept k ORDER BY age(k.xmin) DESC LIMIT 1)

-- :name health_wraparound_vacuum
SELECT 'wraparound_vacuum', CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN least(count(v.pid), 1)::float8 END, 0, NULL::float8, NULL, 'pid ' || min(v.pid)
FROM (SELECT DISTINCT r.leaf FROM stint.backfill_range r WHERE r.backfill = $1) r JOIN pg_catalog.pg_class c ON c.oid = r.leaf
JOIN pg_catalog.pg_stat_progress_vacuum v ON v.relid IN (c.oid, c.reltoastrelid)
 AND (age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::bigint OR mxid_age(c.relminmxid) > current_setting('autovacuum_multixact_freeze_max_age')::bigint)

-- :name health_wal_rate
SELECT 'wal_rate', (pg_current_wal_lsn() - '0/0')::float8, 0, NULL::float8, NULL, NULL
