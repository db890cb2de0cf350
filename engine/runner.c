#include "runner.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "neutral.h"
#include "resume.h"
#include "run.h"
#include "session.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "worker.h"

#include <string.h>

/* Another run that is ahead of us is waited for with growing pauses. */
enum { TAKEN_FIRST = 50, TAKEN_MOST = 2000 };

static const char *setting(Arena *a, const char *name, long long ms) {
    return ms < 0 ? "" : arena_format(a, "SET %s = '%lldms';\n", name, ms);
}

/* What makes the session as this file may expect it; NULL when it is so already. */
static void set_prelude(Run *run, Step *step) {
    const Migration *m = step->migration;
    Directives none = {.lock_timeout = -1, .statement_timeout = -1};
    const Directives *d = m->kind == MIGRATION_SQL ? &m->sql.directives : &none;
    bool asks = d->lock_timeout >= 0 || d->statement_timeout >= 0;
    if (!run->used && !asks)
        return;
    step->prelude = arena_format(step->arena, "%s%s%s", session_clean(step->arena, run->pg),
                                 setting(step->arena, "lock_timeout", d->lock_timeout),
                                 setting(step->arena, "statement_timeout", d->statement_timeout));
    step->prelude_count =
        SESSION_CLEAN_COUNT + (size_t)(d->lock_timeout >= 0) + (size_t)(d->statement_timeout >= 0);
}

/* The parts from the position on. */
static StepAnswer run_parts(Step *step, const Parts *parts) {
    size_t total = step->half->statements.count;
    for (size_t i = 0; i < parts->count; i++) {
        Part part = parts->at[i];
        size_t end = part.first + part.count, done = (size_t)step->position;
        if (end <= done && total)
            continue;
        if (part.first < done) {
            part.count = end - done;
            part.first = done;
        }
        if (part.kind != PART_SOLO && !retreat_probe(step->retreat, step->half, &part))
            return pg_state(step->pg) == PG_LOST ? STEP_LOST : STEP_FAILED;
        StepAnswer answer = part.kind == PART_SOLO ? step_solo(step, part.first, end == total)
                                                   : step_part(step, &part, end == total);
        if (answer != STEP_DONE)
            return answer;
    }
    return STEP_DONE;
}

/* A statement that turned out to end transactions itself (a procedure that commits) runs alone. */
static bool split_at(Step *step, Migration *m, Parts *parts) {
    Statement *s = &m->sql.up.statements.at[step->failed];
    Failure why = fail_kept(step->arena);
    if (s->kind == STATEMENT_SOLO)
        return false;
    s->kind = STATEMENT_SOLO;
    s->solo = SOLO_UNKNOWN;
    if (!statement_parts(step->arena, m->path, m->sql.up.text, &m->sql.up.statements,
                         m->sql.directives.no_transaction, parts))
        return fail_again(&why);
    fail_clear();
    log_detail(
        "%s: statement %zu (%s) ends transactions itself: the file runs statement by statement",
        m->name, step->failed + 1, s->words);
    return true;
}

/* The lock was not to be had: pause, and STEP_DONE to try the same again. */
static StepAnswer try_again(Step *step) {
    Retreat *retreat = step->retreat;
    Failure why = fail_kept(step->arena);
    const char *who = retreat->blockers ? retreat->blockers : why.message;
    StepAnswer noted = step_note(step, "lock_retreat", who);
    if (noted != STEP_DONE)
        return noted;
    fail_again(&why);
    return retreat_again(retreat) ? STEP_DONE : STEP_FAILED;
}

static StepAnswer apply_sql(Step *step, Migration *m, const LedgerRow *row) {
    Parts parts = m->sql.up.parts;
    Part empty = {0, 0, PART_TRANSACTION};
    if (!parts.count)
        parts = (Parts){1, &empty};
    StepAnswer answer = step->begun ? resume_file(step, row) : STEP_DONE;
    while (answer == STEP_DONE) {
        answer = run_parts(step, &parts);
        if (answer == STEP_LOCKED)
            answer = try_again(step);
        else if (answer == STEP_SPLIT)
            answer = split_at(step, m, &parts) ? STEP_DONE : STEP_FAILED;
        else
            return answer;
    }
    return answer;
}

static Step step_for(Run *run, Arena *a, const PlanItem *item) {
    const LedgerRow *row = item->row;
    Step step = {.arena = a,
                 .pg = run->pg,
                 .schema = run->config->ledger_schema,
                 .migration = item->migration,
                 .half = item->migration->kind == MIGRATION_SQL ? &item->migration->sql.up : NULL,
                 .rolled_back = item->state == PLAN_ROLLED_BACK,
                 .run = run->id};
    if (row && !step.rolled_back) {
        step.begun = true;
        step.position = row->position;
        step.run_believed = row->run;
    }
    set_prelude(run, &step);
    return step;
}

