-- A description of what a database holds, an object a row: what it is, its name, how it is made. Not what is in its
-- tables, nor what belongs to the server (roles, tablespaces). Asked under the search_path pg_catalog alone, so that
-- names in definitions are whole.

-- :name catalog_begin
BEGIN READ ONLY

-- :name catalog_home
-- Where a schema has a ledger of its own (a fleet of schemas: stint_SCHEMA), the others are not its matter.
SELECT current_schema() WHERE right($1, length(current_schema()) + 1) = '_' || current_schema()

-- :name catalog_path
-- Compiling the statement would take longer than it does.
SELECT pg_catalog.set_config('search_path', 'pg_catalog', true), pg_catalog.set_config('jit', 'off', true)

-- :name catalog_impersonal
-- From here on without owners and grants, in this session: other servers have other roles.
SET catalog.roles = no

-- :name catalog_objects
-- $1 the ledger's schema, which does not count, nor do triggers that call it, other ledgers, and what extensions brought
-- with them. $2 the one schema that does, or NULL; $3 others that do not (keep_schemas), or NULL. Options of servers may be secret: a digest stands for them.
-- An acl that is NULL and one that says the same in words are equal.
WITH space AS MATERIALIZED (
  SELECT n.oid, n.nspname, quote_ident(n.nspname) AS id, n.nspowner, n.nspacl FROM pg_namespace n
  WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> $1::text AND ($2::text IS NULL OR n.nspname = $2::text)
    AND n.nspname <> ALL (regexp_split_to_array(coalesce($3::text, ''), '[, \t]+'))
    AND (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname IN ('ledger', 'migration', 'backfill_quarantine')) < 3
), foreign_ AS MATERIALIZED (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), rel AS MATERIALIZED (
  SELECT c.*, n.id || '.' || quote_ident(c.relname) AS id FROM pg_class c JOIN space n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid)
), said AS MATERIALIZED (
  SELECT classoid, objoid, objsubid, 'comment ' || quote_literal(description) AS text FROM pg_description WHERE objoid >= 16384
), sight (roles) AS (
  SELECT coalesce(current_setting('catalog.roles', true), '') <> 'no'
), allowed (class, oid, part, text) AS MATERIALIZED (
  SELECT o.class, o.oid, o.part, nullif((SELECT 'granted ' || string_agg(x::text, ' ' ORDER BY x::text COLLATE "C") FROM unnest(o.acl) x),
    (SELECT 'granted ' || string_agg(x::text, ' ' ORDER BY x::text COLLATE "C") FROM unnest(acldefault(o.type, o.owner)) x))
  FROM (SELECT 'pg_class'::regclass AS class, oid, 0 AS part, relacl AS acl, (CASE relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char" AS type, relowner AS owner FROM rel WHERE relacl IS NOT NULL
    UNION ALL SELECT 'pg_class'::regclass, attrelid, attnum, attacl, 'c', relowner FROM pg_attribute a JOIN rel ON rel.oid = a.attrelid WHERE attacl IS NOT NULL
    UNION ALL SELECT 'pg_namespace'::regclass, oid, 0, nspacl, 'n', nspowner FROM space WHERE nspacl IS NOT NULL
    UNION ALL SELECT 'pg_proc'::regclass, p.oid, 0, proacl, 'f', proowner FROM pg_proc p JOIN space n ON n.oid = p.pronamespace WHERE proacl IS NOT NULL
    UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, typacl, 'T', typowner FROM pg_type t JOIN space n ON n.oid = t.typnamespace WHERE typacl IS NOT NULL) o
), object (kind, class, oid, part, name, definition) AS (
  SELECT 'schema', 'pg_namespace'::regclass, n.oid, 0, n.id, 'owner ' || pg_get_userbyid(CASE WHEN (SELECT roles FROM sight) THEN n.nspowner END) FROM space n
  UNION ALL
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END, 'pg_class'::regclass, c.oid, 0, c.id,
    concat_ws(E'\n', 'owner ' || pg_get_userbyid(CASE WHEN (SELECT roles FROM sight) THEN c.relowner END), CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
      'of type ' || CASE WHEN c.reloftype <> 0 THEN format_type(c.reloftype, NULL) END,
      'with ' || array_to_string(c.reloptions, ', '), CASE WHEN c.relkind = 'p' THEN 'partition by ' || pg_get_partkeydef(c.oid) END,
      (SELECT CASE WHEN c.relispartition THEN 'partition of ' ELSE 'inherits ' END || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid),
      CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END,
      CASE WHEN c.relrowsecurity THEN 'row level security' END, CASE WHEN c.relforcerowsecurity THEN 'forced row level security' END,
      CASE WHEN c.relreplident <> 'd' AND c.relkind IN ('r', 'p') THEN 'replica identity ' || c.relreplident::text END,
      'using ' || nullif((SELECT amname FROM pg_am a WHERE a.oid = c.relam), 'heap'), 'tablespace ' || (SELECT spcname FROM pg_tablespace t WHERE t.oid = c.reltablespace),
      (SELECT 'server ' || s.srvname || concat(' ', array_to_string(f.ftoptions, ', ')) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid),
      CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
  FROM rel c WHERE c.relkind NOT IN ('S', 'c')
  UNION ALL
  SELECT CASE c.relkind WHEN 'c' THEN 'attribute' ELSE 'column' END, 'pg_class'::regclass, c.oid, a.attnum, c.id || '.' || quote_ident(a.attname),
    concat_ws(' ', format_type(a.atttypid, a.atttypmod), 'COLLATE ' || CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END,
      CASE WHEN a.attnotnull THEN 'NOT NULL' END,
      CASE a.attgenerated WHEN '' THEN 'DEFAULT ' WHEN 's' THEN 'GENERATED STORED ' ELSE 'GENERATED ' END || pg_get_expr(d.adbin, d.adrelid),
      CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY' WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END,
      'STORAGE ' || CASE WHEN a.attstorage <> t.typstorage THEN a.attstorage::text END, 'STATISTICS ' || nullif(a.attstattarget::integer, -1), 'WITH ' || (SELECT string_agg(x, ', ') FROM unnest(a.attoptions) x WHERE NOT starts_with(x, 'pg_')))
  FROM rel c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE c.relkind IN ('r', 'p', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT 'constraint', 'pg_constraint'::regclass, k.oid, 0, coalesce(c.id, k.contypid::regtype::text) || '.' || quote_ident(k.conname), pg_get_constraintdef(k.oid)
  FROM pg_constraint k LEFT JOIN rel c ON c.oid = k.conrelid LEFT JOIN space n ON n.oid = k.connamespace
  WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND (c.oid IS NOT NULL OR k.contypid <> 0 AND n.oid IS NOT NULL
    AND NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_type'::regclass AND e.objid = k.contypid))
  UNION ALL
  SELECT 'index', 'pg_class'::regclass, i.indexrelid, 0, n.id || '.' || quote_ident(x.relname),
    concat_ws(E'\n', pg_get_indexdef(i.indexrelid), CASE WHEN NOT i.indisvalid THEN 'not valid' END, CASE WHEN i.indisclustered THEN 'clustered' END,
      CASE WHEN i.indisreplident THEN 'replica identity' END)
  FROM rel c JOIN space n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x'))
  UNION ALL
  SELECT 'sequence', 'pg_class'::regclass, c.oid, 0, c.id, concat_ws(' ', 'owner ' || pg_get_userbyid(CASE WHEN (SELECT roles FROM sight) THEN c.relowner END), 'as', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement,
      'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache, CASE WHEN s.seqcycle THEN 'cycle' END,
      'owned by ' || (SELECT o.id || '.' || quote_ident(a.attname) FROM pg_depend d JOIN rel o ON o.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1))
  FROM rel c JOIN pg_sequence s ON s.seqrelid = c.oid
  UNION ALL
  SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, 'pg_proc'::regclass, p.oid, 0, p.oid::regprocedure::text,
    concat_ws(E'\n', 'owner ' || pg_get_userbyid(CASE WHEN (SELECT roles FROM sight) THEN p.proowner END), CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
      (SELECT concat_ws(' ', g.aggtransfn, g.aggfinalfn, g.aggcombinefn, format_type(g.aggtranstype, NULL), g.agginitval) FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END)
  FROM pg_proc p JOIN space n ON n.oid = p.pronamespace WHERE NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid)
  UNION ALL
  SELECT 'trigger', 'pg_trigger'::regclass, t.oid, 0, c.id || '.' || quote_ident(t.tgname), pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE E'\nenabled ' || t.tgenabled::text END
  FROM rel c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
    AND NOT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = t.tgfoid AND n.nspname = $1::text)
  UNION ALL
  SELECT 'policy', 'pg_policy'::regclass, p.oid, 0, c.id || '.' || quote_ident(p.polname),
    concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd, 'to', (SELECT string_agg(role, ', ' ORDER BY role COLLATE "C") FROM (SELECT CASE WHEN r = 0 THEN 'public' ELSE pg_get_userbyid(r) END::text AS role FROM unnest(p.polroles) r) x),
      'using (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
  FROM rel c JOIN pg_policy p ON p.polrelid = c.oid
  UNION ALL
  SELECT 'rule', 'pg_rewrite'::regclass, r.oid, 0, c.id || '.' || quote_ident(r.rulename), pg_get_ruledef(r.oid) || CASE r.ev_enabled WHEN 'O' THEN '' ELSE E'\nenabled ' || r.ev_enabled::text END
  FROM rel c JOIN pg_rewrite r ON r.ev_class = c.oid WHERE r.rulename <> '_RETURN'
  UNION ALL
  SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, 'pg_type'::regclass, t.oid, 0, n.id || '.' || quote_ident(t.typname),
    concat_ws(' ', 'owner ' || pg_get_userbyid(CASE WHEN (SELECT roles FROM sight) THEN t.typowner END), CASE t.typtype WHEN 'e' THEN 'enum ' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
      WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod), CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault)
      WHEN 'r' THEN (SELECT 'range of ' || format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = t.oid) WHEN 'c' THEN 'composite' ELSE 'base' END)
  FROM pg_type t JOIN space n ON n.oid = t.typnamespace LEFT JOIN rel c ON c.oid = t.typrelid
  WHERE t.typtype <> 'm' AND t.typcategory <> 'A' AND (t.typrelid = 0 OR c.relkind = 'c') AND NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid)
  UNION ALL
  SELECT 'extension', 'pg_extension'::regclass, e.oid, 0, quote_ident(e.extname), concat_ws(' ', 'version', e.extversion, 'in', e.extnamespace::regnamespace) FROM pg_extension e
  UNION ALL
  SELECT 'event trigger', 'pg_event_trigger'::regclass, t.oid, 0, quote_ident(t.evtname), concat_ws(' ', t.evtevent, t.evtfoid::regprocedure, t.evtenabled, array_to_string(t.evttags, ', '))
  FROM pg_event_trigger t WHERE NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_event_trigger'::regclass AND e.objid = t.oid)
  UNION ALL
  SELECT 'statistics', 'pg_statistic_ext'::regclass, s.oid, 0, n.id || '.' || quote_ident(s.stxname), pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s JOIN space n ON n.oid = s.stxnamespace
  UNION ALL
  SELECT 'publication', 'pg_publication'::regclass, p.oid, 0, quote_ident(p.pubname), concat_ws(' ', CASE WHEN p.puballtables THEN 'all tables' END, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate,
      (SELECT string_agg(t.schemaname || '.' || t.tablename, ', ' ORDER BY t.schemaname COLLATE "C", t.tablename COLLATE "C") FROM pg_publication_tables t WHERE t.pubname = p.pubname AND NOT p.puballtables))
  FROM pg_publication p
  UNION ALL
  SELECT 'server', 'pg_foreign_server'::regclass, s.oid, 0, quote_ident(s.srvname), concat_ws(' ', w.fdwname, s.srvtype, s.srvversion, 'options ' || md5(array_to_string(s.srvoptions, ', ')))
  FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
  UNION ALL
  SELECT 'collation', 'pg_collation'::regclass, c.oid, 0, n.id || '.' || quote_ident(c.collname), concat_ws(' ', c.collprovider, c.collisdeterministic, c.collcollate) FROM pg_collation c JOIN space n ON n.oid = c.collnamespace
  UNION ALL
  SELECT 'operator', 'pg_operator'::regclass, o.oid, 0, o.oid::regoperator::text, o.oprcode::text FROM pg_operator o JOIN space n ON n.oid = o.oprnamespace
  WHERE NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_operator'::regclass AND e.objid = o.oid)
  UNION ALL
  SELECT 'cast', 'pg_cast'::regclass, c.oid, 0, format_type(c.castsource, NULL) || ' as ' || format_type(c.casttarget, NULL), concat_ws(' ', c.castcontext, c.castmethod, nullif(c.castfunc, 0)::regprocedure)
  FROM pg_cast c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_cast'::regclass AND e.objid = c.oid)
  UNION ALL
  SELECT 'text search configuration', 'pg_ts_config'::regclass, c.oid, 0, n.id || '.' || quote_ident(c.cfgname),
    (SELECT string_agg(m.maptokentype || ' ' || m.mapdict::regdictionary, ', ' ORDER BY m.maptokentype, m.mapseqno) FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)
  FROM pg_ts_config c JOIN space n ON n.oid = c.cfgnamespace WHERE NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_ts_config'::regclass AND e.objid = c.oid)
  UNION ALL
  SELECT 'text search dictionary', 'pg_ts_dict'::regclass, d.oid, 0, n.id || '.' || quote_ident(d.dictname), d.dictinitoption
  FROM pg_ts_dict d JOIN space n ON n.oid = d.dictnamespace WHERE NOT EXISTS (SELECT FROM foreign_ e WHERE e.classid = 'pg_ts_dict'::regclass AND e.objid = d.oid)
  UNION ALL
  SELECT 'default privileges', 'pg_default_acl'::regclass, d.oid, 0, concat_ws(' ', 'of', quote_ident(pg_get_userbyid(d.defaclrole)), 'in ' || n.id, 'for', d.defaclobjtype),
    (SELECT string_agg(x::text, ' ' ORDER BY x::text COLLATE "C") FROM unnest(d.defaclacl) x)
  FROM pg_default_acl d LEFT JOIN space n ON n.oid = d.defaclnamespace WHERE (SELECT roles FROM sight) AND (d.defaclnamespace = 0 OR n.oid IS NOT NULL)
)
SELECT o.kind COLLATE "C", o.name COLLATE "C", concat_ws(E'\n', o.definition, CASE WHEN (SELECT roles FROM sight) THEN a.text END, s.text) AS definition
FROM object o LEFT JOIN allowed a ON a.class = o.class AND a.oid = o.oid AND a.part = o.part
LEFT JOIN said s ON s.classoid = o.class AND s.objoid = o.oid AND s.objsubid = o.part
WHERE $2::text IS NULL OR o.kind NOT IN ('extension', 'event trigger', 'publication', 'server', 'cast')
ORDER BY 2, 1
