---@meta
-- Made from kinds.lua and api.lua, for editors: never run, and not to be edited.
-- luacheck: ignore

---@class stint.backfill
---@field table string the table whose rows are changed
---@field batch? string a statement of your own over the rows with a key > :lo and <= :hi
---@field columns? string[] the columns that transform gets; without it, all
---@field down? table<string, string> the value of each column when it is rolled back, a SQL expression
---@field environments? string|string[] the environments where it is applied; without it, everywhere
---@field finally? { not_null: string } what it was for: { not_null = "COLUMN" }
---@field key? string|string[] the columns of a unique key, by which the table is walked; without it, the primary key
---@field max_quarantine? integer how many rows may fail before everything stops (default 100)
---@field requires? string|string[] the versions that must have been applied before
---@field set? table<string, string> the new value of each column, a SQL expression
---@field stripes? integer passes over each window of pages, so that updates find room (a `batch` needs :stripe); without it, 8 (page by page 12) where that pays, else 1
---@field target? string the time that a batch should take; its size follows (default "250ms")
---@field throttle? table<string, string|integer|boolean>|fun(health: table<string, number>): (string|number)?, string? limits of its own before those of config.ini; or a function that gets the health and gives a pause and why, or nil to go on
---@field transform? fun(row: table): table? a function that gets each row and gives its new columns, or nil to leave it alone
---@field verify? string a SELECT that must give 0 before the backfill counts as finished
---@field walk? "key"|"page" the order: along the key; or page by page, where the change makes where false; without it, page where that pays, else key
---@field where? string a SQL condition: the rows that are changed; without it, all of them
---@field window? { from: string, to: string, zone?: string } when batches may run: { from = "22:00", to = "06:00", zone = "Europe/Berlin" }
---@field workers? integer processes that work side by side; more can join with stint work (default 1)
---@field writes? "trigger"|"default"|"app"|"sweep" what keeps rows right that are written meanwhile; without it, sweep when the change makes where false, else app

---rows changed in batches, each in a transaction that carries its position
---@param declaration stint.backfill
function backfill(declaration) end

---@class stint.check
---@field when "before"|"after"|"before_each"|"after_each" before or after the run, or each migration of it (after_each: inside its transaction)
---@field about? string what is to hold, shown when it does not
---@field environments? string|string[] the environments that it is for; without it, all
---@field level? "deny"|"warn" stop the run, or only warn (default "deny")
---@field none? string a query that must give no rows; those that it gives are the message
---@field test? fun(db: stint.db): boolean, string? a function with a db that only reads: it gives true, or false and a text
---@field timeout? string the time that it may take; without it, statement_timeout and lua_time

---a question to the database, before or after migrations, that can stop the run
---@param declaration stint.check
function check(declaration) end

---@class stint.hook
---@field on "run_started"|"migration_started"|"statement"|"migration_applied"|"migration_rolled_back"|"migration_failed"|"batch"|"throttled"|"blocked"|"retry"|"check"|"backfill_left"|"backfill_finished"|"reset"|"drift_found"|"run_finished"|"run_failed"|("run_started"|"migration_started"|"statement"|"migration_applied"|"migration_rolled_back"|"migration_failed"|"batch"|"throttled"|"blocked"|"retry"|"check"|"backfill_left"|"backfill_finished"|"reset"|"drift_found"|"run_finished"|"run_failed")[] the events that it is told
---@field run fun(event: stint.event) the function, with the event as a table
---@field about? string what it is for
---@field environments? string|string[] the environments that it is for; without it, all

---a function that is told what happens in a run, and cannot stop anything
---@param declaration stint.hook
function hook(declaration) end

---@class stint.migration
---@field up fun(db: stint.db) the function that makes the change, with a db
---@field down? fun(db: stint.db) the function that takes it back, with a db
---@field environments? string|string[] the environments where it is applied; without it, everywhere
---@field requires? string|string[] the versions that must have been applied before
---@field transaction? boolean run in one transaction with its ledger entry (default true)

---a migration written in Lua
---@param declaration stint.migration
function migration(declaration) end

