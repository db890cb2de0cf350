/* pg_private: what pg.c (statements), pgread.c, pgagain.c, pgopen.c (connecting) and pgpooler.c
 * share. Refuses to be seen by anybody else. */
#ifndef PG_PRIVATE_H
#define PG_PRIVATE_H

#include "pg.h"

#include <libpq-fe.h>

/* A statement that the server keeps: the text that was sent last, and whether it was twice. */
typedef struct {
    char *sql;
    bool is_prepared;
} PgAgain;
enum { PG_AGAIN = 4 };

struct Pg {
    PGconn *conn;
    PgTarget target;
    Pg *witness;
    char *settings;
    Arena *arena;       /* the session's */
    Arena *error_arena; /* the last failure's */
    PgError error;
    int pid; /* of the server process, which a pooler may have hidden */
    bool failed, stoppable;
    PgWait wait;
    void (*meanwhile)(void *with);
    void *meanwhile_with;
    PgEar ear;
    size_t completed; /* of the message that is being answered */
    PgAgain again[PG_AGAIN];
    size_t next_again; /* which makes room for another */
    long long next_tick;
    long long deadline, deadline_at; /* ms a statement; when the running one is cancelled */
    long long cancelled_at;
};

/* Is the server session ours alone, and which is it? False: FAIL_CONNECT (pgpooler.c).
 * `open_second` makes another session of the same target without settings. */
bool pg_is_ours(Pg *pg, Pg *(*open_second)(Pg *));
/* An exchange: begin, send, wait for each result and look at it, finish: true, or the failure that
 * it was. pg_send begins. */
void pg_begin(Pg *pg);
bool pg_send(Pg *pg, const char *sql, PgArgs args);
bool pg_not_sent(Pg *pg);
/* The one wait of this program on a server: until libpq can give a result without blocking. */
bool pg_wait(Pg *pg);
void pg_keep_error(Pg *pg, const PGresult *result);
/* Waits for all results of what was sent; the rows of the last one. */
bool pg_answer(Pg *pg, Arena *a, PgRows *out);
/* What a result holds, on an arena. */
void pg_copy_rows(const PGresult *result, Arena *a, PgRows *out);
/* Ends a COPY that nobody has data for, or wants the data of. */
void pg_no_copy(Pg *pg, ExecStatusType status);
bool pg_finish(Pg *pg);
/* On the way out, maybe of a failure: that stays what it is, and not even a stop interrupts. */
void pg_aside(Pg *pg, const char *sql);
/* libpq's message without its line ends. */
const char *pg_one_line(Arena *a, const char *message);

#endif
