-- Expand: a nullable column without a default changes no row and locks for a moment only.
ALTER TABLE users ADD COLUMN full_name text;

-- stint: down
ALTER TABLE users DROP COLUMN full_name;
