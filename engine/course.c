#include "course.h"

#include "clock.h"
#include "crew.h"
#include "event.h"
#include "fail.h"
#include "keeper.h"
#include "log.h"
#include "quarantine.h"
#include "residue.h"
#include "scan.h"
#include "session.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <string.h>

enum { MOST_SWEEPS = 20 };

typedef struct {
    Step *step;
    const Config *config;
    Backfill backfill;
    Worker worker;
    Keeper keeper;
    long long lock_timeout; /* of the batches; 0: ours */
} Course;

static const char *sql_of(Course *c, const char *sql) {
    return ledger_sql(c->step->arena, c->step->schema, sql);
}

static StepAnswer settled(const Course *c, bool ok) {
    return ok ? STEP_DONE : step_failed_or_lost(c->step);
}

static const char *number(Course *c, long long n) {
    return arena_format(c->step->arena, "%lld", n);
}

/* The file's row and the backfill's. */
static StepAnswer open_backfill(Course *c) {
    const Migration *m = c->step->migration;
    const Backfill *b = &c->backfill;
    Arena *a = c->step->arena;
    const char *open = ledger_inline(
        c->step->pg, a, c->step->schema, SQL_BACKFILL_OPEN,
        PG_WITH(m->id, m->name, m->version, m->tokens, b->table, backfill_array(a, b->key),
                backfill_array(a, b->key_type), number(c, b->target), number(c, b->rows_total),
                b->way == BACKFILL_UP ? "up" : "down", number(c, b->workers), number(c, b->stripes),
                b->writes, number(c, b->max_quarantine)));
    return step_write(c->step, open, 2);
}

static StepAnswer changed_meanwhile(Course *c) {
    const Migration *m = c->step->migration;
    fail(FAIL_LEDGER, "%s was changed since this backfill began", m->path);
    fail_state("%lld rows are done with the old text", c->backfill.rows_changed);
    fail_next(
        "undo the edit; or go on with the new text from here: stint resolve %s --accept-change",
        m->version);
    return STEP_FAILED;
}

/* The file's row is begun, but nothing of a backfill is in the ledger: somebody took it out. */
static StepAnswer not_begun(Course *c) {
    const Migration *m = c->step->migration;
    fail(FAIL_LEDGER, "%s is begun, but the ledger does not know its backfill", m->name);
    fail_state("how many rows are done is unknown");
    fail_next("look at %s; then stint resolve %s --rolled-back begins it anew", c->backfill.table,
              m->version);
    return STEP_FAILED;
}

/* The ranges, and from now on workers may come: once, whoever does it. */
static StepAnswer make_ranges(Course *c) {
    Step *step = c->step;
    bool made;
    bool ok = range_make(step->pg, step->arena, step->schema, &c->backfill, c->worker.size, &made);
    return ok && !made ? STEP_TAKEN : settled(c, ok);
}

static bool find(Course *c) {
    return backfill_find(c->step->pg, c->step->arena, c->step->schema, &c->backfill);
}

static StepAnswer answer_of(Course *c, WorkerAnswer answer) {
    if (answer == WORKER_DONE)
        return STEP_DONE;
    if (answer == WORKER_OVER) { /* another process ended it: a failure, or somebody's wish */
        if (!find(c))
            return step_failed_or_lost(c->step);
        fail(FAIL_PARTIAL, "%s: %s", c->step->migration->name,
             c->backfill.error ? c->backfill.error : "the backfill is no longer running");
        return STEP_FAILED;
    }
    return answer == WORKER_LOST ? STEP_LOST : STEP_FAILED;
}

static StepAnswer walk(Course *c) {
    if (!find(c))
        return step_failed_or_lost(c->step);
    if (!c->backfill.ranges_left)
        return STEP_DONE;
    if (!worker_settle(&c->worker, c->config->statement_timeout, c->lock_timeout))
        return step_failed_or_lost(c->step);
    bool crew = c->backfill.workers > 1;
    StepAnswer answer = answer_of(c, crew ? crew_run(&c->worker, c->config, c->backfill.workers)
                                          : worker_walk(&c->worker));
    return answer == STEP_DONE && !find(c) ? step_failed_or_lost(c->step) : answer;
}

static StepAnswer walk_all(Course *c) {
    StepAnswer answer = walk(c);
    if (answer != STEP_DONE)
        return answer;
    Step *step = c->step;
    bool ok = range_make_late(step->pg, step->arena, step->schema, &c->backfill, c->worker.size);
    return ok ? walk(c) : step_failed_or_lost(step);
}

static StepAnswer late(Course *c) {
    if (!worker_settle(&c->worker, c->config->statement_timeout, c->lock_timeout))
        return step_failed_or_lost(c->step);
    StepAnswer answer = answer_of(c, residue_work(&c->worker));
    return answer == STEP_DONE && !find(c) ? step_failed_or_lost(c->step) : answer;
}

