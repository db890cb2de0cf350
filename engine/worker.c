#include "worker.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "setback.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "transform.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LOCK_TIMEOUT = 200,
    SHORTEST_STATEMENT = 5000,
    IDLE_FIRST = 20,
    IDLE_MOST = 500,
    COUNT_EVERY = 1000,
    MOST_BAD_TOLD = 10,
    WEIGH_EVERY = 8 /* batches: what one writes changes slowly */
};

Worker worker_of(Pg *pg, Arena *a, const char *schema, const Migration *migration, Backfill *b,
                 Governor *governor) {
    return (Worker){.pg = pg,
                    .arena = a,
                    .schema = schema,
                    .migration = migration,
                    .backfill = b,
                    .who = ledger_who(),
                    .pace = pace_of(b),
                    .governor = governor,
                    .started = clock_ms(),
                    .counted = clock_ms(),
                    .seen_before = b->rows_seen};
}

bool worker_settle(Worker *w, long long statement_timeout, long long lock_timeout) {
    long long most = 10 * w->backfill->target;
    most = most > SHORTEST_STATEMENT ? most : SHORTEST_STATEMENT;
    if (statement_timeout && statement_timeout < most)
        most = statement_timeout;
    return pg_do(
        w->pg, SQL_BACKFILL_SETTINGS,
        PG_WITH(arena_format(w->arena, "%lld", most),
                arena_format(w->arena, "%lld", lock_timeout ? lock_timeout : LOCK_TIMEOUT)));
}

WorkerAnswer worker_answer(const Worker *w) {
    if (pg_state(w->pg) == PG_LOST)
        return WORKER_LOST;
    return failure()->kind == FAIL_INTERRUPTED ? WORKER_STOPPED : WORKER_FAILED;
}

void worker_tell(const Worker *w, long long changed) {
    const Backfill *b = w->backfill;
    long long spent = clock_ms() - w->started - w->governor->held,
              fresh = b->rows_seen - w->seen_before;
    double speed = spent > 0 ? 1000.0 * (double)fresh / (double)spent : 0;
    long long left = b->rows_total > b->rows_seen ? b->rows_total - b->rows_seen : 0;
    event_tell("batch", EVENT_SAYS("version", w->migration->version),
               EVENT_SAYS("name", w->migration->name), EVENT_COUNTS("rows", changed),
               EVENT_COUNTS("rows_done", b->rows_seen), EVENT_COUNTS("rows_total", b->rows_total),
               EVENT_MEASURES("rows_per_second", speed), EVENT_COUNTS("batch_size", w->pace.size),
               EVENT_COUNTS("eta_seconds", speed > 0 ? (long long)((double)left / speed) : -1));
}

void worker_tell_bad(Worker *w, const char *key, const char *why) {
    w->bad++;
    if (w->bad <= MOST_BAD_TOLD)
        log_say("%s: row %s fails: %s", w->migration->name, key, why);
    else if (w->bad == MOST_BAD_TOLD + 1)
        log_say("%s: more rows fail; all of them are in %s.backfill_quarantine", w->migration->name,
                w->schema);
}

/* Nothing was done: which fence was it? */
Turn worker_why_nothing(Worker *w, const char *desired, const char *state, bool is_ours) {
    if (text_same(state, "running") && !text_same(desired, "run"))
        return TURN_HELD;
    if (!is_ours || !text_same(state, "running"))
        return TURN_FENCED;
    w->range.start = w->range.start == BATCH_FIRST ? BATCH_NEXT : BATCH_FIRST;
    return TURN_NOTHING;
}

/* What the governor has to say for the next batch, and what this one was. */
static void read_course(Worker *w, const PgRows *rows, PaceBatch batch) {
    w->pace.share = strtod(pg_cell(rows, 0, 7), NULL);
    w->looks = pg_true(rows, 0, 8);
    if (pg_true(rows, 0, 9) && w->backfill->stripes > 1)
        w->plain = w->plain ? w->plain : 1; /* no room is made while old snapshots look on */
    pace_learn(&w->pace, w->backfill, batch);
    w->rest = pace_rest(&w->pace, batch.us);
}

Turn worker_read_answer(Worker *w, const PgRows *rows, long keys, long long bytes, long long us) {
    if (!rows->count) {
        fail(FAIL_LEDGER, "%s: its row in the ledger is gone", w->migration->name);
        return TURN_FAILED;
    }
    if (!pg_cell(rows, 0, 0))
        return worker_why_nothing(w, pg_cell(rows, 0, 3), pg_cell(rows, 0, 4), pg_true(rows, 0, 5));
    w->range.start = pg_true(rows, 0, 6) ? BATCH_FIRST : BATCH_NEXT;
    w->retries = w->stuck = 0;
    w->skips = false;
    w->blamed = NULL;
    w->plain -= w->plain > 0;
    w->backfill->rows_seen += pg_integer(rows, 0, 1);
    w->backfill->rows_changed += pg_integer(rows, 0, 2);
    worker_tell(w, pg_integer(rows, 0, 2));
    read_course(w, rows, (PaceBatch){keys, bytes, us});
    return text_same(pg_cell(rows, 0, 0), "done") ? TURN_RANGE_DONE : TURN_DONE;
}

bool worker_stripes(const Worker *w) {
    return w->backfill->stripes > 1 && !w->plain && !w->blamed;
}

