/* runner: carries out a plan and writes it down: run lock, ledger, every due file in its order;
 * goes on where the ledger says after a lost connection or when another run got
 * ahead. What happens on the way is told by events (event.h). Refuses to know the command line. */
#ifndef RUNNER_H
#define RUNNER_H

#include "config.h"
#include "plan.h"

typedef enum {
    RUNNER_ASKS,  /* gates, rules and checks, as the environment has them */
    RUNNER_ASKED, /* gates and rules have been asked */
    RUNNER_TRIES, /* a scratch database, where nobody is to be asked */
} RunnerManner;

typedef struct {
    const char *command; /* "up", "deploy": for the ledger and pg_stat_activity */
    const char *to;      /* the last version to apply, or NULL */
    long count;          /* at most so many; -1: all */
    const char *only;    /* the id of the one file to apply, or NULL */
    RunnerManner manner;
    Strings override; /* gates to lift, and why (gate.h) */
    const char *reason;
    const char *release; /* the file of a record: nothing runs that is not in it; or NULL */
    const char *plan;    /* the hash of the plan that was agreed to, or NULL */
} RunnerWanted;

typedef struct {
    long applied; /* files */
    long left;    /* backfills whose batches are left to `stint work` */
    long waiting; /* files that wait for one of these */
} RunnerResult;

/* Applies what is pending. */
bool runner_up(Arena *a, const Config *config, const RunnerWanted *wanted, RunnerResult *out);

#endif