/* A Lua migration without a transaction that did not come to its end. */
static bool say_in_doubt(const Migration *m) {
    fail_state("nobody knows how far it came");
    return fail_next(
        "look, then say which it is: stint resolve %s --statement-done 1 | --statement-again 1",
        m->version);
}

static StepAnswer resume_lua(const Step *step) {
    const Migration *m = step->migration;
    fail(FAIL_PARTIAL, "%s: it runs without a transaction, and an earlier run of it did not end",
         m->name);
    say_in_doubt(m);
    return STEP_FAILED;
}

static StepAnswer apply(Run *run, PlanItem *item, Step *step) {
    Migration *m = item->migration;
    run->used = true;
    if (m->kind == MIGRATION_SQL)
        return apply_sql(step, m, item->row);
    if (m->kind == MIGRATION_BACKFILL)
        return worker_run(step);
    if (step->begun && item->row->intent)
        return resume_lua(step);
    StepAnswer answer = step_lua(step);
    while (answer == STEP_LOCKED) {
        answer = try_again(step);
        if (answer == STEP_DONE)
            answer = step_lua(step);
    }
    return answer;
}

/* A failure without a place is of a whole part, at its COMMIT. */
static const char *what_failed(const Step *step) {
    return step->place.file
               ? arena_format(step->arena, "statement %zu", step->failed + 1)
               : arena_format(step->arena, "what begins with statement %ld", step->position + 1);
}

/* What state things are in now, and how to go on. The attempt is written after the rollback, or it
 * would go with it; DETAIL may hold users' data and is not stored. */
static bool explain(Run *run, const Step *step, const PlanItem *item) {
    const Migration *m = item->migration;
    Failure why = fail_kept(step->arena);
    const char *text =
        why.sqlstate ? arena_format(step->arena, "%s (SQLSTATE %s)", why.message, why.sqlstate)
                     : why.message;
    size_t total = step->half ? step->half->statements.count : 1;
    bool partial = step->position > 0 || (step->begun && m->kind != MIGRATION_SQL);
    bool cleaned = run_clean(run);
    pg_stoppable(run->pg, false);
    if (!cleaned || !ledger_event(run->pg, run->config->ledger_schema, run->id, m->id,
                                  "migration_failed", text, NULL))
        log_warn("the attempt could not be written to the ledger: %s", failure()->message);
    pg_stoppable(run->pg, true);
    event_tell("migration_failed", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("error", why.message), EVENT_SAYS("sqlstate", why.sqlstate),
               EVENT_COUNTS("position", step->position));
    fail_again(&why);
    if (why.state)
        return false;
    bool locked_out = text_same(why.sqlstate, "55P03");
    if (why.kind == FAIL_ERROR || why.kind == FAIL_TABLE_LOCK)
        fail_as(partial ? FAIL_PARTIAL : locked_out ? FAIL_TABLE_LOCK : FAIL_MIGRATION);
    fail_in("%s", m->name);
    if (!partial) {
        fail_state("rolled back: nothing of this file is left; %ld before it applied in this run",
                   run->applied);
        return fail_next(locked_out ? "try again when the table is free: stint %s"
                                    : "mend the file, then: stint %s",
                         run->command);
    }
    if (m->kind == MIGRATION_LUA)
        return say_in_doubt(m);
    fail_state("%ld of %zu statements are applied, %s failed", step->position, total,
               what_failed(step));
    return fail_next("mend the file from statement %ld on, then: stint %s goes on there",
                     step->position + 1, run->command);
}

static void tell_started(const PlanItem *item, size_t number, size_t total) {
    const Migration *m = item->migration;
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", migration_kind(m->kind)),
               EVENT_COUNTS("number", (long long)number), EVENT_COUNTS("total", (long long)total));
}

/* What follows such a file needs no cleaning. */
static bool leaves_clean(const Run *run, const Migration *m) {
    return m->kind == MIGRATION_SQL && !run->has_event_triggers && neutral_half(&m->sql.up) &&
           m->sql.directives.lock_timeout < 0 && m->sql.directives.statement_timeout < 0;
}

/* Could the file have dropped the run lock? Its own text tells; Lua may do anything. */
static bool may_have_unlocked(const Migration *m) {
    return m->kind != MIGRATION_SQL || strcasestr(m->text.at, "advisory_unlock") ||
           strcasestr(m->text.at, "discard");
}

static bool lock_again_if_lost(Run *run, const Migration *m) {
    if (!may_have_unlocked(m))
        return true;
    LockAnswer answer = lock_check(run->pg, run->config->ledger_schema);
    if (answer == LOCK_BUSY) {
        log_detail("%s: gave the run lock away; taking it again", m->name);
        return run_lock(run);
    }
    return answer == LOCK_TAKEN || fail_in("cannot see the run lock");
}

static bool within(const Run *run, const RunnerWanted *wanted, const PlanItem *item) {
    if (!plan_is_due(item) || (wanted->count >= 0 && run->applied >= wanted->count))
        return false;
    return !wanted->to || migration_order(item->migration->version, wanted->to) <= 0;
}

