#include "revert.h"

#include "apply.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "gate.h"
#include "log.h"
#include "loss.h"
#include "runner.h"
#include "stop.h"
#include "text.h"

#include <string.h>

typedef struct {
    Run run;
    const RevertWanted *wanted;
    bool again;     /* redo: it will be applied again */
    const char *to; /* the version, or NULL */
    Strings target; /* ids, the newest first */
} Revert;

static bool is_under_way(const PlanItem *item) {
    return item->state == PLAN_REVERTING;
}

static PlanItem *find(Run *run, const char *id) {
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (strcmp(item->row ? item->row->id : item->migration->id, id) == 0)
            return item;
    }
    return NULL;
}

/* `to` is a file, or a row of one that is gone, or "0". */
static bool read_to(Revert *revert) {
    const char *word = revert->wanted->to;
    Run *run = &revert->run;
    if (!word || strcmp(word, "0") == 0) {
        revert->to = word;
        return true;
    }
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        if (!item->migration && !plan_is_repeatable(item) &&
            (text_same(word, item->row->version) || text_same(word, item->row->name)))
            revert->to = arena_string(run->arena, item->row->version);
    }
    const Migration *found = revert->to ? NULL : migration_find(&run->files, word);
    if (found && found->kind == MIGRATION_REPEATABLE) {
        fail(FAIL_USAGE, "%s is repeatable: it has no version to go back to", found->path);
        return fail_hint("--to takes the version of a migration; stint status lists them");
    }
    if (found)
        revert->to = arena_string(run->arena, found->version);
    return revert->to != NULL;
}

/* Above a file that is half applied nothing can be rolled back. */
static bool refuse_half(const PlanItem *item) {
    bool backfill = item->state == PLAN_BACKFILLING;
    fail(FAIL_PARTIAL, "%s is %s", plan_name(item),
         backfill ? "a backfill that is not finished" : "partly applied");
    fail_state("nothing was rolled back");
    return fail_next("let it end first: stint up; or, when it was undone by hand: stint resolve %s "
                     "--rolled-back",
                     plan_version(item));
}

static bool is_wanted(const Revert *revert, const PlanItem *item) {
    if (plan_is_repeatable(item) || (!plan_is_applied(item) && !is_under_way(item)))
        return false;
    if (revert->wanted->only)
        return text_among(item->row->id, revert->wanted->only);
    if (revert->to)
        return migration_order(plan_version(item), revert->to) > 0;
    return (long)revert->target.count < revert->wanted->count;
}

static bool choose(Revert *revert) {
    Run *run = &revert->run;
    Strings *target = &revert->target;
    *target = (Strings){0, arena_take(run->arena, (run->plan.count + 1) * sizeof(char *))};
    for (size_t i = run->plan.count; i-- > 0;) {
        const PlanItem *item = &run->plan.item[i];
        bool is_half = item->state == PLAN_PARTIAL || item->state == PLAN_BACKFILLING;
        if (is_half && !revert->wanted->only)
            return refuse_half(item);
        if (is_under_way(item)) /* whatever is wanted begins with the end of this */
            target->at[target->count++] = arena_string(run->arena, item->row->id);
    }
    for (size_t i = run->plan.count; i-- > 0;) {
        const PlanItem *item = &run->plan.item[i];
        if (is_wanted(revert, item) && !is_under_way(item))
            target->at[target->count++] = arena_string(run->arena, item->row->id);
    }
    return true;
}

static MigrationKind kind_of(const LedgerRow *row) {
    for (int kind = MIGRATION_SQL; kind < MIGRATION_REPEATABLE; kind++)
        if (strcmp(row->kind, migration_kind((MigrationKind)kind)) == 0)
            return kind == MIGRATION_SQL ? MIGRATION_SQL : MIGRATION_LUA;
    return MIGRATION_LUA;
}

