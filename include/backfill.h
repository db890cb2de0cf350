/* backfill: a declared backfill: which table and partitions, which key, what is done to the rows,
 * in which order, what keeps rows right that are written meanwhile; and how far it is. Refuses to
 * run batches (worker.h) and to write their statements (batch.h). */
#ifndef BACKFILL_H
#define BACKFILL_H

#include "pg.h"
#include "script.h"

typedef enum { BACKFILL_UP, BACKFILL_DOWN } BackfillWay;
typedef enum { BACKFILL_SET, BACKFILL_TRANSFORM, BACKFILL_STATEMENT } BackfillForm;
typedef enum { BACKFILL_BY_KEY, BACKFILL_BY_PAGE } BackfillWalk;

typedef struct {
    const char *name, *ident, *type;
    bool is_writable, is_json, has_default, is_indexed;
} BackfillColumn;

typedef struct {
    const char *migration; /* id in the ledger */
    const Declaration *declaration;
    BackfillWay way;
    BackfillForm form;
    const char *table; /* "public"."users", quoted by the server */
    const char *oid;
    Strings leaf, leaf_table; /* the tables that hold the rows: oids and quoted names */
    bool is_sieved; /* a trigger, a policy or a rule may keep rows of them from being changed */
    Strings key, key_name, key_type; /* quoted; bare; types with collation, for casts */
    Strings key_least;   /* what comes before every value of the type; NULL where nothing does */
    bool is_integer_key; /* one column of whole numbers */
    BackfillWalk walk;
    Strings place, place_type; /* what it goes by: `key` and `key_type`, or where a row lies */
    size_t column_count;
    BackfillColumn *column;
    Pairs set;             /* of this way */
    Strings changed;       /* columns that are known to change */
    Strings read;          /* columns that a transform reads */
    const char *where;     /* or NULL */
    const char *statement; /* of the form `batch` */
    const char *verify;    /* query that must answer 0, or NULL */
    long long target;      /* ms that a batch should take */
    long workers, max_quarantine;
    long stripes;       /* 1: a plain walk */
    long stripe_keys;   /* whole numbers in a row that are of the same stripe; more than 1 only
                         * where clause_has_stretches */
    long most_keys;     /* of a batch, for a window of stripes to stay within a part of the
                         * server's buffers; 0: any */
    Strings spread;     /* of a walk by pages: the first column of the key, in even steps */
    const char *order;  /* the order of the walk and why, for people */
    const char *twice;  /* why the walk that was asked for could change rows twice, or NULL */
    const char *writes; /* trigger, default, app, sweep */
    const char *writes_why;
    long long rows_total; /* the planner's estimate */
    long long row_bytes;  /* with what is kept out of line; 0: unknown */
    /* as the ledger knows it */
    long long id; /* 0: not begun */
    const char *spec, *state, *desired, *error;
    long long rows_seen, rows_changed, rows_still, sweep, sweep_from, quarantined, ranges,
        ranges_left, residue, batches;
    long long batch_size;
    const char *throttled_by; /* why nothing is done now, or NULL */
    long long held;           /* ms that it was held */
} Backfill;

/* Reads the declaration and asks the catalog. Fails for a table that is not there (FAIL_ERROR),
 * that is a view, or that has no key, each with what to do. The way down sets `down` in all rows,
 * and has nothing to verify. */
bool backfill_describe(Pg *pg, Arena *a, const Declaration *declaration, const char *migration,
                       BackfillWay way, Backfill *out);
/* The partitions as they are now. */
bool backfill_leaves(Pg *pg, Arena *a, Backfill *backfill);
/* By pages a row is met where it lies: right only where the change makes `where` false, for a row
 * that is changed lies elsewhere afterwards. */
void backfill_walk_by(Backfill *backfill, BackfillWalk walk);
const char *backfill_walk_name(BackfillWalk walk); /* "key", "page" */
/* Fills in what the ledger knows of it; `id` stays 0 where it knows nothing. */
bool backfill_find(Pg *pg, Arena *a, const char *schema, Backfill *backfill);
bool backfill_set_state(Pg *pg, Arena *a, const char *schema, const Backfill *backfill,
                        const char *state, const char *error);
/* An array literal for a text[] parameter; NULL is NULL. */
const char *backfill_array(Arena *a, Strings strings);
/* A column of an answer that stays. */
Strings backfill_strings(Arena *a, const PgRows *rows, int column);
/* The key of a row, whose parts stand from `column` on, as the server writes a text[]. */
const char *backfill_key(Arena *a, const Backfill *backfill, const PgRows *rows, size_t row,
                         int column);
const BackfillColumn *backfill_column(const Backfill *backfill, const char *name); /* or NULL */
bool backfill_is_key(const Backfill *backfill, const char *column);

#endif
