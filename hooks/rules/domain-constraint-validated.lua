local subject = require "stint.subject"
local tree = require "stint.tree"

local words = { C = "a new CHECK", O = "NOT NULL" }

policy {
  about = "a constraint of a domain is tried on every table that uses it",
  family = "constraint-validation",
  on = "AlterDomainStmt",
  why = "ALTER DOMAIN ... ADD CHECK and SET NOT NULL read every table that has a column of the domain, all in one"
    .. " transaction, and hold SHARE on them: nothing can be written to any.",
  safe = "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID;\n"
    .. "-- in a migration of its own:\nALTER DOMAIN d VALIDATE CONSTRAINT c;",
  statement = function(s)
    local node = s.node
    local what = node and node.tag == "AlterDomainStmt" and words[node.subtype]
    if not what or node.subtype == "C" and node.def.skip_validation then
      return
    end
    local relation = subject.first(s.scans)
    local name = tree.dotted(node.typeName)
    if relation then
      return deny(("%s of %s is tried on %s, and on every table that uses it, under SHARE"):format(what, name,
        subject.sized(relation)), { object = name })
    elseif s.impact.unseen then
      return deny(("%s of %s is tried on every table that uses it, under SHARE"):format(what, name), { object = name })
    end
  end,
  tests = {
    facts = {
      domains = { ["public.amount"] = { base = "numeric", constrained = false } },
      relations = {
        ["public.t"] = { kind = "table", rows = 5e7, columns = { a = { type = "amount" } } },
        ["public.u"] = { kind = "table", rows = 5, columns = { a = { type = "rare" } } },
      },
    },
    bad = {
      "ALTER DOMAIN amount ADD CONSTRAINT c CHECK (VALUE > 0)",
      "ALTER DOMAIN public.amount SET NOT NULL",
      { sql = "ALTER DOMAIN app.email ADD CHECK (VALUE LIKE '%@%')", facts = {} },
    },
    good = {
      "ALTER DOMAIN amount ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
      "ALTER DOMAIN rare ADD CONSTRAINT c CHECK (VALUE > 0)",
      { sql = "CREATE DOMAIN d AS int; ALTER DOMAIN d ADD CHECK (VALUE > 0)", facts = {} },
      "ALTER DOMAIN amount DROP NOT NULL",
      "ALTER DOMAIN amount SET DEFAULT 0",
    },
  },
}
