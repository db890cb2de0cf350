#include "runner.h"

#include "apply.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "gate.h"
#include "imprint.h"
#include "release.h"
#include "review.h"
#include "session.h"
#include "stop.h"
#include "verify.h"

#include <string.h>

static void tell_started(const PlanItem *item, size_t number, size_t total) {
    const Migration *m = item->migration;
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", migration_kind(m->kind)),
               EVENT_COUNTS("number", (long long)number), EVENT_COUNTS("total", (long long)total));
}

/* Repeatable files come after all others, so only a whole run has them. */
static bool is_wanted(const RunnerWanted *wanted, const PlanItem *item) {
    if (!plan_is_due(item) || item->waits)
        return false;
    if (wanted->only)
        return strcmp(item->migration->id, wanted->only) == 0;
    if (plan_is_repeatable(item))
        return !wanted->to && wanted->count < 0;
    return !wanted->to || migration_order(item->migration->version, wanted->to) <= 0;
}

static bool within(const Run *run, const RunnerWanted *wanted, const PlanItem *item) {
    return is_wanted(wanted, item) && (wanted->count < 0 || run->applied < wanted->count);
}

/* Behind those that this look at the ledger has already led to. */
static PlanItem *next_due(Run *run, const RunnerWanted *wanted) {
    for (; run->next < run->plan.count; run->next++)
        if (within(run, wanted, &run->plan.item[run->next]))
            return &run->plan.item[run->next];
    return NULL;
}

/* All that will run is read before anything runs: what cannot be honoured is refused whole. */
static bool open_due(Run *run, const RunnerWanted *wanted, size_t *total) {
    *total = 0;
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (!is_wanted(wanted, item))
            continue;
        if (!run_open(run, item->migration)) {
            fail_state("nothing was run");
            return false;
        }
        ++*total;
    }
    return true;
}

/* A stop or a lost connection is nothing that a check shows. */
static bool say_next(const Run *run) {
    if (failure()->kind != FAIL_REFUSED)
        return fail_next("stint %s goes on there", run->command);
    return fail_next("mend what the check shows, then: stint %s", run->command);
}

static bool ask_before(Run *run) {
    if (verify_ask(run, VERIFY_BEFORE, NULL))
        return true;
    fail_state("nothing was run");
    return say_next(run);
}

static bool ask_before_each(Run *run, const char *name) {
    if (verify_ask(run, VERIFY_BEFORE_EACH, name))
        return true;
    fail_state("%s was not begun; %ld before it applied in this run", name, run->applied);
    return say_next(run);
}

static bool ask_after(Run *run) {
    if (!run->applied || verify_ask(run, VERIFY_AFTER, NULL))
        return true;
    fail_state("%ld applied in this run, and they stay applied", run->applied);
    return failure()->kind == FAIL_REFUSED &&
           fail_next("mend what the check shows, or take the last file back: stint down");
}

/* With --release nothing runs that the record does not cover. */
static bool is_released(const Run *run, const RunnerWanted *wanted) {
    Release release;
    if (!wanted->release)
        return true;
    if (release_read(run->arena, run->config, wanted->release, &release) &&
        release_accepts(run->arena, &release, &run->plan))
        return true;
    return run->applied ? false : fail_state("nothing was run");
}

/* What the policies demand of all that is about to run, where they bind. */
static bool pass_gates(Run *run, const RunnerWanted *wanted) {
    GateWanted gates = {.command = wanted->command,
                        .of = {.arena = run->arena,
                               .config = run->config,
                               .pg = run->pg,
                               .ledger = &run->ledger,
                               .release = wanted->release},
                        .review = run->applied ? NULL : run->review,
                        .override = wanted->override,
                        .reason = wanted->reason};
    PlanItem **item = arena_take(run->look, (run->plan.count + 1) * sizeof(PlanItem *));
    for (size_t i = 0; i < run->plan.count; i++)
        if (is_wanted(wanted, &run->plan.item[i]))
            item[gates.of.count++] = &run->plan.item[i];
    gates.of.item = item;
    return !gates.of.count || wanted->manner != RUNNER_ASKS || gate_pass(&gates, run->id);
}

/* Where nobody can say no, nobody is asked: the judge takes longer than a small file does. */
static bool review(Run *run, const RunnerWanted *wanted) {
    bool binds;
    if (run->applied || !run->plan.due || wanted->manner == RUNNER_TRIES)
        return true;
    if (!review_binds(run, &binds))
        return false;
    if (!binds && !wanted->plan && !guard_is_wanted(run->config))
        return true;
    run->review = arena_take(run->arena, sizeof *run->review);
    return review_make(run, run->review) &&
           (!wanted->plan || imprint_accept(run->arena, run->review->hash, wanted->plan));
}

