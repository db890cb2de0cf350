/* ledger: what has run in a database: the schema `stint` (or ledger_schema) in the target itself.
 * One row a file, its text, its position; one row a run; events that left no row elsewhere. The
 * ledger decides what is applied; it is written in the transaction that does the work (step.h).
 * Refuses to know files and plans. */
#ifndef LEDGER_H
#define LEDGER_H

#include "pg.h"

enum { LEDGER_VERSION = 1 };

typedef struct {
    const char *id, *version, *name, *kind, *state;
    long position, statements;
    long intent; /* number (from 1) of a statement that may or may not have run; 0: none */
    const char *intent_facts;
    long long run; /* the run that wrote it last */
    const char *checksum, *tokens, *down_tokens;
    const char *applied_at, *applied_by; /* RFC 3339, UTC; "os user@host", or NULL */
    long long duration_ms;               /* -1: unknown */
    bool had_twin;                       /* its way down was a file of its own */
} LedgerRow;

/* The last attempt of a file that failed and left no trace but this. */
typedef struct {
    const char *id, *message, *at;
} LedgerFailure;

/* BRIEF: of a settled row (applied, baselined) only id, version, name, kind, state, checksum and
 * had_twin; DATED: applied_at, applied_by and duration_ms as well. A thousand whole rows cost more
 * than all else of a run that has nothing to do. */
typedef enum { LEDGER_WHOLE, LEDGER_BRIEF, LEDGER_DATED } LedgerDepth;

typedef struct {
    const char *schema;
    LedgerDepth depth;
    int version; /* of the tables; 0: the database has no ledger yet */
    size_t count;
    LedgerRow *row; /* sorted by id */
    size_t *next;   /* where a row is looked for first: files come in the same order */
    size_t failure_count;
    LedgerFailure *failure;
} Ledger;

bool ledger_read(Pg *pg, Arena *a, const char *schema, LedgerDepth depth, Ledger *out);
/* Did the session's last statement fail because there is no ledger: no such table, no such schema?
 */
bool ledger_is_absent(const Pg *pg);
/* The last attempts; wanted only where something is due. */
bool ledger_read_failures(Pg *pg, Arena *a, Ledger *ledger);
const LedgerRow *ledger_row(const Ledger *ledger, const char *id);         /* NULL: none */
const LedgerFailure *ledger_failure(const Ledger *ledger, const char *id); /* NULL: none */
/* Makes the tables, or brings them to LEDGER_VERSION. Only under the run lock. */
bool ledger_prepare(Pg *pg, const char *schema);
/* The statements that make them. */
const char *ledger_definition(Arena *a, const char *schema);
/* The texts as they were applied; NULL where there is none. */
bool ledger_texts(Pg *pg, Arena *a, const char *schema, const char *id, const char **text,
                  const char **down_text);

/* A statement of sql/ledger.sql (or another) with the configured schema in it. */
const char *ledger_sql(Arena *a, const char *schema, const char *sql);
/* The same with its parameters written in as literals, for the runner's messages. */
const char *ledger_inline(Pg *pg, Arena *a, const char *schema, const char *sql, PgArgs args);

bool ledger_begin_run(Pg *pg, const char *schema, const char *command, const char *environment,
                      long long *run);
bool ledger_end_run(Pg *pg, const char *schema, long long run, const char *outcome, long applied);
/* `id` and `facts` (JSON) may be NULL; `run` 0 is none. */
bool ledger_event(Pg *pg, const char *schema, long long run, const char *id, const char *kind,
                  const char *message, const char *facts);
/* "anna@laptop": who runs this process. Lives as long as the process. */
const char *ledger_who(void);

#endif
