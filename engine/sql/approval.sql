-- Approvals: who has said yes to which text. Every name is qualified: what counts here must not
-- hang on a search_path.

-- :name approval_place
-- This database, told from its copies: a dump that was restored, a server that was made anew, has
-- another one.
SELECT c.system_identifier || '/' || d.oid
FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()

-- :name approval_give
-- Cast: a migrator may make functions in this schema, and none of them must be what is called.
SELECT stint.approve($1::text, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text)

-- :name approval_rows
-- The newest first. known: such a role is here; able: it is a member of one of $2.
SELECT a.role, a.tokens, a.environment, a.place, a.comment, a.signature,
       pg_catalog.to_char(a.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       r.oid IS NOT NULL,
       EXISTS (SELECT FROM pg_catalog.pg_roles w WHERE w.rolname = ANY ($2::pg_catalog.text[]) AND pg_catalog.pg_has_role(r.oid, w.oid, 'MEMBER'))
FROM stint.approval a LEFT JOIN pg_catalog.pg_roles r ON r.rolname = a.role
WHERE a.migration OPERATOR(pg_catalog.=) $1
ORDER BY a.id DESC

-- :name approval_forger
-- Could this very session have written the rows itself? As the owner of table or schema, by a right
-- on the table, as anybody whom it may become; before PostgreSQL 16 CREATEROLE may become anybody.
SELECT CASE WHEN me.rolsuper THEN pg_catalog.format('%I is a superuser', session_user)
            WHEN me.rolcreaterole AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 160000 THEN pg_catalog.format('%I has CREATEROLE and can become anybody', session_user)
            ELSE (SELECT pg_catalog.format('%I %s', session_user, CASE WHEN m.oid IN (c.relowner, n.nspowner) THEN 'owns the ledger' ELSE 'may write to the table of the approvals' END)
                  FROM pg_catalog.pg_roles m
                  WHERE pg_catalog.pg_has_role(session_user, m.oid, 'MEMBER')
                    AND (m.oid IN (c.relowner, n.nspowner) OR pg_catalog.has_table_privilege(m.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
                         OR pg_catalog.has_any_column_privilege(m.oid, c.oid, 'INSERT, UPDATE'))
                  LIMIT 1) END
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_roles me ON me.rolname = session_user
WHERE n.nspname = $1 AND c.relname = 'approval'
