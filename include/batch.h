/* batch: the statements of a backfill over one table (or partition), put together from
 * sql/batch.sql and sql/range.sql with the identifiers that the server quoted and the expressions
 * of the declaration. Refuses to send them. */
#ifndef BATCH_H
#define BATCH_H

#include "backfill.h"

/* A range without a position yet has statements of its own. */
typedef enum { BATCH_FIRST, BATCH_NEXT, BATCH_STARTS } BatchStart;
typedef enum {
    BATCH_PLAIN,     /* the next keys */
    BATCH_FREE,      /* the same, what others hold left in the residue */
    BATCH_STRIPE,    /* a stripe of a window */
    BATCH_UNWEIGHED, /* BATCH_PLAIN and BATCH_STRIPE; how much WAL they wrote may be untold */
    BATCH_STRIPE_UNWEIGHED,
    BATCH_BAD,  /* one key into the quarantine */
    BATCH_READ, /* of a transform */
    BATCH_READ_STRIPE,
    BATCH_READ_AHEAD, /* the next keys after $6 */
    BATCH_LATE,
    BATCH_LATE_PATIENT, /* of the residue: what is free, or waiting for it */
    BATCH_LATE_READ,
    BATCH_CUT,
    BATCH_STEAL,  /* ranges */
    BATCH_PROBE,  /* what the change makes of `where` */
    BATCH_PASSED, /* what a walk by pages has not met */
    BATCH_KINDS
} BatchKind;

typedef struct {
    Pg *pg;
    Arena *arena;
    const char *schema;
    const Backfill *backfill;
    const char *leaf, *table;                   /* oid and quoted name */
    const char *sql[BATCH_KINDS][BATCH_STARTS]; /* ask batch_sql */
} Batch;

Batch batch_of(Pg *pg, Arena *a, const char *schema, const Backfill *backfill, const char *leaf,
               const char *table);
/* Has a change of a walk by pages left `where` true? It was rolled back. */
bool batch_left_where(const Pg *pg, const Backfill *backfill);
const char *batch_sql(Batch *batch, BatchKind kind, BatchStart start);

/* What the first row of BATCH_READ... says; rows follow, with their keys in the columns from 1 on.
 */
typedef struct {
    const char *desired, *state, *keys, *upper; /* how many; the last one, or NULL: none */
    bool is_there, is_ours, is_last;            /* does the range wait for it; of the range */
} BatchFence;
enum { BATCH_KEY = 1 };
BatchFence batch_fence(Arena *a, const PgRows *read);

/* What a transform writes: the columns, and of which of them only some rows have a new value. */
typedef struct {
    size_t count;
    const BackfillColumn *const *column;
    const bool *is_partial;
} BatchColumns;
typedef enum { BATCH_WAITS, BATCH_SKIPS } BatchLocks;
typedef struct {
    BatchKind kind; /* how it was read */
    BatchStart start;
    BatchLocks locks;
    const BatchColumns *columns;
} BatchWrite;
const char *batch_write_sql(const Batch *batch, Arena *a, const BatchWrite *write);
const char *batch_late_write_sql(const Batch *batch, Arena *a, const BatchWrite *write);

#endif
