/* range: a slice of a backfill's keys: cut, taken, stolen. The row in the ledger decides: a token
 * says whose it is, the position how far it is. Refuses to run batches. */
#ifndef RANGE_H
#define RANGE_H

#include "batch.h"

typedef struct {
    const char *number, *token;
    BatchStart start;
    long size; /* keys of the next batch */
    const char *leaf, *table;
    BackfillWalk walk;
} Range;

typedef enum {
    RANGE_TAKEN,
    RANGE_NONE, /* others are at all that is left */
    RANGE_ALL_DONE,
    RANGE_OVER, /* the backfill is no longer running */
    RANGE_FAILED
} RangeAnswer;

/* The ranges of all leaves, whose batches begin with `size` keys; from then on the backfill is
 * running. `*made` is false when somebody else did it. */
bool range_make(Pg *pg, Arena *a, const char *schema, const Backfill *backfill, long size,
                bool *made);
/* Those of partitions that came since. */
bool range_make_late(Pg *pg, Arena *a, const char *schema, Backfill *backfill, long size);
/* All of them anew, for a sweep. */
bool range_make_again(Pg *pg, Arena *a, const char *schema, const Backfill *backfill, long size);
RangeAnswer range_take(Pg *pg, Arena *a, const char *schema, long long backfill, const char *who,
                       Range *out);
/* Cuts the largest range that others hold in two; false with no failure: there is none worth it. */
bool range_steal(Pg *pg, const char *schema, Backfill *backfill, bool *stolen);
/* A walk by pages begins anew along the key, for its change leaves `where` true: whoever is first.
 * Ranges of the old walk are no more. */
bool range_by_key(Pg *pg, Arena *a, const char *schema, Backfill *backfill, long size);
/* Ranges of partitions that are no more count as done. */
bool range_drop(Pg *pg, Arena *a, const char *schema, long long backfill, bool *dropped);

#endif
