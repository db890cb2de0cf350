-- What is applied in a target counts as applied in the empty copy of its schema.

-- :name trial_read
-- The target's rows. What is half applied there goes on from there, so its text goes with it; a backfill that is under
-- way has no rows to change in the copy, and begins anew.
SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(m) || CASE m.state WHEN 'partial' THEN '{}' ELSE '{"state": "baselined", "text": "", "down_text": null}' END::pg_catalog.jsonb), '[]')
FROM stint.migration m WHERE m.state NOT IN ('rolled_back', 'backfilling')

-- :name trial_forget
-- The copy's own ledger, and the triggers of backfills that call it.
DROP SCHEMA IF EXISTS stint CASCADE

-- :name trial_write
INSERT INTO stint.migration SELECT * FROM pg_catalog.jsonb_populate_recordset(NULL::stint.migration, $1::pg_catalog.jsonb)
