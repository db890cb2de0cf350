#include "worker.h"

#include "backfill.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "session.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <math.h>
#include <string.h>

/* Sizes in keys. Above 20,000 nothing gets faster, only locks get longer (measured; docs). */
enum {
    FIRST_SIZE = 1000,
    LARGEST_SIZE = 20000,
    PAUSE_POLL = 500,
    RETRY_FIRST = 50,
    RETRY_MOST = 5000
};

typedef struct {
    Step *step;
    Backfill backfill;
    const char *range, *token; /* the range in hand */
    bool first;                /* it has no position yet */
    long size;                 /* keys of the next batch */
    double rate;               /* keys a ms, smoothed; 0: unknown */
    int retries;
    long long started, seen_before;
} Worker;

typedef enum { TURN_DONE, TURN_RANGE_DONE, TURN_NOTHING, TURN_HELD, TURN_FENCED, TURN_FAILED } Turn;

static const char *sql_of(Worker *w, const char *sql) {
    return ledger_sql(w->step->arena, w->step->schema, sql);
}

static StepAnswer failed_or_lost(const Step *step) {
    return pg_state(step->pg) == PG_LOST ? STEP_LOST : STEP_FAILED;
}

static const char *inlined(Worker *w, const char *sql, PgArgs args) {
    return ledger_inline(w->step->pg, w->step->arena, w->step->schema, sql, args);
}

/* The file's row, the backfill's and its ranges, in one transaction. */
static StepAnswer open_backfill(Worker *w) {
    const Migration *m = w->step->migration;
    const Backfill *b = &w->backfill;
    Arena *a = w->step->arena;
    const char *open =
        inlined(w, SQL_BACKFILL_OPEN,
                PG_WITH(m->id, m->name, m->version, m->tokens, b->table, backfill_array(a, b->key),
                        backfill_array(a, b->key_type), arena_format(a, "%lld", b->target),
                        arena_format(a, "%lld", b->rows_total)));
    const char *cut = inlined(w, b->cut, PG_WITH(m->id));
    return step_write(w->step, arena_format(a, "%s;\n%s", open, cut), 4);
}

static StepAnswer changed_meanwhile(Worker *w) {
    const Migration *m = w->step->migration;
    fail(FAIL_LEDGER, "%s was changed since this backfill began", m->path);
    fail_state("%lld rows are done with the old text", w->backfill.rows_changed);
    fail_next(
        "undo the edit; or go on with the new text from here: stint resolve %s --accept-change",
        m->version);
    return STEP_FAILED;
}

static bool take_range(Worker *w, bool *found) {
    PgRows rows;
    const char *id = arena_format(w->step->arena, "%lld", w->backfill.id);
    if (!pg_rows(w->step->pg, w->step->arena, &rows, sql_of(w, SQL_BACKFILL_TAKE),
                 PG_WITH(id, ledger_who())))
        return false;
    *found = rows.count > 0;
    if (*found) {
        w->range = pg_cell(&rows, 0, 0);
        w->token = pg_cell(&rows, 0, 1);
        w->size = (long)pg_integer(&rows, 0, 2);
        w->first = pg_true(&rows, 0, 3);
    }
    return true;
}

/* Size follows time: the smoothed rate times the target, growing by half at the most. */
static void learn(Worker *w, long keys, long long us) {
    double ms = us > 1000 ? (double)us / 1000 : 1, target = (double)w->backfill.target;
    if (keys < w->size / 2)
        return; /* a short last batch says little */
    double now = (double)keys / ms;
    w->rate = w->rate > 0 ? exp(0.7 * log(w->rate) + 0.3 * log(now)) : now;
    double wanted = w->rate * target, size = (double)w->size;
    if (ms > 5 * target)
        wanted = size / 10;
    else if (wanted > 1.5 * size)
        wanted = 1.5 * size;
    else if (wanted < size / 2)
        wanted = size / 2;
    w->size = wanted < 1 ? 1 : wanted > LARGEST_SIZE ? LARGEST_SIZE : (long)wanted;
}

static void tell_batch(Worker *w, long long changed) {
    const Backfill *b = &w->backfill;
    long long spent = clock_ms() - w->started, fresh = b->rows_seen - w->seen_before;
    double speed = spent > 0 ? 1000.0 * (double)fresh / (double)spent : 0;
    long long left = b->rows_total > b->rows_seen ? b->rows_total - b->rows_seen : 0;
    event_tell("batch", EVENT_SAYS("version", w->step->migration->version),
               EVENT_SAYS("name", w->step->migration->name), EVENT_COUNTS("rows", changed),
               EVENT_COUNTS("rows_done", b->rows_seen), EVENT_COUNTS("rows_total", b->rows_total),
               EVENT_MEASURES("rows_per_second", speed), EVENT_COUNTS("batch_size", w->size),
               EVENT_COUNTS("eta_seconds", speed > 0 ? (long long)((double)left / speed) : -1));
}

