-- The statements of applications.

-- :name inquiry_path
-- Where the extension is; no row: it is not there.
SELECT pg_catalog.set_config('search_path', pg_catalog.quote_ident(n.nspname), false)
FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'

-- :name inquiry_statements
SELECT DISTINCT query FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  AND query ~* '^\s*(select|insert|update|delete|with|merge|values)\M' AND query !~* '\mstint\.' ORDER BY 1
