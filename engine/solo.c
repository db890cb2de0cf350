#include "step.h"

#include "clock.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "variable.h"

#include <string.h>

/* How long another session's build of the same index is waited for. */
enum { BUILDER_PATIENCE = 60000, BUILDER_POLL = 250 };

/* What tells, for each kind of statement, whether it happened: done, again, invalid (an index to
 * drop first), finalize, unknown. */
static const struct {
    const char *sql;
    int parameters; /* of object, table, facts */
} probes[] = {
    [SOLO_REPEAT] = {SQL_SOLO_REPEAT, 0},
    [SOLO_CREATE_INDEX] = {SQL_SOLO_CREATE_INDEX, 3},
    [SOLO_DROP_INDEX] = {SQL_SOLO_DROP_INDEX, 1},
    [SOLO_CREATE_DATABASE] = {SQL_SOLO_CREATE_DATABASE, 1},
    [SOLO_DROP_DATABASE] = {SQL_SOLO_DROP_DATABASE, 1},
    [SOLO_CREATE_TABLESPACE] = {SQL_SOLO_CREATE_TABLESPACE, 1},
    [SOLO_DROP_TABLESPACE] = {SQL_SOLO_DROP_TABLESPACE, 1},
    [SOLO_CREATE_SUBSCRIPTION] = {SQL_SOLO_CREATE_SUBSCRIPTION, 1},
    [SOLO_DROP_SUBSCRIPTION] = {SQL_SOLO_DROP_SUBSCRIPTION, 1},
    [SOLO_DETACH_PARTITION] = {SQL_SOLO_DETACH_PARTITION, 2},
    [SOLO_PREPARED] = {SQL_SOLO_UNKNOWN, 0},
    [SOLO_UNKNOWN] = {SQL_SOLO_UNKNOWN, 0},
};

typedef struct {
    const char *verdict; /* done again invalid finalize unknown */
    const char *index;   /* the invalid one */
} Probe;

static const Statement *statement_of(const Step *step, size_t number) {
    return &step->half->statements.at[number];
}

static bool probe(Step *step, const Statement *s, const char *facts, Probe *out) {
    PgArgs args = PG_WITH(s->object, s->table, facts ? facts : "{}");
    PgRows rows;
    args.count = probes[s->solo].parameters;
    if (!pg_row(step->pg, step->arena, &rows, probes[s->solo].sql, args))
        return fail_in("cannot find out whether %s happened", s->words);
    *out = (Probe){pg_cell(&rows, 0, 0), pg_cell(&rows, 0, 1)};
    return true;
}

/* An index that another session is at work on is not ours to drop. */
static bool wait_for_builder(Step *step, const char *index, const char *table) {
    long long until = clock_ms() + BUILDER_PATIENCE;
    for (;;) {
        PgRows rows;
        if (!pg_rows(step->pg, step->arena, &rows, SQL_SOLO_INDEX_BUILDER, PG_WITH(index, table)))
            return false;
        if (!rows.count)
            return true;
        if (stop_asked())
            return stop_failure();
        if (clock_ms() >= until)
            return fail(FAIL_TABLE_LOCK, "pid %s is building an index on %s", pg_cell(&rows, 0, 0),
                        table);
        clock_sleep(BUILDER_POLL);
    }
}

/* An invalid index may be one that a session is at work on, a dead run's own too: what it comes to
 * is waited for. */
static bool probe_settled(Step *step, const Statement *s, const char *facts, Probe *out) {
    if (!probe(step, s, facts, out))
        return false;
    if (s->solo != SOLO_CREATE_INDEX || strcmp(out->verdict, "done") == 0)
        return true;
    return wait_for_builder(step, out->index, s->table) && probe(step, s, facts, out);
}

/* CREATE INDEX CONCURRENTLY waits for every old snapshot under lock_timeout, dies of it and leaves
 * an invalid index: so such statements have none. */
static bool set_lock_timeout(Step *step, const char *value, const char **before) {
    PgRows rows;
    if (!pg_row(step->pg, step->arena, &rows, SQL_SOLO_LOCK_TIMEOUT, PG_WITH(value)))
        return false;
    if (before)
        *before = pg_cell(&rows, 0, 0);
    return true;
}

/* On the way out of a failure, which stays the one to tell. */
static bool restore_lock_timeout(Step *step, const char *before) {
    Failure why = fail_kept(step->arena);
    if (!before || pg_state(step->pg) != PG_IDLE || set_lock_timeout(step, before, NULL))
        return true;
    if (why.kind != FAIL_NONE)
        fail_again(&why);
    return false;
}

static bool cannot_drop(const char *index) {
    bool stopped = failure()->kind == FAIL_INTERRUPTED;
    fail_in("cannot drop the invalid index %s", index);
    if (!stopped)
        fail_as(FAIL_PARTIAL);
    fail_state("the index %s is there, but invalid: queries do not use it, writes keep it up",
               index);
    return fail_next("stint up tries again; or by hand: DROP INDEX CONCURRENTLY %s", index);
}

