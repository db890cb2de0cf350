/* worker: does the batches of a backfill until there are none. A batch is a step: one statement
 * that locks and fences its range's row, changes the rows after the position and writes the
 * position; so a kill at any moment, a lost answer or a second worker leave each row changed once.
 * Refuses to know the run around it. */
#ifndef WORKER_H
#define WORKER_H

#include "step.h"

/* The whole backfill that `step->migration` declares, inside this run: opens it, or goes on with it
 * (`begun` in the ledger), its batches, verify, and the end. */
StepAnswer worker_run(Step *step);

#endif
