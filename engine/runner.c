#include "runner.h"

#include "apply.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "session.h"
#include "stop.h"

#include <string.h>

static void tell_started(const PlanItem *item, size_t number, size_t total) {
    const Migration *m = item->migration;
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", migration_kind(m->kind)),
               EVENT_COUNTS("number", (long long)number), EVENT_COUNTS("total", (long long)total));
}

/* Repeatable files come after all others, so only a whole run has them. */
static bool is_wanted(const RunnerWanted *wanted, const PlanItem *item) {
    if (!plan_is_due(item))
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

static bool run_all(Run *run, const RunnerWanted *wanted) {
    size_t total;
    if (!plan_accept(&run->plan, run->config->order) || !open_due(run, wanted, &total))
        return false;
    for (PlanItem *item; (item = next_due(run, wanted));) {
        if (stop_asked())
            return stop_failure();
        if (!run_begin(run) || !run_open(run, item->migration))
            return false;
        tell_started(item, (size_t)run->applied + 1, total);
        if (apply_file(run, item, STEP_UP) == APPLY_FAILED)
            return false;
    }
    return true;
}

bool runner_up(Arena *a, const Config *config, const RunnerWanted *wanted, RunnerResult *out) {
    Run run = {.arena = a, .config = config, .command = wanted->command, .depth = LEDGER_BRIEF};
    long long start = clock_ms();
    *out = (RunnerResult){0, 0};
    bool ok = run_connect(&run, SESSION_MAY_CREATE) && run_look(&run);
    if (ok && run.plan.due) {
        event_tell("run_started", EVENT_SAYS("command", wanted->command),
                   EVENT_SAYS("environment", config->environment),
                   EVENT_SAYS("database", pg_database(run.pg)),
                   EVENT_COUNTS("pending", (long long)run.plan.due));
        ok = run_lock(&run) && run_all(&run, wanted);
        run_end(&run, ok ? "ok" : "failed");
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
