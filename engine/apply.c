#include "apply.h"

#include "clock.h"
#include "course.h"
#include "event.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "neutral.h"
#include "outcome.h"
#include "reconnect.h"
#include "resume.h"
#include "review.h"
#include "session.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "verify.h"

#include <string.h>

/* Another run that is ahead of us is waited for with growing pauses. */
enum { TAKEN_FIRST = 50, TAKEN_MOST = 2000 };

static const char *setting(Arena *a, const char *name, long long ms) {
    return ms < 0 ? "" : arena_format(a, "SET %s = '%lldms';\n", name, ms);
}

/* What makes the session as this file may expect it; NULL when it is so already. */
static void set_prelude(Run *run, Step *step) {
    Directives none = directive_none();
    const Directives *d = step->half ? &step->half->directives : &none;
    bool asks = d->lock_timeout >= 0 || d->statement_timeout >= 0 || step->guard;
    if (!run->used && !asks)
        return;
    step->prelude = arena_format(step->arena, "%s%s%s%s%s", session_clean(step->arena, run->pg),
                                 step->guard ? guard_setting : "", step->guard ? ";\n" : "",
                                 setting(step->arena, "lock_timeout", d->lock_timeout),
                                 setting(step->arena, "statement_timeout", d->statement_timeout));
    step->prelude_count = SESSION_CLEAN_COUNT + (size_t)(step->guard != NULL) +
                          (size_t)(d->lock_timeout >= 0) + (size_t)(d->statement_timeout >= 0);
}

/* Who stands in the way of a part's locks; its names are looked up as the file will. */
static StepAnswer look_ahead(Step *step, const Part *part) {
    if (!retreat_cares(step->retreat, step->half, part))
        return STEP_DONE;
    StepAnswer answer = step_prelude(step);
    if (answer != STEP_DONE || retreat_probe(step->retreat, step->half, part))
        return answer;
    return step_failed_or_lost(step);
}

/* What is committed is told, statement by statement; the time is its transaction's. */
static void tell_statements(const Step *step, const Part *part, long long ms) {
    const Statements *all = &step->half->statements;
    for (size_t i = part->first; i < part->first + part->count; i++)
        event_tell("statement", EVENT_SAYS("version", step->migration->version),
                   EVENT_SAYS("name", step->migration->name),
                   EVENT_COUNTS("number", (long long)i + 1),
                   EVENT_COUNTS("statements", (long long)all->count),
                   EVENT_COUNTS("line", (long long)all->at[i].line),
                   EVENT_SAYS("kind", all->at[i].words), EVENT_COUNTS("duration_ms", ms));
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
        long long start = clock_ms();
        StepAnswer answer = part.kind == PART_SOLO ? STEP_DONE : look_ahead(step, &part);
        if (answer != STEP_DONE)
            return answer;
        answer = part.kind == PART_SOLO ? step_solo(step, part.first) : step_part(step, &part);
        if (answer != STEP_DONE)
            return answer;
        tell_statements(step, &part, clock_ms() - start);
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
                         half->directives.no_transaction, parts))
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
        return step_write(step, step_position_sql(step, (long)total), 1); /* the rest was cut off */
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

/* A backfill's batches are statements of ours. */
static Guard *guard_for(Run *run, Arena *a, const Migration *m, StepWay way) {
    const ReviewFile *file = run->review ? review_file(run->review, m->id) : NULL;
    if (!file || way != STEP_UP || m->kind == MIGRATION_BACKFILL || !guard_is_wanted(run->config))
        return NULL;
    Guard *guard = arena_take(a, sizeof *guard);
    guard_arm(guard, a, run->config, run->pg, file->deeds);
    return guard;
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
    if (m->sql)
        step.half = way == STEP_UP ? &m->sql->up : m->sql->down;
    if (row)
        step.run_believed = row->run;
    if (row && plan_is_applied(item) && m->kind == MIGRATION_REPEATABLE)
        step.repeated = row->tokens;
    else if (row && !step.rolled_back && (way == STEP_UP || !plan_is_applied(item))) {
        step.begun = true;
        step.position = row->position;
    }
    step.guard = guard_for(run, a, m, way);
    set_prelude(run, &step);
    return step;
}