/* The file is gone: what the ledger keeps of it. */
static bool recall(Run *run, PlanItem *item) {
    const LedgerRow *row = item->row;
    const char *text, *down;
    Migration *m = arena_take(run->look, sizeof *m);
    if (!ledger_texts(run->pg, run->look, run->ledger.schema, row->id, &text, &down))
        return false;
    MigrationKind kind = kind_of(row);
    *m = (Migration){.id = row->id,
                     .version = row->version,
                     .name = row->name,
                     .path = arena_format(run->look, "%s (as the ledger has it)", row->name),
                     .kind = kind,
                     .text = {text, strlen(text)},
                     .checksum = row->checksum,
                     .tokens = row->tokens,
                     .down_tokens = row->down_tokens};
    item->migration = m;
    if (kind != MIGRATION_SQL)
        return true;
    m->sql = arena_take(run->look, sizeof *m->sql);
    m->is_open = sqlfile_recall(run->look, m->path, text, down, m->sql);
    return m->is_open;
}

static bool refuse_without_down(const Migration *m) {
    const char *plan = m->kind == MIGRATION_SQL ? m->sql->up.directives.rollback : NULL;
    fail(FAIL_ERROR, "%s has no way down", m->name);
    fail_at(
        (FailPlace){m->path, m->kind == MIGRATION_SQL ? 0 : (size_t)m->declaration.line, 0, NULL});
    if (plan)
        fail_detail("its plan for going back: %s", plan);
    if (m->kind == MIGRATION_SQL)
        fail_hint("write it below a line \"-- stint: down\", or in a file %s.down.sql", m->name);
    else
        fail_hint(m->kind == MIGRATION_LUA
                      ? "give migration {...} a field down = function(db) ... end"
                      : "give backfill {...} a field down = { COLUMN = \"EXPRESSION\" }");
    fail_state("nothing was rolled back");
    return fail_next("or, when it was undone by hand: stint resolve %s --rolled-back", m->version);
}

/* The way down that will run, in hand and ready. */
static bool open_down(Run *run, PlanItem *item) {
    if (!item->migration && !recall(run, item))
        return false;
    if (!run_open(run, item->migration)) {
        fail_state("nothing was rolled back");
        return false;
    }
    return migration_has_down(item->migration) || refuse_without_down(item->migration);
}

static void say_changed(const PlanItem *item) {
    const Migration *m = item->migration;
    if (is_under_way(item))
        return;
    if (m->kind == MIGRATION_SQL && !text_same(m->down_tokens, item->row->down_tokens))
        log_say("%s: its way down was changed since it was applied; the one of now runs", m->path);
    else if (m->kind != MIGRATION_SQL && !text_same(m->tokens, item->row->tokens))
        log_say("%s: was edited since it was applied; its way down of now runs", m->path);
}

static void add(Strings *list, Arena *a, const char *line) {
    size_t size = sizeof *list->at;
    list->at = arena_grow(a, list->at, list->count * size, (list->count + 1) * size);
    list->at[list->count++] = line;
}

static void add_losses(Arena *a, Strings *losses, const Migration *m) {
    if (m->kind != MIGRATION_SQL) {
        add(losses, a,
            arena_format(a, "%s:%d: %s", m->path, m->declaration.line,
                         m->kind == MIGRATION_LUA ? "a function (may)"
                                                  : "overwrites columns (may)"));
        return;
    }
    Strings found = loss_of(a, m->sql->down);
    for (size_t i = 0; i < found.count; i++)
        add(losses, a, found.at[i]);
}

static const char *typed(const Revert *revert) {
    Arena *a = revert->run.arena;
    if (revert->again)
        return "stint redo";
    if (revert->wanted->to)
        return arena_format(a, "stint down --to %s", revert->wanted->to);
    if (revert->wanted->count != 1)
        return arena_format(a, "stint down --count %ld", revert->wanted->count);
    return "stint down";
}

/* Those of the way down and, where it is applied again, of that: a refusal in between would leave
 * it rolled back. */
static bool pass_gates(Revert *revert) {
    Run *run = &revert->run;
    const Consent *consent = &revert->wanted->consent;
    Review review;
    PlanItem *item;
    GateWanted gates = {
        .command = run->command,
        .of = {.arena = run->arena, .config = run->config, .pg = run->pg, .ledger = &run->ledger},
        .override = consent->override,
        .reason = consent->reason};
    if (revert->again) {
        item = find(run, revert->target.at[0]);
        if (!review_redo(run, item, &review))
            return false;
        gates.of.item = &item;
        gates.of.count = 1;
        gates.review = &review;
    }
    return gate_pass(&gates, run->id);
}

