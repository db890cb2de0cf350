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
    PLAN_REVERTING,    /* rolled back up to a position: "partial" to people and programs */
} PlanState;

typedef struct {
    Migration *migration;         /* NULL: missing */
    const LedgerRow *row;         /* NULL: never begun */
    const LedgerFailure *failure; /* of the last attempt, or NULL */
    PlanState state;
    const char *skipped; /* "environments staging,production": pending, but not due here; or NULL */
    const char *waits;   /* the backfill that it must wait for now (its own name: its batches are
                            left to `stint work`), or NULL */
    Strings requires;    /* what must be applied before, of a file that is due */
    bool begun_edited;   /* half done, and what is done was edited since: never gone on with */
    bool down_changed;   /* the down half of an applied file differs: said, never refused */
} PlanItem;

typedef struct {
    size_t count;
    PlanItem *item; /* by version, then repeatable files by name */
    size_t due;     /* how many `up` would apply */
    PlanItem *held; /* the first that was made to wait, or NULL */
} Plan;

bool plan_make(Arena *a, Migrations *files, const Ledger *ledger, Plan *out);
/* Due files whose last attempt failed: FAILED instead of PENDING. */
void plan_tell_failures(Plan *plan, const Ledger *ledger);
bool plan_is_due(const PlanItem *item);
bool plan_is_repeatable(const PlanItem *item);
/* In a run that has got as far as to `item`: the backfill that it must wait for, or NULL. With the
 * order strict, nothing that is newer than a file that waits may go before it. */
const char *plan_waits(const Plan *plan, const PlanItem *item, const char *order);
/* Its batches are left to `stint work`. */
bool plan_is_left(const PlanItem *item);
/* Applied, whatever has become of its file since: what a rollback can begin with. */
bool plan_is_applied(const PlanItem *item);
const char *plan_state(PlanState state); /* "out_of_order" */
const char *plan_name(const PlanItem *item);
const char *plan_version(const PlanItem *item);
/* Says no to a rollback that is under way (FAIL_PARTIAL), to edited files always (FAIL_LEDGER), to
 * missing ones and to late ones as `order` wants: strict refuses, warn says it, allow is silent. */
bool plan_accept(const Plan *plan, const char *order);

#endif