static Turn turn(Worker *w) {
    Arena *a = arena_new();
    PgRows rows;
    bool weighs = w->weighed++ % WEIGH_EVERY == 0, stripes = worker_stripes(w);
    BatchKind kind = w->skips ? BATCH_FREE
                     : weighs ? (stripes ? BATCH_STRIPE : BATCH_PLAIN)
                              : (stripes ? BATCH_STRIPE_UNWEIGHED : BATCH_UNWEIGHED);
    const char *sql = batch_sql(&w->batch, kind, w->range.start);
    const char *id = arena_format(a, "%lld", w->backfill->id);
    long size = w->blamed ? 1 : w->pace.size;
    long long start = clock_us();
    Turn answer = TURN_FAILED;
    if (pg_again(w->pg, a, &rows, sql,
                 PG_WITH(id, w->range.number, w->range.token, arena_format(a, "%ld", size),
                         w->blamed))) {
        long keys = rows.count ? (long)pg_integer(&rows, 0, 11) : size;
        bool blamed = w->blamed != NULL;
        long long bytes = rows.count && weighs ? pg_integer(&rows, 0, 10) : 0;
        answer = worker_read_answer(w, &rows, keys, bytes, clock_us() - start);
        if (blamed && answer == TURN_NOTHING)
            w->blamed = NULL; /* another key comes first now */
    } else
        answer = setback_turn(w);
    arena_free(a);
    return answer;
}

/* What is there to do: a range of one's own, or half of somebody's. */
static RangeAnswer take(Worker *w) {
    bool stolen = false;
    arena_free(w->ranges);
    w->ranges = arena_new();
    RangeAnswer answer =
        range_take(w->pg, w->ranges, w->schema, w->backfill->id, w->who, &w->range);
    if (answer == RANGE_NONE && !range_steal(w->pg, w->schema, w->backfill, &stolen))
        return RANGE_FAILED;
    if (answer == RANGE_NONE && stolen)
        answer = range_take(w->pg, w->ranges, w->schema, w->backfill->id, w->who, &w->range);
    if (answer != RANGE_TAKEN)
        return answer;
    pace_take(&w->pace, w->range.size);
    backfill_walk_by(w->backfill, w->range.walk);
    w->batch = batch_of(w->pg, w->ranges, w->schema, w->backfill, w->range.leaf, w->range.table);
    w->blamed = NULL;
    if (w->range.table)
        return RANGE_TAKEN;
    bool dropped; /* its partition is no more */
    return range_drop(w->pg, w->ranges, w->schema, w->backfill->id, &dropped) ? RANGE_NONE
                                                                              : RANGE_FAILED;
}

/* Others may be at it, too: what they have done counts, and is read now and then. A crew's head
 * does that for its own. */
static bool count_all(Worker *w) {
    if (w->parent || clock_ms() - w->counted < COUNT_EVERY)
        return true;
    Arena *a = arena_new();
    Backfill *b = w->backfill, seen = *b;
    bool ok = backfill_find(w->pg, a, w->schema, &seen);
    if (ok) {
        b->rows_seen = seen.rows_seen;
        b->rows_changed = seen.rows_changed;
    }
    w->counted = clock_ms();
    arena_free(a);
    return ok;
}

static bool is_over(const Worker *w) {
    return (w->until && clock_ms() >= w->until) || (w->parent && getppid() != w->parent);
}

/* Between two batches: a look, if it is due; or why nothing is done; or a rest. */
static bool between(Worker *w, Turn last) {
    bool looks = w->looks, halves = !*w->governor->reason;
    long long rest = w->rest;
    w->looks = false;
    w->rest = 0;
    if (last == TURN_HELD) {
        bool ok = governor_hold(w->governor);
        if (halves && text_starts(w->governor->reason, health_name(HEALTH_LOCK_WAITERS)))
            pace_halve(&w->pace);
        return ok;
    }
    if (w->until && rest > w->until - clock_ms())
        rest = w->until - clock_ms();
    if (rest > 0)
        clock_sleep(rest);
    if (!count_all(w))
        return false;
    return !looks || governor_look(w->governor);
}

static WorkerAnswer walk(Worker *w) {
    int idle = 0;
    Turn last = TURN_RANGE_DONE;
    for (;;) {
        if (stop_asked()) {
            stop_failure();
            return WORKER_STOPPED;
        }
        if (is_over(w))
            return WORKER_OVER;
        if (last == TURN_RANGE_DONE || last == TURN_FENCED) {
            RangeAnswer answer = take(w);
            if (answer == RANGE_FAILED)
                return worker_answer(w);
            if (answer == RANGE_ALL_DONE || answer == RANGE_OVER)
                return answer == RANGE_OVER ? WORKER_OVER : WORKER_DONE;
            if (answer == RANGE_NONE) {
                clock_sleep(clock_backoff(IDLE_FIRST, IDLE_MOST, idle++));
                continue;
            }
            idle = 0;
        }
        governor_before(w->governor);
        pg_stoppable(w->pg, false); /* a stop waits for the end of the batch */
        last = w->backfill->form == BACKFILL_TRANSFORM ? transform_turn(w) : turn(w);
        pg_stoppable(w->pg, true);
        if (last == TURN_FAILED)
            return worker_answer(w);
        if (!between(w, last))
            return worker_answer(w);
    }
}

WorkerAnswer worker_walk(Worker *w) {
    w->ranges = arena_new();
    governor_watch(w->governor);
    WorkerAnswer answer = walk(w);
    governor_unwatch(w->governor);
    pg_forget(w->pg);
    transform_forget(w);
    arena_free(w->ranges);
    w->ranges = NULL;
    return answer;
}
