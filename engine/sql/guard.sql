-- What the guard asks from beside, without a lock on any table.

-- :name guard_known
-- Does this session ($2) work on a table of this name that others can see? One that the transaction has made itself is
-- not there for them, and nobody waits for it; one of another schema it has not locked.
SELECT count(*) > 0 FROM pg_catalog.pg_class c WHERE c.relname = $1 AND c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't'
  AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = $2::int AND l.locktype = 'relation' AND l.granted AND l.relation = c.oid
    AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))

-- :name guard_exclusive
-- The tables that others know and this session locks against readers.
SELECT string_agg(l.relation::regclass::text, ', ') FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
WHERE l.pid = $1::int AND l.locktype = 'relation' AND l.granted AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'm', 'p')
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
