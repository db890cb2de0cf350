-- What `reset` drops.

-- :name wipe_database
-- May we drop this database and make it again, and how? $1 the schemas that stay.
SELECT d.datname, d.datname NOT IN ('postgres', 'template1') AND NOT d.datistemplate AND (r.rolcreatedb OR r.rolsuper)
         AND pg_catalog.pg_has_role(session_user, d.datdba, 'MEMBER')
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1::text[])),
       pg_catalog.format('CREATE DATABASE %I OWNER %I', d.datname, o.rolname)
         || CASE WHEN (d.encoding, d.datcollate, d.datctype, j ->> 'datlocprovider') IS NOT DISTINCT FROM (t.encoding, t.datcollate, t.datctype, pg_catalog.to_jsonb(t) ->> 'datlocprovider') THEN ''
            ELSE pg_catalog.format(' TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
              || CASE j ->> 'datlocprovider' WHEN 'i' THEN pg_catalog.format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(j ->> 'daticulocale', j ->> 'datlocale'))
                                             WHEN 'b' THEN pg_catalog.format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', j ->> 'datlocale') ELSE '' END END
         || CASE s.spcname WHEN 'pg_default' THEN '' ELSE pg_catalog.format(' TABLESPACE %I', s.spcname) END,
       pg_catalog.pg_size_pretty(pg_catalog.pg_database_size(d.oid)),
       (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity x WHERE x.datid = d.oid AND x.pid <> pg_catalog.pg_backend_pid() AND x.backend_type = 'client backend'),
       d.datacl IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting x WHERE x.setdatabase = d.oid)
FROM pg_catalog.pg_database d JOIN pg_catalog.pg_roles o ON o.oid = d.datdba JOIN pg_catalog.pg_roles r ON r.rolname = session_user
JOIN pg_catalog.pg_tablespace s ON s.oid = d.dattablespace CROSS JOIN LATERAL pg_catalog.to_jsonb(d) j LEFT JOIN pg_catalog.pg_database t ON t.datname = 'template1'
WHERE d.datname = pg_catalog.current_database()

-- :name wipe_end_sessions
-- Before PostgreSQL 13, which has DROP DATABASE ... WITH (FORCE).
SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1 AND pid <> pg_catalog.pg_backend_pid()

-- :name wipe_drop
DROP DATABASE %s

-- :name wipe_drop_forced
-- Since PostgreSQL 13.
DROP DATABASE %s WITH (FORCE)

-- :name wipe_ledger
-- Who owns what our role may not drop of the ledger in the schema $1, and who we are.
SELECT pg_catalog.pg_get_userbyid(x.owner), current_user
FROM (SELECT relowner, relnamespace FROM pg_catalog.pg_class WHERE relkind IN ('r', 'S') UNION ALL SELECT proowner, pronamespace FROM pg_catalog.pg_proc) x (owner, home)
JOIN pg_catalog.pg_namespace n ON n.oid = x.home
WHERE n.nspname = $1 AND NOT pg_catalog.pg_has_role(x.owner, 'USAGE') LIMIT 1

-- :name wipe_objects
-- What our role owns outside of extensions and of the schemas in $1: what it is, and its DROP.
WITH home AS (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname <> ALL ($1::text[]) AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
), mine (class, id, owner, rank) AS (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid, c.relowner, CASE WHEN c.relkind IN ('v', 'm') THEN 1 WHEN c.relkind = 'S' THEN 3 ELSE 2 END
  FROM pg_catalog.pg_class c JOIN home ON home.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND NOT c.relispartition
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = c.oid AND c.relkind = 'S' AND x.deptype IN ('a', 'i') AND x.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
  UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcowner, 4 FROM pg_catalog.pg_opclass WHERE opcnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_opfamily'::pg_catalog.regclass, oid, opfowner, 5 FROM pg_catalog.pg_opfamily WHERE opfnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner, 6 FROM pg_catalog.pg_operator WHERE oprnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner, 7 FROM pg_catalog.pg_proc WHERE pronamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner, 8 FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  WHERE t.typnamespace IN (SELECT oid FROM home) AND (t.typrelid = 0 OR c.relkind = 'c') AND t.typtype <> 'm'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
  UNION ALL SELECT 'pg_catalog.pg_ts_config'::pg_catalog.regclass, oid, cfgowner, 9 FROM pg_catalog.pg_ts_config WHERE cfgnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictowner, 10 FROM pg_catalog.pg_ts_dict WHERE dictnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_collation'::pg_catalog.regclass, oid, collowner, 11 FROM pg_catalog.pg_collation WHERE collnamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_conversion'::pg_catalog.regclass, oid, conowner, 12 FROM pg_catalog.pg_conversion WHERE connamespace IN (SELECT oid FROM home)
  UNION ALL SELECT 'pg_catalog.pg_publication'::pg_catalog.regclass, oid, pubowner, 13 FROM pg_catalog.pg_publication
  UNION ALL SELECT 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid, evtowner, 0 FROM pg_catalog.pg_event_trigger
  UNION ALL SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass, oid, srvowner, 14 FROM pg_catalog.pg_foreign_server
  UNION ALL SELECT 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid, fdwowner, 15 FROM pg_catalog.pg_foreign_data_wrapper
)
SELECT o.type || ' ' || o.identity, pg_catalog.format('DROP %s IF EXISTS %s CASCADE', upper(replace(o.type, '-', ' ')), o.identity)
FROM mine m CROSS JOIN LATERAL pg_catalog.pg_identify_object(m.class, m.id, 0) o
WHERE pg_catalog.pg_has_role(m.owner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = m.class AND x.objid = m.id AND (x.deptype = 'e' OR m.class = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.deptype = 'i'))
ORDER BY m.rank, o.identity