static StepAnswer cannot_sweep(long long still) {
    fail(FAIL_PARTIAL, "%lld changed rows still match `where`: a sweep would change them again",
         still);
    fail_hint("writes = \"sweep\" needs a change that makes `where` false; else writes = \"app\"");
    return STEP_FAILED;
}

static StepAnswer never_ends(void) {
    fail(FAIL_PARTIAL, "after %d sweeps rows still come in that match `where`", MOST_SWEEPS);
    fail_hint("something writes them all the time: let it write them right, then stint up goes on");
    return STEP_FAILED;
}

/* Again and again from the beginning, until a sweep changes nothing. `where` unset as `writes` is:
 * only when the change has made it false for every row. */
static StepAnswer sweep(Course *c) {
    bool asked = script_has(c->backfill.declaration, "writes");
    while (strcmp(c->backfill.writes, "sweep") == 0) {
        const Backfill *b = &c->backfill;
        if (b->rows_still)
            return asked ? cannot_sweep(b->rows_still) : STEP_DONE;
        if (b->sweep && b->rows_changed == b->sweep_from)
            return STEP_DONE;
        if (b->sweep >= MOST_SWEEPS)
            return never_ends();
        log_say("%s: sweeping for rows that were written meanwhile", c->step->migration->name);
        if (!range_make_again(c->step->pg, c->step->arena, c->step->schema, b, c->worker.size))
            return step_failed_or_lost(c->step);
        StepAnswer answer = walk(c);
        if (answer == STEP_DONE)
            answer = late(c);
        if (answer != STEP_DONE)
            return answer;
    }
    return STEP_DONE;
}

static StepAnswer verify(Course *c) {
    PgRows rows;
    size_t completed;
    Step *step = c->step;
    /* the batches' settings would be wrong for a query over the whole table */
    const char *clean = session_clean(step->arena, step->pg);
    if (!pg_message(step->pg, clean, (PgCopies){0, NULL}, &completed))
        return step_failed_or_lost(step);
    if (!c->backfill.verify)
        return STEP_DONE;
    if (!pg_rows(step->pg, step->arena, &rows, c->backfill.verify, PG_NONE)) {
        fail_in("verify");
        return step_failed_or_lost(step);
    }
    const char *answer = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    event_tell("check", EVENT_SAYS("name", step->migration->name), EVENT_SAYS("answer", answer));
    if (text_same(answer, "0"))
        return STEP_DONE;
    fail(FAIL_PARTIAL, "%s: all batches are done, but verify answers %s instead of 0",
         step->migration->name, answer ? answer : "nothing");
    fail_detail("%s", c->backfill.verify);
    fail_state("%lld rows are changed; the backfill does not count as applied",
               c->backfill.rows_changed);
    fail_next("mend these rows (or what still writes them), then: stint up verifies again");
    return STEP_FAILED;
}

/* Who asks for the new values next should know how they are spread. */
static void analyze(Course *c) {
    const char *sql = arena_format(c->step->arena, "ANALYZE %s", c->backfill.table);
    if (c->backfill.rows_changed && !pg_do(c->step->pg, sql, PG_NONE)) {
        log_detail("%s: %s", sql, failure()->message);
        fail_clear();
    }
}

static StepAnswer finish(Course *c) {
    const Migration *m = c->step->migration;
    bool up = c->step->way == STEP_UP;
    if (!keeper_finish(&c->keeper) || !keeper_drop_trigger(&c->keeper))
        return step_failed_or_lost(c->step);
    analyze(c);
    const char *sql = sql_of(c, up ? SQL_BACKFILL_FINISH : SQL_REVERT_FINISH_BACKFILL);
    if (pg_do(c->step->pg, sql, up ? PG_WITH(m->id) : PG_WITH(m->id, ledger_who()))) {
        event_tell("backfill_finished", EVENT_SAYS("version", m->version),
                   EVENT_SAYS("name", m->name), EVENT_COUNTS("rows", c->backfill.rows_changed),
                   EVENT_COUNTS("duration_ms", clock_ms() - c->worker.started));
        return STEP_DONE;
    }
    if (!pg_failed_with(c->step->pg, "22012"))
        return step_failed_or_lost(c->step);
    fail_clear();
    return STEP_TAKEN;
}

/* Where it stands, for the person who stopped it or whose rows refuse. */
static StepAnswer explain(Course *c, StepAnswer answer) {
    Failure why = fail_kept(c->step->arena);
    if (answer != STEP_FAILED)
        return answer;
    Pg *pg = c->step->pg;
    pg_stoppable(pg, false);
    if (pg_state(pg) == PG_IDLE && why.kind != FAIL_INTERRUPTED)
        backfill_set_state(pg, c->step->arena, c->step->schema, &c->backfill, "failed",
                           why.message);
    if (pg_state(pg) == PG_IDLE && why.kind == FAIL_INTERRUPTED)
        find(c);
    pg_stoppable(pg, true);
    fail_again(&why);
    if (why.state)
        return answer;
    if (why.kind == FAIL_ERROR) {
        fail_as(FAIL_PARTIAL);
        fail_in("%s", c->step->migration->name);
    }
    fail_state("%lld of about %lld rows are walked, %lld changed; each batch is committed",
               c->backfill.rows_seen, c->backfill.rows_total, c->backfill.rows_changed);
    fail_next("stint %s goes on there", c->step->way == STEP_UP ? "up" : "down");
    return answer;
}

