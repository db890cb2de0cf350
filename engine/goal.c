#include "goal.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "quarantine.h"
#include "session.h"
#include "sql.h"
#include "text.h"

#include <string.h>

StepAnswer goal_quarantine(Step *step, const Backfill *b) {
    if (quarantine_tell(step->pg, step->arena, step->schema, b))
        return STEP_DONE;
    if (failure()->kind != FAIL_PARTIAL)
        return step_failed_or_lost(step);
    fail_in("%s", step->migration->name);
    fail_state("all other rows are done, %lld changed; the backfill does not count as applied",
               b->rows_changed);
    fail_next("mend these rows, or what is done to them (then stint resolve %s --accept-change); "
              "stint %s tries them again, or stint backfill retry %s these alone",
              step->migration->version, step->way == STEP_UP ? "up" : "down",
              step->migration->name);
    return STEP_FAILED;
}

static StepAnswer refuse(const Step *step, const Backfill *b, const char *answer) {
    fail(FAIL_PARTIAL, "%s: all batches are done, but verify answers %s instead of 0",
         step->migration->name, answer ? answer : "nothing");
    fail_detail("%s", b->verify);
    fail_state("%lld rows are changed; the backfill does not count as applied", b->rows_changed);
    fail_next("mend these rows (or what still writes them), then: stint up verifies again; or mend "
              "the declaration and walk the table again: stint resolve %s --rolled-back, then: "
              "stint up",
              step->migration->version);
    return STEP_FAILED;
}

StepAnswer goal_verify(Step *step, const Backfill *b) {
    PgRows rows;
    /* the batches' settings would be wrong for a query over the whole table */
    const char *clean = session_clean(step->arena, step->pg);
    if (!pg_do_all(step->pg, clean))
        return step_failed_or_lost(step);
    if (!b->verify)
        return STEP_DONE;
    if (!pg_rows(step->pg, step->arena, &rows, b->verify, PG_NONE)) {
        fail_in("verify");
        return step_failed_or_lost(step);
    }
    const char *answer = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    event_tell("check", EVENT_SAYS("name", step->migration->name), EVENT_SAYS("answer", answer));
    return text_same(answer, "0") ? STEP_DONE : refuse(step, b, answer);
}

/* Who asks for the new values next should know how they are spread: the other columns are what they
 * were. */
static void analyze(Step *step, const Backfill *b) {
    Text columns = text_on(step->arena);
    for (size_t i = 0; i < b->changed.count; i++)
        text_addf(&columns, "%s%s", i ? ", " : " (", backfill_column(b, b->changed.at[i])->ident);
    text_add(&columns, b->changed.count ? ")" : "");
    const char *sql = arena_format(step->arena, "ANALYZE %s%s", b->table, columns.at);
    if (b->rows_changed && !pg_do(step->pg, sql, PG_NONE)) {
        log_detail("%s: %s", sql, failure()->message);
        fail_clear();
    }
}

StepAnswer goal_finish(Step *step, const Keeper *keeper, long long started) {
    const Migration *m = step->migration;
    bool up = step->way == STEP_UP;
    if (!keeper_finish(keeper) || !keeper_drop_trigger(keeper))
        return step_failed_or_lost(step);
    analyze(step, keeper->backfill);
    const char *sql = up ? SQL_BACKFILL_FINISH : SQL_REVERT_FINISH_BACKFILL;
    if (pg_do(step->pg, ledger_sql(step->arena, step->schema, sql),
              up ? PG_WITH(m->id) : PG_WITH(m->id, ledger_who()))) {
        event_tell("backfill_finished", EVENT_SAYS("version", m->version),
                   EVENT_SAYS("name", m->name),
                   EVENT_COUNTS("rows", keeper->backfill->rows_changed),
                   EVENT_COUNTS("duration_ms", clock_ms() - started));
        return STEP_DONE;
    }
    if (!pg_failed_with(step->pg, "22012"))
        return step_failed_or_lost(step);
    fail_clear();
    return STEP_TAKEN;
}
