-- What `restore` asks before, and writes down in the transaction that restores.

-- :name restore_known
-- A file without its note, by its checksum.
SELECT environment, database, format, bytes, tables, server, last_migration, pg_catalog.to_char(pg_catalog.timezone('UTC', taken_at), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), who
FROM stint.backup WHERE checksum = $1 ORDER BY id DESC LIMIT 1

-- :name restore_history
-- What has happened stays in the ledger, whatever is restored: runs, events, backups.
SELECT (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(x)), '[]') FROM stint.run x),
       (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(x)), '[]') FROM stint.event x),
       (SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(x)), '[]') FROM stint.backup x)

-- :name restore_carry
-- Those of them that the backup lacks, with numbers of their own: the backup may be another
-- database's. What such events tell of is undone.
WITH run AS (
  SELECT h.*, pg_catalog.nextval(pg_catalog.pg_get_serial_sequence('stint.run', 'id')) AS new
  FROM (SELECT * FROM pg_catalog.jsonb_populate_recordset(NULL::stint.run, $1) ORDER BY id) h
  WHERE NOT EXISTS (SELECT FROM stint.run x WHERE x.id OPERATOR(pg_catalog.=) h.id AND x.started_at OPERATOR(pg_catalog.=) h.started_at)
), carried_run AS (
  INSERT INTO stint.run (id, command, environment, started_at, finished_at, outcome, applied, who, role, program) OVERRIDING SYSTEM VALUE
  SELECT new, command, environment, started_at, finished_at, outcome, applied, who, role, program FROM run
), known AS (
  UPDATE stint.catalog SET last_run = greatest(last_run, (SELECT max(new) FROM run))
), carried_backup AS (
  INSERT INTO stint.backup (environment, database, file, format, bytes, tables, checksum, server, last_migration, taken_at, read_at, proven_at, removed_at, who)
  SELECT environment, database, file, format, bytes, tables, checksum, server, last_migration, taken_at, read_at, proven_at, removed_at, who
  FROM pg_catalog.jsonb_populate_recordset(NULL::stint.backup, $3) h
  WHERE NOT EXISTS (SELECT FROM stint.backup x WHERE x.checksum OPERATOR(pg_catalog.=) h.checksum) ORDER BY h.id
)
INSERT INTO stint.event (at, run, migration, kind, who, role, message, facts, undone)
SELECT h.at, coalesce(run.new, h.run), h.migration, h.kind, h.who, h.role, h.message, h.facts, true
FROM pg_catalog.jsonb_populate_recordset(NULL::stint.event, $2) h LEFT JOIN run ON run.id OPERATOR(pg_catalog.=) h.run
WHERE NOT EXISTS (SELECT FROM stint.event x WHERE x.id OPERATOR(pg_catalog.=) h.id AND x.at OPERATOR(pg_catalog.=) h.at) ORDER BY h.id

-- :name restore_begin
-- The drops wait for locks no longer than config.ini says; a psql that is gone ends its statement.
SELECT pg_catalog.set_config(name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '500' END, true)
FROM pg_catalog.pg_settings WHERE name IN ('lock_timeout', 'client_connection_check_interval')

-- :name restore_role
SELECT pg_catalog.set_config('role', $1, false)

-- :name restore_end
SELECT pg_catalog.set_config('search_path', 'pg_catalog', true), pg_catalog.set_config('client_encoding', 'UTF8', true)

-- :name restore_fence
-- psql's last word before its COMMIT: is the session still there that holds the run lock, $1? If it
-- is gone, nobody knows whether all has come through the pipe.
SELECT 'DO ''BEGIN RAISE EXCEPTION ''''the run that restores is gone''''; END'''
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.locktype OPERATOR(pg_catalog.=) 'advisory' AND l.granted AND l.pid::pg_catalog.text OPERATOR(pg_catalog.=) $1
  AND l.classid OPERATOR(pg_catalog.=) 1937008750::pg_catalog.oid AND l.objsubid OPERATOR(pg_catalog.=) 2::pg_catalog.int2)

-- :name restore_done
-- Was it committed? $1 the word by which this run knows its event.
SELECT 1 FROM stint.event WHERE kind = 'restored' AND facts ->> 'run' = $1
