#include "apply.h"

#include "clock.h"
#include "course.h"
#include "event.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "neutral.h"
#include "resume.h"
#include "session.h"
#include "stop.h"
#include "text.h"
#include "verify.h"

#include <string.h>

/* Another run that is ahead of us is waited for with growing pauses. */
enum { TAKEN_FIRST = 50, TAKEN_MOST = 2000 };

static const char *setting(Arena *a, const char *name, long long ms) {
    return ms < 0 ? "" : arena_format(a, "SET %s = '%lldms';\n", name, ms);
}

static bool is_sql(const Migration *m) {
    return m->kind == MIGRATION_SQL || m->kind == MIGRATION_REPEATABLE;
}

static const Directives *directives_of(const Migration *m, StepWay way) {
    return way == STEP_UP ? &m->sql.directives : &m->sql.down_directives;
}

/* What makes the session as this file may expect it; NULL when it is so already. */
static void set_prelude(Run *run, Step *step) {
    const Migration *m = step->migration;
    Directives none = directive_none();
    const Directives *d = step->half ? directives_of(m, step->way) : &none;
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
static bool split_at(Step *step, const Migration *m, Parts *parts) {
    SqlHalf *half = step->half;
    Statement *s = &half->statements.at[step->failed];
    Failure why = fail_kept(step->arena);
    if (s->kind == STATEMENT_SOLO || m->kind == MIGRATION_REPEATABLE)
        return false;
    s->kind = STATEMENT_SOLO;
    s->solo = SOLO_UNKNOWN;
    if (!statement_parts(step->arena, half->file, half->text, &half->statements,
                         directives_of(m, step->way)->no_transaction, parts))
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

static StepAnswer run_sql(Step *step, const LedgerRow *row) {
    const Migration *m = step->migration;
    Parts parts = step->half->parts;
    Part empty = {0, 0, PART_TRANSACTION};
    if (!parts.count)
        parts = (Parts){1, &empty};
    StepAnswer answer = step->begun ? resume_file(step, row) : STEP_DONE;
    size_t total = step->half->statements.count;
    if (answer == STEP_DONE && step->begun && !row->intent && (size_t)step->position >= total)
        return step_write(step, step_finish_sql(step, (long)total), 1); /* the rest was cut off */
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

static Step step_for(Run *run, Arena *a, PlanItem *item, StepWay way) {
    const LedgerRow *row = item->row;
    Migration *m = item->migration;
    Step step = {.arena = a,
                 .pg = run->pg,
                 .schema = run->config->ledger_schema,
                 .migration = m,
                 .way = way,
                 .session = &run->session,
                 .rolled_back = row && text_same(row->state, "rolled_back"),
                 .run = run->id};
    if (is_sql(m))
        step.half = way == STEP_UP ? &m->sql.up : &m->sql.down;
    if (row)
        step.run_believed = row->run;
    if (row && plan_is_applied(item) && m->kind == MIGRATION_REPEATABLE)
        step.repeated = row->tokens;
    else if (row && !step.rolled_back && (way == STEP_UP || !plan_is_applied(item))) {
        step.begun = true;
        step.position = row->position;
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

static StepAnswer run_file(Run *run, PlanItem *item, Step *step) {
    const Migration *m = item->migration;
    run->used = true;
    if (is_sql(m))
        return run_sql(step, item->row);
    if (m->kind == MIGRATION_BACKFILL)
        return course_run(step, run->config);
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
static bool explain(Run *run, const Step *step) {
    const Migration *m = step->migration;
    bool up = step->way == STEP_UP;
    Failure why = fail_kept(step->arena);
    const char *text =
        why.sqlstate ? arena_format(step->arena, "%s (SQLSTATE %s)", why.message, why.sqlstate)
                     : why.message;
    bool partial = step->position > 0 || (step->begun && !is_sql(m));
    bool cleaned = run_clean(run);
    pg_stoppable(run->pg, false);
    if (!cleaned || !ledger_event(run->pg, run->config->ledger_schema, run->id, m->id,
                                  up ? "migration_failed" : "rollback_failed", text, NULL))
        log_warn("the attempt could not be written to the ledger: %s", failure()->message);
    pg_stoppable(run->pg, true);
    event_tell("migration_failed", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("error", why.message), EVENT_SAYS("sqlstate", why.sqlstate),
               EVENT_SAYS("way", up ? "up" : "down"), EVENT_COUNTS("position", step->position));
    fail_again(&why);
    if (why.state)
        return false;
    bool locked_out = text_same(why.sqlstate, "55P03");
    if (why.kind == FAIL_ERROR || why.kind == FAIL_TABLE_LOCK)
        fail_as(partial ? FAIL_PARTIAL : locked_out ? FAIL_TABLE_LOCK : FAIL_MIGRATION);
    else if (why.kind == FAIL_REFUSED && partial)
        fail_as(FAIL_PARTIAL);
    fail_in("%s", m->name);
    if (!partial) {
        fail_state(
            up ? "rolled back: nothing of this file is left; %ld before it applied in this run"
               : "nothing of this way down is left; %ld before it rolled back in this run",
            run->applied);
        return fail_next(locked_out ? "try again when the table is free: stint %s"
                         : up       ? "mend the file, then: stint %s"
                                    : "mend its way down, then: stint %s",
                         run->command);
    }
    if (m->kind == MIGRATION_LUA)
        return say_in_doubt(m);
    fail_state("%s, %s failed", step_stands(step), what_failed(step));
    return fail_next("mend %s from statement %ld on, then: stint %s goes on there",
                     up ? "the file" : "its way down", step->position + 1, run->command);
}

/* What follows such a file needs no cleaning. */
static bool leaves_clean(const Run *run, const Step *step) {
    const Migration *m = step->migration;
    return is_sql(m) && step->way == STEP_UP && !run->has_event_triggers && !run->checks.count &&
           neutral_half(step->half) && m->sql.directives.lock_timeout < 0 &&
           m->sql.directives.statement_timeout < 0;
}

/* Could the file have dropped the run lock? Its own text tells; Lua may do anything. */
static bool may_have_unlocked(const Step *step) {
    return !step->half || strcasestr(step->half->text, "advisory_unlock") ||
           strcasestr(step->half->text, "discard");
}

static bool lock_again_if_lost(Run *run, const Step *step) {
    if (!may_have_unlocked(step))
        return true;
    LockAnswer answer = lock_check(run->pg, run->config->ledger_schema);
    if (answer == LOCK_BUSY) {
        log_detail("%s: gave the run lock away; taking it again", step->migration->name);
        return run_lock(run);
    }
    return answer == LOCK_TAKEN || fail_in("cannot see the run lock");
}

static void tell_done(const Step *step, long long ms) {
    const Migration *m = step->migration;
    event_tell(step->way == STEP_UP ? "migration_applied" : "migration_rolled_back",
               EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_COUNTS("duration_ms", ms));
}

/* A file is done: the run goes on with the next. */
static ApplyAnswer note_done(Run *run, PlanItem *item, const Step *step, long long ms) {
    run->losses = run->taken = 0;
    run->used = !leaves_clean(run, step);
    run->session.quiet = run->used ? 0 : run->session.quiet + 1;
    run->session.prepared = run->session.prepared && !run->used;
    if (step->way == STEP_UP) {
        item->state = PLAN_APPLIED;
        run_note_applied(run, step->migration->id, ms);
    } else {
        item->state = PLAN_ROLLED_BACK;
        run->applied++;
    }
    tell_done(step, ms);
    return lock_again_if_lost(run, step) ? APPLY_DONE : APPLY_FAILED;
}

static ApplyAnswer look_again(Run *run, StepAnswer answer, const char *name) {
    if (answer == STEP_TAKEN) {
        log_detail("%s: another run is at it", name);
        clock_sleep(clock_backoff(TAKEN_FIRST, TAKEN_MOST, run->taken++));
    }
    if (stop_asked()) {
        stop_failure();
        return APPLY_FAILED;
    }
    bool ok = answer == STEP_TAKEN ? run_lock(run) : run_reconnect(run);
    return ok ? APPLY_AGAIN : APPLY_FAILED;
}

typedef struct {
    Run *run;
    const char *name;
} Inside;

static bool ask_inside(void *with) {
    const Inside *inside = with;
    return verify_ask_inside(inside->run, VERIFY_AFTER_EACH, inside->name);
}

/* The checks of a file that no transaction holds to its end. */
static ApplyAnswer ask_behind(Run *run, const Step *step) {
    const char *name = step->migration->name;
    if (!step->ask || step->asked || verify_ask(run, VERIFY_AFTER_EACH, name))
        return APPLY_DONE;
    fail_state("%s is applied and stays so: there was no transaction left to roll back", name);
    if (failure()->kind == FAIL_REFUSED)
        fail_next("mend what the check shows, or take the file back: stint down");
    return APPLY_FAILED;
}

ApplyAnswer apply_file(Run *run, PlanItem *item, StepWay way) {
    Arena *a = run_file_arena(run);
    Step step = step_for(run, a, item, way);
    const Config *config = run->config;
    Retreat retreat = {.timeout = config->lock_timeout,
                       .pause_most = config->lock_retry_max,
                       .tries_most = config->lock_retries};
    retreat_watch(&retreat, a, run->pg, item->migration->name);
    step.retreat = &retreat;
    Inside inside = {run, item->migration->name};
    if (way == STEP_UP && verify_has(run, VERIFY_AFTER_EACH)) {
        step.ask = ask_inside;
        step.ask_with = &inside;
    }
    long long start = clock_ms();
    ApplyAnswer done = APPLY_FAILED;
    StepAnswer answer = run_file(run, item, &step);
    retreat_unwatch(&retreat);
    if (answer == STEP_DONE)
        done = note_done(run, item, &step, clock_ms() - start);
    else if (answer == STEP_TAKEN || answer == STEP_LOST)
        done = look_again(run, answer, item->migration->name);
    else
        explain(run, &step);
    return done == APPLY_DONE ? ask_behind(run, &step) : done;
}
