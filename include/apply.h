/* apply: one file of a run, up or down, a step at a time, from where the ledger says: what the
 * session must be like for it, its parts, patience with locks; and, when it fails, what state
 * things are in and how to go on. Refuses to choose the file. */
#ifndef APPLY_H
#define APPLY_H

#include "run.h"

typedef enum {
    APPLY_DONE,
    APPLY_AGAIN, /* another run was faster, or the connection was lost: the ledger was read again,
                    and what was known of the plan is gone */
    APPLY_LEFT,  /* begun, and left to `stint work`: the run goes on without it */
    APPLY_FAILED,
} ApplyAnswer;

/* The run is begun and the file open. */
ApplyAnswer apply_file(Run *run, PlanItem *item, StepWay way);

#endif
