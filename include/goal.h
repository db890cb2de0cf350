/* goal: what a backfill must have reached before it counts as applied: no row in the quarantine,
 * `verify` answers 0, the column is what `finally` says, the ledger knows. Refuses to change rows,
 * and to know how they were changed. */
#ifndef GOAL_H
#define GOAL_H

#include "keeper.h"
#include "step.h"

/* STEP_FAILED with the first of those that failed. */
StepAnswer goal_quarantine(Step *step, const Backfill *backfill);
StepAnswer goal_verify(Step *step, const Backfill *backfill);
/* `started` is the clock_ms() of this run's beginning. STEP_TAKEN: somebody was quicker, or wants
 * something else of it meanwhile. */
StepAnswer goal_finish(Step *step, const Keeper *keeper, long long started);

#endif
