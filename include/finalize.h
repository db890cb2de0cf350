/* finalize: the end of a backfill whose batches others have done: a run of that one file, under the
 * run lock, which works off what was passed over, verifies, and does what it was finally for.
 * Refuses to do batches. */
#ifndef FINALIZE_H
#define FINALIZE_H

#include "config.h"

typedef enum {
    FINALIZE_DONE,
    FINALIZE_MORE, /* there are batches again: partitions or rows that came meanwhile */
    FINALIZE_BUSY, /* another run holds the run lock; only when one does not want to wait */
    FINALIZE_FAILED
} FinalizeAnswer;

typedef enum { FINALIZE_WAITS, FINALIZE_AT_ONCE } FinalizePatience;

/* `id` is the migration's in the ledger. */
FinalizeAnswer finalize_backfill(Arena *a, const Config *config, const char *command,
                                 const char *id, FinalizePatience patience);

#endif
