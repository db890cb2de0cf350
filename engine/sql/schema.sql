-- The ledger's own tables. `stint.` is replaced by the configured ledger_schema.
-- One row says which version of these tables the database holds.

-- :name schema_version
SELECT version FROM stint.ledger

-- :name schema_protected
-- The protected environment that has run here.
SELECT protected FROM stint.ledger WHERE protected IS NOT NULL

-- :name schema_protect
UPDATE stint.ledger SET protected = $1 WHERE protected IS DISTINCT FROM $1

-- :name schema_create
CREATE SCHEMA IF NOT EXISTS stint;
CREATE TABLE stint.ledger (
  version     integer NOT NULL,
  upgraded_at timestamptz NOT NULL DEFAULT now(),
  protected   text
);
INSERT INTO stint.ledger (version) VALUES (1);
-- a process that came to change something
CREATE TABLE stint.run (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command     text NOT NULL,
  environment text NOT NULL,
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  outcome     text,
  applied     integer NOT NULL DEFAULT 0,
  who         text NOT NULL,
  role        text NOT NULL DEFAULT session_user,
  program     text NOT NULL
);
-- a file that was applied, or that is half applied (no CHECKs: setting them up would cost a small
-- file more than its own statements): position counts the statements that are done;
-- intent is the number of a statement that no transaction can hold, written before it runs.
-- reverting: a rollback is under way; position counts down_statements, down_text is what it runs
CREATE TABLE stint.migration (
  id            text PRIMARY KEY,
  version       text NOT NULL,
  name          text NOT NULL,
  kind          text NOT NULL,
  state         text NOT NULL,
  state_before  text,
  position      integer NOT NULL DEFAULT 0,
  statements    integer NOT NULL DEFAULT 0,
  down_statements integer NOT NULL DEFAULT 0,
  intent        integer,
  intent_facts  text,
  run           bigint NOT NULL,
  checksum      text NOT NULL,
  tokens        text NOT NULL,
  down_tokens   text,
  text          text NOT NULL,
  down_text     text,
  started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  applied_at    timestamptz,
  duration_ms   bigint,
  applied_by    text NOT NULL,
  origin        text NOT NULL DEFAULT 'stint',
  origin_row    jsonb
) WITH (fillfactor = 70);
-- what happened and left no row elsewhere: failed attempts, repairs by hand; append-only.
-- undone: it was carried over a restore, and what it tells of is not in the database any more
CREATE TABLE stint.event (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  run       bigint,
  migration text,
  kind      text NOT NULL,
  who       text NOT NULL,
  role      text NOT NULL DEFAULT session_user,
  message   text,
  facts     jsonb,
  undone    boolean NOT NULL DEFAULT false
);
CREATE INDEX event_of_migration ON stint.event (migration, id) WHERE migration IS NOT NULL;
-- who has approved which text (tokens: up and down), for which environment, in which database;
-- append-only. A row comes by approve() alone, which notes role and place itself: nobody but the
-- ledger's owner can write here, and what he writes has no signature.
CREATE TABLE stint.approval (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  migration   text NOT NULL,
  checksum    text NOT NULL,
  tokens      text NOT NULL,
  environment text NOT NULL,
  place       text NOT NULL,
  role        text NOT NULL,
  who         text NOT NULL,
  comment     text,
  signature   text
);
CREATE FUNCTION stint.approve(migration text, checksum text, tokens text, environment text, who text, comment text DEFAULT NULL, signature text DEFAULT NULL)
RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO stint.approval (migration, checksum, tokens, environment, place, role, who, comment, signature)
  SELECT $1, $2, $3, $4, c.system_identifier || '/' || d.oid, session_user, $5, $6, $7
  FROM pg_catalog.pg_control_system() c, pg_catalog.pg_database d WHERE d.datname = current_database()
  RETURNING role
$$;
REVOKE ALL ON FUNCTION stint.approve FROM PUBLIC;

