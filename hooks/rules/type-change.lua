local subject = require "stint.subject"

-- What a column mostly comes to from types that are stored alike; only then it stays as it is.
local often_free = { text = true, varchar = true, numeric = true, citext = true, inet = true, varbit = true }

-- With USING somebody has seen that the types are not alike; times stay as they are in a session of UTC only.
local function is_often_free(s, cmd)
  local zone = s.impact.world.settings.timezone or s.impact.world.facts.timezone
  local stays = often_free[cmd.def.type] or cmd.def.type == "timestamptz" and zone and zone:upper() == "UTC"
  return stays and not cmd.def.raw_default
end

local function words(relation, column)
  local type = relation:type_of(column)
  return type and type.name or "a type that is not known"
end

policy {
  about = "a column gets a type that is stored differently: the table is rewritten",
  family = "table-rewrite",
  on = "AlterTableStmt",
  why = "Every row is converted, and the table and all of its indexes are written anew, under ACCESS EXCLUSIVE; tables joined"
    .. " by a foreign key on the column are locked as well, and compared again. Wider varchar, varchar to text, more digits of"
    .. " the same scale and the like are free.",
  safe = "-- a new column, kept up by a trigger and filled by a backfill; then the names change places:\n"
    .. "ALTER TABLE t ADD COLUMN c_new bigint;",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AlterColumnType") do
      local relation = s.impact.causes[cmd] == "type" and s:relation(s.node.relation)
      if relation and subject.first_of(s.rewrites, relation) then
        local to = cmd.def.type
        local is_guess = not relation:type_of(cmd.name) and s.certainty ~= "certain"
        local say = not is_guess and deny or is_often_free(s, cmd) and notice or warn
        found[#found + 1] = say(("%s becomes %s from %s: all of %s is rewritten under ACCESS EXCLUSIVE"):format(cmd.name, to,
          words(relation, cmd.name), subject.sized(relation)), { at = cmd, object = relation.id .. "." .. cmd.name })
      end
    end
    return found
  end,
  tests = {
    facts = {
      types = {},
      timezone = "UTC",
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 5e7,
          columns = {
            i = { type = "integer" },
            v = { type = "character varying(50)" },
            x = { type = "text" },
            n = { type = "numeric(10,2)" },
            c = { type = "character(5)" },
            at = { type = "timestamp without time zone" },
            ip = { type = "cidr" },
          },
        },
        ["public.tiny"] = { kind = "table", rows = 12, columns = { i = { type = "integer" } } },
      },
    },
    bad = {
      "ALTER TABLE t ALTER COLUMN i TYPE bigint",
      "ALTER TABLE t ALTER i SET DATA TYPE bigint USING i::bigint",
      "ALTER TABLE t ALTER v TYPE varchar(20)",
      "ALTER TABLE t ALTER x TYPE varchar(20)",
      "ALTER TABLE t ALTER n TYPE numeric(12,4)",
      "ALTER TABLE t ALTER c TYPE text",
      "ALTER TABLE t ALTER x TYPE uuid USING x::uuid",
      "ALTER TABLE t ALTER at TYPE timestamptz USING at AT TIME ZONE 'UTC'",
      { sql = "ALTER TABLE app.u ALTER COLUMN id TYPE bigint", facts = {} },
      { files = { ["1_a.sql"] = "CREATE TABLE n (a int)", ["2_b.sql"] = "ALTER TABLE n ALTER a TYPE bigint" }, facts = {} },
    },
    good = {
      "ALTER TABLE t ALTER v TYPE varchar(200)",
      "ALTER TABLE t ALTER v TYPE text",
      "ALTER TABLE t ALTER x TYPE varchar",
      "ALTER TABLE t ALTER v TYPE varchar(80) USING v::varchar(80)",
      "ALTER TABLE t ALTER n TYPE numeric(14,2)",
      "ALTER TABLE t ALTER n TYPE numeric",
      "ALTER TABLE t ALTER at TYPE timestamptz",
      "ALTER TABLE t ALTER ip TYPE inet",
      "ALTER TABLE tiny ALTER i TYPE bigint",
      "CREATE TABLE n (a int); ALTER TABLE n ALTER a TYPE bigint",
      { files = { ["1_a.sql"] = "CREATE TABLE n (a varchar(9))", ["2_b.sql"] = "ALTER TABLE n ALTER a TYPE text" }, facts = {} },
    },
  },
}
