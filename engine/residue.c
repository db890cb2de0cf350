#include "residue.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "quarantine.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "transform.h"

#include <string.h>

enum { MOST_LOOKS = 20 };
enum { SIZE = 500, IMPATIENT = 5, PAUSE_FIRST = 50, PAUSE_MOST = 2000, LOCK_PATIENCE = 5000 };

typedef enum { LATE_DONE, LATE_LOCKED, LATE_FAILED } LateAnswer;

static bool is_lock(const Pg *pg) {
    return pg_failed_with(pg, "55P03") || pg_failed_with(pg, "40P01") ||
           pg_failed_with(pg, "40001") || pg_failed_with(pg, "57014");
}

/* So many rows of a leaf, or the one with this key. */
static bool send(Worker *w, Arena *a, Batch *batch, long size, const char *key, bool *progress,
                 BatchLocks locks) {
    PgRows rows;
    const Backfill *b = w->backfill;
    const char *id = arena_format(a, "%lld", b->id), *limit = arena_format(a, "%ld", size);
    Late late;
    bool ok, own = b->form == BACKFILL_STATEMENT;
    BatchKind kind = own || locks == BATCH_WAITS ? BATCH_LATE_PATIENT : BATCH_LATE;
    if (b->form == BACKFILL_TRANSFORM)
        ok = transform_late(w, batch, size, key, locks, &late);
    else {
        const char *sql = batch_sql(batch, kind, BATCH_NEXT);
        ok = own ? pg_row(w->pg, a, &rows, sql,
                          PG_WITH(id, batch->leaf, limit, key, backfill_array(a, b->key_least)))
                 : pg_row(w->pg, a, &rows, sql, PG_WITH(id, batch->leaf, limit, key));
        if (ok)
            late = (Late){pg_integer(&rows, 0, 0), pg_integer(&rows, 0, 1), 0};
    }
    if (!ok)
        return false;
    w->backfill->rows_changed += late.changed;
    *progress = *progress || late.done > 0;
    return true;
}

/* One row alone that fails goes into the quarantine. */
static LateAnswer put_aside(Worker *w, Arena *a, Batch *batch, bool *progress) {
    PgRows rows;
    const char *id = arena_format(a, "%lld", w->backfill->id);
    fail_clear();
    if (!pg_rows(w->pg, a, &rows, ledger_sql(a, w->schema, SQL_RESIDUE_FIRST),
                 PG_WITH(id, batch->leaf)))
        return LATE_FAILED;
    const char *key = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    if (!key || send(w, a, batch, 1, key, progress, BATCH_SKIPS))
        return LATE_DONE;
    if (!quarantine_is_data(w->pg))
        return is_lock(w->pg) ? LATE_LOCKED : LATE_FAILED;
    Failure why = fail_kept(a);
    fail_clear();
    *progress = true;
    worker_tell_bad(w, key, why.message);
    if (!pg_do(w->pg, ledger_sql(a, w->schema, SQL_QUARANTINE_LATE),
               PG_WITH(id, batch->leaf, key, why.sqlstate, why.message, why.context)))
        return LATE_FAILED;
    return quarantine_check(w->pg, w->schema, w->backfill) ? LATE_DONE : LATE_FAILED;
}

static LateAnswer one_leaf(Worker *w, Arena *a, Batch *batch, BatchLocks locks, bool *progress) {
    for (long size = locks == BATCH_WAITS ? 1 : SIZE;; size /= 2) {
        if (send(w, a, batch, size, NULL, progress, locks))
            return LATE_DONE;
        if (pg_failed_with(w->pg, "57014") && size > 1) { /* too many for the time that it has */
            fail_clear();
            continue;
        }
        if (is_lock(w->pg)) {
            fail_clear();
            return LATE_LOCKED;
        }
        if (!quarantine_is_data(w->pg))
            return LATE_FAILED;
        if (size == 1)
            return put_aside(w, a, batch, progress);
        fail_clear();
    }
}

/* True: all leaves were gone through. */
static bool pass(Worker *w, Arena *a, BatchLocks locks, bool *progress, long long *left) {
    PgRows rows;
    *left = 0;
    if (!pg_rows(w->pg, a, &rows, ledger_sql(a, w->schema, SQL_RESIDUE_LEAVES),
                 PG_WITH(arena_format(a, "%lld", w->backfill->id))))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        *left += pg_integer(&rows, i, 2);
        if (!pg_cell(&rows, i, 1)) {
            bool dropped;
            if (!range_drop(w->pg, a, w->schema, w->backfill->id, &dropped))
                return false;
            continue;
        }
        Batch batch =
            batch_of(w->pg, a, w->schema, w->backfill, pg_cell(&rows, i, 0), pg_cell(&rows, i, 1));
        if (one_leaf(w, a, &batch, locks, progress) == LATE_FAILED)
            return false;
    }
    return true;
}

