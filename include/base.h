/* base: the project's files beside those of a git branch that they are to be merged into: what the
 * merge base lacks, and what of it will not fit. Refuses to know rules and
 * what files say: edits are told by tokens. */
#ifndef BASE_H
#define BASE_H

#include "judge.h"

typedef enum {
    BASE_NEW,
    BASE_EDITED,
    BASE_SAME,
} BaseState;

typedef struct {
    const Config *config;
    const char *ref; /* a branch, tag or commit */
    size_t count;
    BaseState *state;      /* of each file */
    JudgeProblem *problem; /* of each file; rule NULL: none */
} Base;

/* Compares `files` with what git has, and adds those that are gone. FAIL_USAGE: no such ref;
 * FAIL_ERROR: no git, no repository. */
bool base_compare(Arena *a, const Config *config, const char *ref, Migrations *files, Base *out);

#endif
