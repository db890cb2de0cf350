/* fail: the one failure of this process, and how it is told. A function that can fail returns
 * bool and says why where it is seen:
 *     return fail(FAIL_SQL, "expected one row, got %d", rows);
 * Callers pass `false` up, adding context only where it says something new:
 *     return fail_in("range %s", id);
 * main prints it once, as ERROR / DETAIL / HINT. An expected answer (lock busy, nothing to do) is
 * no failure but an enum value of the result. A process has one thread, so a static slot will do.
 * Refuses to know where it is printed, and never prints. */
#ifndef FAIL_H
#define FAIL_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>

/* What kind of failure; its value is the exit code (docs/failures.md). */
typedef enum {
    FAIL_NONE = 0,
    FAIL_ERROR = 1,         /* anything without a code of its own */
    FAIL_PENDING = 2,       /* something is pending or different */
    FAIL_RUN_LOCK = 3,      /* another run holds the run lock */
    FAIL_LEDGER = 4,        /* files and ledger disagree */
    FAIL_REFUSED = 5,       /* a policy, gate or check said no */
    FAIL_MIGRATION = 6,     /* a migration failed and left nothing behind */
    FAIL_PARTIAL = 7,       /* a migration is partly applied */
    FAIL_TABLE_LOCK = 8,    /* a table lock was not obtained, nothing changed */
    FAIL_CONNECT = 9,       /* no connection, or one through a transaction-mode pooler */
    FAIL_USAGE = 64,        /* the command line */
    FAIL_CONFIG = 78,       /* config.ini, a URL, a variable */
    FAIL_INTERRUPTED = 130, /* Ctrl-C; 143 for SIGTERM, see stop.h */
} FailKind;

/* A place in a text: what an editor can jump to. `line` and `column` count from 1, columns in
 * characters; 0 means unknown. `source` is the line of text, without its end. */
typedef struct {
    const char *file;
    size_t line, column;
    const char *source;
} FailPlace;

typedef struct {
    FailKind kind;
    const char *message;  /* what, with the context before it */
    const char *detail;   /* more facts, or NULL */
    const char *hint;     /* what to type next, or NULL */
    const char *context;  /* PostgreSQL's CONTEXT or a traceback, or NULL */
    const char *sqlstate; /* five characters, or NULL */
    FailPlace place;      /* file NULL if there is none */
    const char *state;    /* what state things are in now, or NULL */
    const char *next;     /* the command to go on with, or NULL */
} Failure;

/* Each replaces what was there, and returns false. */
bool fail(FailKind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Errno's text is appended. */
bool fail_errno(FailKind kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each adds to the present failure, and returns false. */
bool fail_in(const char *format, ...) __attribute__((format(printf, 1, 2))); /* "context: " */
bool fail_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool fail_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool fail_state(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool fail_next(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool fail_context(const char *text);
bool fail_sqlstate(const char *sqlstate);
bool fail_at(FailPlace place);
bool fail_as(FailKind kind); /* the same failure, of another kind */

/* The present failure: kind FAIL_NONE if there is none. Borrowed until the next call above. */
const Failure *failure(void);
/* Forgets it: the caller has dealt with it. */
void fail_clear(void);
/* For the way out: what must still be done may fail itself, and the first failure is the one to
 * tell. A copy, and the copy made present again. */
Failure fail_kept(Arena *a);
bool fail_again(const Failure *kept);

/* Secrets never leave: each registered string (a password; shorter than 3 bytes is ignored) is
 * replaced by *** in all that failure() shows, and by fail_redacted in any other text that is on
 * its way out. The answer lives until the next call. */
void fail_secret(const char *secret);
const char *fail_redacted(const char *text);

#endif
