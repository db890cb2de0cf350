-- What a rehearsal looks at on the scratch copy.

-- :name rehearsal_state
-- Every table: its name, its file, and the strongest lock that this session holds on it.
SELECT c.oid::pg_catalog.int8, n.nspname || '.' || c.relname, c.relfilenode,
  (SELECT l.mode FROM pg_catalog.pg_locks l WHERE l.relation = c.oid AND l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.locktype = 'relation'
   ORDER BY pg_catalog.array_position('{AccessShareLock,RowShareLock,RowExclusiveLock,ShareUpdateExclusiveLock,ShareLock,ShareRowExclusiveLock,ExclusiveLock,AccessExclusiveLock}'::text[], l.mode) DESC LIMIT 1)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1

-- :name rehearsal_statements_path
-- Where the extension is; no row: it is not there.
SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname), false)
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'

-- :name rehearsal_statements
SELECT DISTINCT query FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND query ~* '^\s*(select|insert|update|delete|with|merge|values)\M' AND query !~* '\mstint\.' ORDER BY 1
