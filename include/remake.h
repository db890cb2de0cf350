/* remake: what the team's function makes of the rows of a batch, and the arguments of the statement
 * that writes it back. Refuses to talk to the server, and to know Lua. */
#ifndef REMAKE_H
#define REMAKE_H

#include "array.h"
#include "batch.h"

typedef struct {
    Arena *arena;
    const Backfill *backfill;
    const PgRows *rows;
    int key, xmin, from; /* columns of `rows`: the first of the key, ... */
    ScriptRows script;
    BatchColumns columns;
    size_t *slot;        /* of each written column: its number among the table's */
    Array *argument;     /* in the order of the statement's parameters */
    size_t arguments;    /* of them */
    Array bad[4];        /* keys, SQLSTATEs, messages, tracebacks of those that failed */
    const char **packed; /* `bad`, then `argument`, as they are sent */
    int *length;
    size_t failed;
    size_t most;       /* bytes on the arena until it stops */
    bool is_too_large; /* it stopped */
} Remake;

/* False: too large, or failed as script_transform does. */
bool remake_rows(Remake *r);
bool remake_is_written(const Remake *r, size_t row);
const char *remake_key(const Remake *r, size_t row);
/* Behind the first ones: the rows that failed, then those that have something new. */
PgArgs remake_args(const Remake *r, const char *const *first, size_t count);
#endif