static bool drop_invalid(Step *step, const char *index) {
    const char *before;
    log_say("%s: dropping the invalid index %s that a failed build left", step->migration->name,
            index);
    if (!set_lock_timeout(step, "0", &before))
        return false;
    retreat_unbounded(step->retreat);
    bool ok =
        pg_do(step->pg, arena_format(step->arena, "DROP INDEX CONCURRENTLY IF EXISTS %s", index),
              PG_NONE) ||
        cannot_drop(index);
    return restore_lock_timeout(step, before) && ok;
}

/* REINDEX CONCURRENTLY that died leaves its new indexes, invalid, under names of their own. */
static bool drop_leftovers(Step *step, const Statement *s) {
    PgRows rows;
    if (!s->object || !text_starts(s->words, "REINDEX CONCURRENTLY"))
        return true;
    if (!pg_rows(step->pg, step->arena, &rows, SQL_SOLO_REINDEX_LEFTOVERS, PG_WITH(s->object)))
        return false;
    for (size_t i = 0; i < rows.count; i++)
        if (!drop_invalid(step, pg_cell(&rows, i, 0)))
            return false;
    return true;
}

/* A name that an invalid index has is free for the new one (IF NOT EXISTS would be content with
 * the wreck). */
static bool clear_the_way(Step *step, const Statement *s) {
    Probe found;
    if (s->solo != SOLO_CREATE_INDEX || !s->object)
        return drop_leftovers(step, s);
    return probe_settled(step, s, NULL, &found) &&
           (strcmp(found.verdict, "invalid") != 0 || drop_invalid(step, found.index));
}

/* For an index without a name: which indexes the table had before. */
static bool note_facts(Step *step, const Statement *s, const char **out) {
    PgRows rows;
    *out = NULL;
    if (s->solo != SOLO_CREATE_INDEX || s->object || !s->table)
        return true;
    if (!pg_row(step->pg, step->arena, &rows, SQL_SOLO_INDEX_OIDS, PG_WITH(s->table)))
        return false;
    *out = pg_cell(&rows, 0, 0);
    return true;
}

/* More is left than "nothing": the first failure stays the one to tell, but not its state. */
static void tell_wreck(const Step *step, const char *index, Failure *why) {
    if (why->kind == FAIL_ERROR)
        why->kind = FAIL_PARTIAL;
    why->state =
        arena_format(step->arena, "%s; an invalid index is left: %s", step_stands(step), index);
    why->next = "mend the file, then: stint up drops that index and builds it again";
}

/* The statement failed and we know it: its intent is taken back, and what it left is cleared. */
static StepAnswer give_up(Step *step, const Statement *s, const char *facts) {
    Failure why = fail_kept(step->arena);
    bool locked = retreat_is_lock(step->retreat);
    Probe found;
    const char *forget = ledger_inline(step->pg, step->arena, step->schema, SQL_LEDGER_GIVE_UP,
                                       PG_WITH(step->migration->id));
    pg_stoppable(step->pg, false);
    if (s->solo == SOLO_CREATE_INDEX && probe_settled(step, s, facts, &found) &&
        strcmp(found.verdict, "invalid") == 0 && !drop_invalid(step, found.index))
        tell_wreck(step, found.index, &why);
    bool cleared = step_aside(step, forget) == STEP_DONE;
    pg_stoppable(step->pg, true);
    if (cleared && step->position == 0)
        step->begun = false;
    if (!cleared)
        log_warn("%s: the ledger still says that statement %ld was begun (%s); the next run looks "
                 "what became of it",
                 step->migration->name, step->position + 1, failure()->message);
    fail_again(&why);
    if (pg_state(step->pg) == PG_LOST)
        return STEP_LOST;
    return locked ? STEP_LOCKED : STEP_FAILED;
}

static void find_place(Step *step, size_t number, const char *text) {
    const Statement *s = statement_of(step, number);
    long position = pg_error(step->pg)->position;
    size_t byte = position > 0 ? sqlfile_byte(text, strlen(text), 0, (size_t)position - 1) : 0;
    size_t home = variable_home(s, byte);
    step->failed = number;
    step->place = lexer_place(step->arena, step->half->file, step->half->text, home);
    fail_at(step->place);
    if (position > 0)
        variable_hint(step->half, home);
}

static bool which_is_it(const Step *step, size_t number) {
    return fail_next("look, then say which it is: stint resolve %s --statement-done %zu | "
                     "--statement-again %zu",
                     step->migration->version, number + 1, number + 1);
}

/* What ends transactions itself may have failed after a part of its work: the intent stays. */
static StepAnswer half_done(Step *step, size_t number) {
    if (failure()->kind == FAIL_ERROR)
        fail_as(FAIL_PARTIAL);
    fail_in("%s", step->migration->name);
    fail_state("%s; statement %zu (%s) failed, and what it had committed before is there",
               step_stands(step), number + 1, statement_of(step, number)->words);
    which_is_it(step, number);
    return STEP_FAILED;
}