static StepAnswer refuse_quarantine(Course *c) {
    if (!find(c))
        return step_failed_or_lost(c->step);
    if (quarantine_tell(c->step->pg, c->step->arena, c->step->schema, &c->backfill))
        return STEP_DONE;
    if (failure()->kind != FAIL_PARTIAL)
        return step_failed_or_lost(c->step);
    fail_in("%s", c->step->migration->name);
    fail_state("all other rows are done, %lld changed; the backfill does not count as applied",
               c->backfill.rows_changed);
    fail_next("mend these rows, or what is done to them (then stint resolve %s --accept-change); "
              "stint %s tries them again",
              c->step->migration->version, c->step->way == STEP_UP ? "up" : "down");
    return STEP_FAILED;
}

static StepAnswer begin(Course *c) {
    Step *step = c->step;
    Arena *a = step->arena;
    Batch batch =
        batch_of(step->pg, a, step->schema, &c->backfill,
                 c->backfill.leaf.count ? c->backfill.leaf.at[0] : c->backfill.oid,
                 c->backfill.leaf.count ? c->backfill.leaf_table.at[0] : c->backfill.table);
    if (step->begun)
        return STEP_DONE;
    if (!keeper_check(&c->keeper) || !worker_settle(&c->worker, 0, step->retreat->timeout) ||
        !scan_try(&batch))
        return step_failed_or_lost(step);
    return open_backfill(c);
}

static StepAnswer prepare(Course *c) {
    Step *step = c->step;
    size_t completed;
    if (step->prelude && !pg_message(step->pg, step->prelude, (PgCopies){0, NULL}, &completed))
        return step_failed_or_lost(step);
    step->prelude = NULL;
    if (!backfill_describe(step->pg, step->arena, &step->migration->declaration,
                           step->migration->id, step->way == STEP_UP ? BACKFILL_UP : BACKFILL_DOWN,
                           &c->backfill))
        return step_failed_or_lost(step);
    c->worker = worker_of(step->pg, step->arena, step->schema, step->migration, &c->backfill);
    c->keeper = (Keeper){step->pg, step->arena, step->schema, step->retreat, &c->backfill};
    StepAnswer answer = begin(c);
    if (answer != STEP_DONE)
        return answer;
    if (!find(c) || !worker_settle(&c->worker, c->config->statement_timeout, c->lock_timeout))
        return step_failed_or_lost(step);
    if (!c->backfill.id)
        return not_begun(c);
    if (strcmp(c->backfill.spec, step->migration->tokens) != 0)
        return changed_meanwhile(c);
    if (strcmp(c->backfill.state, "planned") == 0)
        return keeper_make_trigger(&c->keeper) ? make_ranges(c) : step_failed_or_lost(step);
    bool again = strcmp(c->backfill.state, "failed") == 0;
    return settled(
        c,
        backfill_set_state(step->pg, step->arena, step->schema, &c->backfill, "running", NULL) &&
            (!again || backfill_retry(step->pg, step->arena, step->schema, c->backfill.id, NULL)));
}

static StepAnswer run(Course *c) {
    static StepAnswer (*const parts[])(Course *) = {walk_all, late, sweep, refuse_quarantine,
                                                    verify};
    StepAnswer answer = STEP_DONE;
    for (size_t i = 0; answer == STEP_DONE && i < sizeof parts / sizeof *parts; i++) {
        answer = parts[i](c);
        if (answer == STEP_DONE && i == 0 && !keeper_announce(&c->keeper))
            answer = step_failed_or_lost(c->step);
    }
    return answer == STEP_DONE ? finish(c) : answer;
}

/* What somebody has set for table locks holds for rows, too; the default is for tables alone. */
static long long lock_timeout_of(const Config *config) {
    return text_same(config_source(config, "lock_timeout"), "default") ? 0 : config->lock_timeout;
}

StepAnswer course_run(Step *step, const Config *config) {
    Course c = {.step = step, .config = config, .lock_timeout = lock_timeout_of(config)};
    StepAnswer answer = prepare(&c);
    if (answer != STEP_DONE)
        return step->begun || answer != STEP_FAILED ? explain(&c, answer) : answer;
    if (!find(&c))
        return step_failed_or_lost(step);
    if (c.backfill.rows_seen)
        log_say("%s: going on after %lld of about %lld rows", step->migration->name,
                c.backfill.rows_seen, c.backfill.rows_total);
    c.worker.seen_before = c.backfill.rows_seen;
    return explain(&c, run(&c));
}
