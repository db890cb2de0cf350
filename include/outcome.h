/* outcome: a file that did not come to its end: what state things are in now and how to go on, told
 * and written to the ledger. Refuses to go on itself. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "run.h"

/* Adds to the failure there is, and notes the attempt in the ledger; false. */
bool outcome_tell(Run *run, const Step *step);
/* A Lua migration without a transaction that an earlier run began: STEP_FAILED. */
StepAnswer outcome_in_doubt(const Step *step);
/* The ledger's row was begun by a file of another kind: STEP_FAILED. */
StepAnswer outcome_of_other_kind(const Step *step, const LedgerRow *row);

#endif