static StepAnswer run_it(Step *step, size_t number, const char *facts) {
    const Statement *s = statement_of(step, number);
    const Bytes sql = variable_sql(step->half, s);
    const char *before = NULL, *text = arena_bytes(step->arena, sql.at, sql.length);
    size_t completed;
    bool concurrent = strstr(s->words, "CONCURRENTLY") != NULL || s->solo == SOLO_CREATE_INDEX ||
                      s->solo == SOLO_DROP_INDEX;
    retreat_unbounded(step->retreat);
    if (concurrent && !set_lock_timeout(step, "0", &before))
        return step_failed_or_lost(step);
    if (step->guard)
        step->guard->number = number + 1;
    bool ok = pg_message(step->pg, text, (PgCopies){0, NULL}, &completed);
    if (step->guard && ok)
        step->guard->number = 0;
    if (!ok) {
        if (pg_state(step->pg) == PG_LOST)
            return STEP_LOST;
        find_place(step, number, text);
        bool began = !pg_error(step->pg)->position; /* not refused before it ran */
        StepAnswer answer =
            s->solo == SOLO_UNKNOWN && began ? half_done(step, number) : give_up(step, s, facts);
        restore_lock_timeout(step, before);
        return answer;
    }
    return restore_lock_timeout(step, before) ? STEP_DONE : step_failed_or_lost(step);
}

static StepAnswer write_outcome(Step *step, size_t number) {
    long after = (long)number + 1;
    StepAnswer answer = step_write(step, step_position_sql(step, after), 1);
    if (answer == STEP_DONE)
        step->position = after;
    return answer;
}

static StepAnswer run_and_write(Step *step, size_t number, const char *facts) {
    StepAnswer answer = run_it(step, number, facts);
    return answer == STEP_DONE ? write_outcome(step, number) : answer;
}

static StepAnswer finalize(Step *step, const Statement *s, size_t number) {
    const char *sql = arena_format(step->arena, "ALTER TABLE %s DETACH PARTITION %s FINALIZE",
                                   s->table, s->object);
    if (pg_do(step->pg, sql, PG_NONE))
        return write_outcome(step, number);
    return retreat_is_lock(step->retreat) ? STEP_LOCKED : step_failed_or_lost(step);
}

/* A detachment that failed between its two transactions wants the second one only. */
static bool is_half_detached(Step *step, const Statement *s) {
    Probe found;
    return s->solo == SOLO_DETACH_PARTITION && probe(step, s, NULL, &found) &&
           strcmp(found.verdict, "finalize") == 0;
}

/* No fence holds while such a statement runs: two runs would do it at the same time if an earlier
 * statement of the file gave the run lock away. */
StepAnswer step_solo(Step *step, size_t number) {
    const Statement *s = statement_of(step, number);
    const char *facts, *order = arena_format(step->arena, "%zu", number + 1);
    StepAnswer answer = step_prelude(step);
    if (answer != STEP_DONE)
        return answer;
    LockAnswer lock = lock_check(step->pg, step->schema);
    if (lock != LOCK_TAKEN)
        return lock == LOCK_BUSY ? STEP_TAKEN : step_failed_or_lost(step);
    if (is_half_detached(step, s))
        return finalize(step, s, number);
    if (!clear_the_way(step, s) || !note_facts(step, s, &facts))
        return step_failed_or_lost(step);
    answer = step_write(step,
                        ledger_inline(step->pg, step->arena, step->schema, SQL_LEDGER_INTEND,
                                      PG_WITH(step->migration->id, order, facts)),
                        1);
    return answer == STEP_DONE ? run_and_write(step, number, facts) : answer;
}

static StepAnswer cannot_tell(Step *step, size_t number) {
    const Statement *s = statement_of(step, number);
    fail(FAIL_PARTIAL, "%s: statement %zu (%s) may or may not have run", step->migration->name,
         number + 1, s->words);
    fail_detail("The run that sent it failed or ended before it could write down the outcome.");
    fail_at(lexer_place(step->arena, step->half->file, step->half->text, s->at));
    fail_state("%s", step_stands(step));
    which_is_it(step, number);
    return STEP_FAILED;
}

StepAnswer step_resume_solo(Step *step, size_t number, const char *facts) {
    const Statement *s = statement_of(step, number);
    Probe found;
    if (!probe_settled(step, s, facts, &found))
        return step_failed_or_lost(step);
    log_detail("%s: statement %zu (%s): %s", step->migration->name, number + 1, s->words,
               found.verdict);
    if (strcmp(found.verdict, "done") == 0)
        return write_outcome(step, number);
    if (strcmp(found.verdict, "unknown") == 0)
        return cannot_tell(step, number);
    if (strcmp(found.verdict, "finalize") == 0)
        return finalize(step, s, number);
    if (strcmp(found.verdict, "invalid") == 0 && !drop_invalid(step, found.index))
        return step_failed_or_lost(step);
    if (!drop_leftovers(step, s))
        return step_failed_or_lost(step);
    return run_and_write(step, number, facts);
}