/* Behind those that this look at the ledger has already led to. */
static PlanItem *next_due(Run *run, const RunnerWanted *wanted) {
    for (; run->next < run->plan.count; run->next++)
        if (within(run, wanted, &run->plan.item[run->next]))
            return &run->plan.item[run->next];
    return NULL;
}

/* One file. `*again`: look at the ledger before the next one. */
static bool apply_one(Run *run, PlanItem *item, int *taken) {
    Arena *a = arena_new();
    Step step = step_for(run, a, item);
    const Config *config = run->config;
    Retreat retreat = {.timeout = config->lock_timeout,
                       .pause_most = config->lock_retry_max,
                       .tries_most = config->lock_retries};
    retreat_watch(&retreat, a, run->pg, item->migration->name);
    step.retreat = &retreat;
    long long start = clock_ms();
    bool ok = true;
    StepAnswer answer = apply(run, item, &step);
    retreat_unwatch(&retreat);
    switch (answer) {
    case STEP_DONE:
        run->losses = *taken = 0;
        item->state = PLAN_APPLIED;
        run->used = !leaves_clean(run, item->migration);
        run_note_applied(run, item->migration->id, clock_ms() - start);
        event_tell("migration_applied", EVENT_SAYS("version", item->migration->version),
                   EVENT_SAYS("name", item->migration->name),
                   EVENT_COUNTS("duration_ms", clock_ms() - start));
        ok = lock_again_if_lost(run, item->migration);
        break;
    case STEP_TAKEN:
        log_detail("%s: another run is at it", item->migration->name);
        clock_sleep(clock_backoff(TAKEN_FIRST, TAKEN_MOST, (*taken)++));
        ok = stop_asked() ? stop_failure() : run_lock(run);
        break;
    case STEP_LOST:
        ok = stop_asked() ? stop_failure() : run_reconnect(run);
        break;
    default:
        ok = explain(run, &step, item);
    }
    arena_free(a);
    return ok;
}

/* All that will run is read before anything runs: what cannot be honoured is refused whole. */
static bool open_due(Run *run, const RunnerWanted *wanted, size_t *total) {
    *total = 0;
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (!plan_is_due(item) ||
            (wanted->to && migration_order(item->migration->version, wanted->to) > 0))
            continue;
        if (!run_open(run, item->migration)) {
            fail_state("nothing was run");
            return false;
        }
        ++*total;
    }
    return true;
}

static bool run_all(Run *run, const RunnerWanted *wanted) {
    size_t total;
    int taken = 0;
    if (!plan_accept(&run->plan, run->config->order) || !open_due(run, wanted, &total))
        return false;
    for (PlanItem *item; (item = next_due(run, wanted));) {
        if (stop_asked())
            return stop_failure();
        if (!run->id && !ledger_begin_run(run->pg, run->config->ledger_schema, run->command,
                                          run->config->environment, &run->id))
            return false;
        if (!run_open(run, item->migration))
            return false;
        tell_started(item, (size_t)run->applied + 1, total);
        if (!apply_one(run, item, &taken))
            return false;
    }
    return true;
}

static void write_end(Run *run, bool ok) {
    Failure why = fail_kept(run->arena);
    if (run->id && run->pg && pg_state(run->pg) == PG_IDLE) {
        bool cleaned = run_clean(run);
        pg_stoppable(run->pg, false);
        if (!cleaned || !run_write_durations(run) ||
            !ledger_end_run(run->pg, run->config->ledger_schema, run->id, ok ? "ok" : "failed",
                            run->applied))
            log_warn("%s", failure()->message);
    }
    fail_again(&why);
}

bool runner_up(Arena *a, const Config *config, const RunnerWanted *wanted, RunnerResult *out) {
    Run run = {.arena = a, .config = config, .command = wanted->command};
    long long start = clock_ms();
    *out = (RunnerResult){0, 0};
    run.pg = session_open(a, config, wanted->command, SESSION_MAY_CREATE);
    bool ok = run.pg && run_look(&run);
    if (ok && run.plan.due) {
        event_tell("run_started", EVENT_SAYS("command", wanted->command),
                   EVENT_SAYS("environment", config->environment),
                   EVENT_SAYS("database", pg_database(run.pg)),
                   EVENT_COUNTS("pending", (long long)run.plan.due));
        ok = run_lock(&run) && run_all(&run, wanted);
        write_end(&run, ok);
    } else if (ok)
        ok = plan_accept(&run.plan, config->order);
    out->applied = run.applied;
    out->left = ok ? (long)run.plan.due - run.applied : 0;
    if (ok)
        event_tell("run_finished", EVENT_COUNTS("applied", run.applied),
                   EVENT_COUNTS("duration_ms", clock_ms() - start));
    else
        event_tell("run_failed", EVENT_SAYS("error", failure()->message),
                   EVENT_COUNTS("applied", run.applied));
    run_close(&run);
    return ok;
}
