#include "course.h"

#include "clock.h"
#include "crew.h"
#include "event.h"
#include "fail.h"
#include "goal.h"
#include "log.h"
#include "quarantine.h"
#include "residue.h"
#include "scan.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { MOST_SWEEPS = 20 };

typedef struct {
    Step *step;
    const Config *config;
    Backfill backfill;
    Governor governor;
    Worker worker;
    Keeper keeper;
    long long lock_timeout; /* of the batches; 0: ours */
    bool detached;          /* batches are for `stint work` */
} Course;

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
                b->writes, number(c, b->max_quarantine), backfill_walk_name(b->walk),
                number(c, b->stripe_keys)));
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
    bool ok =
        range_make(step->pg, step->arena, step->schema, &c->backfill, c->worker.pace.size, &made);
    return ok && !made ? STEP_TAKEN : settled(c, ok);
}

static bool find(Course *c) {
    return backfill_find(c->step->pg, c->step->arena, c->step->schema, &c->backfill);
}

static StepAnswer was_cancelled(const Course *c) {
    const Backfill *b = &c->backfill;
    const Migration *m = c->step->migration;
    fail(FAIL_PARTIAL, "%s: it was cancelled", m->name);
    fail_state("%lld of about %lld rows are walked, %lld changed, and they stay so", b->rows_seen,
               b->rows_total, b->rows_changed);
    fail_next("to take it up again: stint backfill resume %s; to let it count as done: stint "
              "resolve %s --applied; as if never begun: stint resolve %s --rolled-back",
              m->name, m->version, m->version);
    return STEP_FAILED;
}

static StepAnswer is_paused(const Course *c) {
    const Backfill *b = &c->backfill;
    const Migration *m = c->step->migration;
    fail(FAIL_PENDING, "%s is paused", m->name);
    fail_state("%lld of about %lld rows are walked, %lld changed; nothing was run now",
               b->rows_seen, b->rows_total, b->rows_changed);
    fail_next("stint backfill resume %s lets it go on, then: stint %s", m->name,
              c->step->way == STEP_UP ? "up" : "down");
    return STEP_FAILED;
}

/* Its batches are somebody else's. */
static StepAnswer leave(const Course *c) {
    const Backfill *b = &c->backfill;
    const Migration *m = c->step->migration;
    bool paused = text_same(b->desired, "pause");
    event_tell("backfill_left", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("state", paused ? "paused" : b->state),
               EVENT_COUNTS("rows_done", b->rows_seen), EVENT_COUNTS("rows_total", b->rows_total));
    return STEP_LEFT;
}

/* By a failure of another process, which has told it to nobody but the ledger. */
static StepAnswer ended_elsewhere(Course *c) {
    const Step *step = c->step;
    const Backfill *b = &c->backfill;
    const char *rows = "", *id = arena_format(step->arena, "%lld", b->id);
    if (b->quarantined && !quarantine_show(step->pg, step->arena, step->schema, id, &rows))
        return step_failed_or_lost(c->step);
    fail(FAIL_PARTIAL, "%s: %s", step->migration->name,
         b->error ? b->error : "the backfill is no longer running");
    if (*rows)
        fail_detail("%s", rows);
    return STEP_FAILED;
}

static StepAnswer answer_of(Course *c, WorkerAnswer answer) {
    if (answer == WORKER_DONE)
        return STEP_DONE;
    if (answer == WORKER_OVER) { /* another process ended it: a failure, or somebody's wish */
        if (!find(c))
            return step_failed_or_lost(c->step);
        if (text_same(c->backfill.state, "cancelled"))
            return was_cancelled(c);
        return ended_elsewhere(c);
    }
    return answer == WORKER_LOST ? STEP_LOST : STEP_FAILED;
}

static StepAnswer walk(Course *c) {
    if (!find(c))
        return step_failed_or_lost(c->step);
    if (!c->backfill.ranges_left)
        return STEP_DONE;
    if (c->detached)
        return leave(c);
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
    bool ok =
        range_make_late(step->pg, step->arena, step->schema, &c->backfill, c->worker.pace.size);
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
    while (strcmp(c->backfill.writes, "sweep") == 0 && c->backfill.walk == BACKFILL_BY_KEY) {
        const Backfill *b = &c->backfill;
        if (b->rows_still)
            return asked ? cannot_sweep(b->rows_still) : STEP_DONE;
        if (b->sweep && b->rows_changed == b->sweep_from)
            return STEP_DONE;
        if (b->sweep >= MOST_SWEEPS)
            return never_ends();
        log_say("%s: sweeping for rows that were written meanwhile", c->step->migration->name);
        if (!range_make_again(c->step->pg, c->step->arena, c->step->schema, b, c->worker.pace.size))
            return step_failed_or_lost(c->step);
        StepAnswer answer = walk(c);
        if (answer == STEP_DONE)
            answer = late(c);
        if (answer != STEP_DONE)
            return answer;
    }
    return STEP_DONE;
}

