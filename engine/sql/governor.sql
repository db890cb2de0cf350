-- The governor's verdict on a backfill: taken by one, read by all with their next batch.

-- :name governor_take
-- Whoever comes first when a look is due takes it, for so long that the others leave it alone. $1 backfill
WITH due AS (
  SELECT b.id FROM stint.backfill b WHERE b.id = $1 AND coalesce(b.look_at <= clock_timestamp(), true) FOR UPDATE SKIP LOCKED
), mine AS (
  UPDATE stint.backfill b SET look_at = clock_timestamp() + interval '5 s' FROM due WHERE b.id = due.id RETURNING b.id
)
SELECT EXISTS (SELECT FROM mine), b.desired, b.throttled_by, b.budget, extract(epoch FROM clock_timestamp())::float8,
  (b.health ->> 'calm')::integer, (b.health ->> 'rest')::integer, (b.health ->> 'is_held')::boolean
FROM stint.backfill b WHERE b.id = $1

-- :name governor_memory
SELECT s.key, v.value, v.load, v.was_seen, v.most, v.usual, v.looks, v.counter, v.at, v.since, v.mark
FROM stint.backfill b, jsonb_each(b.health -> 'signals') s,
  jsonb_to_record(s.value) v(value float8, load float8, was_seen boolean, most float8, usual float8, looks float8, counter float8, at float8, since float8, mark text)
WHERE b.id = $1

-- :name governor_judge
-- It holds for ten seconds: then somebody must have looked again before anything is done.
-- $1 backfill, $2 why it is held (NULL: it is not), $3 budget, $4 ms until the next look, $5 when the window closes (or NULL),
-- $6 looks in a row that were calm, $7 looks before it grows, $8 does a limit hold it; then the signals; $22 which one slows it down
UPDATE stint.backfill SET throttled_by = $2, throttled_at = CASE WHEN $2::text IS NOT NULL THEN coalesce(throttled_at, clock_timestamp()) END,
  held_ms = held_ms + CASE WHEN $2::text IS NULL AND throttled_at IS NOT NULL THEN (extract(epoch FROM clock_timestamp() - throttled_at) * 1000)::bigint ELSE 0 END,
  released_at = CASE WHEN $2::text IS NULL AND throttled_at IS NOT NULL THEN clock_timestamp() ELSE released_at END,
  budget = $3::real, look_at = clock_timestamp() + $4::float8 * interval '1 ms', valid_until = least(clock_timestamp() + interval '10 s', $5::timestamptz),
  health = jsonb_build_object('calm', $6::integer, 'rest', $7::integer, 'is_held', $8::boolean, 'slowed_by', $22::text, 'signals', (
    SELECT jsonb_object_agg(s.name, jsonb_strip_nulls(jsonb_build_object('value', s.value, 'limit', s.limit_now, 'load', s.load, 'was_seen', s.was_seen, 'most', s.most,
      'usual', s.usual, 'looks', s.looks, 'counter', s.counter, 'at', s.at, 'since', s.since, 'mark', s.mark, 'about', s.about)))
    FROM unnest($9::text[], $10::float8[], $11::float8[], $12::float8[], $13::boolean[], $14::float8[], $15::float8[], $16::float8[], $17::float8[], $18::float8[], $19::float8[], $20::text[], $21::text[])
      s(name, value, limit_now, load, was_seen, most, usual, looks, counter, at, since, mark, about)))
WHERE id = $1

-- :name governor_forget
-- What was seen before does not count as vanished. $1 migration
UPDATE stint.backfill SET health = NULL, look_at = NULL WHERE migration = $1

-- :name hours_ask
-- By the clock on the wall of that zone, whatever its summer time. $1 from, $2 to, $3 zone
SELECT CASE WHEN w.opens < w.closes THEN w.local::time >= w.opens AND w.local::time < w.closes ELSE w.local::time >= w.opens OR w.local::time < w.closes END,
  (w.local::date + w.closes + CASE WHEN w.local::time >= w.closes THEN interval '1 day' ELSE interval '0' END) AT TIME ZONE $3
FROM (SELECT clock_timestamp() AT TIME ZONE $3::text AS local, $1::time AS opens, $2::time AS closes) w
