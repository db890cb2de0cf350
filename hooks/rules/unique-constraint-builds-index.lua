local subject = require "stint.subject"

local kinds = { CONSTR_PRIMARY = "PRIMARY KEY", CONSTR_UNIQUE = "UNIQUE", CONSTR_EXCLUSION = "EXCLUDE" }

local function kind_of(cmd)
  if cmd.subtype == "AT_AddConstraint" then
    return not cmd.def.indexname and kinds[cmd.def.contype]
  elseif cmd.subtype == "AT_AddColumn" then
    local parts = subject.parts(cmd.def)
    return parts.CONSTR_PRIMARY and "PRIMARY KEY" or parts.CONSTR_UNIQUE and "UNIQUE"
  end
end

policy {
  about = "a unique constraint builds its index while everybody waits",
  family = "unique-build",
  on = "AlterTableStmt",
  why = "ADD UNIQUE, PRIMARY KEY and EXCLUDE build an index under ACCESS EXCLUSIVE: nothing can be read or written"
    .. " meanwhile, and one duplicate undoes it all. None of them can be NOT VALID. (EXCLUDE has no other way.)",
  safe = "CREATE UNIQUE INDEX CONCURRENTLY t_x_key ON t (x);\n"
    .. "ALTER TABLE t ADD CONSTRAINT t_x_key UNIQUE USING INDEX t_x_key;  -- PRIMARY KEY: the columns NOT NULL before",
  statement = function(s)
    if not s.node or s.node.tag ~= "AlterTableStmt" or #s.builds == 0 then
      return
    end
    local found = {}
    for _, cmd in ipairs(s.node.cmds or {}) do
      local kind = kind_of(cmd)
      local relation = kind and s:relation(s.node.relation)
      if relation and subject.first_of(s.builds, relation) then
        found[#found + 1] = deny(("%s on %s builds its index under ACCESS EXCLUSIVE"):format(kind, subject.sized(relation)), {
          at = cmd,
          object = relation.id,
        })
      end
    end
    return found
  end,
  tests = {
    facts = {
      relations = {
        ["public.tiny"] = { kind = "table", rows = 12, columns = { a = {} } },
        ["public.parted"] = { kind = "partitioned", columns = { a = { type = "integer", not_null = true } } },
        ["public.parted_1"] = { kind = "table", rows = 5e7, parent = "public.parted", partition = true, columns = { a = {} } },
      },
    },
    bad = {
      "ALTER TABLE t ADD CONSTRAINT u UNIQUE (a)",
      "ALTER TABLE t ADD UNIQUE (a, b), ADD COLUMN c int",
      "ALTER TABLE t ADD PRIMARY KEY (id)",
      "ALTER TABLE t ADD COLUMN a int UNIQUE",
      "ALTER TABLE t ADD COLUMN id bigint PRIMARY KEY",
      "ALTER TABLE t ADD EXCLUDE USING gist (during WITH &&)",
      "ALTER TABLE parted ADD PRIMARY KEY (a)",
    },
    good = {
      "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u",
      "ALTER TABLE t ADD CONSTRAINT p PRIMARY KEY USING INDEX p",
      "CREATE TABLE n (a int UNIQUE, PRIMARY KEY (a)); ALTER TABLE n ADD UNIQUE (a)",
      "CREATE UNIQUE INDEX CONCURRENTLY u ON t (a)",
      "ALTER TABLE tiny ADD UNIQUE (a)",
      "CREATE TEMP TABLE n (a int); ALTER TABLE n ADD PRIMARY KEY (a)",
    },
  },
}
