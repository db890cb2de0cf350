#include "outcome.h"

#include "event.h"
#include "fail.h"
#include "log.h"
#include "text.h"

static bool is_sql(const Step *step) {
    return step->half != NULL;
}

/* A Lua migration without a transaction that did not come to its end. */
static bool say_in_doubt(const Migration *m) {
    fail_state("nobody knows how far it came");
    return fail_next(
        "look, then say which it is: stint resolve %s --statement-done 1 | --statement-again 1",
        m->version);
}

StepAnswer outcome_in_doubt(const Step *step) {
    const Migration *m = step->migration;
    fail(FAIL_PARTIAL, "%s: it runs without a transaction, and an earlier run of it did not end",
         m->name);
    say_in_doubt(m);
    return STEP_FAILED;
}

StepAnswer outcome_of_other_kind(const Step *step, const LedgerRow *row) {
    const Migration *m = step->migration;
    fail(FAIL_LEDGER, "%s is a file of kind %s, but it was begun as one of kind %s", m->path,
         migration_kind(m->kind), row->kind);
    if (text_same(row->kind, "sql"))
        fail_state("%ld of %ld statements were run", row->position, row->statements);
    else
        fail_state("what was begun did not end");
    fail_next("bring the old text back and let it end: stint %s; or undo by hand what it did, "
              "then: stint resolve %s --rolled-back",
              step->way == STEP_UP ? "up" : "down", m->version);
    return STEP_FAILED;
}

/* A failure without a place is of a whole part, at its COMMIT. */
static const char *what_failed(const Step *step) {
    return step->place.file
               ? arena_format(step->arena, "statement %zu", step->failed + 1)
               : arena_format(step->arena, "what begins with statement %ld", step->position + 1);
}

/* Kinds of events, by way and by whether somebody stopped it: a stop is no failure of the file. */
static const char *const events[2][2] = {{"migration_failed", "migration_stopped"},
                                         {"rollback_failed", "rollback_stopped"}};

/* The attempt is written after the rollback, or it would go with it; DETAIL may hold users' data
 * and is not stored. */
static void note(Run *run, const Step *step, const Failure *why) {
    const Migration *m = step->migration;
    bool stopped = why->kind == FAIL_INTERRUPTED || why->kind == FAIL_PENDING;
    const char *kind = events[step->way != STEP_UP][stopped];
    const char *text =
        why->sqlstate ? arena_format(step->arena, "%s (SQLSTATE %s)", why->message, why->sqlstate)
                      : why->message;
    bool cleaned = run_clean(run);
    pg_stoppable(run->pg, false);
    if (!cleaned ||
        !ledger_event(run->pg, run->config->ledger_schema, run->id, m->id, kind, text, NULL))
        log_warn("the attempt could not be written to the ledger: %s", failure()->message);
    pg_stoppable(run->pg, true);
    event_tell("migration_failed", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("error", why->message), EVENT_SAYS("sqlstate", why->sqlstate),
               EVENT_SAYS("way", step->way == STEP_UP ? "up" : "down"),
               EVENT_COUNTS("position", step->position));
}

/* Nothing of the file, or of this try at it, is left. */
static bool say_whole(const Run *run, const Step *step, bool stopped, bool locked_out) {
    bool up = step->way == STEP_UP;
    fail_state(up ? "rolled back: nothing of this file is left; %ld before it applied in this run"
                  : "nothing of this way down is left; %ld before it rolled back in this run",
               run->applied);
    return fail_next(stopped      ? "stint %s goes on with it"
                     : locked_out ? "try again when the table is free: stint %s"
                     : up         ? "mend the file, then: stint %s"
                                  : "mend its way down, then: stint %s",
                     run->command);
}

static bool say_partial(const Run *run, const Step *step, bool stopped, bool locked_out) {
    fail_state("%s, %s %s", step_stands(step), what_failed(step),
               stopped ? "was stopped" : "failed");
    if (stopped || locked_out)
        return fail_next(stopped ? "stint %s goes on there"
                                 : "when the table is free, stint %s goes on there",
                         run->command);
    return fail_next("mend %s from statement %ld on, then: stint %s goes on there",
                     step->way == STEP_UP ? "the file" : "its way down", step->position + 1,
                     run->command);
}

bool outcome_tell(Run *run, const Step *step) {
    const Migration *m = step->migration;
    Failure why = fail_kept(step->arena);
    bool partial = step->position > 0 || (step->begun && !is_sql(step));
    bool stopped = why.kind == FAIL_INTERRUPTED;
    bool locked_out = why.kind == FAIL_TABLE_LOCK || text_same(why.sqlstate, "55P03");
    note(run, step, &why);
    fail_again(&why);
    if (why.state)
        return false;
    if (why.kind == FAIL_ERROR || why.kind == FAIL_TABLE_LOCK)
        fail_as(partial ? FAIL_PARTIAL : locked_out ? FAIL_TABLE_LOCK : FAIL_MIGRATION);
    else if (why.kind == FAIL_REFUSED && partial)
        fail_as(FAIL_PARTIAL);
    fail_in("%s", m->name);
    if (!partial)
        return say_whole(run, step, stopped, locked_out);
    if (m->kind == MIGRATION_LUA)
        return say_in_doubt(m);
    return say_partial(run, step, stopped, locked_out);
}