static void tell_waiting(const Worker *w, int tries, long long left) {
    worker_tell(w, 0);
    event_tell("blocked", EVENT_SAYS("name", w->migration->name), EVENT_COUNTS("rows", left),
               EVENT_COUNTS("tries", tries));
    if (tries % IMPATIENT == 1)
        log_say("%s: %lld row%s held by others; trying again", w->migration->name, left,
                left == 1 ? " is" : "s are");
}

static WorkerAnswer is_running(const Worker *w) {
    Arena *a = arena_new(); /* a window may keep it waiting for hours */
    Backfill seen = *w->backfill;
    bool ok = backfill_find(w->pg, a, w->schema, &seen),
         runs = ok && text_same(seen.state, "running");
    arena_free(a);
    return !ok ? worker_answer(w) : runs ? WORKER_DONE : WORKER_OVER;
}

/* What people want of it, and the governor, are asked before each pass: here are no batches to
 * carry it. */
static WorkerAnswer heed(Worker *w) {
    for (;;) {
        if (stop_asked()) {
            stop_failure();
            return WORKER_STOPPED;
        }
        WorkerAnswer answer = is_running(w);
        if (answer != WORKER_DONE)
            return answer;
        if (!governor_look(w->governor))
            return worker_answer(w);
        if (!*w->governor->reason)
            return WORKER_DONE;
        if (!governor_hold(w->governor))
            return worker_answer(w);
    }
}

/* What a walk by pages has passed by, for rows move when they are changed. It takes as long as a
 * look at the whole table does. */
static bool look(Worker *w, Arena *a, const char *leaf, const char *table, long long *found) {
    PgRows rows;
    Batch batch = batch_of(w->pg, a, w->schema, w->backfill, leaf, table);
    bool ok = pg_do_all(w->pg, "BEGIN; SET LOCAL statement_timeout = 0") &&
              pg_rows(w->pg, a, &rows, batch_sql(&batch, BATCH_PASSED, BATCH_NEXT),
                      PG_WITH(arena_format(a, "%lld", w->backfill->id))) &&
              pg_do_all(w->pg, "COMMIT");
    pg_roll_back(w->pg);
    *found += ok ? rows.affected : 0;
    return ok;
}

/* Once; again and again where it is to find what is written meanwhile. */
static bool look_all(Worker *w, int looks, long long *found) {
    const Backfill *b = w->backfill;
    bool sweeps = strcmp(b->writes, "sweep") == 0, ok = true;
    *found = 0;
    if (b->walk == BACKFILL_BY_KEY || (looks && !sweeps))
        return true;
    if (looks > MOST_LOOKS) {
        fail(FAIL_PARTIAL, "after %d looks rows still come in that match `where`", MOST_LOOKS);
        return fail_hint("something writes them all the time: let it write them right, then stint "
                         "up goes on");
    }
    Arena *a = arena_new();
    for (size_t i = 0; ok && i < b->leaf.count; i++)
        ok = look(w, a, b->leaf.at[i], b->leaf_table.at[i], found);
    arena_free(a);
    return ok;
}

WorkerAnswer residue_work(Worker *w) {
    int tries = 0, looks = 0;
    for (;;) {
        bool progress = false;
        long long left;
        BatchLocks locks = tries > IMPATIENT ? BATCH_WAITS : BATCH_SKIPS;
        WorkerAnswer wish = heed(w);
        if (wish != WORKER_DONE)
            return wish;
        Arena *a = arena_new();
        bool ok = true;
        if (tries == IMPATIENT + 1) /* to wait in the queue, so that it is seen who blocks */
            ok = worker_settle(w, 2 * LOCK_PATIENCE, LOCK_PATIENCE);
        ok = ok && pass(w, a, locks, &progress, &left);
        arena_free(a);
        if (!ok)
            return worker_answer(w);
        bool looked = !left;
        if (looked && !look_all(w, looks++, &left))
            return worker_answer(w);
        if (!left)
            return WORKER_DONE;
        if (progress || looked) {
            tries = tries > IMPATIENT ? tries : 0;
            continue;
        }
        tell_waiting(w, ++tries, left);
        clock_sleep(clock_backoff(PAUSE_FIRST, PAUSE_MOST, tries));
    }
}
