local subject = require "stint.subject"

policy {
  about = "a primary key over an index whose columns may be null: the table is read to see that none is",
  family = "unique-build",
  on = "AlterTableStmt",
  why = "PRIMARY KEY makes its columns NOT NULL: where they are not so yet, the whole table is read under ACCESS EXCLUSIVE.",
  safe = "-- first NOT NULL by a CHECK that has been validated (stint help set-not-null-scans), then:\n"
    .. "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_pkey;",
  statement = function(s)
    local found = {}
    for cmd in subject.commands(s, "AT_AddConstraint") do
      local relation = s:relation(s.node.relation)
      local over_index = cmd.def.contype == "CONSTR_PRIMARY" and cmd.def.indexname
      if over_index and s.certainty == "certain" and subject.first_of(s.scans, relation) then
        found[#found + 1] = deny(("columns of %s may be null, so all of %s is read under ACCESS EXCLUSIVE"):format(
          cmd.def.indexname, subject.sized(relation)), { at = cmd, object = relation.id })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.t"] = {
          kind = "table",
          rows = 8e6,
          columns = { id = { type = "bigint", not_null = true }, code = { type = "text" } },
          indexes = {
            t_id = { columns = { "id" }, unique = true, valid = true },
            t_code = { columns = { "code" }, unique = true, valid = true },
            t_both = { columns = { "id", "code" }, unique = true, valid = true },
          },
        },
      },
    },
    bad = {
      "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_code",
      "ALTER TABLE t ADD PRIMARY KEY USING INDEX t_both",
      "CREATE UNIQUE INDEX CONCURRENTLY t_c2 ON t (code); ALTER TABLE t ADD PRIMARY KEY USING INDEX t_c2",
    },
    good = {
      "ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id",
      "ALTER TABLE t ADD CONSTRAINT t_u UNIQUE USING INDEX t_code",
      { sql = "ALTER TABLE t ADD PRIMARY KEY USING INDEX t_code", facts = {} },
      "ALTER TABLE t ADD CONSTRAINT c CHECK (code IS NOT NULL) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c;"
        .. "ALTER TABLE t ALTER code SET NOT NULL; ALTER TABLE t ADD PRIMARY KEY USING INDEX t_code",
    },
  },
}
