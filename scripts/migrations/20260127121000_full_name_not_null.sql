-- Contract: the check is proven without blocking writers, and makes SET NOT NULL a matter of a moment.
-- stint: no-transaction
ALTER TABLE users ADD CONSTRAINT full_name_set CHECK (full_name IS NOT NULL) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT full_name_set;
ALTER TABLE users ALTER COLUMN full_name SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT full_name_set;

-- stint: down
ALTER TABLE users ALTER COLUMN full_name DROP NOT NULL;
