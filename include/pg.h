/* pg: a session with PostgreSQL. Only pg.c knows libpq. Every wait on the server goes through one
 * loop (poll(2) on the socket) that delivers notices, deadlines, progress ticks and signals, and
 * that cancels. Results are copied into the caller's arena and cleared before a call returns, so
 * that nothing is left to free, not even when a Lua error jumps past. Refuses to know what the
 * statements mean. */
#ifndef PG_H
#define PG_H

#include "arena.h"
#include "file.h"

#include <stdbool.h>

typedef struct Pg Pg;

typedef struct {
    const char *conninfo;        /* a URL or "key=value ..." that libpq understands; see pgurl.h */
    const char *search_path;     /* NULL: as the role has it */
    const char *role;            /* SET ROLE, or NULL */
    const char *what;            /* application_name is "stint:<what>" */
    long long wait_ms;           /* go on trying for so long while nothing answers; 0: once */
    long long lock_timeout;      /* ms; 0: none */
    long long statement_timeout; /* ms; 0: none */
    void (*meanwhile)(void *with); /* or NULL: what to do while the server makes the session */
    void *with;
} PgTarget;

/* Connects and makes the session's settings (DESIGN: client_connection_check_interval where the
 * server has it, keepalives, idle_in_transaction_session_timeout, lock_timeout, role, search_path).
 * A connection through a transaction-mode pooler is refused before any of them is made.
 * NULL: failed (FAIL_CONNECT, with the host and user but never the password). */
Pg *pg_open(Arena *a, const PgTarget *target);
/* Cancels what runs, then disconnects; NULL is fine. */
void pg_close(Pg *pg);
/* A second session with the same target: autocommit, short reads, never a lock. Opened on first
 * need, closed with `pg`. NULL: failed. */
Pg *pg_witness(Pg *pg);

/* The session's settings as one statement, for after a RESET ALL: "SELECT set_config(...), ...". */
const char *pg_settings(const Pg *pg);

/* Parameters, in text form; NULL is SQL's NULL. PG_WITH(name, "3", NULL) */
typedef struct {
    int count;
    const char *const *value;
    const int *length; /* NULL, or for each value: -1 text, else so many bytes in binary form */
} PgArgs;
#define PG_NONE ((PgArgs){0, NULL, NULL})
#define PG_WITH(...)                                                        \
    ((PgArgs){sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *), \
              (const char *const[]){__VA_ARGS__}, NULL})

typedef struct {
    size_t count;       /* rows */
    int width;          /* columns */
    const char **name;  /* of the columns */
    unsigned *type;     /* OIDs of the columns */
    const char **cell;  /* count * width, row by row; NULL is SQL's NULL */
    int *length;        /* of the cells, in bytes */
    long long affected; /* rows changed, for a statement that returns none */
} PgRows;

/* One statement by the extended protocol. False: failed; pg_error() has the details, and the
 * failure is FAIL_ERROR with SQLSTATE, DETAIL, HINT and CONTEXT filled in. */
bool pg_do(Pg *pg, const char *sql, PgArgs args);
bool pg_rows(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args);
bool pg_row(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args); /* exactly one row */
/* pg_rows for a text that comes again and again (a few of them a session): the second time it is
 * prepared, so that the server need not read and plan it anew. Parameters in text form alone.
 * pg_forget drops what was prepared. */
bool pg_again(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args);
void pg_forget(Pg *pg);
/* Row by row: what needs more than `most` bytes in the arena is cancelled, with pg_error()'s
 * too_long (pgread.c). Without an arena the rows are dropped, and only the counts are kept. */
bool pg_read(Pg *pg, Arena *a, size_t most, PgRows *out, const char *sql, PgArgs args);
const char *pg_cell(const PgRows *rows, size_t row, int column);  /* NULL is SQL's NULL */
long long pg_integer(const PgRows *rows, size_t row, int column); /* NULL is 0 */
bool pg_true(const PgRows *rows, size_t row, int column);         /* NULL is false */

/* Data for the COPY ... FROM STDIN statements of a message, in their order. */
typedef struct {
    size_t count;
    const Bytes *data;
} PgCopies;
/* Several statements as one message of the simple protocol. `*completed` counts the statements
 * whose completion arrived: the one that failed is the next. Results of queries are dropped. */
bool pg_message(Pg *pg, const char *sql, PgCopies copies, size_t *completed);

/* The same for who has no data to give and counts nothing. */
bool pg_do_all(Pg *pg, const char *sql);
/* Ends a transaction that is open, if one is. Neither the failure nor pg_error() changes: it is
 * for the way out of a failure. Not even a stop interrupts it. */
void pg_roll_back(Pg *pg);

/* The last failure of this session as the server told it. */
typedef struct {
    char sqlstate[6]; /* "" when the connection was lost before an answer */
    const char *message, *detail, *hint, *context, *constraint, *schema, *table, *column;
    long position; /* in characters from 1; 0: unknown */
    bool lost;     /* the connection is gone: whether a COMMIT took place is unknown */
    bool deadline; /* our own deadline cancelled it */
    bool too_long; /* pg_read's limit did */
} PgError;
const PgError *pg_error(const Pg *pg);
bool pg_failed_with(const Pg *pg, const char *sqlstate);

typedef enum { PG_IDLE, PG_IN_TRANSACTION, PG_IN_FAILED_TRANSACTION, PG_LOST } PgState;
PgState pg_state(const Pg *pg);

/* Is told what the server says below a NOTICE (client_min_messages = debug1), and behind how many
 * completed statements of a message, at least; may use the witness, never `pg`. True: what runs is
 * cancelled. */
typedef struct {
    bool (*hear)(void *with, const char *message, size_t completed); /* NULL: nobody is told */
    void *with;
} PgEar;
void pg_on_debug(Pg *pg, PgEar ear);

/* Called about every `every` ms of a wait; the callback may use the witness, never `pg`. */
typedef void PgTick(void *with);
typedef struct {
    long long every;
    PgTick *tick; /* NULL: nothing is called */
    void *with;
} PgWait;
PgWait pg_on_wait(Pg *pg, PgWait wait); /* what was before */
/* What is done, once, while the server works on the next statement. It must not use the session. */
void pg_meanwhile(Pg *pg, void (*call)(void *with), void *with);
/* Every later statement is cancelled after so many ms; 0: never. */
void pg_deadline(Pg *pg, long long ms);
/* Cancels what runs, from within a tick. */
void pg_cancel(Pg *pg);
/* May a stop (Ctrl-C) cancel the statement that runs? True unless said otherwise. */
void pg_stoppable(Pg *pg, bool stoppable);

int pg_version(const Pg *pg);    /* 150020 for 15.20 */
int pg_pid(const Pg *pg);        /* of the server process */
bool pg_is_direct(const Pg *pg); /* no pooler stands between */
const char *pg_database(const Pg *pg);
const char *pg_user(const Pg *pg);
const char *pg_host(const Pg *pg); /* host, or the folder of the socket */
const char *pg_port(const Pg *pg);
const PgTarget *pg_target(const Pg *pg);

/* 'text' with quotes doubled (and E'' where it must be); "name" as an identifier. */
const char *pg_literal(Pg *pg, Arena *a, const char *text);
const char *pg_ident(Pg *pg, Arena *a, const char *name);

#endif
