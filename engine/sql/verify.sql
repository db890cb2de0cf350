-- :name verify_open
-- What a check asks can change nothing, and its answer is worth its first row: the plan is for all.
BEGIN READ ONLY;
SELECT pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('cursor_tuple_fraction', '1', true)

-- :name verify_close
ROLLBACK

-- :name verify_open_inside
-- Within a migration's transaction: as if the migration had SET nothing; all of it goes with the
-- savepoint.
SAVEPOINT stint_check;
RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL

-- :name verify_limit_inside
SET LOCAL transaction_read_only = on;
SELECT pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('cursor_tuple_fraction', '1', true)

-- :name verify_close_inside
ROLLBACK TO SAVEPOINT stint_check; RELEASE SAVEPOINT stint_check
