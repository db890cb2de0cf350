local subject = require "stint.subject"

policy {
  about = "an index is built while writes wait",
  family = "index-build",
  on = "IndexStmt",
  why = "CREATE INDEX holds SHARE on the table until the index is built: nothing can be written. On a partitioned table"
    .. " it holds it on every partition, until all of them are done.",
  safe = "CREATE INDEX CONCURRENTLY trips_started_idx ON trips (started_at);\n"
    .. "-- partitioned: CREATE INDEX i ON ONLY parent (c), one CONCURRENTLY on each partition, ALTER INDEX i ATTACH PARTITION",
  statement = function(s)
    local node = s.node
    if not node or node.tag ~= "IndexStmt" or node.concurrent then
      return
    end
    local relation = s:relation(node.relation)
    local only_parent = not node.relation.inh and (relation.unknown or relation.kind == "partitioned")
    if only_parent or not subject.matters(relation) or #s.builds == 0 then
      return
    end
    return deny(("an index of %s is built under SHARE: writes wait until it is done"):format(subject.sized(relation)), {
      object = relation.id,
    })
  end,
  tests = {
    facts = {
      relations = {
        ["public.big"] = { kind = "table", rows = 5e7, columns = { a = { type = "integer" } } },
        ["public.tiny"] = { kind = "table", rows = 249, columns = { a = { type = "integer" } } },
        ["app.big"] = { kind = "table", rows = 5e7, columns = { a = { type = "integer" } } },
        ["public.parted"] = { kind = "partitioned", columns = { a = { type = "integer" } } },
        ["public.parted_1"] = { kind = "table", rows = 5e7, parent = "public.parted", partition = true },
      },
    },
    bad = {
      "CREATE INDEX ON big (a)",
      "CREATE UNIQUE INDEX IF NOT EXISTS i ON nobody_knows (a)",
      "DO $$ BEGIN CREATE INDEX i ON big (a); END $$",
      "CREATE INDEX ON parted (a)",
      "CREATE TABLE app.tiny (a int); CREATE INDEX ON app.big (a)",
      'CREATE INDEX ON "Big Orders" ("A")',
      "CREATE TABLE other.big (a int); CREATE INDEX ON big (a)",
      "CREATE TEMP TABLE x (a int); CREATE INDEX ON ONLY big (a)",
    },
    good = {
      "CREATE INDEX CONCURRENTLY ON big (a)",
      "CREATE INDEX ON tiny (a)",
      "CREATE TABLE n (a int); CREATE INDEX ON n (a)",
      'CREATE TABLE "New T" (a int); CREATE INDEX ON public."New T" (a)',
      "CREATE TEMP TABLE big (a int); CREATE INDEX ON big (a)",
      "CREATE TABLE n AS SELECT * FROM big; CREATE INDEX ON n (a)",
      "SELECT * INTO n FROM big; CREATE INDEX ON n (a)",
      "CREATE TABLE n (LIKE big INCLUDING ALL); ALTER TABLE n RENAME TO m; CREATE INDEX ON m (a)",
      "CREATE INDEX ON ONLY parted (a)",
      "CREATE INDEX i ON ONLY nobody_knows (a)",
      "CREATE SCHEMA s CREATE TABLE t (a int) CREATE INDEX ON t (a)",
      "SET search_path = app; CREATE TABLE n (a int); CREATE INDEX ON app.n (a)",
      "CREATE MATERIALIZED VIEW v AS SELECT a FROM big; CREATE UNIQUE INDEX ON v (a)",
    },
  },
}