-- :name wipe_kept
-- What stays, in words: all that wipe_objects leaves out, and what hangs on it. With $2, which of
-- those are gone. A CASCADE that reaches one of them must not be committed.
WITH kept_home AS (
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ANY ($1::text[])
), relation AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND (c.relnamespace IN (SELECT oid FROM kept_home) OR NOT pg_catalog.pg_has_role(c.relowner, 'USAGE'))
), kept (class, id, sub) AS (
  SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, 0 FROM relation
  UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, attrelid, attnum::integer FROM pg_catalog.pg_attribute WHERE attrelid IN (SELECT oid FROM relation) AND attnum > 0 AND NOT attisdropped
  UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_constraint WHERE conrelid IN (SELECT oid FROM relation)
  UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_attrdef WHERE adrelid IN (SELECT oid FROM relation)
  UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_trigger WHERE tgrelid IN (SELECT oid FROM relation) AND NOT tgisinternal
  UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_policy WHERE polrelid IN (SELECT oid FROM relation)
  UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_proc WHERE oid >= 16384 AND (pronamespace IN (SELECT oid FROM kept_home) OR NOT pg_catalog.pg_has_role(proowner, 'USAGE'))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND x.objid = pg_proc.oid AND x.deptype = 'i')
  UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_type WHERE oid >= 16384 AND typrelid = 0 AND (typnamespace IN (SELECT oid FROM kept_home) OR NOT pg_catalog.pg_has_role(typowner, 'USAGE'))
  UNION ALL SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass, oid, 0 FROM pg_catalog.pg_extension
), said AS (
  SELECT o.type || ' ' || o.identity AS what FROM kept k CROSS JOIN LATERAL pg_catalog.pg_identify_object(k.class, k.id, k.sub) o
)
SELECT what FROM said WHERE $2::text[] IS NULL
UNION ALL (SELECT x FROM unnest($2::text[]) x EXCEPT SELECT what FROM said)

-- :name wipe_schemas
-- Our schemas, now that what we own in them is gone: the DROP of an empty one; NULL where something
-- of others stays in it.
SELECT n.nspname AS name, CASE WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.refobjid = n.oid AND x.deptype = 'n')
                       THEN pg_catalog.format('DROP SCHEMA %I', n.nspname) END AS drop
FROM pg_catalog.pg_namespace n
WHERE n.nspname <> ALL ($1::text[]) AND n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\_%' AND pg_catalog.pg_has_role(n.nspowner, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.objid = n.oid AND x.deptype = 'e')
ORDER BY 1

-- :name wipe_refuse
-- In a script of psql's, which runs the answer: the same refusal as ours.
SELECT pg_catalog.format('DO %L', pg_catalog.format('BEGIN RAISE EXCEPTION USING ERRCODE = %L, MESSAGE = %L; END', '2BP01',
         'what stays hangs on what would go: ' || pg_catalog.string_agg(what, ', ')))
FROM pg_temp.stint_gone HAVING count(*) > 0

-- :name wipe_drop_schemas
SELECT drop FROM pg_temp.stint_empty WHERE drop IS NOT NULL

-- :name wipe_large_objects
SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE pg_catalog.pg_has_role(lomowner, 'USAGE')

-- :name wipe_schemas_stay
-- The schemas that will still be there when all that is ours is gone; $1 those that are kept.
SELECT n.nspname FROM pg_catalog.pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('public', 'information_schema')
  AND (n.nspname = ANY ($1::text[]) OR NOT pg_catalog.pg_has_role(n.nspowner, 'USAGE')
    OR EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND x.objid = n.oid AND x.deptype = 'e')
    OR EXISTS (SELECT FROM pg_catalog.pg_depend d
         LEFT JOIN pg_catalog.pg_shdepend s ON s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           AND s.classid = d.classid AND s.objid = d.objid AND s.deptype = 'o'
         WHERE d.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.refobjid = n.oid AND d.deptype = 'n'
           AND (d.classid = 'pg_catalog.pg_extension'::pg_catalog.regclass
             OR EXISTS (SELECT FROM pg_catalog.pg_depend x WHERE x.classid = d.classid AND x.objid = d.objid AND x.deptype = 'e')
             OR CASE WHEN s.refobjid IS NULL THEN NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
                ELSE NOT pg_catalog.pg_has_role(s.refobjid, 'USAGE') END)))