static Turn read_answer(Worker *w, const PgRows *rows, long long us) {
    if (!rows->count) {
        fail(FAIL_LEDGER, "%s: its row in the ledger is gone", w->step->migration->name);
        return TURN_FAILED;
    }
    if (text_same(pg_cell(rows, 0, 3), "cancel")) {
        fail(FAIL_PARTIAL, "%s: it was cancelled", w->step->migration->name);
        fail_hint("to go on: UPDATE stint.backfill SET desired = 'run' WHERE name = '%s'",
                  w->step->migration->name);
        return TURN_FAILED;
    }
    if (!pg_cell(rows, 0, 0)) { /* nothing was done: which fence was it? */
        if (!text_same(pg_cell(rows, 0, 3), "run"))
            return TURN_HELD;
        if (!pg_true(rows, 0, 4))
            return TURN_FENCED;
        w->first = !w->first;
        return TURN_NOTHING;
    }
    long keys = (long)pg_integer(rows, 0, 1);
    w->first = false;
    w->retries = 0;
    w->backfill.rows_seen += keys;
    w->backfill.rows_changed += pg_integer(rows, 0, 2);
    tell_batch(w, pg_integer(rows, 0, 2));
    learn(w, keys, us);
    return text_same(pg_cell(rows, 0, 0), "done") ? TURN_RANGE_DONE : TURN_DONE;
}

/* What is worth another try: deadlocks, serialization, table and row locks; and a batch that was
 * too large for statement_timeout is tried smaller. */
static bool may_retry(Worker *w) {
    Pg *pg = w->step->pg;
    if (pg_failed_with(pg, "57014") && !stop_asked() && w->size > 1)
        w->size /= 2;
    else if (!pg_failed_with(pg, "40P01") && !pg_failed_with(pg, "40001") &&
             !pg_failed_with(pg, "55P03"))
        return false;
    event_tell("retry", EVENT_SAYS("name", w->step->migration->name),
               EVENT_SAYS("error", failure()->message), EVENT_COUNTS("batch_size", w->size),
               EVENT_COUNTS("try", w->retries + 1));
    fail_clear();
    clock_sleep(clock_backoff(RETRY_FIRST, RETRY_MOST, w->retries++));
    return true;
}

static Turn turn(Worker *w) {
    Arena *a = arena_new();
    PgRows rows;
    const char *sql = w->first ? w->backfill.first_batch : w->backfill.next_batch;
    const char *id = arena_format(a, "%lld", w->backfill.id),
               *size = arena_format(a, "%ld", w->size);
    long long start = clock_us();
    Turn answer = TURN_FAILED;
    pg_stoppable(w->step->pg, false); /* a stop waits for the end of the batch */
    if (pg_rows(w->step->pg, a, &rows, sql, PG_WITH(id, w->range, w->token, size)))
        answer = read_answer(w, &rows, clock_us() - start);
    else if (may_retry(w))
        answer = TURN_NOTHING;
    pg_stoppable(w->step->pg, true);
    arena_free(a);
    return answer;
}

static StepAnswer do_batches(Worker *w) {
    bool found = true;
    bool told = false;
    Turn last = TURN_RANGE_DONE;
    for (;;) {
        if (stop_asked()) {
            stop_failure();
            return STEP_FAILED;
        }
        if (last == TURN_RANGE_DONE && !take_range(w, &found))
            return failed_or_lost(w->step);
        if (!found)
            return STEP_DONE;
        last = turn(w);
        if (last == TURN_FAILED)
            return failed_or_lost(w->step);
        if (last == TURN_FENCED)
            return STEP_TAKEN;
        if (last == TURN_HELD && !told)
            event_tell("throttled", EVENT_SAYS("name", w->step->migration->name),
                       EVENT_SAYS("throttled_by", "paused"));
        told = last == TURN_HELD;
        if (last == TURN_HELD)
            clock_sleep(PAUSE_POLL);
    }
}

static StepAnswer verify(Worker *w) {
    PgRows rows;
    const Migration *m = w->step->migration;
    if (!w->backfill.verify)
        return STEP_DONE;
    /* the batches' settings would be wrong for a query over the whole table */
    size_t completed;
    const char *clean = session_clean(w->step->arena, w->step->pg);
    if (!pg_message(w->step->pg, clean, (PgCopies){0, NULL}, &completed))
        return failed_or_lost(w->step);
    if (!pg_rows(w->step->pg, w->step->arena, &rows, w->backfill.verify, PG_NONE)) {
        fail_in("verify");
        return failed_or_lost(w->step);
    }
    const char *answer = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    event_tell("check", EVENT_SAYS("name", m->name), EVENT_SAYS("answer", answer));
    if (text_same(answer, "0"))
        return STEP_DONE;
    fail(FAIL_PARTIAL, "%s: all batches are done, but verify answers %s instead of 0", m->name,
         answer ? answer : "nothing");
    fail_detail("%s", w->backfill.verify);
    fail_state("%lld rows are changed; the backfill does not count as applied",
               w->backfill.rows_changed);
    fail_next("mend these rows (or what still writes them), then: stint up verifies again");
    return STEP_FAILED;
}

