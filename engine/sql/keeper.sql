-- Formats for keeper.c: each %s is an identifier that the server quoted, or SQL of the declaration.
-- Last: what it asks.

-- :name keeper_trigger
CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $stint_backfill$
#variable_conflict use_column
DECLARE
  stint_row record;
BEGIN
  IF pg_catalog.current_setting('stint.backfill', true) OPERATOR(pg_catalog.=) 'on' THEN
    RETURN NEW;
  END IF;
  FOR stint_row IN SELECT %s FROM (SELECT NEW.*) t WHERE %s LOOP
%s  END LOOP;
  RETURN NEW;
END $stint_backfill$;
CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION %s()

-- :name keeper_drop
DROP TRIGGER IF EXISTS %s ON %s;
DROP FUNCTION IF EXISTS %s()

-- :name keeper_announce
ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s IS NOT NULL) NOT VALID

-- :name keeper_validate
ALTER TABLE %s VALIDATE CONSTRAINT %s

-- :name keeper_not_null
ALTER TABLE %s ALTER COLUMN %s SET NOT NULL

-- :name keeper_null
ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL

-- :name keeper_forget
ALTER TABLE %s DROP CONSTRAINT %s

-- :name keeper_close
-- A backfill that somebody ends by hand: as it is ($2 true), or as if never begun. The name of its function, if it has one;
-- and what its `finally` has left on the table.
WITH kept AS (UPDATE stint.backfill SET state = 'finished', desired = 'run', error = NULL, finished_at = clock_timestamp()
  WHERE migration = $1 AND $2::boolean RETURNING id, relation),
gone AS (DELETE FROM stint.backfill WHERE migration = $1 AND NOT $2::boolean RETURNING id, relation)
SELECT to_regproc($3 || '.backfill_' || b.id)::text, b.relation, quote_ident(c.conname)
FROM (SELECT id, relation FROM kept UNION ALL SELECT id, relation FROM gone) b
LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = to_regclass(b.relation) AND c.contype = 'c' AND NOT c.convalidated
  AND c.conname LIKE 'stint\_not\_null\_%'

-- :name keeper_forget_function
-- The trigger goes with it.
DROP FUNCTION %s() CASCADE

-- :name keeper_look
-- Is the column NOT NULL already; has our constraint been made; is it valid?
SELECT a.attnotnull, c.oid IS NOT NULL, coalesce(c.convalidated, false)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conname = $3
WHERE a.attrelid = $1::oid AND a.attname = $2 AND NOT a.attisdropped

-- :name keeper_has_trigger
-- $1 table, $2 name of the trigger
SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = $1::oid AND tgname = $2
