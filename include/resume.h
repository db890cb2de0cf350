/* resume: a half-applied SQL file goes on where the ledger says: what was applied must be as it
 * was, the session's settings are made again, and a statement that may or may not have run is
 * looked into. Refuses to run the rest (runner.h). */
#ifndef RESUME_H
#define RESUME_H

#include "step.h"

/* STEP_DONE: `step` stands where the rest begins, its session ready. */
StepAnswer resume_file(Step *step, const LedgerRow *row);

/* Has what was applied of a half-applied file stayed as it was? False: not to be found out. */
bool resume_is_kept(Pg *pg, Arena *a, const char *schema, const Migration *m, const LedgerRow *row,
                    bool *kept);

#endif
