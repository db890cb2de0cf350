local subject = require "stint.subject"

policy {
  about = "a new column with a default that is another one for each row: the table is rewritten",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "A volatile default (random(), gen_random_uuid(), clock_timestamp(), nextval()) has to be stored for every row: the"
    .. " table and all of its indexes are written anew under ACCESS EXCLUSIVE. now() and constants rewrite nothing.",
  safe = "ALTER TABLE t ADD COLUMN x uuid;\nALTER TABLE t ALTER COLUMN x SET DEFAULT gen_random_uuid();  -- for new rows\n"
    .. "-- then a backfill for the old ones",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AddColumn") do
      local relation = s.impact.causes[cmd] == "volatile" and s:relation(s.node.relation)
      if relation and subject.first_of(s.rewrites, relation) then
        local say = s.certainty == "certain" and deny or warn
        found[#found + 1] = say(("the default of %s is another one for each row: all of %s is rewritten under ACCESS EXCLUSIVE")
          :format(cmd.def.colname, subject.sized(relation)), {
          at = cmd,
          object = relation.id .. "." .. cmd.def.colname,
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      functions = {
        ["public.steady"] = { volatility = "stable", language = "plpgsql" },
        ["public.wild"] = { volatility = "volatile", language = "plpgsql" },
      },
      relations = { ["public.tiny"] = { kind = "table", rows = 12, columns = {} } },
    },
    bad = {
      "ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()",
      "ALTER TABLE t ADD COLUMN c uuid NOT NULL DEFAULT public.uuid_generate_v4()",
      "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT clock_timestamp() + interval '1 day'",
      "ALTER TABLE t ADD COLUMN c text DEFAULT md5(random()::text)",
      "ALTER TABLE t ADD COLUMN c bigint DEFAULT nextval('s')",
      "ALTER TABLE t ADD COLUMN c int DEFAULT wild()",
      "ALTER TABLE t ADD COLUMN c int DEFAULT nobody_knows(1)",
      "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'; ALTER TABLE t ADD COLUMN c int DEFAULT f()",
    },
    good = {
      "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT now()",
      "ALTER TABLE t ADD COLUMN c date DEFAULT CURRENT_DATE, ADD COLUMN u text DEFAULT CURRENT_USER",
      "ALTER TABLE t ADD COLUMN c timestamptz DEFAULT date_trunc('day', now())",
      "ALTER TABLE t ADD COLUMN c text DEFAULT concat('a', now()), ADD COLUMN d timestamptz DEFAULT statement_timestamp()",
      "ALTER TABLE t ADD COLUMN c jsonb NOT NULL DEFAULT '{}'::jsonb",
      "ALTER TABLE t ADD COLUMN c int DEFAULT steady()",
      "ALTER TABLE t ALTER COLUMN c SET DEFAULT gen_random_uuid()",
      "CREATE TABLE n (a int); ALTER TABLE n ADD COLUMN c uuid DEFAULT gen_random_uuid()",
      "CREATE TABLE n (c uuid DEFAULT gen_random_uuid())",
      "ALTER TABLE tiny ADD COLUMN c uuid DEFAULT gen_random_uuid()",
      "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER TABLE t ADD COLUMN c int DEFAULT one()",
    },
  },
}
