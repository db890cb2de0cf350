#include "setback.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "quarantine.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <string.h>

enum { RETRY_FIRST = 50, RETRY_MOST = 5000, PLAIN = 20, STUCK = 3 };

static bool is_lock(const Pg *pg) {
    return pg_failed_with(pg, "40P01") || pg_failed_with(pg, "40001") ||
           pg_failed_with(pg, "55P03");
}

static Turn again(Worker *w, bool pauses) {
    event_tell("retry", EVENT_SAYS("name", w->migration->name),
               EVENT_SAYS("error", failure()->message), EVENT_COUNTS("batch_size", w->pace.size),
               EVENT_COUNTS("try", w->retries + 1));
    fail_clear();
    if (pauses)
        clock_sleep(clock_backoff(RETRY_FIRST, RETRY_MOST, w->retries));
    w->retries++;
    return TURN_NOTHING;
}

/* The key of a batch of one, so that it is that row, and no other, that is put aside. */
static Turn blame(Worker *w) {
    Arena *a = arena_new();
    PgRows rows;
    const char *id = arena_format(a, "%lld", w->backfill->id);
    bool ok = pg_rows(w->pg, a, &rows, batch_sql(&w->batch, BATCH_READ, w->range.start),
                      PG_WITH(id, w->range.number, w->range.token, "1", NULL));
    w->blamed = ok ? arena_string(w->ranges, batch_fence(a, &rows).upper) : NULL;
    bool found = ok && rows.count > 1;
    w->blamed_key = found ? backfill_key(w->ranges, w->backfill, &rows, 1, BATCH_KEY) : w->blamed;
    arena_free(a);
    return ok ? TURN_NOTHING : TURN_FAILED;
}

static Turn put_aside(Worker *w) {
    Arena *a = arena_new();
    PgRows rows;
    Failure why = fail_kept(a);
    const char *id = arena_format(a, "%lld", w->backfill->id), *key = w->blamed;
    fail_clear();
    w->blamed = NULL;
    bool ok = pg_rows(w->pg, a, &rows, batch_sql(&w->batch, BATCH_BAD, w->range.start),
                      PG_WITH(id, w->range.number, w->range.token, "1", key, why.sqlstate,
                              why.message, why.context));
    Turn turn = ok ? worker_read_answer(w, &rows, 1, 0, 1) : TURN_FAILED;
    if (ok && turn != TURN_FAILED) {
        worker_tell_bad(w, w->blamed_key, why.message);
        if (!quarantine_check(w->pg, w->schema, w->backfill))
            turn = TURN_FAILED;
    }
    arena_free(a);
    return turn;
}

/* Halves until it is one row, then that row is put aside. No state is kept for it: the position
 * stays one prefix, and a crash at any point is harmless. */
static Turn isolate(Worker *w) {
    w->pace.isolates = true;
    w->plain = PLAIN;
    if (w->pace.size > 1) {
        w->pace.size /= 2;
        fail_clear();
        return TURN_NOTHING;
    }
    if (w->blamed)
        return put_aside(w);
    fail_clear();
    return blame(w);
}

/* What was changed by pages so far has made `where` false, and the rest is as it was: from the
 * beginning along the key, each row is changed once. */
static Turn by_key(Worker *w) {
    Arena *a = arena_new();
    fail_clear();
    log_say("%s: the change leaves `where` true for some rows: going on along the key",
            w->migration->name);
    bool ok = range_by_key(w->pg, a, w->schema, w->backfill, w->pace.size);
    arena_free(a);
    return ok || is_lock(w->pg) ? TURN_FENCED : TURN_FAILED;
}

Turn setback_turn(Worker *w) {
    Pg *pg = w->pg;
    bool dropped;
    if (stop_asked() && failure()->kind == FAIL_INTERRUPTED)
        return TURN_FAILED;
    if (batch_left_where(pg, w->backfill))
        return by_key(w);
    if (quarantine_is_data(pg))
        return isolate(w);
    if (pg_failed_with(pg, "57014") || pg_failed_with(pg, "53200")) {
        w->plain = PLAIN;
        if (w->pace.size == 1 && ++w->stuck > STUCK)
            return isolate(w);
        pace_halve(&w->pace);
        return again(w, w->pace.size == 1);
    }
    if (is_lock(pg)) {
        bool pauses = w->skips || w->backfill->form == BACKFILL_STATEMENT;
        w->skips = !w->skips && w->backfill->form != BACKFILL_STATEMENT;
        w->plain = w->plain ? w->plain : 1;
        return again(w, pauses);
    }
    if (pg_failed_with(pg, "53100") || pg_failed_with(pg, "53300"))
        return again(w, true);
    Arena *a = arena_new();
    Failure why = fail_kept(a);
    bool gone = pg_failed_with(pg, "42P01") &&
                range_drop(pg, a, w->schema, w->backfill->id, &dropped) && dropped;
    if (!gone)
        fail_again(&why);
    else
        fail_clear();
    arena_free(a);
    return gone ? TURN_FENCED : TURN_FAILED;
}
