-- Rows that fail, and rows that were passed over.

-- :name quarantine_count
SELECT (SELECT count(*) FROM stint.backfill_quarantine q WHERE q.backfill = b.id), b.max_quarantine FROM stint.backfill b WHERE b.id = $1

-- :name quarantine_list
SELECT q.key::text, q.sqlstate, q.message, q.traceback FROM stint.backfill_quarantine q WHERE q.backfill = $1 ORDER BY q.leaf, q.at, q.key LIMIT $2

-- :name quarantine_retry
-- Back into the residue, where they are tried with the values they have now. $1 backfill
WITH gone AS (DELETE FROM stint.backfill_quarantine q WHERE q.backfill = $1 RETURNING q.leaf, q.key)
INSERT INTO stint.backfill_residue (backfill, leaf, key, reason) SELECT $1, g.leaf, g.key, 'retry' FROM gone g ON CONFLICT DO NOTHING

-- :name quarantine_late
-- One of the residue that fails. $1 backfill, $2 leaf, $3 key, $4 SQLSTATE, $5 message, $6 traceback
WITH gone AS (DELETE FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid AND e.key = $3::text[])
INSERT INTO stint.backfill_quarantine (backfill, leaf, key, sqlstate, message, traceback) VALUES ($1, $2::oid, $3::text[], $4, $5, $6)
ON CONFLICT (backfill, leaf, key) DO UPDATE SET sqlstate = excluded.sqlstate, message = excluded.message, traceback = excluded.traceback,
  attempts = backfill_quarantine.attempts + 1, at = clock_timestamp()

-- :name residue_leaves
SELECT e.leaf, (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = e.leaf),
  count(*), min(e.attempts) FROM stint.backfill_residue e WHERE e.backfill = $1 GROUP BY e.leaf ORDER BY e.leaf

-- :name residue_first
SELECT e.key FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid ORDER BY e.attempts, e.key LIMIT 1

-- :name residue_drop
-- The residue of leaves that are no more.
DELETE FROM stint.backfill_residue e WHERE e.backfill = $1 AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = e.leaf)
