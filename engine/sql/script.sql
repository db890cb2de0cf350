-- db:transaction of scripts: a savepoint; where no transaction is open, a transaction. Savepoints
-- of one name lie on each other: the newest is the one that is meant.

-- :name script_savepoint
SAVEPOINT stint

-- :name script_release
RELEASE SAVEPOINT stint

-- :name script_undo
ROLLBACK TO SAVEPOINT stint; RELEASE SAVEPOINT stint

-- :name script_begin
BEGIN

-- :name script_commit
COMMIT

-- :name script_roll_back
ROLLBACK
