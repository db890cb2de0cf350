/* estimate: a backfill tried on a copy of some of its rows, in a table of the ledger's schema on
 * the target's own server: with the table's indexes, without its triggers, by the real batches.
 * What was measured is told for all rows. The copy is dropped whatever happens; one that a killed
 * run has left is dropped by the next. Rows never leave the server, and those of the table itself
 * are only read. Refuses to print. */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include "config.h"

typedef struct {
    const char *name, *version; /* of the file */
    const char *table, *order;  /* as it would be walked */
    long long rows_total, workers;
    long long rows, changed;   /* of the copy; changed in it */
    long long failing;         /* of the copy */
    const char *first_failure; /* of them, or NULL */
    long batch_size;           /* keys of the last batch */
    double rows_per_second;    /* of one worker */
    /* for all rows */
    double seconds;             /* by one worker */
    long long wal, page_images; /* bytes; up to so many more, for first changes after checkpoints */
    long long table_growth, index_growth;
    long long triggers; /* of the table, which the copy does not have */
} Estimate;

/* `name` is a file's version or name. */
bool estimate_make(Arena *a, const Config *config, const char *name, long long rows, Estimate *out);

#endif
