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

-- What a check or hook says of them.
local only_in = {
  "string", "list",
  of = "string",
  doc = "the environments that it is for; without it, all",
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
  one_of = { "set", "transform", "batch" },
  fields = {
    table = { "string", required = true, doc = "the table whose rows are changed" },
    set = { "map", of = "string", doc = "the new value of each column, a SQL expression" },
    transform = {
      "function",
      editor = "fun(row: table): table?",
      doc = "a function that gets each row and gives its new columns, or nil to leave it alone",
    },
    batch = { "string", doc = "a statement of your own over the rows with a key > :lo and <= :hi" },
    columns = { "list", of = "string", doc = "the columns that transform gets; without it, all" },
    where = { "string", doc = "a SQL condition: the rows that are changed; without it, all of them" },
    key = {
      "string", "list",
      of = "string",
      doc = "the columns of a unique key, by which the table is walked; without it, the primary key",
    },
    target = { "duration", default = "250ms", doc = "the time that a batch should take; its size follows" },
    workers = { "integer", default = 1, doc = "processes that work side by side; more can join with stint work" },
    stripes = {
      "integer",
      doc = "passes over each window of pages, so that updates find room (a batch of your own needs :stripe in it); without it, 8 where that pays, else 1",
    },
    writes = {
      "string",
      values = { "trigger", "default", "app", "sweep" },
      doc = "what keeps rows right that are written meanwhile; without it, sweep when the change makes where false, else app",
    },
    max_quarantine = { "integer", default = 100, doc = "how many rows may fail before everything stops" },
    verify = { "string", doc = "a SELECT that must give 0 before the backfill counts as finished" },
    finally = { "map", of = "string", doc = 'what it was for: { not_null = "COLUMN" }' },
    down = { "map", of = "string", doc = "the value of each column when it is rolled back, a SQL expression" },
    requires = requires,
    environments = environments,
  },
}

kinds.check = {
  about = "a question to the database, before or after migrations, that can stop the run",
  one_of = { "none", "test" },
  fields = {
    when = {
      "string",
      required = true,
      values = { "before", "after", "before_each", "after_each" },
      doc = "before or after the run, or each migration of it (after_each: inside its transaction)",
    },
    about = { "string", doc = "what is to hold, shown when it does not" },
    none = { "string", doc = "a query that must give no rows; those that it gives are the message" },
    test = {
      "function",
      editor = "fun(db: stint.db): boolean, string?",
      doc = "a function with a db that only reads: it gives true, or false and a text",
    },
    level = { "string", values = { "deny", "warn" }, default = "deny", doc = "stop the run, or only warn" },
    timeout = { "duration", doc = "the time that it may take; without it, statement_timeout and lua_time" },
    environments = only_in,
  },
}

kinds.hook = {
  about = "a function that is told what happens in a run, and cannot stop anything",
  fields = {
    on = {
      "string", "list",
      of = "string",
      required = true,
      values = {
        "run_started", "migration_started", "migration_applied", "migration_rolled_back", "migration_failed", "batch",
        "throttled", "blocked", "retry", "check", "backfill_left", "backfill_finished", "reset", "run_finished", "run_failed",
      },
      doc = "the events that it is told",
    },
    run = {
      "function",
      required = true,
      editor = "fun(event: stint.event)",
      doc = "the function, with the event as a table",
    },
    about = { "string", doc = "what it is for" },
    environments = only_in,
  },
}

return kinds
