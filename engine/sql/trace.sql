-- What a statement has left behind in its own session.

-- :name trace_state
-- Every relation that people know: its name, its file, is it a table, the table that it is an index
-- of, and the modes in which this session holds it.
SELECT c.oid::pg_catalog.int8, n.nspname || '.' || c.relname, c.relfilenode, c.relkind IN ('r', 'p', 'm'), i.table_, l.modes
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN (
  SELECT x.indexrelid, s.nspname || '.' || t.relname AS table_
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class t ON t.oid = x.indrelid JOIN pg_catalog.pg_namespace s ON s.oid = t.relnamespace
) i ON i.indexrelid = c.oid
LEFT JOIN (
  SELECT relation, pg_catalog.string_agg(DISTINCT pg_catalog.replace(mode, 'Lock', ''), ' ') AS modes
  FROM pg_catalog.pg_locks WHERE pid = pg_catalog.pg_backend_pid() AND granted AND locktype = 'relation' GROUP BY relation
) l ON l.relation = c.oid
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'S', 'i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
