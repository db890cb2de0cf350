-- Throw-away databases: stint_scratch_RUN_NUMBER. The session that made them holds an advisory lock
-- of its run in the maintenance database for as long as it lives.

-- :name scratch_claim
SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended('stint scratch ' || $1, 0))

-- :name scratch_unclaim
SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('stint scratch ' || $1, 0))

-- :name scratch_left
-- Those that our role may drop; $1 a run, or NULL for all but $2.
SELECT datname, substring(datname FROM '^stint_scratch_([0-9a-z_]+)_[0-9]+$')
FROM pg_catalog.pg_database
WHERE datname ~ '^stint_scratch_[0-9a-z_]+_[0-9]+$'
  AND CASE WHEN $1::text IS NULL THEN substring(datname FROM '^stint_scratch_([0-9a-z_]+)_[0-9]+$') <> $2
      ELSE substring(datname FROM '^stint_scratch_([0-9a-z_]+)_[0-9]+$') = $1 END
  AND pg_catalog.pg_has_role(session_user, datdba, 'MEMBER')
ORDER BY datname

-- :name scratch_make
CREATE DATABASE %s TEMPLATE %s

-- :name scratch_drop
DROP DATABASE IF EXISTS %s

-- :name scratch_drop_forced
-- Since PostgreSQL 13.
DROP DATABASE IF EXISTS %s WITH (FORCE)