static StepAnswer run_file(Run *run, PlanItem *item, Step *step) {
    const Migration *m = item->migration;
    run->used = true;
    if (step->begun && item->row && strcmp(item->row->kind, migration_kind(m->kind)) != 0)
        return outcome_of_other_kind(step, item->row);
    if (m->sql)
        return run_sql(step, item->row);
    if (m->kind == MIGRATION_BACKFILL)
        return course_run(step, run->config);
    if (step->begun && item->row->intent)
        return outcome_in_doubt(step);
    StepAnswer answer = step_lua(step);
    while (answer == STEP_LOCKED) {
        answer = try_again(step);
        if (answer == STEP_DONE)
            answer = step_lua(step);
    }
    return answer;
}

/* What follows such a file needs no cleaning. */
static bool leaves_clean(const Run *run, const Step *step) {
    const Migration *m = step->migration;
    return m->sql && step->way == STEP_UP && !step->guard && !run->has_event_triggers &&
           !run->checks.count && neutral_half(step->half) &&
           m->sql->up.directives.lock_timeout < 0 && m->sql->up.directives.statement_timeout < 0;
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

/* A run that is ahead of us ends; a session that merely holds the row may never. */
static bool waited_enough(Run *run, const char *name) {
    const Config *config = run->config;
    PgRows rows;
    if (!run->taken)
        run->taken_since = clock_ms();
    if (!run->taken || clock_ms() - run->taken_since < config->run_lock_wait)
        return false;
    if (!run_clean(run) ||
        !pg_rows(run->pg, run->arena, &rows,
                 ledger_sql(run->arena, config->ledger_schema, SQL_LEDGER_HOLDERS), PG_NONE))
        return true;
    fail(FAIL_RUN_LOCK, "%s: another session is at its row of the ledger", name);
    fail_detail("waited %s (run_lock_wait); %s", clock_say(run->arena, config->run_lock_wait),
                rows.count ? pg_cell(&rows, 0, 0) : "who it is cannot be seen");
    fail_state("%ld before it applied in this run; nothing of it was run", run->applied);
    fail_next("let that session end its transaction, then: stint %s goes on there", run->command);
    return true;
}

static ApplyAnswer look_again(Run *run, StepAnswer answer, const char *name) {
    if (answer == STEP_TAKEN) {
        log_detail("%s: another run is at it", name);
        if (waited_enough(run, name))
            return APPLY_FAILED;
        clock_sleep(clock_backoff(TAKEN_FIRST, TAKEN_MOST, run->taken++));
    }
    if (stop_asked()) {
        stop_failure();
        return APPLY_FAILED;
    }
    bool ok = answer == STEP_TAKEN ? run_lock(run) : reconnect_run(run);
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
    if (step.guard)
        guard_watch(step.guard);
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
    if (step.guard)
        guard_disarm(step.guard);
    if (guard_has_tripped(step.guard) && answer == STEP_DONE)
        log_warn("%s: the guard came too late: %s", item->migration->name, step.guard->tripped);
    else if (guard_has_tripped(step.guard) && answer == STEP_FAILED)
        guard_tell(step.guard);
    if (answer == STEP_DONE)
        done = note_done(run, item, &step, clock_ms() - start);
    else if (answer == STEP_LEFT) {
        done = APPLY_LEFT;
        item->state = PLAN_BACKFILLING;
        item->waits = item->migration->name;
    } else if (answer == STEP_TAKEN || answer == STEP_LOST)
        done = look_again(run, answer, item->migration->name);
    else
        outcome_tell(run, &step);
    return done == APPLY_DONE ? ask_behind(run, &step) : done;
}
