-- The least that each role needs on the ledger, and what it has. A table that is new in schema.sql
-- gets its lines here (spec/story/roles_spec.lua compares).

-- :name grants
-- $1 the ledger's schema, $2 the roles of owner, migrator, worker, reader and approver (NULL: not wanted).
-- Each row: part, what it is (fine, missing, elsewhere: missing and not on the ledger, excess, note), what was found, and the statement. All of
-- them read everything; of events and runs nobody writes the moment and the role.
WITH rule (part, relation, privileges, columns) AS (VALUES
  ('migrator', 'ledger', '{UPDATE}'::text[], '{protected}'::text[]),
  ('migrator', 'run', '{INSERT}', '{command,environment,who,program}'),
  ('migrator', 'run', '{UPDATE}', '{finished_at,outcome,applied}'),
  ('migrator', 'migration', '{INSERT,UPDATE,DELETE}', NULL),
  ('migrator', 'event', '{INSERT}', '{run,migration,kind,who,message,facts}'),
  ('migrator', 'backfill', '{INSERT,UPDATE,DELETE}', NULL),
  ('migrator', 'backfill_range', '{INSERT,UPDATE,DELETE}', NULL),
  ('migrator', 'backfill_residue', '{INSERT,UPDATE,DELETE}', NULL),
  ('migrator', 'backfill_quarantine', '{INSERT,UPDATE,DELETE}', NULL),
  ('migrator', 'catalog', '{INSERT}', '{at,run,server,who,last_run,untold,objects}'),
  ('migrator', 'catalog', '{DELETE}', NULL),
  ('migrator', 'backup', '{INSERT}', '{environment,database,file,format,bytes,tables,checksum,server,last_migration,taken_at,who}'),
  ('migrator', 'backup', '{UPDATE}', '{proven_at,removed_at}'),
  ('worker', 'event', '{INSERT}', '{run,migration,kind,who,message,facts}'),
  ('worker', 'backfill', '{UPDATE}', NULL),
  ('worker', 'backfill_range', '{INSERT,UPDATE}', NULL),
  ('worker', 'backfill_residue', '{INSERT,UPDATE,DELETE}', NULL),
  ('worker', 'backfill_quarantine', '{INSERT,UPDATE,DELETE}', NULL)
), part AS (
  SELECT n.number, n.part, x.role AS name, r.oid, coalesce(r.rolsuper, false) AS is_super, r.rolcreaterole
  FROM unnest('{owner,migrator,worker,reader,approver}'::text[]) WITH ORDINALITY AS n (part, number)
  JOIN unnest($2::text[]) WITH ORDINALITY AS x (role, number) USING (number) LEFT JOIN pg_catalog.pg_roles r ON r.rolname = x.role
  WHERE x.role IS NOT NULL
), client AS (
  SELECT * FROM part WHERE part.part <> 'owner'
), home AS (
  SELECT n.oid, n.nspowner, n.nspacl FROM pg_catalog.pg_namespace n WHERE n.nspname = $1
), relation AS (
  SELECT c.oid, c.relname, c.relowner, c.relacl FROM pg_catalog.pg_class c JOIN home ON home.oid = c.relnamespace WHERE c.relkind = 'r'
), approve AS (
  SELECT p.oid, p.proowner, p.proacl FROM pg_catalog.pg_proc p JOIN home ON home.oid = p.pronamespace WHERE p.proname = 'approve' AND p.proargtypes = '25 25 25 25 25 25 25'
), wants (number, part, place, has, message, statement) AS (
  SELECT number, part, 0, oid IS NOT NULL, format('there is no role %I', name), format('CREATE ROLE %I NOLOGIN', name) FROM part WHERE oid IS NULL
  UNION ALL
  SELECT number, part, 1, (SELECT bool_and(owner = part.oid) FROM (SELECT nspowner FROM home UNION SELECT proowner FROM approve UNION SELECT relowner FROM relation) o (owner)),
         format('%I does not own the whole ledger', name),
         format('ALTER SCHEMA %I OWNER TO %I; ALTER FUNCTION %1$I.approve(text, text, text, text, text, text, text) OWNER TO %2$I; ', $1, name)
         || format('DO $$ BEGIN EXECUTE (SELECT string_agg(format(''ALTER TABLE %%s OWNER TO %%I'', c.oid::regclass, %L), ''; '') FROM pg_catalog.pg_class c WHERE c.relnamespace = %L::regnamespace AND c.relkind = ''r''); END $$', name, quote_ident($1))
  FROM part WHERE part = 'owner'
  UNION ALL
  SELECT number, part, 1, has_database_privilege(oid, current_database(), 'CONNECT'), format('%I may not connect to the database', name),
         format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name)
  FROM client part
  UNION ALL
  SELECT number, part, 2, has_schema_privilege(part.oid, home.oid, 'USAGE'), format('%I may not use the ledger''s schema %I', name, $1),
         format('GRANT USAGE ON SCHEMA %I TO %I', $1, name)
  FROM client part LEFT JOIN home ON true
  UNION ALL
  SELECT number, part, 5, has_schema_privilege(part.oid, home.oid, 'CREATE'), format('%I may not make the triggers of backfills in the schema %I', name, $1),
         format('GRANT CREATE ON SCHEMA %I TO %I', $1, name)
  FROM client part LEFT JOIN home ON true WHERE part = 'migrator'
  UNION ALL
  SELECT number, part, 3, (SELECT bool_and(has_table_privilege(part.oid, c.oid, 'SELECT')) FROM relation c), format('%I may not read the ledger''s tables', name),
         format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', $1, name)
  FROM client part
  UNION ALL
  SELECT number, part, 5, (SELECT bool_and(has_sequence_privilege(part.oid, c.oid, 'SELECT')) FROM pg_catalog.pg_class c JOIN home ON home.oid = c.relnamespace WHERE c.relkind = 'S'),
         format('%I may not read the ledger''s sequences, which a backup takes too', name), format('GRANT SELECT ON ALL SEQUENCES IN SCHEMA %I TO %I', $1, name)
  FROM client part WHERE part = 'migrator'
  UNION ALL
  SELECT part.number, part.part, 4, (SELECT bool_and(CASE WHEN r.columns IS NULL THEN has_table_privilege(part.oid, c.oid, p)
                                            ELSE (SELECT bool_and(has_column_privilege(part.oid, c.oid, n, p)) FROM unnest(r.columns) AS n) END) FROM unnest(r.privileges) AS p),
         format('%I may not %s %I.%I', part.name, array_to_string(r.privileges, ', '), $1, r.relation),
         format('GRANT %s%s ON %I.%I TO %I', array_to_string(r.privileges, ', '), ' (' || array_to_string(r.columns, ', ') || ')', $1, r.relation, part.name)
  FROM client part JOIN rule r USING (part) LEFT JOIN relation c ON c.relname = r.relation
  UNION ALL
  SELECT number, part, 5, has_function_privilege(part.oid, f.oid, 'EXECUTE'), format('%I may not call %I.approve', name, $1),
         format('GRANT EXECUTE ON FUNCTION %I.approve(text, text, text, text, text, text, text) TO %I', $1, name)
  FROM client part LEFT JOIN approve f ON true WHERE part = 'approver'
  UNION ALL
  SELECT number, part, 6, has_schema_privilege(part.oid, s.name::text, 'CREATE') AND has_schema_privilege(part.oid, s.name::text, 'USAGE'),
         format('%I may not create in the schema %I', part.name, s.name), format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', s.name, part.name)
  FROM client part CROSS JOIN unnest(current_schemas(false)) AS s (name) WHERE part = 'migrator' AND s.name <> $1
), granted (relation, privilege, columns, grantee, target) AS (
  SELECT c.relname, a.privilege_type, NULL::name, a.grantee, format('%I.%I', $1, c.relname)
  FROM relation c, aclexplode(c.relacl) a WHERE a.grantee <> c.relowner
  UNION ALL
  SELECT c.relname, a.privilege_type, t.attname, a.grantee, format('%I.%I', $1, c.relname)
  FROM relation c JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a WHERE a.grantee <> c.relowner
  UNION ALL
  SELECT NULL, a.privilege_type, NULL, a.grantee, format('FUNCTION %I.approve(text, text, text, text, text, text, text)', $1) FROM approve f, aclexplode(f.proacl) a WHERE a.grantee <> f.proowner
  UNION ALL
  SELECT NULL, a.privilege_type, NULL, a.grantee, format('SCHEMA %I', $1) FROM home, aclexplode(home.nspacl) a WHERE a.grantee <> home.nspowner
), excess (number, part, message, statement) AS (
  SELECT p.number, p.part, format('%I is a superuser, for whom no grant counts', p.name), format('ALTER ROLE %I NOSUPERUSER', p.name) FROM client p WHERE p.is_super
  UNION ALL
  SELECT p.number, p.part, format('%I has CREATEROLE, and before PostgreSQL 16 can become anybody by it', p.name), format('ALTER ROLE %I NOCREATEROLE', p.name)
  FROM client p WHERE p.rolcreaterole AND NOT p.is_super AND current_setting('server_version_num')::integer < 160000
  UNION ALL
  SELECT DISTINCT p.number, p.part, CASE WHEN o.oid = p.oid THEN format('%I owns the ledger: --owner ROLE gives it to another', p.name) ELSE format('%I can become %I, who owns the ledger', p.name, o.rolname) END,
         CASE WHEN o.oid = p.oid THEN NULL ELSE format('REVOKE %I FROM %I', o.rolname, p.name) END
  FROM client p JOIN pg_catalog.pg_roles o ON pg_has_role(p.oid, o.oid, 'MEMBER')
  WHERE NOT p.is_super AND (o.oid IN (SELECT relowner FROM relation) OR o.oid IN (SELECT nspowner FROM home) OR o.oid IN (SELECT proowner FROM approve))
  UNION ALL
  SELECT DISTINCT p.number, p.part, format('%I may %s%s on %s%s', p.name, g.privilege, ' (' || g.columns || ')', g.target,
           CASE WHEN g.grantee = 0 THEN ', as everybody' WHEN g.grantee <> p.oid THEN ', as ' || quote_ident(w.rolname) END),
         CASE WHEN w.rolname = ANY ($2::text[]) AND w.oid <> p.oid THEN format('REVOKE %I FROM %I', w.rolname, p.name)
              ELSE format('REVOKE %s%s ON %s FROM %s', g.privilege, ' (' || quote_ident(g.columns) || ')', g.target, coalesce(quote_ident(w.rolname), 'PUBLIC')) END
  FROM client p JOIN granted g ON g.grantee = 0 OR pg_has_role(p.oid, g.grantee, 'MEMBER') LEFT JOIN pg_catalog.pg_roles w ON w.oid = g.grantee
  WHERE NOT p.is_super AND NOT (g.privilege = 'SELECT' AND g.relation IS NOT NULL) AND NOT (g.privilege = 'USAGE' AND g.relation IS NULL)
    AND NOT EXISTS (SELECT FROM part o WHERE o.oid = p.oid AND (o.part, g.privilege) IN (('approver', 'EXECUTE'), ('migrator', 'CREATE')))
    AND NOT EXISTS (SELECT FROM part o JOIN rule r ON r.part = o.part WHERE o.oid = p.oid AND r.relation = g.relation AND g.privilege = ANY (r.privileges)
                    AND (r.columns IS NULL OR g.columns = ANY (r.columns)))
)
SELECT part, kind, message, statement FROM (
  SELECT number, part, place, CASE WHEN coalesce(has, false) THEN 'fine' WHEN place = 6 THEN 'elsewhere' ELSE 'missing' END, message, statement FROM wants
  UNION ALL
  SELECT number, part, 7, 'excess', message, statement FROM excess
  UNION ALL
  SELECT number, part, 8, 'note', format('%I does not see what other roles do: who blocks it, how far replicas are', name), format('GRANT pg_read_all_stats TO %I', name)
  FROM part WHERE part IN ('migrator', 'worker') AND NOT coalesce(pg_has_role(oid, 'pg_read_all_stats', 'USAGE'), false)
  UNION ALL
  SELECT number, part, 9, 'note', format('%s tables of the schema %I belong to others than %I, who cannot ALTER them', count(*), n.nspname, part.name), NULL
  FROM part JOIN pg_catalog.pg_namespace n ON n.nspname = ANY (current_schemas(false)) AND n.nspname <> $1
  JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND NOT coalesce(pg_has_role(part.oid, c.relowner, 'USAGE'), false)
  WHERE part = 'migrator' GROUP BY number, part, part.name, n.nspname
) found (number, part, place, kind, message, statement)
ORDER BY number, place, statement

-- :name grants_tables
-- What a worker needs beside the ledger: $1 the tables of the backfills that are not over.
SELECT 'worker', CASE WHEN coalesce(has_table_privilege(r.oid, c.oid, 'SELECT') AND has_table_privilege(r.oid, c.oid, 'UPDATE'), false) THEN 'fine' ELSE 'missing' END,
       format('%I may not change %s, which backfills change', $1, c.oid::regclass), format('GRANT SELECT, UPDATE ON %s TO %I', c.oid::regclass, $1)
FROM (SELECT to_regclass(b.relation)::oid AS oid FROM stint.backfill b WHERE b.state NOT IN ('finished', 'cancelled')
      UNION SELECT g.leaf FROM stint.backfill_range g JOIN stint.backfill b ON b.id = g.backfill WHERE b.state NOT IN ('finished', 'cancelled')) t
JOIN pg_catalog.pg_class c ON c.oid = t.oid LEFT JOIN pg_catalog.pg_roles r ON r.rolname = $1
ORDER BY 4
