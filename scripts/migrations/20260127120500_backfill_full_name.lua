-- Fill it, in batches that each take about 100 ms and commit with their own position: stop it at any
-- moment and `stint up` goes on where it was.
backfill {
  table  = "users",
  set    = { full_name = "first_name || ' ' || last_name" },
  where  = "full_name IS NULL",
  target = "100ms",
  verify = "SELECT count(*) FROM users WHERE full_name IS NULL",
  down   = { full_name = "NULL" },
}
