-- What a file can declare: one table a kind (declare.lua says what is in it).
local kinds = {}

local requires = {
  "string", "list",
  of = "string",
  doc = "the versions that must have been applied before",
}

local environments = {
  "string", "list",
  of = "string",
  doc = "the environments where it is applied; without it, everywhere",
}

kinds.migration = {
  about = "a migration written in Lua",
  fields = {
    up = { "function", required = true, doc = "the function that makes the change, with a db" },
    down = { "function", doc = "the function that takes it back, with a db" },
    transaction = { "boolean", default = true, doc = "run in one transaction with its ledger entry" },
    requires = requires,
    environments = environments,
  },
}

kinds.backfill = {
  about = "rows changed in batches, each in a transaction that carries its position",
  fields = {
    table = { "string", required = true, doc = "the table whose rows are changed" },
    set = { "map", of = "string", required = true, doc = "the new value of each column, a SQL expression" },
    where = { "string", doc = "a SQL condition: the rows that are changed; without it, all of them" },
    key = {
      "string", "list",
      of = "string",
      doc = "the columns of a unique key, by which the table is walked; without it, the primary key",
    },
    target = { "duration", default = "250ms", doc = "the time that a batch should take; its size follows" },
    verify = { "string", doc = "a SELECT that must give 0 before the backfill counts as finished" },
    down = { "map", of = "string", doc = "the value of each column when it is rolled back, a SQL expression" },
    requires = requires,
    environments = environments,
  },
}

return kinds
