/* backfill: a declared backfill and its ranges: which table, which key, the statement of a batch,
 * how far it is. Refuses to run batches (worker.h). */
#ifndef BACKFILL_H
#define BACKFILL_H

#include "pg.h"
#include "script.h"

typedef enum { BACKFILL_UP, BACKFILL_DOWN } BackfillWay;

typedef struct {
    const char *migration;   /* id in the ledger */
    const char *table;       /* "public"."users", quoted by the server */
    const char *verify;      /* query that must answer 0, or NULL */
    long long target;        /* ms that a batch should take */
    long long rows_total;    /* the planner's estimate */
    Strings key, key_type;   /* quoted columns; types with collation, for casts */
    const char *first_batch; /* the statement of a range's first batch (it has no position yet) */
    const char *next_batch;
    const char *cut; /* the statements that make the ranges */
    long long id;    /* in the ledger; 0: not begun */
    long long rows_seen, rows_changed;
    const char *spec; /* tokens of the declaration that it was begun with */
} Backfill;

/* Reads the declaration and asks the catalog. Fails for a table that is not there (FAIL_ERROR),
 * that is a view, or that has no key, each with what to do. The way down
 * sets `down` in all rows, and has nothing to verify. */
bool backfill_describe(Pg *pg, Arena *a, const char *schema, const Declaration *declaration,
                       const char *migration, BackfillWay way, Backfill *out);
/* Fills in what the ledger knows of it: id, rows, spec. */
bool backfill_find(Pg *pg, Arena *a, const char *schema, Backfill *backfill);
/* An array literal for a text[] parameter. */
const char *backfill_array(Arena *a, Strings strings);

#endif
