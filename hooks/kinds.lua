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
    workers = { "integer", default = 1, least = 1, most = 64, doc = "processes that work side by side; more can join with stint work" },
    stripes = {
      "integer", most = 64,
      doc = "passes over each window of pages, so that updates find room (a `batch` needs :stripe); without it, 8 (page by page 12) where that pays, else 1",
    },
    walk = {
      "string",
      values = { "key", "page" },
      doc = "the order: along the key; or page by page, where the change makes where false; without it, page where that pays, else key",
    },
    throttle = {
      "function", "record",
      fields = {
        replica_lag = { "duration", "boolean", doc = "how late a standby may be" },
        replica_lag_bytes = { "string", "boolean", doc = "how much WAL a standby may have to replay" },
        slot_wal = { "string", "boolean", doc = "how much WAL a replication slot may keep" },
        archive_backlog = { "string", "boolean", doc = "how much WAL may wait to be archived" },
        lock_waiters = { "integer", "boolean", doc = "how many sessions may not wait for the backfill" },
        active_others = { "integer", "boolean", doc = "how many other sessions are too many" },
        cpu_pressure = { "integer", "boolean", doc = "percent of the time that processors may be waited for" },
        commit_latency = { "duration", "boolean", doc = "how long a commit may take" },
        requested_checkpoints = { "integer", "boolean", doc = "forced checkpoints within checkpoint_timeout" },
        dead_tuples = { "integer", "boolean", doc = "dead rows, in thresholds of autovacuum" },
        horizon_held = { "duration", "boolean", doc = "how long dead rows may be kept by somebody" },
        wraparound_vacuum = { "boolean", doc = "wait for a vacuum against wraparound" },
        wal_rate = { "string", "boolean", doc = "WAL that may be written a second" },
      },
      editor = "table<string, string|integer|boolean>|fun(health: table<string, number>): (string|number)?, string?",
      doc = "limits of its own before those of config.ini; "
        .. "or a function that gets the health and gives a pause and why, or nil to go on",
    },
    window = {
      "record",
      fields = {
        from = { "time", required = true, doc = "when it opens" },
        to = { "time", required = true, doc = "when it closes" },
        zone = { "string", default = "UTC", doc = "whose time that is" },
      },
      doc = 'when batches may run: { from = "22:00", to = "06:00", zone = "Europe/Berlin" }',
    },
    writes = {
      "string",
      values = { "trigger", "default", "app", "sweep" },
      doc = "what keeps rows right that are written meanwhile; without it, sweep when the change makes where false, else app",
    },
    max_quarantine = { "integer", default = 100, most = 1000000, doc = "how many rows may fail before everything stops" },
    verify = { "string", doc = "a SELECT that must give 0 before the backfill counts as finished" },
    finally = {
      "record",
      fields = { not_null = { "string", required = true, doc = "the column that may be NULL no more" } },
      doc = 'what it was for: { not_null = "COLUMN" }',
    },
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
        "run_started", "migration_started", "statement", "migration_applied", "migration_rolled_back", "migration_failed",
        "batch", "throttled", "blocked", "retry", "check", "backfill_left", "backfill_finished", "reset", "drift_found", "run_finished", "run_failed",
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

local levels = { "deny", "warn", "allow" }

-- What one statement's rule is told of: where a statement may stand that it judges.
local insides = { "top", "do", "function", "lua" }

-- The gates: who may lift each of them.
local function lifted()
  local fields = {}
  for _, gate in ipairs {
    "applied_on", "approvals", "backup", "data_loss", "downtime", "max_duration", "max_rows_locked", "order",
    "rehearsed", "replica_lag", "reversible", "rules", "run", "verified", "window",
  } do
    fields[gate] = { "string", "list", of = "string", doc = "the database role, or roles, whose members may" }
  end
  return fields
end

