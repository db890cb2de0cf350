#include "range.h"

#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

/* What a worker of a crew gets to begin with; stealing does the rest. */
enum { RANGES_EACH = 8 };

static const char *number(Arena *a, long long n) {
    return arena_format(a, "%lld", n);
}

/* The team's own statement says `> :lo`, so its first range begins below the least key. */
static const char *beginning(const Batch *batch) {
    const Backfill *b = batch->backfill;
    return b->form == BACKFILL_STATEMENT ? backfill_array(batch->arena, b->key_least) : NULL;
}

static bool cut_leaf(Pg *pg, Arena *a, const char *schema, const Backfill *b, long size,
                     size_t leaf) {
    Batch batch = batch_of(pg, a, schema, b, b->leaf.at[leaf], b->leaf_table.at[leaf]);
    long parts = b->workers > 1 ? RANGES_EACH * b->workers : 1;
    return pg_do(pg, batch_sql(&batch, BATCH_CUT, BATCH_NEXT),
                 PG_WITH(b->migration, beginning(&batch), number(a, parts), number(a, size))) &&
           pg_do(pg, ledger_sql(a, schema, SQL_RANGE_EMPTY), PG_WITH(b->migration, batch.leaf));
}

static bool cut(Pg *pg, Arena *a, const char *schema, const Backfill *b, long size) {
    for (size_t i = 0; i < b->leaf.count; i++)
        if (!cut_leaf(pg, a, schema, b, size, i))
            return false;
    return true;
}

static bool ended(Pg *pg, bool ok) {
    ok = ok && pg_do_all(pg, "COMMIT");
    pg_roll_back(pg);
    return ok;
}

bool range_make(Pg *pg, Arena *a, const char *schema, const Backfill *b, long size, bool *made) {
    PgRows rows;
    const char *clear = ledger_inline(pg, a, schema, SQL_RANGE_CLEAR, PG_WITH(b->migration));
    bool ok = pg_do_all(pg, "BEGIN") &&
              pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_READY), PG_WITH(b->migration));
    *made = ok && rows.affected > 0;
    if (*made)
        ok = pg_do_all(pg, clear) && cut(pg, a, schema, b, size);
    return ended(pg, ok);
}

bool range_make_again(Pg *pg, Arena *a, const char *schema, const Backfill *b, long size) {
    const char *sql = ledger_sql(a, schema, SQL_RANGE_AGAIN);
    return ended(pg, pg_do_all(pg, "BEGIN") && pg_do(pg, sql, PG_WITH(b->migration)) &&
                         cut(pg, a, schema, b, size));
}

bool range_by_key(Pg *pg, Arena *a, const char *schema, Backfill *b, long size) {
    PgRows rows;
    bool ok = pg_do_all(pg, "BEGIN") &&
              pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_BY_KEY), PG_WITH(b->migration));
    backfill_walk_by(b, BACKFILL_BY_KEY);
    if (ok && rows.affected)
        ok = cut(pg, a, schema, b, size);
    return ended(pg, ok);
}

bool range_make_late(Pg *pg, Arena *a, const char *schema, Backfill *b, long size) {
    PgRows rows;
    if (!backfill_leaves(pg, a, b) ||
        !pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_MISSING),
                 PG_WITH(number(a, b->id), backfill_array(a, b->leaf))))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        for (size_t leaf = 0; leaf < b->leaf.count; leaf++)
            if (text_same(b->leaf.at[leaf], pg_cell(&rows, i, 0)) &&
                !cut_leaf(pg, a, schema, b, size, leaf))
                return false;
    return true;
}

static RangeAnswer none_taken(Pg *pg, Arena *a, const char *schema, const char *id) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_LEFT), PG_WITH(id)))
        return RANGE_FAILED;
    if (!rows.count || !text_same(pg_cell(&rows, 0, 1), "running"))
        return RANGE_OVER;
    return pg_integer(&rows, 0, 0) ? RANGE_NONE : RANGE_ALL_DONE;
}

RangeAnswer range_take(Pg *pg, Arena *a, const char *schema, long long backfill, const char *who,
                       Range *out) {
    PgRows rows;
    const char *id = number(a, backfill);
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_TAKE), PG_WITH(id, who)))
        return RANGE_FAILED;
    if (!rows.count)
        return none_taken(pg, a, schema, id);
    *out = (Range){pg_cell(&rows, 0, 0),
                   pg_cell(&rows, 0, 1),
                   pg_true(&rows, 0, 3) ? BATCH_FIRST : BATCH_NEXT,
                   (long)pg_integer(&rows, 0, 2),
                   pg_cell(&rows, 0, 4),
                   pg_cell(&rows, 0, 6),
                   pg_true(&rows, 0, 5) ? BACKFILL_BY_PAGE : BACKFILL_BY_KEY};
    return RANGE_TAKEN;
}

/* The row is free for a moment between two batches: there is a queue for it. */
static bool steal(Pg *pg, Arena *a, const char *schema, const Backfill *b, const PgRows *rows,
                  bool *stolen) {
    PgRows made;
    Batch batch = batch_of(pg, a, schema, b, pg_cell(rows, 0, 1), pg_cell(rows, 0, 4));
    BatchStart start = pg_true(rows, 0, 2) ? BATCH_FIRST : BATCH_NEXT;
    if (!pg_rows(pg, a, &made, batch_sql(&batch, BATCH_STEAL, start),
                 PG_WITH(number(a, b->id), pg_cell(rows, 0, 0))))
        return false;
    *stolen = made.affected > 0;
    return true;
}

bool range_steal(Pg *pg, const char *schema, Backfill *b, bool *stolen) {
    Arena *a = arena_new();
    PgRows rows;
    *stolen = false;
    bool ok = pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_LARGEST),
                      PG_WITH(number(a, b->id), "{}"));
    if (ok && rows.count && pg_cell(&rows, 0, 4)) {
        backfill_walk_by(b, pg_true(&rows, 0, 3) ? BACKFILL_BY_PAGE : BACKFILL_BY_KEY);
        ok = steal(pg, a, schema, b, &rows, stolen);
    }
    if (!ok && (pg_failed_with(pg, "55P03") || pg_failed_with(pg, "23505") ||
                pg_failed_with(pg, "40P01") || pg_failed_with(pg, "57014"))) {
        fail_clear(); /* its holder, or another thief, was quicker */
        ok = true;
    }
    arena_free(a);
    return ok;
}

bool range_drop(Pg *pg, Arena *a, const char *schema, long long backfill, bool *dropped) {
    PgRows rows;
    bool ok =
        pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RANGE_DROP), PG_WITH(number(a, backfill)));
    *dropped = ok && rows.affected > 0;
    return ok && pg_do(pg, ledger_sql(a, schema, SQL_RESIDUE_DROP), PG_WITH(number(a, backfill)));
}
