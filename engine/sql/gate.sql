-- What gates ask of a database.

-- :name gate_applied
-- In another environment's ledger: what became of these files, and how long ago.
SELECT id, state, tokens, duration_ms, extract(epoch FROM clock_timestamp() - applied_at)::bigint, pg_catalog.current_database()
FROM stint.migration WHERE id = ANY ($1::text[])

-- :name gate_age
-- How many seconds ago that was.
SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)::bigint

-- :name gate_backups
-- The newest first, and for how long it shows what was.
SELECT file, extract(epoch FROM clock_timestamp() - taken_at)::bigint, proven_at IS NOT NULL
FROM stint.backup WHERE environment = $1 AND removed_at IS NULL ORDER BY taken_at DESC LIMIT 1000

-- :name gate_zone
SELECT name FROM pg_catalog.pg_timezone_names WHERE lower(name) = lower($1)

-- :name gate_window
-- By the clock on the wall of that zone, whatever its summer time. A window that ends before it
-- begins belongs to the day of its beginning; a freeze is of whole days there. $1 now (NULL: the
-- server's), $2 days of the week, $3 from, $4 to, $5 zone, $6 and $7 freezes: first and last days.
-- When it opens next is looked for where it could: at a beginning, or at the end of a freeze.
WITH window_ AS (
  SELECT coalesce($1::timestamptz, clock_timestamp()) AS now, $2::int[] AS days, $3::time AS opens, $4::time AS closes, $5::text AS zone
), frozen AS (
  SELECT * FROM unnest($6::date[], $7::date[]) AS f (first, last)
), moment AS (
  SELECT now AS at FROM window_
  UNION SELECT ((now AT TIME ZONE zone)::date + n + opens) AT TIME ZONE zone FROM window_, generate_series(0, 400) n
  UNION SELECT (last + 1)::timestamp AT TIME ZONE zone FROM window_, frozen
), wall AS (
  SELECT m.at, m.at AT TIME ZONE w.zone AS local, w.* FROM moment m, window_ w
), judged AS (
  SELECT w.at, w.now, w.local, f.first, f.last,
    f.first IS NULL AND extract(isodow FROM CASE
      WHEN w.opens < w.closes AND w.local::time >= w.opens AND w.local::time < w.closes THEN w.local::date
      WHEN w.opens >= w.closes AND w.local::time >= w.opens THEN w.local::date
      WHEN w.opens >= w.closes AND w.local::time < w.closes THEN w.local::date - 1 END) = ANY (w.days) IS TRUE AS is_open
  FROM wall w LEFT JOIN LATERAL (SELECT * FROM frozen WHERE w.local::date BETWEEN first AND last ORDER BY last DESC LIMIT 1) f ON true
)
SELECT j.is_open, to_char(j.local, 'FMDy YYYY-MM-DD HH24:MI'), CASE WHEN j.first IS NOT NULL THEN j.first || ' to ' || j.last END,
  (SELECT to_char(o.local, 'FMDy YYYY-MM-DD HH24:MI') FROM judged o WHERE o.is_open AND o.at > o.now ORDER BY o.at LIMIT 1)
FROM judged j WHERE j.at = j.now LIMIT 1

-- :name gate_may
-- May this login role do what one of these may?
SELECT r.rolname FROM pg_catalog.pg_roles r WHERE r.rolname = ANY ($1::text[]) AND pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER') LIMIT 1

-- :name gate_sight
-- Does this role see what standbys do? Others have NULL in all columns of pg_stat_replication.
SELECT pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), pg_catalog.quote_ident(current_user)