---@class stint.policy
---@field about? string what it demands
---@field applied_on? string|{ environment: string, soak?: string } the environment where the same text has been applied before
---@field approvals? integer|{ count?: integer, not_author?: boolean, roles?: string[] } how many people have approved exactly this text
---@field backup? { max_age: string, proved?: boolean } a backup that has been read back
---@field data_loss? "deny"|"warn"|"allow" files that lose data
---@field downtime? "deny"|"warn"|"allow" files that say that they need downtime
---@field environments? string|string[] the environments that it is for; without it, all
---@field family? string the family of the rule's findings (default "team")
---@field file? fun(m: stint.migration_file, facts: stint.facts): stint.verdict? judges a migration as a whole
---@field history? fun(files: stint.migration_file[], facts: stint.facts): stint.verdict? judges all files together
---@field inside? "top"|"do"|"function"|"lua"|("top"|"do"|"function"|"lua")[] where the statements stand that it is asked about; without it, all but those of functions
---@field level? "error"|"warning"|"notice" what a deny of the rule counts as (default "error")
---@field max_duration? string how long the run may take, by earlier runs of the same files
---@field max_rows_locked? integer the rows of the largest table that may be locked against reading or writing
---@field on? string|string[] the tags of s.node that `statement` is asked about, such as "IndexStmt"; without it, all
---@field order? "strict"|"warn"|"allow" a pending file older than the newest applied one
---@field override? { applied_on?: string|string[], approvals?: string|string[], backup?: string|string[], data_loss?: string|string[], downtime?: string|string[], max_duration?: string|string[], max_rows_locked?: string|string[], order?: string|string[], rehearsed?: string|string[], replica_lag?: string|string[], reversible?: string|string[], rules?: string|string[], run?: string|string[], verified?: string|string[], window?: string|string[] } who may lift a gate for one run (deploy --override GATE --reason TEXT): { window = "dba" }
---@field rehearsed? boolean|{ max_age: string } plan --rehearse has gone well with exactly this text
---@field replica_lag? string how far replicas may be behind when the run begins
---@field reversible? boolean every file has a way back, or says why not
---@field rules? table<string, "deny"|"warn"|"allow"> the level of rules here, by their names: { ["drop-column"] = "deny" }
---@field run? fun(plan: stint.plan, facts: stint.facts): stint.verdict? judges the run, with its plan
---@field safe? string the safe way, as SQL; shown with each finding
---@field statement? fun(s: stint.statement, facts: stint.facts): stint.verdict? judges a statement, with what is known of the database
---@field tests? { bad?: any[], facts?: any, good?: any[] } cases that stint test runs: SQL texts, or tables of sql, facts, server_version, files
---@field transaction? fun(t: stint.transaction, facts: stint.facts): stint.verdict? judges the statements of a transaction, and the locks that it holds
---@field verified? boolean|{ max_age: string } stint verify has gone well with exactly this text
---@field why? string why the rule is there, for stint help NAME
---@field window? { days?: string, freeze?: string[], from?: string, to?: string, zone?: string } when a run may begin

---what an environment demands: a rule that judges statements, gates that judge the run
---@param declaration stint.policy
function policy(declaration) end

---what a database call raises: it can be caught with pcall, read, and raised again with error(e)
---@class stint.error
---@field sqlstate string five characters, such as "23505"
---@field message string
---@field detail? string
---@field hint? string
---@field context? string
---@field constraint? string
---@field schema? string
---@field table? string
---@field column? string
---@field file string the script that made the call
---@field line integer
local error = {}

---the session of a migration, within its transaction
---@class stint.db
local db = {}

---Runs a statement.
---@param sql string one statement, with $1, $2, ... for its parameters
---@param ... any the parameters: nil is NULL, a table is an array
---@return integer rows the number of rows changed
function db:exec(sql, ...) end

---Runs a query and gives its rows.
---@param sql string one statement, with $1, $2, ... for its parameters
---@param ... any the parameters: nil is NULL, a table is an array
---@return table[] rows each a table by column name
function db:query(sql, ...) end

---Runs a query and gives its first row.
---@param sql string one statement, with $1, $2, ... for its parameters
---@param ... any the parameters: nil is NULL, a table is an array
---@return table? row the first row, nil if there is none
function db:row(sql, ...) end

---Runs a query and gives its first value.
---@param sql string one statement, with $1, $2, ... for its parameters
---@param ... any the parameters: nil is NULL, a table is an array
---@return any value the first column of the first row, nil if there is none
function db:value(sql, ...) end

---Reads a query by a cursor, up to 1,000 rows at a time; other calls may run in its loop.
---@param sql string one statement, with $1, $2, ... for its parameters
---@param ... any the parameters: nil is NULL, a table is an array
---@return fun():table? rows for a for loop: row by row, a table by column name each
function db:rows(sql, ...) end

---Calls a function in a savepoint: an error in it undoes what it did, and is raised again.
---@param body function without arguments
---@return any ... what it gives
function db:transaction(body) end

---Quotes a name for use in SQL.
---@param ... string a name, or schema and name
---@return string quoted
function db:ident(...) end

---Quotes a value for use in SQL.
---@param value any
---@return string quoted
function db:literal(value) end

---Marks a string as bytea, for use as a parameter.
---@param bytes string
---@return userdata parameter
function db:bytes(bytes) end

---what happened, as a hook is told it: the fields that --json shows
---@class stint.event
---@field event string its kind, such as "run_failed"
---@field at string RFC 3339, UTC
---@field [string] any
local event = {}

---Starts the notify command of config.ini, the event as JSON on its stdin, and waits for its end. For hooks.
---@param event table
function notify(event) end

---JSON
---@class stint.json
---@field null any JSON's null, where nil would be no value at all
json = {}

---A value as JSON; names are sorted.
---@param value any
---@return string json
function json.encode(value) end

---JSON as a value; a number that no integer or float holds keeps its digits (tostring).
---@param text string
---@return any value
function json.decode(text) end

