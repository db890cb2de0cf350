-- What `stint doctor` asks a server. Each row is a finding: its level (ok, note, wrong), what was
-- found, and the command that mends it (or NULL). No row: nothing was found. $1 is the ledger's
-- schema, or how long is too long.

-- :name doctor_server
SELECT CASE WHEN v < 13 THEN 'wrong' WHEN v > 18 THEN 'note' ELSE 'ok' END,
       format('PostgreSQL %s%s, encoding %s', current_setting('server_version'),
              CASE WHEN v < 13 THEN ' is too old: 13 to 18 are supported' WHEN v > 18 THEN ' is newer than what was tested: 13 to 18' ELSE '' END,
              current_setting('server_encoding')),
       CASE WHEN v < 13 THEN 'upgrade the server to 13 or later' END
FROM (SELECT current_setting('server_version_num')::int / 10000 AS v) server

-- :name doctor_writable
SELECT 'wrong', 'the server is a standby: nothing can be written here', 'name the primary in url (or direct_url)' WHERE pg_is_in_recovery()
UNION ALL
SELECT 'wrong', 'transactions are read-only by default (default_transaction_read_only)',
       format('ALTER ROLE %I SET default_transaction_read_only = off', session_user)
FROM pg_catalog.pg_settings WHERE name = 'default_transaction_read_only' AND reset_val = 'on'

-- :name doctor_ledger_rights
SELECT 'wrong', format('%s may not make the ledger''s schema %I', current_user, $1::text),
       format('GRANT CREATE ON DATABASE %I TO %I', current_database(), current_user)
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1::text) AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 'wrong', format('%s may not use the ledger''s schema %I', current_user, nspname),
       format('GRANT USAGE ON SCHEMA %I TO %I', nspname, current_user)
FROM pg_catalog.pg_namespace WHERE nspname = $1::text AND NOT has_schema_privilege(oid, 'USAGE')
UNION ALL
SELECT 'wrong', format('%s may not make the ledger''s tables in the schema %I', current_user, nspname),
       format('GRANT CREATE ON SCHEMA %I TO %I', nspname, current_user)
FROM pg_catalog.pg_namespace n WHERE nspname = $1::text AND NOT has_schema_privilege(oid, 'CREATE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'ledger')

-- :name doctor_schema_rights
SELECT 'wrong', format('search_path (%s) names no schema that exists', current_setting('search_path')), format('set schema in config.ini, or make it: CREATE SCHEMA %I', coalesce((SELECT btrim(btrim(part), '"') FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS parts (part, number)
  WHERE btrim(part) NOT IN ('', '"$user"', '$user') ORDER BY number LIMIT 1), 'public'))
WHERE cardinality(current_schemas(false)) = 0
UNION ALL
SELECT CASE WHEN number = 1 THEN 'wrong' ELSE 'note' END,
       format('%s may not create in the schema %I%s', current_user, name, CASE WHEN number = 1 THEN ', the first of search_path' ELSE '' END),
       format('GRANT CREATE ON SCHEMA %I TO %I', name, current_user)
FROM unnest(current_schemas(false)) WITH ORDINALITY AS path (name, number) WHERE NOT has_schema_privilege(name::text, 'CREATE')
UNION ALL
SELECT 'note', format('search_path names %I, which does not exist', name), format('CREATE SCHEMA %I', name)
FROM (SELECT btrim(btrim(part), '"') AS name FROM unnest(string_to_array(current_setting('search_path'), ',')) AS parts (part)) path
WHERE name NOT IN ('', '$user') AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = name)

-- :name doctor_statistics
SELECT 'note', format('%s does not see what other roles do: blockers, replicas and their lag stay unknown', current_user),
       format('GRANT pg_read_all_stats TO %I', current_user)
WHERE NOT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')

-- :name doctor_timeouts
-- What a session would have without us; a session of ours sets three of them itself.
SELECT CASE WHEN ours THEN 'note' ELSE 'wrong' END,
       format('%s = %s is set for %s%s', s.name, s.reset_val || coalesce(s.unit, ''),
              CASE WHEN d.setrole <> 0 AND d.setdatabase <> 0 THEN format('the role %I in this database', session_user)
                   WHEN d.setrole <> 0 THEN format('the role %I', session_user)
                   WHEN d.setdatabase <> 0 THEN 'this database' ELSE 'the server or the connection' END,
              CASE WHEN ours THEN '; sessions of stint set their own' ELSE ': it ends long migrations' END),
       CASE WHEN NOT ours THEN
         CASE WHEN d.setrole <> 0 AND d.setdatabase <> 0 THEN format('ALTER ROLE %I IN DATABASE %I RESET %s', session_user, current_database(), s.name)
              WHEN d.setdatabase <> 0 THEN format('ALTER DATABASE %I RESET %s', current_database(), s.name)
              ELSE format('ALTER ROLE %I SET %s = 0', session_user, s.name) END END