/* Who deploys, and by what leave: the ledger keeps both. */
static bool note_release(Run *run, const RunnerWanted *wanted) {
    Release release;
    if (!wanted->release)
        return true;
    return release_read(run->arena, run->config, wanted->release, &release) && run_begin(run) &&
           ledger_event(run->pg, run->config->ledger_schema, run->id, NULL, "released",
                        arena_format(run->arena, "passed in %s", release.from),
                        json_text(release.json));
}

/* Once for each look at the ledger: what another run has done, or an edit, may forbid the rest. */
static bool accept(Run *run, const RunnerWanted *wanted, int *looks, size_t *total) {
    if (*looks == run->looks)
        return true;
    *looks = run->looks;
    if (plan_accept(&run->plan, run->config->order) && is_released(run, wanted) &&
        review(run, wanted) && open_due(run, wanted, total) && pass_gates(run, wanted)) {
        *total += (size_t)run->applied;
        return true;
    }
    return run->applied ? fail_state("%ld applied in this run before that", run->applied) : false;
}

static bool is_made_to_wait(Run *run, PlanItem *item) {
    item->waits = plan_waits(&run->plan, item, run->config->order);
    if (item->waits && !run->plan.held)
        run->plan.held = item;
    if (item->waits)
        event_tell("blocked", EVENT_SAYS("version", plan_version(item)),
                   EVENT_SAYS("name", plan_name(item)), EVENT_SAYS("by", item->waits),
                   EVENT_SAYS("on", "backfill"));
    return item->waits != NULL;
}

static bool run_all(Run *run, const RunnerWanted *wanted) {
    size_t total;
    int looks = 0;
    if (!accept(run, wanted, &looks, &total))
        return false;
    if (wanted->manner != RUNNER_TRIES && !verify_load(run))
        return fail_state("nothing was run");
    if (total && (!ask_before(run) || !note_release(run, wanted)))
        return false;
    for (PlanItem *item; (item = next_due(run, wanted));) {
        if (stop_asked())
            return stop_failure();
        if (is_made_to_wait(run, item))
            continue;
        if (!run_begin(run) || !run_open(run, item->migration))
            return false;
        if (!ask_before_each(run, item->migration->name))
            return false;
        tell_started(item, (size_t)run->applied + 1, total);
        if (apply_file(run, item, STEP_UP) == APPLY_FAILED || !accept(run, wanted, &looks, &total))
            return false;
    }
    return ask_after(run);
}

static void count_waiting(const Plan *plan, RunnerResult *out) {
    for (size_t i = 0; i < plan->count; i++) {
        out->left += plan_is_left(&plan->item[i]);
        out->waiting += plan->item[i].waits && !plan_is_left(&plan->item[i]);
    }
}

bool runner_up(Arena *a, const Config *config, const RunnerWanted *wanted, RunnerResult *out) {
    Run run = {.arena = a, .config = config, .command = wanted->command, .depth = LEDGER_BRIEF};
    long long start = clock_ms();
    *out = (RunnerResult){0};
    bool ok = run_connect(&run, SESSION_MAY_CREATE) && run_look(&run) && is_released(&run, wanted);
    if (ok && run.plan.due) {
        event_tell("run_started", EVENT_SAYS("command", wanted->command),
                   EVENT_SAYS("environment", config->environment),
                   EVENT_SAYS("database", pg_database(run.pg)),
                   EVENT_COUNTS("pending", (long long)run.plan.due));
        ok = run_lock(&run) && run_all(&run, wanted);
        run_end(&run, ok ? "ok" : "failed");
    } else if (ok)
        ok = plan_accept(&run.plan, config->order);
    const long long files = (long long)run.files.count;
    out->applied = run.applied;
    count_waiting(&run.plan, out);
    if (ok)
        event_tell("run_finished", EVENT_COUNTS("applied", run.applied),
                   EVENT_COUNTS("migrations", files), EVENT_COUNTS("backfilling", out->left),
                   EVENT_COUNTS("waiting", out->waiting),
                   EVENT_COUNTS("duration_ms", clock_ms() - start));
    else
        event_tell("run_failed", EVENT_SAYS("error", failure()->message),
                   EVENT_COUNTS("applied", run.applied));
    run_close(&run);
    return ok;
}
