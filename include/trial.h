/* trial: each migration up, down and up again on a scratch database: after its way down the schema
 * must be what it was before, after the second way up what it was after the first. Refuses to judge
 * rows, and to touch the target beyond its schema. */
#ifndef TRIAL_H
#define TRIAL_H

#include "catalog.h"
#include "run.h"

typedef enum {
    TRIAL_VERIFIED,
    TRIAL_ONE_WAY, /* it has no way down: it was applied, and that is all */
    TRIAL_FAILS,   /* its way down, or its second way up */
    TRIAL_DIFFERS, /* the schema, after one of these */
} TrialAnswer;

typedef struct {
    const char *id, *version, *name;
    const char *tokens; /* what was tried, see approval_tokens */
    const char *begun;  /* how far it is in the target, from where it was tried; NULL: not begun */
    TrialAnswer answer;
    const char *message; /* what is wrong, for people */
    FailPlace place;
    CatalogDifferences differences;
} TrialFile;

typedef struct {
    const char *place;          /* of the scratch server */
    const char *from;           /* "an empty database" */
    bool of_pending;            /* only what the target lacks */
    Strings lacks;              /* of a copy of the target; any: what was found is assumed */
    size_t count, faults, ways; /* files; those that are not as they should be; with a way down */
    TrialFile *file;
} Trial;

/* Of all files, on an empty database. A way up that fails is a failure (FAIL_MIGRATION). */
bool trial_hold(Arena *a, const Config *config, Trial *out);
/* Of those that `target` lacks, on an empty copy of its schema. */
bool trial_hold_pending(Arena *a, const Run *target, Trial *out);
const TrialFile *trial_file(const Trial *trial, const char *id); /* NULL: it was not tried */
const char *trial_answer(TrialAnswer answer);                    /* "verified" */

#endif