static StepAnswer finish(Worker *w) {
    const Migration *m = w->step->migration;
    bool up = w->step->way == STEP_UP;
    const char *sql = sql_of(w, up ? SQL_BACKFILL_FINISH : SQL_REVERT_FINISH_BACKFILL);
    if (pg_do(w->step->pg, sql, up ? PG_WITH(m->id) : PG_WITH(m->id, ledger_who()))) {
        event_tell("backfill_finished", EVENT_SAYS("version", m->version),
                   EVENT_SAYS("name", m->name), EVENT_COUNTS("rows", w->backfill.rows_changed),
                   EVENT_COUNTS("duration_ms", clock_ms() - w->started));
        return STEP_DONE;
    }
    if (!pg_failed_with(w->step->pg, "22012"))
        return failed_or_lost(w->step);
    fail_clear();
    return STEP_TAKEN;
}

/* Where it stands, for the person who stopped it or whose rows refuse. */
static StepAnswer explain(Worker *w, StepAnswer answer) {
    Failure why = fail_kept(w->step->arena);
    if (answer != STEP_FAILED || why.state)
        return answer;
    Pg *pg = w->step->pg;
    pg_stoppable(pg, false);
    if (pg_state(pg) == PG_IDLE && why.kind != FAIL_INTERRUPTED)
        pg_do(pg, sql_of(w, SQL_BACKFILL_STATE), PG_WITH(w->backfill.migration, "failed"));
    pg_stoppable(pg, true);
    fail_again(&why);
    if (why.kind == FAIL_ERROR) {
        fail_as(FAIL_PARTIAL);
        fail_in("%s", w->step->migration->name);
    }
    fail_state("%lld of about %lld rows are walked, %lld changed; each batch is committed",
               w->backfill.rows_seen, w->backfill.rows_total, w->backfill.rows_changed);
    fail_next("stint %s goes on there", w->step->way == STEP_UP ? "up" : "down");
    return answer;
}

/* The server reads what will be sent, and does nothing: there is no backfill 0. So a mistake in the
 * declaration's SQL is found before anything is begun. */
static bool try_out(Worker *w) {
    const Declaration *d = &w->step->migration->declaration;
    const Backfill *b = &w->backfill;
    Arena *a = w->step->arena;
    PgRows rows;
    if (pg_rows(w->step->pg, a, &rows, b->first_batch, PG_WITH("0", "0", "0", "1")) &&
        (!b->verify || pg_do(w->step->pg, arena_format(a, "EXPLAIN %s", b->verify), PG_NONE)))
        return true;
    return fail_at((FailPlace){d->file, (size_t)d->line, 0, NULL});
}

static StepAnswer prepare(Worker *w) {
    Step *step = w->step;
    size_t completed;
    const char *limit = arena_format(
        step->arena, "%lld", 10 * w->backfill.target > 5000 ? 10 * w->backfill.target : 5000);
    if (step->prelude && !pg_message(step->pg, step->prelude, (PgCopies){0, NULL}, &completed))
        return failed_or_lost(step);
    step->prelude = NULL;
    if (!backfill_describe(step->pg, step->arena, step->schema, &step->migration->declaration,
                           step->migration->id, step->way == STEP_UP ? BACKFILL_UP : BACKFILL_DOWN,
                           &w->backfill))
        return failed_or_lost(step);
    if (!step->begun) {
        if (!try_out(w))
            return failed_or_lost(step);
        StepAnswer answer = open_backfill(w);
        if (answer != STEP_DONE)
            return answer;
    }
    if (!backfill_find(step->pg, step->arena, step->schema, &w->backfill) ||
        !pg_do(step->pg, SQL_BACKFILL_SETTINGS, PG_WITH(limit)))
        return failed_or_lost(step);
    if (strcmp(w->backfill.spec, step->migration->tokens) != 0)
        return changed_meanwhile(w);
    if (!pg_do(step->pg, sql_of(w, SQL_BACKFILL_STATE), PG_WITH(step->migration->id, "running")))
        return failed_or_lost(step);
    return STEP_DONE;
}

StepAnswer worker_run(Step *step) {
    Worker w = {.step = step, .size = FIRST_SIZE, .started = clock_ms()};
    StepAnswer answer = prepare(&w);
    if (answer != STEP_DONE)
        return answer;
    if (w.backfill.rows_seen)
        log_say("%s: going on after %lld of about %lld rows", step->migration->name,
                w.backfill.rows_seen, w.backfill.rows_total);
    w.seen_before = w.backfill.rows_seen;
    answer = do_batches(&w);
    if (answer == STEP_DONE)
        answer = verify(&w);
    if (answer == STEP_DONE)
        answer = finish(&w);
    return explain(&w, answer);
}
