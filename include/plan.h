/* plan: disk minus ledger: the state of every migration, and what `up` would do now. Refuses to
 * run anything. */
#ifndef PLAN_H
#define PLAN_H

#include "config.h"
#include "ledger.h"
#include "migration.h"

typedef enum {
    PLAN_APPLIED,
    PLAN_BASELINED, /* in the ledger without having run here */
    PLAN_PENDING,
    PLAN_FAILED,  /* pending; its last attempt failed and left nothing behind */
    PLAN_PARTIAL, /* applied up to a position */
    PLAN_BACKFILLING,
    PLAN_EDITED,       /* applied, and its tokens differ since */
    PLAN_MISSING,      /* applied, and its file is gone */
    PLAN_OUT_OF_ORDER, /* pending, and older than the newest applied one */
    PLAN_ROLLED_BACK,  /* pending again */
} PlanState;

typedef struct {
    Migration *migration;         /* NULL: missing */
    const LedgerRow *row;         /* NULL: never begun */
    const LedgerFailure *failure; /* of the last attempt, or NULL */
    PlanState state;
    const char *skipped; /* "environments staging,production": pending, but not due here; or NULL */
    Strings requires;    /* what must be applied before, of a file that is due */
    bool down_changed;   /* the down half of an applied file differs: said, never refused */
} PlanItem;

typedef struct {
    size_t count;
    PlanItem *item; /* by version */
    size_t due;     /* how many `up` would apply */
} Plan;

bool plan_make(Arena *a, Migrations *files, const Ledger *ledger, Plan *out);
bool plan_is_due(const PlanItem *item);
const char *plan_state(PlanState state); /* "out_of_order" */
const char *plan_name(const PlanItem *item);
const char *plan_version(const PlanItem *item);
/* Says no (FAIL_LEDGER) to edited files always, to missing ones and to late ones as `order` wants:
 * strict refuses, warn says it, allow is silent. */
bool plan_accept(const Plan *plan, const char *order);

#endif
