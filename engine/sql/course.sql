-- What a backfill does to the table's own definition: at its beginning and at its end.

-- :name course_not_null
-- Is the column NOT NULL already; has our constraint been made; is it valid?
SELECT a.attnotnull, c.oid IS NOT NULL, coalesce(c.convalidated, false)
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conname = $3
WHERE a.attrelid = $1::oid AND a.attname = $2 AND NOT a.attisdropped

-- :name course_trigger
-- $1 table, $2 name of the trigger
SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = $1::oid AND tgname = $2
