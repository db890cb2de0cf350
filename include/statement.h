/* statement: a SQL text cut into the statements that psql would send, each with what the runner
 * must know about it: does it begin or end a transaction, can a transaction hold it, does it
 * change the session. Found by reading tokens, never by asking the server. Refuses to run
 * anything. */
#ifndef STATEMENT_H
#define STATEMENT_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    STATEMENT_PLAIN,    /* runs inside a transaction */
    STATEMENT_BEGIN,    /* BEGIN, START TRANSACTION */
    STATEMENT_COMMIT,   /* COMMIT, END (not COMMIT PREPARED) */
    STATEMENT_ROLLBACK, /* ROLLBACK, ABORT (not ROLLBACK TO, not ROLLBACK PREPARED) */
    STATEMENT_SOLO,     /* no transaction can hold it: CREATE INDEX CONCURRENTLY, VACUUM, ... */
    STATEMENT_SESSION,  /* changes the session alone: SET, RESET, set_config(..., false), PREPARE,
                           ... */
} StatementKind;

/* How a SOLO statement that may or may not have happened is judged: the name of a statement of
 * sql/solo.sql that answers 'done', 'again' or 'unknown' (docs: what happens after a kill). */
typedef enum {
    SOLO_REPEAT, /* harmless to repeat: VACUUM, REINDEX, CLUSTER, ALTER SYSTEM, ... */
    SOLO_CREATE_INDEX,
    SOLO_DROP_INDEX,
    SOLO_CREATE_DATABASE,
    SOLO_DROP_DATABASE,
    SOLO_CREATE_TABLESPACE,
    SOLO_DROP_TABLESPACE,
    SOLO_CREATE_SUBSCRIPTION,
    SOLO_DROP_SUBSCRIPTION,
    SOLO_DETACH_PARTITION,
    SOLO_PREPARED, /* COMMIT PREPARED, ROLLBACK PREPARED */
    SOLO_UNKNOWN,  /* nobody can tell: a procedure that commits */
} SoloKind;

typedef struct Filled Filled; /* variable.h */

typedef struct {
    StatementKind kind;
    SoloKind solo;         /* for STATEMENT_SOLO */
    size_t at, length;     /* bytes of the text: first token to last, without the semicolon */
    size_t line, column;   /* of the first token, from 1; columns in characters */
    const char *words;     /* "CREATE INDEX CONCURRENTLY": upper case, for people and tables */
    const char *object;    /* what it is about, as written (public."Users"), ready for ::regclass or
                              parse_ident, or NULL: the index of CREATE/DROP INDEX, the partition of
                              DETACH; the bare name of COMMIT/ROLLBACK PREPARED */
    const char *table;     /* the table of CREATE INDEX ... ON, ALTER TABLE ... DETACH, or NULL */
    bool chain;            /* COMMIT AND CHAIN / ROLLBACK AND CHAIN */
    bool sets_transaction; /* SET TRANSACTION, SET LOCAL TRANSACTION ...: must come before any query
                            */
    bool adds_enum_value;  /* ALTER TYPE ... ADD VALUE; object is the type */
    bool creates_type;     /* CREATE TYPE ...; object is the type */
    bool if_not_exists;
    bool copies_in;              /* COPY ... FROM STDIN */
    size_t data_at, data_length; /* its data lines, without the line "\." that ends them */
    const Filled *filled;        /* what is sent instead of its text (variable.h), or NULL */
} Statement;

typedef struct {
    size_t count;
    Statement *at;
} Statements;

/* Cuts `text` (bytes from `from` to `to`) into statements; `file` is for the messages. Comments
 * and empty statements are none. psql lines: \restrict, \unrestrict and the like that change
 * nothing are skipped; what cannot be honoured (\i, \copy, \gexec, \connect, ...) fails with
 * FAIL_CONFIG and its place, and so do a string or comment that never ends and a NUL. */
bool statement_cut(Arena *a, const char *file, const char *text, size_t from, size_t to,
                   Statements *out);
/* SHA-256 over the tokens, each followed by a NUL. Comments, white space, psql lines, empty
 * statements and a missing last semicolon make no difference, nor do line ends, within strings and
 * COPY's data too. Directives count, each run of their blanks as one. */
const char *statement_tokens(Arena *a, const char *text, size_t from, size_t to);

/* A run of statements that the runner applies in one go. */
typedef struct {
    size_t first, count; /* statements, with the file's own BEGIN and COMMIT among them */
    enum {
        PART_TRANSACTION, /* in a transaction of ours */
        PART_OWN,         /* from the file's BEGIN to its COMMIT */
        PART_ROLLED_BACK, /* from the file's BEGIN to its ROLLBACK: leaves nothing */
        PART_SOLO,        /* one statement, outside of any transaction */
    } kind;
} Part;

typedef struct {
    size_t count;
    Part *at;
} Parts;

/* Every statement is in one part, in order; a text without statements is one empty part.
 * COMMIT and ROLLBACK in a PART_TRANSACTION end nothing, a BEGIN within a PART_OWN begins nothing:
 * the runner leaves them out. After COMMIT AND CHAIN a PART_OWN has no BEGIN of its own.
 * One part if everything fits in one transaction; otherwise the file's own transactions, and
 * statement by statement what stands outside of them. `one_by_one`: the file asks for it
 * (-- stint: no-transaction). Fails with FAIL_CONFIG and the place for a BEGIN that is never ended
 * and for a SOLO statement between BEGIN and COMMIT. */
bool statement_parts(Arena *a, const char *file, const char *text, const Statements *statements,
                     bool one_by_one, Parts *out);

#endif
