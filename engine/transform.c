#include "transform.h"

#include "clock.h"
#include "fail.h"
#include "quarantine.h"
#include "remake.h"
#include "setback.h"
#include "sql.h"
#include "stop.h"

#include <stdint.h>
#include <string.h>

/* Two batches are held at a time, and one of them is on its way to the server once more. */
enum { HELD = 2, MOST_BYTES = 8 << 20 };

struct TransformBatch {
    Arena *arena;
    BatchKind kind;
    PgRows rows; /* the key, xmin and what the function gets */
    BatchFence fence;
    Remake made;
    bool is_made;
};

static long size_of(const Worker *w) {
    return w->blamed ? 1 : w->pace.size;
}

/* One row may be as wide as it likes. */
static size_t most_of(const Worker *w) {
    return size_of(w) > 1 ? MOST_BYTES : SIZE_MAX;
}

static TransformBatch *batch_new(BatchKind kind) {
    Arena *a = arena_new();
    TransformBatch *batch = arena_take(a, sizeof *batch);
    batch->arena = a;
    batch->kind = kind;
    return batch;
}

static void drop(TransformBatch *batch) {
    if (batch)
        arena_free(batch->arena);
}

/* After the position, or, where the batch before it is not written yet, after its last key. */
static bool read_batch(Worker *w, TransformBatch *batch, const char *after) {
    Arena *a = batch->arena;
    BatchKind kind = after ? BATCH_READ_AHEAD : batch->kind;
    const char *sql = batch_sql(&w->batch, kind, after ? BATCH_NEXT : w->range.start);
    const char *id = arena_format(a, "%lld", w->backfill->id),
               *size = arena_format(a, "%ld", size_of(w));
    PgArgs args = PG_WITH(id, w->range.number, w->range.token, size, w->blamed, after);
    args.count -= !after;
    if (!pg_read(w->pg, a, most_of(w), &batch->rows, sql, args))
        return false;
    batch->fence = batch_fence(a, &batch->rows);
    if (!batch->rows.count)
        return true;
    batch->rows.count--;
    batch->rows.cell += batch->rows.width;
    batch->rows.length += batch->rows.width;
    return true;
}

static bool is_there(const TransformBatch *batch) {
    return batch->fence.is_there && batch->fence.upper;
}

static bool make(Worker *w, TransformBatch *batch) {
    int keys = (int)w->backfill->key.count;
    batch->made = (Remake){.arena = batch->arena,
                           .backfill = w->backfill,
                           .rows = &batch->rows,
                           .key = BATCH_KEY,
                           .xmin = BATCH_KEY + keys,
                           .from = BATCH_KEY + keys + 1,
                           .most = most_of(w)};
    batch->is_made = remake_rows(&batch->made);
    return batch->is_made;
}

static void tell_bad(Worker *w, const Remake *made) {
    for (size_t row = 0; row < made->rows->count; row++)
        if (made->script.bad[row].message)
            worker_tell_bad(w, remake_key(made, row), made->script.bad[row].message);
}

/* Why there is nothing to read. */
static Turn nothing(Worker *w, const BatchFence *fence) {
    if (!fence->is_there)
        return worker_why_nothing(w, fence->desired, fence->state, fence->is_ours);
    w->blamed = NULL; /* another key comes first now */
    return TURN_NOTHING;
}

/* What is wider than it was thought to be comes again in smaller pieces. */
static Turn smaller(Worker *w) {
    fail_clear();
    pace_halve(&w->pace);
    return TURN_NOTHING;
}

/* Only while all goes as it should: what comes next is known, and there is no reason to wait. */
static bool may_look_ahead(const Worker *w, const TransformBatch *batch) {
    return w->backfill->stripes < 2 && !batch->fence.is_last && !w->blamed && !w->skips &&
           !w->pace.isolates && w->pace.share >= 1 && !stop_asked();
}

/* The batch behind this one is read before this one is written, for then the server has something
 * to do while it is in Lua's hands. What cannot be read now is read in its turn. */
static TransformBatch *read_ahead(Worker *w, const TransformBatch *batch) {
    if (!may_look_ahead(w, batch))
        return NULL;
    TransformBatch *next = batch_new(BATCH_READ);
    bool ok = read_batch(w, next, batch->fence.upper);
    if (ok && is_there(next))
        return next;
    if (!ok)
        fail_clear();
    drop(next);
    return NULL;
}

typedef struct {
    Worker *worker;
    TransformBatch *batch;
} Ahead;

/* What Lua has against it, it says again when the batch's turn comes. */
static void make_ahead(void *with) {
    const Ahead *ahead = with;
    if (!make(ahead->worker, ahead->batch))
        fail_clear();
}

