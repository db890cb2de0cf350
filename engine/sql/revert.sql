-- Rolling back: the row of an applied file goes by 'reverting' to 'rolled_back'. Its later steps are
-- fenced by ledger_fence and advanced by ledger_advance, like those of the way up.

-- :name revert_open
-- The fence of a rollback's first step: the row is applied, and as the run that we know of left it.
-- $2 run believed, $3 run, $4 statements, $5 the text of the way down
WITH mine AS (UPDATE stint.migration SET state_before = state, state = 'reverting', position = 0, intent = NULL, intent_facts = NULL,
    run = $3, down_statements = $4, down_text = $5, started_at = pg_catalog.clock_timestamp()
  WHERE id OPERATOR(pg_catalog.=) $1 AND run OPERATOR(pg_catalog.=) $2
    AND (state OPERATOR(pg_catalog.=) 'applied' OR state OPERATOR(pg_catalog.=) 'baselined') RETURNING 1)
SELECT 1 OPERATOR(pg_catalog./) pg_catalog.count(*) FROM mine

-- :name revert_finish
-- $2 who; the audit's line is written with it. What repeatable files have made may have gone with
-- the rest (CASCADE, or by name): they are applied again.
WITH mine AS (UPDATE stint.migration SET state = 'rolled_back', position = 0, intent = NULL, intent_facts = NULL, applied_at = NULL, duration_ms = NULL
  WHERE id OPERATOR(pg_catalog.=) $1 RETURNING run, started_at),
again AS (UPDATE stint.migration SET state = 'rolled_back' WHERE kind OPERATOR(pg_catalog.=) 'repeatable' AND state OPERATOR(pg_catalog.=) 'applied')
INSERT INTO stint.event (run, migration, kind, who, facts)
SELECT run, $1, 'rolled_back', $2, pg_catalog.jsonb_build_object('duration_ms',
  (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started_at) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8) FROM mine

-- :name revert_finish_backfill
-- $1 migration, $2 who; no row, no division. The backfill is as if it had never been begun.
WITH mine AS (UPDATE stint.migration SET state = 'rolled_back', position = 0, applied_at = NULL, duration_ms = NULL
  WHERE id = $1 AND state = 'reverting' AND EXISTS (SELECT FROM stint.backfill WHERE migration = $1 AND state = 'running') RETURNING run, started_at),
gone AS (DELETE FROM stint.backfill WHERE migration = $1),
said AS (INSERT INTO stint.event (run, migration, kind, who, facts)
  SELECT run, $1, 'rolled_back', $2, jsonb_build_object('duration_ms', (extract(epoch FROM pg_catalog.clock_timestamp() - started_at) * 1000)::bigint) FROM mine)
SELECT 1 / count(*) FROM mine

-- :name revert_retext
-- A half rolled back file may be edited from its position on.
UPDATE stint.migration SET down_text = $2, down_statements = $3 WHERE id = $1