kinds.policy = {
  about = "what an environment demands: a rule that judges statements, gates that judge the run",
  fields = {
    about = { "string", doc = "what it demands" },
    environments = only_in,

    statement = {
      "function",
      editor = "fun(s: stint.statement, facts: stint.facts): stint.verdict?",
      doc = "judges a statement, with what is known of the database",
    },
    transaction = {
      "function",
      editor = "fun(t: stint.transaction, facts: stint.facts): stint.verdict?",
      doc = "judges the statements of a transaction, and the locks that it holds",
    },
    file = {
      "function",
      editor = "fun(m: stint.migration_file, facts: stint.facts): stint.verdict?",
      doc = "judges a migration as a whole",
    },
    history = {
      "function",
      editor = "fun(files: stint.migration_file[], facts: stint.facts): stint.verdict?",
      doc = "judges all files together",
    },
    inside = {
      "string", "list",
      of = "string",
      values = insides,
      doc = "where the statements stand that it is asked about; without it, all but those of functions",
    },
    on = {
      "string", "list",
      of = "string",
      doc = "the tags of s.node that `statement` is asked about, such as \"IndexStmt\"; without it, all",
    },
    family = { "string", doc = "the family of the rule's findings (default \"team\")" },
    level = {
      "string",
      values = { "error", "warning", "notice" },
      doc = "what a deny of the rule counts as (default \"error\")",
    },
    why = { "string", doc = "why the rule is there, for stint help NAME" },
    safe = { "string", doc = "the safe way, as SQL; shown with each finding" },
    tests = {
      "record",
      doc = "cases that stint test runs: SQL texts, or tables of sql, facts, server_version, files",
      fields = {
        bad = { "list", of = "any", doc = "the rule must find something" },
        good = { "list", of = "any", doc = "the rule must find nothing" },
        facts = { "any", doc = "what is known of the database in all of them" },
      },
    },

    rules = {
      "map",
      of = "string",
      values = levels,
      doc = 'the level of rules here, by their names: { ["drop-column"] = "deny" }',
    },
    applied_on = {
      "string", "record",
      doc = "the environment where the same text has been applied before",
      fields = {
        environment = { "string", required = true, doc = "the environment" },
        soak = { "duration", doc = "how long ago at least" },
      },
    },
    backup = {
      "record",
      doc = "a backup that has been read back",
      fields = {
        max_age = { "duration", required = true, doc = "how old it may be" },
        proved = { "boolean", doc = "it has been restored once" },
      },
    },
    rehearsed = {
      "boolean", "record",
      doc = "plan --rehearse has gone well with exactly this text",
      fields = {
        max_age = { "duration", required = true, doc = "how long ago at most" },
      },
    },
    verified = {
      "boolean", "record",
      doc = "stint verify has gone well with exactly this text",
      fields = {
        max_age = { "duration", required = true, doc = "how long ago at most" },
      },
    },
    approvals = {
      "integer", "record",
      doc = "how many people have approved exactly this text",
      fields = {
        count = { "integer", default = 1, doc = "how many" },
        roles = { "list", of = "string", doc = "the roles that they have; without it, any" },
        not_author = { "boolean", default = false, doc = "the author's own does not count" },
      },
    },
    window = {
      "record",
      doc = "when a run may begin",
      fields = {
        days = { "string", doc = 'such as "mon-thu" or "sat,sun"; without it, every day' },
        from = { "string", doc = 'a time of day, such as "09:00"' },
        to = { "string", doc = "a time of day; before `from`, it is of the next day" },
        zone = { "string", doc = 'such as "Europe/Berlin"; without it, UTC' },
        freeze = { "list", of = "string", doc = 'when nothing runs: { "2026-12-20..2027-01-05" }' },
      },
    },
    reversible = { "boolean", doc = "every file has a way back, or says why not" },
    max_duration = { "duration", doc = "how long the run may take, by earlier runs of the same files" },
    max_rows_locked = { "integer", doc = "the rows of the largest table that may be locked against reading or writing" },
    data_loss = { "string", values = levels, doc = "files that lose data" },
    downtime = { "string", values = levels, doc = "files that say that they need downtime" },
    order = { "string", values = { "strict", "warn", "allow" }, doc = "a pending file older than the newest applied one" },
    replica_lag = { "duration", doc = "how far replicas may be behind when the run begins" },
    run = {
      "function",
      editor = "fun(plan: stint.plan, facts: stint.facts): stint.verdict?",
      doc = "judges the run, with its plan",
    },
    override = {
      "record",
      fields = lifted(),
      doc = 'who may lift a gate for one run (deploy --override GATE --reason TEXT): { window = "dba" }',
    },
  },
}

return kinds