static bool can_come_back(Revert *revert) {
    Run *run = &revert->run;
    find(run, revert->target.at[0])->state = PLAN_ROLLED_BACK;
    return plan_accept(&run->plan, run->config->order);
}

/* What cannot be honoured is refused whole, before anything runs. */
static bool accept(Revert *revert) {
    Run *run = &revert->run;
    Strings losses = {0, NULL};
    for (size_t i = 0; i < revert->target.count; i++) {
        PlanItem *item = find(run, revert->target.at[i]);
        if (!open_down(run, item))
            return false;
        say_changed(item);
        add_losses(run->arena, &losses, item->migration);
    }
    if (!consent_given(run->arena, run->config, &revert->wanted->consent, "a rollback", losses,
                       typed(revert)))
        return false;
    return !revert->target.count ||
           ((!revert->again || can_come_back(revert)) && pass_gates(revert));
}

static void tell_started(const Revert *revert, const PlanItem *item) {
    const Migration *m = item->migration;
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", migration_kind(m->kind)), EVENT_SAYS("way", "down"),
               EVENT_COUNTS("number", revert->run.applied + 1),
               EVENT_COUNTS("total", (long long)revert->target.count));
}

static bool one(Revert *revert, const char *id) {
    Run *run = &revert->run;
    ApplyAnswer answer = APPLY_AGAIN;
    while (answer == APPLY_AGAIN) {
        PlanItem *item = find(run, id);
        if (stop_asked())
            return stop_failure();
        if (!item || !item->row || text_same(item->row->state, "rolled_back"))
            return true; /* another run has done it */
        if (!plan_is_applied(item) && !text_same(item->row->state, "reverting"))
            return refuse_half(item); /* and begun it again */
        if (!open_down(run, item))
            return false;
        tell_started(revert, item);
        answer = apply_file(run, item, STEP_DOWN);
    }
    return answer == APPLY_DONE;
}

static bool all(Revert *revert) {
    Run *run = &revert->run;
    if (!run_lock(run) || !choose(revert) || !accept(revert) || !run_begin(run))
        return false;
    for (size_t i = 0; i < revert->target.count; i++)
        if (!one(revert, revert->target.at[i]))
            return false;
    return true;
}

static void tell_ended(const Revert *revert, bool ok, long long ms) {
    const Run *run = &revert->run;
    if (ok)
        event_tell("run_finished", EVENT_SAYS("command", run->command),
                   EVENT_COUNTS("rolled_back", run->applied), EVENT_COUNTS("duration_ms", ms));
    else
        event_tell("run_failed", EVENT_SAYS("error", failure()->message),
                   EVENT_COUNTS("rolled_back", run->applied));
}

static bool go(Revert *revert) {
    Run *run = &revert->run;
    long long start = clock_ms();
    bool ok =
        run_connect(run, SESSION_MUST_EXIST) && run_look(run) && read_to(revert) && choose(revert);
    if (ok && revert->target.count) {
        event_tell("run_started", EVENT_SAYS("command", run->command),
                   EVENT_SAYS("environment", run->config->environment),
                   EVENT_SAYS("database", pg_database(run->pg)),
                   EVENT_COUNTS("to_roll_back", (long long)revert->target.count));
        ok = all(revert);
        run_end(run, ok ? "ok" : "failed");
    }
    tell_ended(revert, ok, clock_ms() - start);
    run_close(run);
    return ok;
}

bool revert_down(Arena *a, const Config *config, const RevertWanted *wanted) {
    Revert revert = {.run = {.arena = a, .config = config, .command = "down"}, .wanted = wanted};
    return go(&revert);
}

bool revert_redo(Arena *a, const Config *config, const Consent *consent) {
    RevertWanted wanted = {.count = 1, .consent = *consent};
    Revert revert = {
        .run = {.arena = a, .config = config, .command = "redo"}, .wanted = &wanted, .again = true};
    RunnerWanted up = {.command = "up", .count = -1, .manner = RUNNER_ASKED};
    RunnerResult result;
    if (!go(&revert))
        return false;
    if (!revert.target.count)
        return true;
    up.only = revert.target.at[0];
    return runner_up(a, config, &up, &result);
}
