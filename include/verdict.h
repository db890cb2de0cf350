/* verdict: what follows from the health of the database (health.h) and the limits: go on, slower or
 * faster, or hold, and why. Refuses to ask a server and to wait.
 *
 * Hard signals hold at their limit, until all have been below 0.7 of theirs for two looks; then
 * work goes on at half of the budget. Soft ones slow down from 0.8 of theirs, more from 1, to a
 * tenth at the least; and so do hard ones that grow quickly, from half of theirs while they rise,
 * from 0.8 in any case. The budget grows again where what grows quickly is below half of its limit,
 * all else below 0.7. */
#ifndef VERDICT_H
#define VERDICT_H

#include "health.h"

typedef struct {
    double budget;      /* the part of their time that workers may work */
    int calm;           /* looks in a row below 0.7 */
    int rest;           /* looks before the budget grows */
    bool is_held;       /* by a limit */
    const char *reason; /* of the hold; NULL: go on */
    const char *slow;   /* which one keeps the budget low, while it goes on; or NULL */
    bool is_close;      /* something that grows quickly is half way to its limit: look again soon */
} Verdict;

/* `before` is what was remembered, `state` what is so now (its loads, means and memory are filled
 * in); `verdict` comes as the last one was. */
void verdict_reach(Arena *a, const Config *limits, HealthState *state, const HealthState *before,
                   Verdict *verdict);
/* A limit is set, and what it is about cannot be seen. */
bool verdict_is_blind(HealthSignal signal, const Config *limits, const HealthState *state);

#endif
