-- Around what is poured.

-- :name pour_begin
-- As long as there are two of them, no COMMIT succeeds, whoever sends it.
CREATE TEMPORARY TABLE stint_unfinished (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP; INSERT INTO pg_temp.stint_unfinished VALUES (1), (1)

-- :name pour_end
DELETE FROM pg_temp.stint_unfinished
