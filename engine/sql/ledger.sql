-- :name ledger_rows
-- Every file that the ledger knows; texts are fetched apart. No rows of a version that we do not know,
-- and NULL for what most have: a thousand rows of a column take 0.1 ms.
SELECT m.id, nullif(m.version, m.id), m.name, nullif(m.kind, 'sql'), nullif(m.state, 'applied'), m.checksum, nullif(m.down_text IS NOT NULL, false),
       m.applied_at AT TIME ZONE 'UTC', m.applied_by, m.duration_ms,
       m.position, CASE m.state WHEN 'reverting' THEN m.down_statements ELSE m.statements END, m.intent, m.intent_facts,
       m.run, m.tokens, m.down_tokens
FROM stint.migration m WHERE (SELECT version FROM stint.ledger) <= $1

-- :name ledger_brief
-- Only what tells whether a settled one was edited: the rest of a thousand rows would cost more than
-- all else of a run that has nothing to do.
SELECT m.id, nullif(m.version, m.id), m.name, nullif(m.kind, 'sql'), nullif(m.state, 'applied'), m.checksum, nullif(m.down_text IS NOT NULL, false)
FROM stint.migration m WHERE (SELECT version FROM stint.ledger) <= $1

-- :name ledger_dated
-- The same, and when, by whom and how long.
SELECT m.id, nullif(m.version, m.id), m.name, nullif(m.kind, 'sql'), nullif(m.state, 'applied'), m.checksum, nullif(m.down_text IS NOT NULL, false),
       m.applied_at AT TIME ZONE 'UTC', m.applied_by, m.duration_ms
FROM stint.migration m WHERE (SELECT version FROM stint.ledger) <= $1

-- :name ledger_failures
-- The last attempt of each file that failed, where nothing newer succeeded.
SELECT DISTINCT ON (e.migration) e.migration, e.message,
       to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
FROM stint.event e LEFT JOIN stint.migration m ON m.id = e.migration
WHERE e.kind = CASE m.state WHEN 'reverting' THEN 'rollback_failed' ELSE 'migration_failed' END AND NOT e.undone
  AND (m.id IS NULL OR (m.kind = 'repeatable' OR m.state NOT IN ('applied', 'baselined')) AND e.at >= m.started_at)
ORDER BY e.migration, e.id DESC

-- :name ledger_texts
SELECT text, down_text FROM stint.migration WHERE id = $1

-- :name ledger_run_begin
INSERT INTO stint.run (command, environment, who, program) VALUES ($1, $2, $3, $4) RETURNING id

-- :name ledger_run_end
UPDATE stint.run SET finished_at = pg_catalog.clock_timestamp(), outcome = $2, applied = $3 WHERE id = $1

-- :name ledger_event
INSERT INTO stint.event (run, migration, kind, who, message, facts) VALUES ($1, $2, $3, $4, $5, $6)

-- :name ledger_open
-- The fence of a file's first step: a second run that got here too dies of the unique key.
INSERT INTO stint.migration (id, version, name, kind, state, statements, run, checksum, tokens, down_tokens, text, down_text, applied_by)
VALUES ($1, $2, $3, $4, 'partial', $5, $6, $7, $8, $9, $10, $11, $12)

-- :name ledger_prepare_apply
-- Many small files in a row: parsing and planning this INSERT would cost more than the files do.
PREPARE stint_apply (text, text, text, text, integer, bigint, text, text, text, text, text, text) AS
INSERT INTO stint.migration (id, version, name, kind, state, position, statements, run, checksum, tokens, down_tokens, text, down_text, applied_by, applied_at)
VALUES ($1, $2, $3, $4, 'applied', $5, $5, $6, $7, $8, $9, $10, $11, $12, pg_catalog.clock_timestamp())

-- :name ledger_execute_apply
EXECUTE stint_apply ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- :name ledger_apply
-- The same for a file that is one transaction: its first step is its last. duration_ms follows.
INSERT INTO stint.migration (id, version, name, kind, state, position, statements, run, checksum, tokens, down_tokens, text, down_text, applied_by, applied_at)
VALUES ($1, $2, $3, $4, 'applied', $5, $5, $6, $7, $8, $9, $10, $11, $12, pg_catalog.clock_timestamp())

-- :name ledger_durations
-- Of files that were one transaction: known when it has ended.
UPDATE stint.migration m SET duration_ms = d.ms FROM unnest($1::text[], $2::bigint[]) AS d (id, ms) WHERE m.id = d.id AND m.run = $3 AND m.duration_ms IS NULL

-- :name ledger_forget
-- A file that was rolled back is opened anew.
DELETE FROM stint.migration WHERE id = $1 AND state = 'rolled_back'

