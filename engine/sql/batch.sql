-- A batch: pieces that batch.c puts together and fills in: words in braces are identifiers that the
-- server quoted and the expressions of the team's declaration. Positions are text[], cast to the key's
-- types. $1 backfill, $2 range, $3 token, $4 keys, $5 the only key wanted (or NULL: whichever comes).

-- :name batch_control
-- What is to be done now: what people want, unless the governor holds it or has not looked for too long.
CASE WHEN desired = 'run' AND (throttled_by IS NOT NULL OR coalesce(valid_until <= clock_timestamp(), true)) THEN 'hold' ELSE desired END AS desired, state,
  speed * budget AS share, coalesce(look_at <= clock_timestamp(), true) AS is_due, (health #>> '{signals,horizon_held,value}')::float8 > 10 AS is_old, pg_current_wal_insert_lsn() AS lsn, released_at

-- :name batch_answer
stint_ctl.share, stint_ctl.is_due, stint_ctl.is_old, (pg_current_wal_insert_lsn() - stint_ctl.lsn)::bigint

-- :name batch_head
-- The range row locked and fenced first; the next bound by counting keys after the position.
WITH stint_ctl AS MATERIALIZED (
  SELECT {control} FROM stint.backfill WHERE id = $1
), stint_cur AS MATERIALIZED (
  SELECT r.number, r.stripe, r.batches, {position_columns}, {high_columns}
  FROM stint.backfill_range r
  WHERE r.backfill = $1 AND r.number = $2 AND r.token = $3 AND r.state = 'taken' AND {which_start}
    AND (SELECT desired = 'run' AND state = 'running' FROM stint_ctl)
  {lock}
), stint_nxt AS MATERIALIZED (
  SELECT {upper_columns}, k.k1 IS NULL AS last
  FROM stint_cur LEFT JOIN LATERAL ({nth}) k ON true
  WHERE $5::text[] IS NULL OR ARRAY[{next_as_text}] = $5::text[]
), stint_seen AS MATERIALIZED (
  SELECT CASE WHEN stint_nxt.last OR {by_page}
    THEN (SELECT count(*) FROM {table} t WHERE {after_position} ({place}) <= ({upper}))
    ELSE $4::bigint END AS keys FROM stint_nxt
),

-- :name batch_stripe_head
-- The same for one stripe of a window: the keys of a new window are counted once, by its first stripe.
WITH stint_ctl AS MATERIALIZED (
  SELECT {control} FROM stint.backfill WHERE id = $1
), stint_cur AS MATERIALIZED (
  SELECT r.number, r.stripe, r.batches, r.window_keys, r.window_end IS NOT NULL AS inside, r.window_end = r.high AS at_end, {position_columns}, {high_columns}
  FROM stint.backfill_range r
  WHERE r.backfill = $1 AND r.number = $2 AND r.token = $3 AND r.state = 'taken' AND {which_start}
    AND (SELECT desired = 'run' AND state = 'running' FROM stint_ctl)
  {lock}
), stint_nxt AS MATERIALIZED (
  SELECT {upper_columns}, CASE WHEN stint_cur.inside THEN stint_cur.at_end ELSE k.k1 IS NULL END AS last
  FROM stint_cur LEFT JOIN LATERAL ({nth}) k ON true
  WHERE $5::text[] IS NULL
), stint_seen AS MATERIALIZED (
  SELECT CASE WHEN stint_cur.inside THEN stint_cur.window_keys WHEN stint_nxt.last OR {by_page}
    THEN (SELECT count(*) FROM {table} t WHERE {after_position} ({place}) <= ({upper}))
    ELSE $4::bigint * {window} END AS keys FROM stint_cur, stint_nxt
),

-- :name batch_nth
-- Of a new batch or window: where its keys end; no row: with the range.
SELECT {place_columns} FROM {table} t
    WHERE {unless_inside} {after_position_lateral} ({place}) <= ({high_lateral})
    ORDER BY {place} OFFSET $4::bigint * {window} - 1 LIMIT 1

-- :name batch_nth_page
-- The same by pages: the place of so many rows, or of the last page that a batch looks at where they are few.
SELECT CASE WHEN e.rows = $4::bigint * {window} THEN e.last WHEN (SELECT near1 FROM stint_cur) < (SELECT h1 FROM stint_cur) THEN (SELECT near1 FROM stint_cur) END AS k1
    FROM (SELECT max(d.at) AS last, count(*) AS rows FROM (
      SELECT t.ctid AS at FROM {table} t
      WHERE {unless_inside_page} t.ctid > (SELECT p1 FROM stint_cur) AND t.ctid <= (SELECT least(h1, near1) FROM stint_cur) LIMIT $4::bigint * {window}) d) e
    WHERE {unless_inside} true

-- :name batch_probe
-- Of the rows on the first pages: how many are meant, and how many of them would be after the change, too.
SELECT count(*), count(*) FILTER (WHERE {where}) FROM (
  SELECT {row_after} FROM {table} t WHERE t.ctid < '(64,0)' AND ({where}) LIMIT 1000) t

-- :name batch_passed
-- What a walk by pages has passed by, for rows move when they are changed: into the residue. One look at the whole table.
-- $1 backfill
INSERT INTO stint.backfill_residue (backfill, leaf, key, reason)
SELECT $1, {leaf}, ARRAY[{keys_as_text}], 'moved' FROM {table} t
WHERE ({where}) AND NOT EXISTS (SELECT FROM stint.backfill_quarantine q WHERE q.backfill = $1 AND q.leaf = {leaf} AND q.key = ARRAY[{keys_as_text}])
ON CONFLICT DO NOTHING

-- :name batch_stretch
-- Where the keys of a window lie close, the stretches of them that are the stripe's are looked up one by one: most rows of
-- the window are not met at all. Else the window is one stretch.
stint_stretch AS MATERIALIZED (
  SELECT greatest(g.low, stint_cur.p1::bigint + 1) AS stint_low, least(g.low + ({stripe_keys} - 1), stint_nxt.u1) AS stint_high
  FROM stint_cur, stint_nxt, stint_seen, generate_series((stint_cur.p1::bigint & (-{all_keys})) + {stripe_keys} * stint_cur.stripe,
    CASE WHEN stint_nxt.u1::numeric - stint_cur.p1 <= 4 * stint_seen.keys THEN stint_nxt.u1::bigint END, {all_keys}::bigint) g(low)
  WHERE g.low + ({stripe_keys} - 1) > stint_cur.p1
  UNION ALL SELECT stint_cur.p1::bigint + 1, stint_nxt.u1 FROM stint_cur, stint_nxt, stint_seen WHERE stint_nxt.u1::numeric - stint_cur.p1 > 4 * stint_seen.keys
),

-- :name batch_set
stint_changed AS (
  UPDATE {table} t SET {set} {from_stretch}
  WHERE {within} AND {stripe} AND ({where})
  {returning}
),

-- :name batch_set_free
-- What others hold is left for later.
stint_free AS MATERIALIZED (
  SELECT {stint_key_columns} FROM {table} t
  WHERE {after_position} ({place}) <= ({upper}) AND {stripe} AND ({where}) AND (SELECT true FROM stint_cur)
  FOR NO KEY UPDATE OF t SKIP LOCKED
), stint_changed AS (
  UPDATE {table} t SET {set} FROM stint_free
  WHERE ({keys}) = ({stint_keys}) AND {after_position} ({place}) <= ({upper})
  {returning}
), held AS (
  INSERT INTO stint.backfill_residue (backfill, leaf, key, reason)
  SELECT $1, {leaf}, ARRAY[{keys_as_text}], 'locked' FROM {table} t
  WHERE {after_position} ({place}) <= ({upper}) AND {stripe} AND ({where})
    AND NOT EXISTS (SELECT FROM stint_free WHERE ({keys}) = ({stint_keys}))
  ON CONFLICT (backfill, leaf, key) DO UPDATE SET reason = excluded.reason
  RETURNING 1
),

-- :name batch_statement
-- A statement of the team's own.
stint_changed AS (
  {statement}
),

-- :name batch_bad
-- The one key that fails is put aside. $6 SQLSTATE, $7 message, $8 traceback
stint_changed AS (
  INSERT INTO stint.backfill_quarantine (backfill, leaf, key, sqlstate, message, traceback)
  SELECT $1, {leaf}, ARRAY[{keys_as_text}], $6::text, $7::text, $8::text FROM {table} t WHERE ({place}) = ({upper})
  ON CONFLICT (backfill, leaf, key) DO UPDATE SET sqlstate = excluded.sqlstate, message = excluded.message,
    traceback = excluded.traceback, attempts = backfill_quarantine.attempts + 1, at = clock_timestamp()
  RETURNING false AS still
),

-- :name batch_within_stripe
-- Most rows of a window are looked at and left alone: they are cheaper by the page than one by one along the index. Without an
-- order, an OR has no better plan than a bitmap; its second range is always empty.
({after_position} ({place}) <= ({upper}) OR ({place}) > ({upper}) AND ({place}) <= ({upper}))

-- :name batch_within_stretch
{place} >= stint_stretch.stint_low AND {place} <= stint_stretch.stint_high

-- :name batch_sums
-- Of what was changed: read once.
count(*) AS rows, {count_still} AS still FROM stint_changed

-- :name batch_sums_met
-- Where every row that is met is changed: of a window when its last stripe is done.
{met} AS rows, {met} AS still FROM stint_seen, stint_cur{weighed}

-- :name batch_sums_free
-- The same, but for what others hold.
{met} - h.rows AS rows, {met} - h.rows AS still FROM stint_seen, stint_cur, (SELECT count(*) AS rows FROM held) h

-- :name batch_rate
-- Smoothed over two seconds, each of which counts alike: batches come in unequal times, for the first stripe of a window is over
-- here before its rows are changed.
r.rows_per_second + ({tells} - r.rows_per_second * {spent}) / CASE WHEN r.rows_per_second = 0 THEN {spent} ELSE greatest({spent}, 2) END

-- :name batch_spent
greatest(extract(epoch FROM clock_timestamp() - greatest(r.updated_at, (SELECT released_at FROM stint_ctl))), 0.001)::float8

-- :name batch_move
sums AS MATERIALIZED (
  SELECT {sums}
), moved AS (
  UPDATE stint.backfill_range r
  SET position = ARRAY[{upper_as_text}],
      window_end = CASE WHEN stint_nxt.last THEN NULL ELSE r.window_end END, stripe = CASE WHEN stint_nxt.last THEN 0 ELSE r.stripe END,
      window_keys = CASE WHEN stint_nxt.last THEN 0 ELSE greatest(r.window_keys - (SELECT keys FROM stint_seen), 0) END,
      state = CASE WHEN stint_nxt.last AND (r.window_end IS NULL OR r.window_end = r.high) THEN 'done' ELSE 'taken' END,
      rows_seen = r.rows_seen + (SELECT keys FROM stint_seen), rows_changed = r.rows_changed + (SELECT rows FROM sums), rows_still = r.rows_still + (SELECT still FROM sums),
      batches = r.batches + 1, batch_size = $4::integer,
      rows_per_second = {rate},
      updated_at = clock_timestamp(), lease_until = clock_timestamp() + interval '30 s'
  FROM stint_cur, stint_nxt WHERE r.backfill = $1 AND r.number = stint_cur.number
  RETURNING r.state, r.position IS NULL AS first
)
SELECT moved.state, (SELECT keys FROM stint_seen), (SELECT rows FROM sums), stint_ctl.desired, stint_ctl.state,
       (SELECT r.token = $3 AND r.state = 'taken' FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2) AS still_ours,
       moved.first, {answer}, (SELECT keys FROM stint_seen)
FROM stint_ctl LEFT JOIN moved ON true

-- :name batch_stripe_move
sums AS MATERIALIZED (
  SELECT {sums}
), moved AS (
  UPDATE stint.backfill_range r
  SET position = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN ARRAY[{upper_as_text}] ELSE r.position END,
      window_end = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN NULL ELSE ARRAY[{upper_as_text}] END, stripe = (stint_cur.stripe + 1) % {stripes},
      window_keys = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN 0 ELSE (SELECT keys FROM stint_seen) END,
      state = CASE WHEN stint_nxt.last AND stint_cur.stripe + 1 = {stripes} THEN 'done' ELSE 'taken' END,
      rows_seen = r.rows_seen + (SELECT {met} FROM stint_seen), rows_changed = r.rows_changed + (SELECT rows FROM sums), rows_still = r.rows_still + (SELECT still FROM sums),
      batches = r.batches + 1, batch_size = $4::integer,
      rows_per_second = {rate},
      updated_at = clock_timestamp(), lease_until = clock_timestamp() + interval '30 s'
  FROM stint_cur, stint_nxt WHERE r.backfill = $1 AND r.number = stint_cur.number
  RETURNING r.state, r.position IS NULL AS first
)
SELECT moved.state, (SELECT {met} FROM stint_seen, stint_cur), (SELECT rows FROM sums), stint_ctl.desired, stint_ctl.state,
       (SELECT r.token = $3 AND r.state = 'taken' FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2) AS still_ours,
       moved.first, {answer}, (SELECT {tells} FROM stint_cur)
FROM stint_ctl LEFT JOIN moved ON true

-- :name batch_read
-- The rows of a batch, for a transform: nothing is locked meanwhile. First of all what the fence says, in one column, for it is a
-- column of each row; batch.c reads it.
stint_nothing AS (SELECT)
SELECT format('%s %s %s %s %s %s %s', stint_ctl.desired, stint_ctl.state, stint_cur.number IS NOT NULL,
         (SELECT r.token = $3 AND r.state = 'taken' FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2),
         stint_nxt.last, (SELECT keys FROM stint_seen), CASE WHEN stint_nxt.last IS NOT NULL THEN ARRAY[{upper_as_text}] END),
       none.*
FROM stint_ctl LEFT JOIN stint_cur ON true LEFT JOIN stint_nxt ON true LEFT JOIN (
  SELECT {read_keys}, t.xmin AS stint_xmin, {read_columns} FROM {table} t WHERE false) none ON true
UNION ALL
SELECT NULL, d.*
FROM (
  SELECT {read_keys}, t.xmin AS stint_xmin, {read_columns} FROM {table} t{and_stretch}
  WHERE {within} AND {stripe} AND ({where})
  ORDER BY {sorted_keys}) d

-- :name batch_write
-- What a transform gave, where the row is still the one that was read; else it is left for later.
-- $1 to $4 as above, $5 the last key, $6 its rows, $7 is it the range's end; $8 keys, $9 SQLSTATEs, $10 messages and $11
-- tracebacks of rows that failed; $12 every xmin, then the columns of the key, then what is new.
WITH stint_ctl AS MATERIALIZED (
  SELECT {control} FROM stint.backfill WHERE id = $1
), stint_cur AS MATERIALIZED (
  SELECT r.number, r.stripe, {position_columns}
  FROM stint.backfill_range r
  WHERE r.backfill = $1 AND r.number = $2 AND r.token = $3 AND r.state = 'taken' AND {which_start}
    AND ({given_upper}) <= ({range_high}) AND (SELECT desired = 'run' AND state = 'running' FROM stint_ctl)
  FOR UPDATE
), fresh AS {once} (
  SELECT {arrays}
), {free}
stint_changed AS (
  UPDATE {table} t SET {set_fresh} FROM fresh stint_fresh
  WHERE {fresh_keys} AND {as_read} AND {after_position} ({place}) <= ({given_upper}) AND {is_free} AND (SELECT true FROM stint_cur)
  RETURNING {key_columns}
), sums AS MATERIALIZED (
  SELECT count(*) AS rows FROM stint_changed
), held AS (
  INSERT INTO stint.backfill_residue (backfill, leaf, key, reason)
  SELECT $1, {leaf}, ARRAY[{fresh_keys_as_text}], 'changed' FROM fresh stint_fresh
  WHERE (SELECT true FROM stint_cur) AND (SELECT rows FROM sums) < cardinality({first_keys}) AND NOT EXISTS (SELECT FROM stint_changed c WHERE {fresh_keys_c})
  ON CONFLICT DO NOTHING
), bad AS (
  INSERT INTO stint.backfill_quarantine (backfill, leaf, key, sqlstate, message, traceback)
  SELECT $1, {leaf}, q.key::text[], q.sqlstate, q.message, q.traceback FROM unnest($8::text[], $9::text[], $10::text[], $11::text[]) q(key, sqlstate, message, traceback)
  WHERE (SELECT true FROM stint_cur)
  ON CONFLICT (backfill, leaf, key) DO UPDATE SET sqlstate = excluded.sqlstate, message = excluded.message,
    traceback = excluded.traceback, attempts = backfill_quarantine.attempts + 1, at = clock_timestamp()
), moved AS (
  UPDATE stint.backfill_range r
  SET {moves},
      rows_seen = r.rows_seen + {seen}, rows_changed = r.rows_changed + (SELECT rows FROM sums),
      batches = r.batches + 1, batch_size = $4::integer,
      rows_per_second = {rate},
      updated_at = clock_timestamp(), lease_until = clock_timestamp() + interval '30 s'
  FROM stint_cur WHERE r.backfill = $1 AND r.number = stint_cur.number
  RETURNING r.state, r.position IS NULL AS first
)
SELECT moved.state, (SELECT {seen} FROM stint_cur), (SELECT rows FROM sums), stint_ctl.desired, stint_ctl.state,
       (SELECT r.token = $3 AND r.state = 'taken' FROM stint.backfill_range r WHERE r.backfill = $1 AND r.number = $2) AS still_ours, moved.first, {answer}, (SELECT {tells} FROM stint_cur)
FROM stint_ctl LEFT JOIN moved ON true

-- :name batch_write_moves
position = $5::text[], window_end = CASE WHEN $7::boolean THEN NULL ELSE r.window_end END, stripe = CASE WHEN $7::boolean THEN 0 ELSE r.stripe END,
      window_keys = CASE WHEN $7::boolean THEN 0 ELSE greatest(r.window_keys - $6::bigint, 0) END,
      state = CASE WHEN $7::boolean AND r.high = $5::text[] THEN 'done' ELSE 'taken' END

-- :name batch_write_stripe_moves
position = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN $5::text[] ELSE r.position END,
      window_end = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN NULL ELSE $5::text[] END, stripe = (stint_cur.stripe + 1) % {stripes},
      window_keys = CASE WHEN stint_cur.stripe + 1 = {stripes} THEN 0 ELSE $6::bigint END,
      state = CASE WHEN $7::boolean AND stint_cur.stripe + 1 = {stripes} AND r.high = $5::text[] THEN 'done' ELSE 'taken' END

-- :name batch_write_free
stint_free AS MATERIALIZED (
  SELECT {key_columns} FROM {table} t, fresh stint_fresh WHERE {fresh_keys} AND (SELECT true FROM stint_cur) FOR NO KEY UPDATE OF t SKIP LOCKED
),

-- :name batch_as_read
-- Whose change was seen has ended, and changes nothing any more: so all of them together tell as much as each row's own.
(t.xmin IN (SELECT unnest({xmins}))) IS TRUE

-- :name batch_late
-- Of the residue: what is free now. $1 backfill, $2 leaf, $3 rows, $4 the only key wanted (or NULL)
WITH stint_mine AS MATERIALIZED (
  SELECT e.key, {mine_columns} FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid AND ($4::text[] IS NULL OR e.key = $4::text[])
  ORDER BY e.attempts, e.key LIMIT $3::bigint FOR UPDATE
), stint_there AS MATERIALIZED (
  SELECT m.key FROM stint_mine m JOIN {table} t ON ({keys}) = ({mine_keys})
), stint_free AS MATERIALIZED (
  SELECT m.key, {stint_key_columns} FROM stint_mine m JOIN {table} t ON ({keys}) = ({mine_keys}) FOR NO KEY UPDATE OF t {skip}
), stint_changed AS (
  UPDATE {table} t SET {set} FROM stint_free WHERE ({keys}) = ({stint_keys}) AND ({where}) RETURNING {still} AS still
), done AS (
  DELETE FROM stint.backfill_residue e USING stint_mine m
  WHERE e.backfill = $1 AND e.leaf = $2::oid AND e.key = m.key
    AND (m.key IN (SELECT f.key FROM stint_free f) OR m.key NOT IN (SELECT h.key FROM stint_there h)) RETURNING 1
), tried AS (
  UPDATE stint.backfill_residue e SET attempts = e.attempts + 1 FROM stint_mine m
  WHERE e.backfill = $1 AND e.leaf = $2::oid AND e.key = m.key
    AND m.key NOT IN (SELECT f.key FROM stint_free f) AND m.key IN (SELECT h.key FROM stint_there h) RETURNING 1
), counted AS (
  UPDATE stint.backfill SET rows_late = rows_late + (SELECT count(*) FROM stint_changed) WHERE id = $1
)
SELECT (SELECT count(*) FROM stint_changed), (SELECT count(*) FROM done), (SELECT count(*) FROM tried)

-- :name batch_late_read
-- The same for a transform: the rows as they are now; xmin is NULL for those that are gone or out of `where`.
SELECT {late_keys_as_text}, d.* FROM (
  SELECT e.key, {mine_columns} FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid AND ($4::text[] IS NULL OR e.key = $4::text[])
  ORDER BY e.attempts, e.key LIMIT $3::bigint) e
LEFT JOIN LATERAL (SELECT t.xmin AS stint_xmin, {read_columns} FROM {table} t WHERE ({keys}) = ({late_keys}) AND ({where})) d ON true
ORDER BY {late_keys}

-- :name batch_late_write
-- $1 backfill, $2 leaf, $3 keys that are done without a change, $4 to $7 as $8 to $11 of batch_write, $8 xmin, then as there
WITH fresh AS MATERIALIZED (
  SELECT {arrays}
), stint_free AS MATERIALIZED (
  SELECT {key_columns} FROM {table} t, fresh stint_fresh WHERE {fresh_keys} FOR NO KEY UPDATE OF t {skip}
), stint_changed AS (
  UPDATE {table} t SET {set_fresh} FROM fresh stint_fresh
  WHERE {fresh_keys} AND {as_read} AND ({keys}) IN (SELECT {found_keys} FROM stint_free)
  RETURNING ARRAY[{fresh_keys_as_text}] AS key
), bad AS (
  INSERT INTO stint.backfill_quarantine (backfill, leaf, key, sqlstate, message, traceback)
  SELECT $1, $2::oid, q.key::text[], q.sqlstate, q.message, q.traceback FROM unnest($4::text[], $5::text[], $6::text[], $7::text[]) q(key, sqlstate, message, traceback)
  ON CONFLICT (backfill, leaf, key) DO UPDATE SET sqlstate = excluded.sqlstate, message = excluded.message,
    traceback = excluded.traceback, attempts = backfill_quarantine.attempts + 1, at = clock_timestamp()
  RETURNING key
), done AS (
  DELETE FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid
    AND (e.key IN (SELECT key FROM stint_changed) OR e.key IN (SELECT key FROM bad) OR e.key IN (SELECT k::text[] FROM unnest($3::text[]) k)) RETURNING 1
), tried AS (
  UPDATE stint.backfill_residue e SET attempts = e.attempts + 1 FROM fresh stint_fresh
  WHERE e.backfill = $1 AND e.leaf = $2::oid AND e.key = ARRAY[{fresh_keys_as_text}] AND e.key NOT IN (SELECT key FROM stint_changed) RETURNING 1
), counted AS (
  UPDATE stint.backfill SET rows_late = rows_late + (SELECT count(*) FROM stint_changed) WHERE id = $1
)
SELECT (SELECT count(*) FROM stint_changed), (SELECT count(*) FROM done), (SELECT count(*) FROM tried)

-- :name batch_late_statement
-- One key of the residue by a statement of the team's own: from the key before it (or $5, before all) up to it.
WITH stint_mine AS MATERIALIZED (
  SELECT e.key, {mine_columns} FROM stint.backfill_residue e WHERE e.backfill = $1 AND e.leaf = $2::oid AND ($4::text[] IS NULL OR e.key = $4::text[])
  ORDER BY e.attempts, e.key LIMIT least($3::bigint, 1) FOR UPDATE
), stint_cur AS MATERIALIZED (
  SELECT {least_columns} FROM stint_mine m LEFT JOIN LATERAL (SELECT {key_columns} FROM {table} t WHERE ({keys}) < ({mine_keys}) ORDER BY {keys_descending} LIMIT 1) p ON true
), stint_nxt AS MATERIALIZED (
  SELECT {mine_uppers} FROM stint_mine m
), stint_changed AS (
  {statement}
), done AS (
  DELETE FROM stint.backfill_residue e USING stint_mine m WHERE e.backfill = $1 AND e.leaf = $2::oid AND e.key = m.key RETURNING 1
), counted AS (
  UPDATE stint.backfill SET rows_late = rows_late + (SELECT count(*) FROM stint_changed) WHERE id = $1
)
SELECT (SELECT count(*) FROM stint_changed), (SELECT count(*) FROM done), 0