FROM (SELECT name, reset_val, unit, name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout') AS ours
      FROM pg_catalog.pg_settings
      WHERE reset_val <> '0' AND name IN ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout', 'idle_session_timeout')) s
LEFT JOIN LATERAL (
  SELECT r.setrole, r.setdatabase FROM pg_catalog.pg_db_role_setting r, unnest(r.setconfig) AS one (line)
  WHERE split_part(line, '=', 1) = s.name
    AND r.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
    AND r.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
  ORDER BY r.setrole <> 0 DESC, r.setdatabase <> 0 DESC LIMIT 1) d ON true

-- :name doctor_client_check
SELECT 'note', 'no client_connection_check_interval (PostgreSQL 14 has it): the statement of a killed run goes on, and may commit', NULL
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_settings WHERE name = 'client_connection_check_interval')

-- :name doctor_replicas
SELECT CASE WHEN state = 'streaming' AND coalesce(replay_lag, '0') < interval '30 s' THEN 'ok' ELSE 'note' END,
       format('%s at %s: %s%s', application_name, coalesce(host(client_addr), 'local'), coalesce(state, 'not visible to ' || current_user),
              CASE WHEN state IS NOT NULL THEN format(', %s bytes and %s s behind', pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, flush_lsn, sent_lsn)), round(extract(epoch FROM coalesce(replay_lag, '0'))::numeric, 1)) END),
       NULL
FROM pg_catalog.pg_stat_replication WHERE NOT pg_is_in_recovery() ORDER BY application_name

-- :name doctor_indexes
-- One that is being built is no wreck; who may not see progress sees at least the builder's lock.
SELECT CASE WHEN busy IS NULL THEN 'wrong' ELSE 'note' END,
       format('the index %I.%I is invalid: it is kept up to date and never used%s', nspname, relname,
              CASE WHEN busy IS NOT NULL THEN format(' (pid %s is at work on its table)', busy) WHEN relkind = 'I' THEN '; not every partition has its part' ELSE '' END),
       CASE WHEN busy IS NOT NULL THEN NULL
            WHEN relkind = 'I' THEN format('ALTER INDEX %I.%I ATTACH PARTITION ..., for the index of each partition', nspname, relname)
            WHEN relname ~ '_cc(new|old)[0-9]*$' OR nspname = 'pg_toast' THEN format('DROP INDEX CONCURRENTLY %I.%I', nspname, relname)
            ELSE format('REINDEX INDEX CONCURRENTLY %I.%I, or DROP INDEX CONCURRENTLY %I.%I', nspname, relname, nspname, relname) END
FROM (SELECT n.nspname, c.relname, c.relkind,
             (SELECT l.pid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
              WHERE l.relation = i.indrelid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND a.backend_type <> 'autovacuum worker' LIMIT 1) AS busy
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE NOT i.indisvalid) x
ORDER BY nspname, relname

-- :name doctor_lock
SELECT CASE WHEN stale THEN 'wrong' ELSE 'note' END,
       format('held by pid %s (%s, role %s from %s, since %s): %s for %s s', pid, application_name, usename, coalesce(host(client_addr), 'local'),
              to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'), coalesce(state, 'state not visible'), round(idle)),
       CASE WHEN stale THEN 'if that session is dead: stint lock release --yes' ELSE 'stint lock show' END
FROM (SELECT a.*, i.idle, (a.state LIKE 'idle in transaction%' AND i.idle > $2::float8) OR (a.state = 'idle' AND i.idle > 3600) AS stale
      FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid), LATERAL (SELECT extract(epoch FROM clock_timestamp() - a.state_change) AS idle) i
      WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1937008750 AND l.objsubid = 2
        AND l.objid::bigint = (pg_catalog.hashtext($1::text)::bigint & 4294967295)
        AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) holder

-- :name doctor_idle
SELECT 'wrong', format('pid %s (%s, role %s from %s) is idle in a transaction since %s', pid, coalesce(nullif(application_name, ''), 'no name'), usename, coalesce(host(client_addr), 'local'),
                       to_char(state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')),
       format('SELECT pg_terminate_backend(%s)', pid)
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
  AND extract(epoch FROM clock_timestamp() - state_change) > $1::float8
ORDER BY state_change

-- :name doctor_prepared
SELECT 'wrong', format('the prepared transaction %L of %s is open since %s', gid, owner, to_char(prepared AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')),
       format('ROLLBACK PREPARED %L, or COMMIT PREPARED %L', gid, gid)
FROM pg_catalog.pg_prepared_xacts
WHERE database = current_database() AND extract(epoch FROM clock_timestamp() - prepared) > $1::float8
ORDER BY prepared

-- :name doctor_wraparound
SELECT CASE WHEN used > 1200000000 THEN 'wrong' WHEN used > 600000000 THEN 'note' ELSE 'ok' END,
       format('%s%% of the transaction ids before a wraparound are used', round(used / 21474836.48, 1)),
       CASE WHEN used > 600000000 THEN
         (SELECT format('VACUUM (FREEZE) %I.%I, the oldest table', n.nspname, c.relname)
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
          WHERE c.relkind IN ('r', 'm') ORDER BY greatest(age(c.relfrozenxid), age(t.relfrozenxid)) DESC LIMIT 1) END
FROM (SELECT greatest(age(datfrozenxid), mxid_age(datminmxid)) AS used FROM pg_catalog.pg_database WHERE datname = current_database()) ages
