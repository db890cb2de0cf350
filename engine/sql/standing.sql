-- How far backfills are, for people. A range counts a worker where the session that holds it is alive.

-- :name standing_list
SELECT b.migration, b.id, b.name, b.version, b.relation, b.way,
  CASE WHEN b.desired = 'pause' AND b.state IN ('planned', 'running') THEN 'paused' ELSE b.state END,
  b.rows_total, CASE b.sweep WHEN 0 THEN r.seen ELSE b.rows_walked END, r.changed + b.rows_late, (SELECT count(*) FROM stint.backfill_quarantine q WHERE q.backfill = b.id),
  (SELECT count(*) FROM stint.backfill_residue e WHERE e.backfill = b.id), r.ranges, r.ranges_left, r.workers, r.rate, r.batch_size,
  b.sweep, b.error, CASE WHEN b.desired = 'pause' AND b.state IN ('planned', 'running') THEN 'paused' ELSE b.throttled_by END, w.who,
  to_char(w.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'),
  coalesce((SELECT sum(pg_stat_get_dead_tuples(p.relid)) FROM pg_partition_tree(to_regclass(b.relation)) p WHERE p.isleaf),
    pg_stat_get_dead_tuples(to_regclass(b.relation)))::bigint,
  b.held_ms + coalesce((extract(epoch FROM clock_timestamp() - b.throttled_at) * 1000)::bigint, 0), b.speed,
  CASE b.sweep WHEN 0 THEN 0 ELSE r.seen END, b.budget, b.health ->> 'slowed_by'
FROM stint.backfill b
CROSS JOIN LATERAL (
  SELECT coalesce(sum(x.rows_seen), 0)::bigint AS seen, coalesce(sum(x.rows_changed), 0)::bigint AS changed, count(*) AS ranges,
    count(*) FILTER (WHERE x.state <> 'done') AS ranges_left, count(*) FILTER (WHERE x.is_held) AS workers,
    coalesce(sum(x.rows_per_second) FILTER (WHERE x.is_held), 0)::bigint AS rate,
    coalesce(avg(x.batch_size) FILTER (WHERE x.is_held), max(x.batch_size), 0)::bigint AS batch_size
  FROM (SELECT o.*, o.state = 'taken' AND EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
          WHERE a.pid = o.pid AND coalesce(a.backend_start = o.session, true)) AS is_held
        FROM stint.backfill_range o WHERE o.backfill = b.id) x) r
LEFT JOIN LATERAL (SELECT e.who, e.at FROM stint.event e WHERE e.migration = b.migration AND NOT e.undone AND e.kind IN ('backfill_pause', 'backfill_cancel')
  ORDER BY e.id DESC LIMIT 1) w ON true
ORDER BY b.id

-- :name standing_workers
-- Who is at it. $1 backfill
SELECT r.number, r.worker, r.pid, coalesce(host(a.client_addr), 'local'), r.rows_seen, r.rows_per_second::bigint, r.batch_size,
  (extract(epoch FROM clock_timestamp() - r.updated_at) * 1000)::bigint
FROM stint.backfill_range r JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid AND coalesce(a.backend_start = r.session, true)
WHERE r.backfill = $1 AND r.state = 'taken' ORDER BY r.number

-- :name standing_wish
-- What somebody wants of a backfill, and the audit of it; no row where it is in none of the states of $2.
-- $1 backfill, $2 states, $3 desired, $4 state (NULL: where it was), $5 kind of the event, $6 who
WITH done AS (
  UPDATE stint.backfill b SET desired = $3, error = NULL, look_at = NULL, released_at = CASE WHEN $3 = 'run' THEN clock_timestamp() ELSE released_at END, health = CASE WHEN $3 = 'run' THEN NULL ELSE health END,
    state = coalesce($4, CASE WHEN b.state IN ('planned', 'running') THEN b.state
      WHEN EXISTS (SELECT FROM stint.backfill_range r WHERE r.backfill = b.id) THEN 'running' ELSE 'planned' END)
  WHERE b.id = $1 AND CASE WHEN b.desired = 'pause' AND b.state IN ('planned', 'running') THEN 'paused' ELSE b.state END = ANY ($2::text[])
  RETURNING b.migration, b.state)
INSERT INTO stint.event (migration, kind, who, facts) SELECT migration, $5, $6, jsonb_build_object('state', state) FROM done

-- :name standing_retry
-- Rows of the quarantine are tried again, with the values they have now. $1 backfill, $2 who
WITH gone AS (DELETE FROM stint.backfill_quarantine q WHERE q.backfill = $1 RETURNING q.leaf, q.key),
back AS (INSERT INTO stint.backfill_residue (backfill, leaf, key, reason) SELECT $1, g.leaf, g.key, 'retry' FROM gone g ON CONFLICT DO NOTHING),
again AS (UPDATE stint.backfill SET state = 'running', error = NULL WHERE id = $1 AND state = 'failed' AND EXISTS (SELECT FROM gone))
INSERT INTO stint.event (migration, kind, who, facts)
SELECT b.migration, 'backfill_retry', $2, jsonb_build_object('rows', (SELECT count(*) FROM gone))
FROM stint.backfill b WHERE b.id = $1 AND EXISTS (SELECT FROM gone)

-- :name standing_speed
-- $1 backfill, $2 the part of their time that workers may work, $3 who
WITH done AS (UPDATE stint.backfill SET speed = $2::real WHERE id = $1 RETURNING migration)
INSERT INTO stint.event (migration, kind, who, facts) SELECT migration, 'backfill_speed', $3, jsonb_build_object('speed', $2::real) FROM done

-- :name standing_lag
-- ms by which the slowest standby that can be seen is behind; NULL where there is none, or it may not be seen
SELECT (extract(epoch FROM max(replay_lag)) * 1000)::bigint FROM pg_catalog.pg_stat_replication