-- :name ledger_fence
-- The fence of a later step: no row, no division.
WITH mine AS (UPDATE stint.migration SET run = $4 WHERE id OPERATOR(pg_catalog.=) $1 AND position OPERATOR(pg_catalog.=) $2 AND run OPERATOR(pg_catalog.=) $3 AND (state OPERATOR(pg_catalog.=) 'partial' OR state OPERATOR(pg_catalog.=) 'reverting') RETURNING 1)
SELECT 1 OPERATOR(pg_catalog./) pg_catalog.count(*) FROM mine

-- :name ledger_retext
-- A half-applied file may be edited from its position on, and people may accept any edit.
UPDATE stint.migration SET checksum = $2, tokens = $3, down_tokens = $4, text = $5, down_text = $6, statements = $7 WHERE id = $1

-- :name ledger_advance
UPDATE stint.migration SET position = $2, intent = NULL, intent_facts = NULL WHERE id OPERATOR(pg_catalog.=) $1

-- :name ledger_finish
UPDATE stint.migration SET position = $2, intent = NULL, intent_facts = NULL, state = 'applied', applied_at = pg_catalog.clock_timestamp(),
       duration_ms = (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) started_at) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8
WHERE id OPERATOR(pg_catalog.=) $1

-- :name ledger_intend
UPDATE stint.migration SET intent = $2, intent_facts = $3 WHERE id OPERATOR(pg_catalog.=) $1

-- :name ledger_give_up
-- The intended statement failed and left nothing: a file with nothing applied is as if never begun,
-- one with nothing rolled back is applied as before.
WITH gone AS (DELETE FROM stint.migration WHERE id OPERATOR(pg_catalog.=) $1 AND position OPERATOR(pg_catalog.=) 0 AND state OPERATOR(pg_catalog.=) 'partial')
UPDATE stint.migration SET intent = NULL, intent_facts = NULL,
  position = CASE WHEN state OPERATOR(pg_catalog.=) 'reverting' AND position OPERATOR(pg_catalog.=) 0 THEN statements ELSE position END,
  state = CASE WHEN state OPERATOR(pg_catalog.=) 'reverting' AND position OPERATOR(pg_catalog.=) 0 THEN state_before ELSE state END
WHERE id OPERATOR(pg_catalog.=) $1 AND (position OPERATOR(pg_catalog.>) 0 OR state OPERATOR(pg_catalog.=) 'reverting')

-- :name ledger_mark
-- `resolve --applied`: in the ledger without having run.
INSERT INTO stint.migration (id, version, name, kind, state, position, statements, run, checksum, tokens, down_tokens, text, down_text, applied_by, applied_at)
VALUES ($1, $2, $3, $4, 'baselined', $5, $5, $6, $7, $8, $9, $10, $11, $12, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET state = 'baselined', position = excluded.position, statements = excluded.statements, intent = NULL, intent_facts = NULL,
  run = excluded.run, checksum = excluded.checksum, tokens = excluded.tokens, down_tokens = excluded.down_tokens, text = excluded.text, down_text = excluded.down_text,
  applied_by = excluded.applied_by, applied_at = excluded.applied_at

-- :name ledger_unmark
UPDATE stint.migration SET state = 'rolled_back', position = 0, intent = NULL, intent_facts = NULL, run = $2 WHERE id = $1

-- :name ledger_accept_backfill
UPDATE stint.backfill SET spec = $2 WHERE migration = $1

-- :name ledger_repeat
-- The fence of a repeatable file that is applied again: its tokens are what we believe, or another
-- run was faster. duration_ms follows.
WITH mine AS (UPDATE stint.migration SET state = 'applied', position = $5, statements = $5, intent = NULL, intent_facts = NULL, run = $6, checksum = $7, tokens = $8,
  text = $10, applied_by = $12, started_at = pg_catalog.clock_timestamp(), applied_at = pg_catalog.clock_timestamp(), duration_ms = NULL
  WHERE id = $1 AND tokens = $13 RETURNING 1)
SELECT 1 / count(*) FROM mine

-- :name ledger_holders
-- Who has rows of the ledger locked, in one line.
SELECT 'pid ' || string_agg(DISTINCT l.pid || ' (' || coalesce(a.application_name, '') || ', role ' || coalesce(a.usename, '?') || ', ' || coalesce(a.state, '?') || ')', ', pid ')
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a USING (pid)
WHERE l.relation = to_regclass('stint.migration') AND l.mode <> 'AccessShareLock' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
HAVING count(*) > 0

-- :name ledger_last
-- What was last done to migrations here: the last run that applied one, how many there are, and the
-- last event that is about one (a backup is none); NULL: nothing ever was.
SELECT nullif(pg_catalog.concat_ws(' ', max(m.run), nullif(count(*), 0), nullif(count(*) FILTER (WHERE m.state = 'applied'), 0),
  (SELECT max(e.id) FROM stint.event e WHERE e.migration IS NOT NULL)), '') FROM stint.migration m
