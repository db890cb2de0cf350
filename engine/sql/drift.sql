-- What the last run left, as the ledger keeps it (catalog.sql describes it).

-- :name drift_begin
BEGIN

-- :name drift_commit
COMMIT

-- :name drift_kept
-- $1 the run that asks, or 0: it is not over yet.
SELECT to_char(c.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), c.who, r.command, c.run, c.server / 10000, current_setting('server_version_num')::integer / 10000,
       coalesce(c.untold, (SELECT min(u.id) FROM stint.run u WHERE u.id > c.last_run AND u.id <> $1::bigint AND (u.applied > 0 OR u.outcome IS DISTINCT FROM 'ok')))
FROM stint.catalog c LEFT JOIN stint.run r ON r.id = c.run

-- :name drift_kept_objects
SELECT o.value ->> 0, o.value ->> 1, o.value ->> 2 FROM stint.catalog c, json_array_elements(c.objects) o WHERE o.value ->> 2 IS NOT NULL

-- :name drift_keep
-- Of what follows (catalog_objects), an object without a definition being one that was not there. $4 the run, $5 who; $6 what this run found changed, or NULL; $7 the first run that
-- kept nothing, or NULL. What was found stays as it was known before, and so does since when: it shows until people
-- accept it. But what the run then removed, or made where it was missing, is its own doing.
WITH was AS (
  DELETE FROM stint.catalog RETURNING at, run, server, who
), since AS (
  SELECT at, run, server, who FROM was WHERE $6::json IS NOT NULL
  UNION ALL SELECT clock_timestamp(), nullif($4::bigint, 0), current_setting('server_version_num')::integer, $5::text WHERE $6::json IS NULL
), found AS (
  SELECT kind, name, before, after FROM json_to_recordset(coalesce($6::json, '[]')) AS f (kind text, name text, before text, after text)
)
INSERT INTO stint.catalog (at, run, server, who, last_run, untold, objects)
SELECT (SELECT at FROM since), (SELECT run FROM since), (SELECT server FROM since), (SELECT who FROM since),
       coalesce(nullif($4::bigint, 0), (SELECT max(id) FROM stint.run), 0), $7::bigint,
       coalesce(json_agg(json_build_array(kind, name,
         CASE WHEN f.name IS NOT NULL AND (f.after IS NULL) = (o.definition IS NULL) THEN f.before ELSE o.definition END) ORDER BY name COLLATE "C", kind COLLATE "C"), '[]')
FROM found f NATURAL FULL JOIN
