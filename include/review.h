/* review: the judge asked about all that is due, with what the database says of itself: what each
 * statement does, what the rules say to it, and the imprint of the whole plan. Says no where the
 * environment's policies do. Refuses to run anything, and to print. */
#ifndef REVIEW_H
#define REVIEW_H

#include "judge.h"
#include "run.h"

typedef struct {
    const char *id;
    const PlanItem *item; /* as long as the run's look */
    Json *deeds;          /* see Judge.deeds */
    size_t first, count;  /* its findings, in judge.finding */
} ReviewFile;

typedef struct Review {
    Judge judge;
    size_t count;
    ReviewFile *file; /* in the order of the run */
    const char *hash;
} Review;

/* Reads files that are due as need be, in the run's own script world. */
bool review_make(Run *run, Review *out);
/* The same for one file that is rolled back first; it has no hash. */
bool review_redo(Run *run, const PlanItem *item, Review *out);
/* Of the file with this id, at any later look too; NULL: it was not due. */
const ReviewFile *review_file(const Review *review, const char *id);
/* `*bind`: can a policy of this environment refuse a file? Where none can, nobody need ask the
 * judge. False: failed, a policy does not load. */
bool review_binds(Run *run, bool *bind);
/* What refuses, a line each. */
Strings review_errors(const Review *review);
/* False: FAIL_REFUSED. In a protected environment every error refuses, elsewhere those of the
 * team's own rules and levels. */
bool review_accept(const Review *review);

#endif
