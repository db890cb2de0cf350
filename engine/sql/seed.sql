-- :name seed_last
-- When this seed was run here last, and what it was then.
SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), who, facts ->> 'tokens'
FROM stint.event WHERE migration = $1 AND kind = 'seed' AND NOT undone ORDER BY id DESC LIMIT 1

-- :name seed_event
-- $6 ms, or NULL in the one transaction that is the seed
INSERT INTO stint.event (run, migration, kind, who, facts)
VALUES ($1, $2, 'seed', $3, pg_catalog.jsonb_build_object('checksum', $4::pg_catalog.text, 'tokens', $5::pg_catalog.text, 'duration_ms',
  coalesce($6::pg_catalog.int8, (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) pg_catalog.now()) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8)))