-- :name schema_backfill
-- a backfill: `desired` is what people want, `state` is what is so; planned: what must be there before
-- the first batch (a trigger) is being made. Rows changed are those of its ranges and rows_late, which
-- counts what was worked off from the residue; rows_walked are those of the walk that sweeps follow. `speed` is the part of their time that people let
-- workers work. The governor's verdict, which every batch reads: throttled_by says why nothing is done
-- now (NULL: it goes on), since throttled_at; held_ms are holds that are over, the last of them at released_at; `budget` is its part of
-- the speed; it looks again at look_at, and after valid_until nothing is done without a new look.
-- `health` is what it saw.
CREATE TABLE stint.backfill (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  migration    text NOT NULL UNIQUE,
  name         text NOT NULL,
  version      text NOT NULL,
  spec         text NOT NULL,
  relation     text NOT NULL,
  key          text[] NOT NULL,
  key_type     text[] NOT NULL,
  way          text NOT NULL DEFAULT 'up' CHECK (way IN ('up', 'down')),
  desired      text NOT NULL DEFAULT 'run' CHECK (desired IN ('run', 'pause', 'cancel')),
  state        text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'running', 'paused', 'failed', 'finished', 'cancelled')),
  error        text,
  target_ms    integer NOT NULL,
  workers      integer NOT NULL DEFAULT 1,
  stripes      integer NOT NULL DEFAULT 1,
  stripe_keys  integer NOT NULL DEFAULT 1,
  walk         text NOT NULL DEFAULT 'key' CHECK (walk IN ('key', 'page')),
  writes       text NOT NULL DEFAULT 'app',
  max_quarantine integer NOT NULL DEFAULT 100,
  sweep        integer NOT NULL DEFAULT 0,
  sweep_from   bigint NOT NULL DEFAULT 0,
  rows_walked  bigint NOT NULL DEFAULT 0,
  rows_total   bigint NOT NULL,
  rows_late    bigint NOT NULL DEFAULT 0,
  speed        real NOT NULL DEFAULT 1 CHECK (speed > 0 AND speed <= 1),
  budget       real NOT NULL DEFAULT 1,
  throttled_by text,
  throttled_at timestamptz,
  held_ms      bigint NOT NULL DEFAULT 0,
  released_at  timestamptz,
  look_at      timestamptz,
  valid_until  timestamptz,
  health       jsonb,
  started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at  timestamptz
) WITH (fillfactor = 50);
-- a slice (low, high] of the key space of one table (leaf: the table, or a partition); position is the
-- last key done (or, in a walk by pages, the last place of a row). With stripes: of the window (position, window_end] the stripes before `stripe` are
-- done. Every batch locks this row, reads the position from it and writes it in the transaction that
-- changes the rows. pid, session and lease_until say when another worker may try; token decides.
CREATE TABLE stint.backfill_range (
  backfill     bigint NOT NULL REFERENCES stint.backfill ON DELETE CASCADE,
  number       integer NOT NULL,
  leaf         oid NOT NULL,
  low          text[],
  position     text[],
  high         text[],
  window_end   text[],
  window_keys  bigint NOT NULL DEFAULT 0,
  stripe       integer NOT NULL DEFAULT 0,
  state        text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'taken', 'done')),
  token        bigint NOT NULL DEFAULT 0,
  worker       text,
  pid          integer,
  session      timestamptz,
  lease_until  timestamptz,
  batch_size   integer NOT NULL DEFAULT 1000,
  rows_seen    bigint NOT NULL DEFAULT 0,
  rows_changed bigint NOT NULL DEFAULT 0,
  rows_still   bigint NOT NULL DEFAULT 0,
  batches      bigint NOT NULL DEFAULT 0,
  rows_per_second double precision NOT NULL DEFAULT 0,
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (backfill, number)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
-- rows that a batch passed over because somebody held or changed them: worked off at the end
CREATE TABLE stint.backfill_residue (
  backfill     bigint NOT NULL REFERENCES stint.backfill ON DELETE CASCADE,
  leaf         oid NOT NULL,
  key          text[] NOT NULL,
  reason       text NOT NULL,
  attempts     integer NOT NULL DEFAULT 0,
  seen_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (backfill, leaf, key)
);
-- rows that fail
CREATE TABLE stint.backfill_quarantine (
  backfill     bigint NOT NULL REFERENCES stint.backfill ON DELETE CASCADE,
  leaf         oid NOT NULL,
  key          text[] NOT NULL,
  sqlstate     text,
  message      text NOT NULL,
  traceback    text,
  attempts     integer NOT NULL DEFAULT 1,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (backfill, leaf, key)
);

-- :name schema_rest
-- what the database held when Stint last changed it, or when people accepted it (drift --save): at most one row;
-- `at` and `run`: what differs came about since then. last_run: the last that it knows of; untold: the first run that
-- kept nothing, so that what it changed may be among the differences
CREATE TABLE stint.catalog (
  at       timestamptz NOT NULL,
  run      bigint,
  server   integer NOT NULL,
  who      text NOT NULL,
  last_run bigint NOT NULL,
  untold   bigint,
  objects  json NOT NULL
);
-- a backup that was made and read back: what its note says, where it was put, and since when it is
-- known that it can be restored; removed: `keep` let it go
CREATE TABLE stint.backup (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  environment    text NOT NULL,
  database       text NOT NULL,
  file           text NOT NULL,
  format         text NOT NULL,
  bytes          bigint NOT NULL,
  tables         bigint NOT NULL,
  checksum       text NOT NULL,
  server         text NOT NULL,
  last_migration text,
  taken_at       timestamptz NOT NULL,
  read_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  proven_at      timestamptz,
  removed_at     timestamptz,
  who            text NOT NULL
);