/* Where it stands, for the person who stopped it or whose rows refuse. */
static StepAnswer explain(Course *c, StepAnswer answer) {
    Failure why = fail_kept(c->step->arena);
    if (answer != STEP_FAILED)
        return answer;
    Pg *pg = c->step->pg;
    pg_stoppable(pg, false);
    if (pg_state(pg) == PG_IDLE && why.kind != FAIL_INTERRUPTED && why.kind != FAIL_PENDING)
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
    const char *command = c->step->way == STEP_UP ? "up" : "down";
    if (why.kind == FAIL_ERROR)
        fail_next("stint %s goes on there; once the file is mended, first: stint resolve %s "
                  "--accept-change",
                  command, c->step->migration->version);
    else
        fail_next("stint %s goes on there", command);
    return answer;
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

/* What people want of it comes first; then what must be there before the first batch. */
static StepAnswer go_on(Course *c) {
    Step *step = c->step;
    const Backfill *b = &c->backfill;
    bool failed = text_same(b->state, "failed");
    if (text_same(b->state, "cancelled"))
        return was_cancelled(c);
    if (text_same(b->desired, "pause"))
        return c->detached && b->ranges ? leave(c) : is_paused(c);
    if (failed && !backfill_set_state(step->pg, step->arena, step->schema, b,
                                      b->ranges ? "running" : "planned", NULL))
        return step_failed_or_lost(step);
    if (text_same(b->state, "planned") || !b->ranges)
        return keeper_release(&c->keeper) && keeper_make_trigger(&c->keeper)
                   ? make_ranges(c)
                   : step_failed_or_lost(step);
    if (!governor_forget(&c->governor))
        return step_failed_or_lost(step);
    return settled(c, !failed ||
                          quarantine_retry(step->pg, step->arena, step->schema, c->backfill.id));
}

static StepAnswer prepare(Course *c) {
    Step *step = c->step;
    if (step->prelude && !pg_do_all(step->pg, step->prelude))
        return step_failed_or_lost(step);
    step->prelude = NULL;
    if (!backfill_describe(step->pg, step->arena, &step->migration->declaration,
                           step->migration->id, step->way == STEP_UP ? BACKFILL_UP : BACKFILL_DOWN,
                           &c->backfill))
        return step_failed_or_lost(step);
    if (!governor_of(step->pg, step->arena, step->schema, c->config, &c->backfill,
                     step->migration->name, &c->governor))
        return step_failed_or_lost(step);
    c->worker =
        worker_of(step->pg, step->arena, step->schema, step->migration, &c->backfill, &c->governor);
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
    return go_on(c);
}

static StepAnswer reach(Course *c) {
    StepAnswer answer =
        find(c) ? goal_quarantine(c->step, &c->backfill) : step_failed_or_lost(c->step);
    if (answer == STEP_DONE)
        answer = goal_verify(c->step, &c->backfill);
    return answer == STEP_DONE ? goal_finish(c->step, &c->keeper, c->worker.started) : answer;
}

static StepAnswer run(Course *c) {
    StepAnswer answer = walk_all(c);
    if (answer == STEP_DONE && !keeper_announce(&c->keeper))
        return step_failed_or_lost(c->step);
    if (answer == STEP_DONE)
        answer = late(c);
    if (answer == STEP_DONE)
        answer = sweep(c);
    return answer == STEP_DONE ? reach(c) : answer;
}

/* What somebody has set for table locks holds for rows, too; the default is for tables alone. */
static long long lock_timeout_of(const Config *config) {
    return text_same(config_source(config, "lock_timeout"), "default") ? 0 : config->lock_timeout;
}

StepAnswer course_run(Step *step, const Config *config) {
    Course c = {.step = step, .config = config, .lock_timeout = lock_timeout_of(config)};
    c.detached = step->way == STEP_UP && text_same(config->backfills, "detached");
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