---Marks a table as a list, so that an empty one becomes [] and not {}.
---@param items? table
---@return table items
function json.list(items) end

---lines on stderr, formatted as by string.format
---@class stint.log
log = {}

---Says what is happening (not with -q).
---@param text string
---@param ... any
function log.say(text, ...) end

---Says it under -v only.
---@param text string
---@param ... any
function log.detail(text, ...) end

---Warns, even with -q.
---@param text string
---@param ... any
function log.warn(text, ...) end

---a statement as a policy sees it
---@class stint.statement
---@field sql string its text, placeholders filled in
---@field kind string such as "CREATE INDEX", "ALTER TABLE"
---@field file string
---@field line integer
---@field column integer
---@field index integer which of its file's statements it is
---@field state string "parsed", "unparsed" (the parser says no) or "opaque" (too large for it)
---@field inside string where it stands: "top", "do" (a DO block), "function" (a body), "lua"
---@field conditional? boolean a DO block runs it only if something holds
---@field node? stint.node the root of its parse tree; nil unless parsed
---@field needs_version? integer the server that first has what it says, such as 180000
---@field table? table the relation that it is about: name, is_new, rows, bytes, ...; nil where there is none
---@field locks table[] { relation, mode, why } of each relation that it locks
---@field rewrites table[] relations whose rows are all written anew
---@field scans table[] relations that are read as a whole
---@field builds table[] relations whose indexes are built
---@field loses table[] { kind, name, relation } of what is gone with its data
---@field certainty string "certain", "assumed" (something is not known of the database) or "opaque"
---@field fingerprint string a hash of its tokens
---@field tokens table[] { kind, text, at } of each token
---@field inner stint.statement[] the statements of its body, if it is a DO block or makes a function
---@field migration stint.migration_file the file that it is of
---@field impact table what it does in full: causes and types by command of ALTER TABLE, under, why, world
local statement = {}

---The nodes of a kind, in the order of the text.
---@param tag string such as "ColumnDef"
---@return fun():stint.node? nodes for a for loop
function statement:each(tag) end

---The first of them.
---@param tag string
---@return stint.node? node
function statement:find(tag) end

---Where a node begins in the file.
---@param node stint.node
---@return integer line, integer column
function statement:at(node) end

---What a name means before the statement runs: through search_path, renames, temporary tables.
---@param range stint.node a RangeVar
---@return table relation
function statement:relation(range) end

---The same of an index.
---@param range stint.node a RangeVar
---@return table? index its relation and name; nil: not known
function statement:index_of(range) end

---a node of PostgreSQL's parse tree: fields and enum values named as in libpg_query, what is 0, false or empty left out
---@class stint.node
---@field tag string its kind, such as "IndexStmt"
---@field parent? stint.node the node that holds it
---@field statement stint.statement whose tree it is of
---@field name? string of a ColumnDef: its name
---@field type? string of a ColumnDef: such as "varchar(20)", "float8", "text[]"
---@field [string] any
local node = {}

---The nodes of a kind at or below it, in the order of the text.
---@param tag string
---@return fun():stint.node? nodes for a for loop
function node:each(tag) end

---The first of them.
---@param tag string
---@return stint.node? node
function node:find(tag) end

---Where it begins in the file.
---@return integer line, integer column
function node:loc() end

---what is known of the database; nil is not known, as all but the environment is in lint without a snapshot
---@class stint.facts
---@field environment string
---@field server_version? integer such as 150004
---@field replicas? integer
---@field replica_lag? number seconds
---@field search_path? string[]
---@field relations? table<string, table> by schema.name: kind, rows, bytes, columns, constraints, indexes, ...
---@field functions? table<string, table>
---@field [string] any
local facts = {}

---statements that run in one transaction, or one that no transaction holds
---@class stint.transaction
---@field kind string "transaction", "own" (the file's BEGIN), "rolled_back" or "solo"
---@field statements stint.statement[]
---@field locks table[] what they hold together at its end
---@field migration stint.migration_file
local transaction = {}

---a migration as a policy sees it
---@class stint.migration_file
---@field path string
---@field version string
---@field name string
---@field kind string "sql", "lua", "backfill" or "repeatable"
---@field text string
---@field statements stint.statement[]
---@field down? stint.statement[] those of its way back
---@field directives table no_transaction, lock_timeout, requires, downtime, rollback, waivers, ...
---@field transactional boolean it runs in one transaction
---@field declaration? table what a Lua file declares
local migration_file = {}

---what a policy answers; nothing at all is a yes, several are a list. `more` is { at = node or statement, object = name, fix = { SQL... }, hint = text, certainty = text }
---@class stint.verdict
local verdict = {}

---Yes.
---@return nil
function allow() end

---Says something, and that is all.
---@param text string
---@param more? table
---@return stint.verdict verdict
function notice(text, more) end

---Warns.
---@param text string
---@param more? table
---@return stint.verdict verdict
function warn(text, more) end

---No.
---@param text string why
---@param more? table
---@return stint.verdict verdict
function deny(text, more) end
