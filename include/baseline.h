/* baseline: the findings that a team has decided to live with, in a file of the project: what it
 * knows is not reported again. A finding is known by its key (judge.h), not by its line. Refuses to
 * know rules. */
#ifndef BASELINE_H
#define BASELINE_H

#include "judge.h"

typedef struct {
    size_t known;  /* findings that were taken away */
    size_t unused; /* entries of judged files that nothing was found for */
} Baseline;

/* Takes what the file knows away from the judge's findings. FAIL_CONFIG for a file that is none. */
bool baseline_apply(Judge *judge, const char *path, const Migrations *files, Baseline *out);
/* Writes all findings that the judge has into the file. */
bool baseline_write(const Judge *judge, const char *path);

#endif
