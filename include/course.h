/* course: a backfill inside a run, from its beginning to its end: what must be there before (a
 * trigger for rows that are written meanwhile), the ranges, the walk (worker.h, crew.h), the rows
 * that were passed over, sweeps, verify, and what it is finally for. Refuses to know the plan. */
#ifndef COURSE_H
#define COURSE_H

#include "config.h"
#include "step.h"

/* The whole backfill that `step->migration` declares: opens it, or goes on with it. */
StepAnswer course_run(Step *step, const Config *config);

#endif