static Turn write_batch(Worker *w, TransformBatch *batch, TransformBatch *next, long long start) {
    Arena *a = batch->arena;
    Remake *made = &batch->made;
    Ahead ahead = {w, next};
    PgRows rows;
    const BatchFence *fence = &batch->fence;
    const char *first[] = {arena_format(a, "%lld", w->backfill->id),
                           w->range.number,
                           w->range.token,
                           arena_format(a, "%ld", size_of(w)),
                           fence->upper,
                           fence->keys,
                           fence->is_last ? "t" : "f"};
    const char *sql =
        batch_write_sql(&w->batch, a,
                        &(BatchWrite){batch->kind, w->range.start,
                                      w->skips ? BATCH_SKIPS : BATCH_WAITS, &made->columns});
    tell_bad(w, made);
    if (next)
        pg_meanwhile(w->pg, make_ahead, &ahead);
    if (!pg_rows(w->pg, a, &rows, sql, remake_args(made, first, sizeof first / sizeof *first)))
        return setback_turn(w);
    long keys = rows.count ? (long)pg_integer(&rows, 0, 11) : 0;
    Turn turn =
        worker_read_answer(w, &rows, keys, HELD * (long long)arena_size(a), clock_us() - start);
    if (made->failed && turn != TURN_FAILED && !quarantine_check(w->pg, w->schema, w->backfill))
        return TURN_FAILED;
    return turn;
}

Turn transform_turn(Worker *w) {
    TransformBatch *batch = w->ahead, *next = NULL;
    long long start = clock_us();
    Turn turn = TURN_FAILED;
    w->ahead = NULL;
    if (!batch) {
        batch = batch_new(worker_stripes(w) ? BATCH_READ_STRIPE : BATCH_READ);
        if (!read_batch(w, batch, NULL))
            turn = pg_error(w->pg)->too_long ? smaller(w) : setback_turn(w);
        else if (!is_there(batch))
            turn = nothing(w, &batch->fence);
        else if (!make(w, batch) && batch->made.is_too_large)
            turn = smaller(w);
    }
    if (batch->is_made) {
        next = read_ahead(w, batch);
        turn = write_batch(w, batch, next, start);
    }
    if (next && next->is_made && turn == TURN_DONE && !w->rest) {
        w->ahead = next;
        next = NULL;
    }
    drop(next);
    drop(batch);
    return turn;
}

void transform_forget(Worker *w) {
    drop(w->ahead);
    w->ahead = NULL;
}

/* Rows of the residue that are gone, or no longer meant, are done. */
static void leave_out_gone(const Remake *r, PgRows *rows, Strings *gone) {
    size_t kept = 0, width = (size_t)rows->width;
    for (size_t row = 0; row < rows->count; row++) {
        if (!pg_cell(rows, row, r->xmin)) {
            gone->at[gone->count++] = remake_key(r, row);
            continue;
        }
        memmove(&rows->cell[kept * width], &rows->cell[row * width], width * sizeof *rows->cell);
        memmove(&rows->length[kept * width], &rows->length[row * width],
                width * sizeof *rows->length);
        kept++;
    }
    rows->count = kept;
}

typedef struct {
    Worker *worker;
    Batch *batch;
    const char *key; /* of the only row, or NULL */
    BatchLocks locks;
    bool is_too_large;
} LateCall;

static bool late(LateCall *call, Arena *a, long size, Late *out) {
    PgRows rows, answer;
    Worker *w = call->worker;
    Batch *batch = call->batch;
    const char *id = arena_format(a, "%lld", w->backfill->id);
    const char *limit = arena_format(a, "%ld", size);
    size_t most = size > 1 && !call->key ? MOST_BYTES : SIZE_MAX;
    bool ok = pg_read(w->pg, a, most, &rows, batch_sql(batch, BATCH_LATE_READ, BATCH_NEXT),
                      PG_WITH(id, batch->leaf, limit, call->key));
    call->is_too_large = !ok && pg_error(w->pg)->too_long;
    if (!ok)
        return false;
    int keys = (int)w->backfill->key.count;
    Remake made = {.arena = a,
                   .backfill = w->backfill,
                   .rows = &rows,
                   .key = 0,
                   .xmin = keys,
                   .from = 1 + keys,
                   .most = most};
    Strings gone = {0, arena_take(a, rows.count * sizeof(char *))};
    leave_out_gone(&made, &rows, &gone);
    ok = remake_rows(&made);
    call->is_too_large = made.is_too_large;
    if (!ok)
        return false;
    tell_bad(w, &made);
    for (size_t row = 0; row < rows.count; row++)
        if (!made.script.bad[row].message && !remake_is_written(&made, row))
            gone.at[gone.count++] = remake_key(&made, row);
    const char *first[] = {id, batch->leaf, backfill_array(a, gone)};
    const char *sql = batch_late_write_sql(
        batch, a, &(BatchWrite){BATCH_LATE_READ, BATCH_NEXT, call->locks, &made.columns});
    if (!pg_row(w->pg, a, &answer, sql, remake_args(&made, first, sizeof first / sizeof *first)))
        return false;
    *out = (Late){pg_integer(&answer, 0, 0), pg_integer(&answer, 0, 1), pg_integer(&answer, 0, 2)};
    return true;
}

bool transform_late(Worker *w, Batch *batch, long size, const char *key, BatchLocks locks,
                    Late *out) {
    for (LateCall call = {w, batch, key, locks, false};; size /= 2) {
        Arena *a = arena_new();
        bool ok = late(&call, a, size, out);
        arena_free(a);
        if (!call.is_too_large)
            return ok;
        fail_clear();
    }
}
