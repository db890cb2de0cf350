/* imprint: the plan hash: what somebody has seen and agreed to, in 64 digits: the environment, what
 * the ledger knows, the files and their texts, what their statements lock and how large that is (in
 * tenfold steps), what the rules say, the policies. Not times, lag and exact sizes. The last 24
 * digits are of its parts, so that a hash that does not fit any more tells what has changed.
 * Refuses to know what depends on it. */
#ifndef IMPRINT_H
#define IMPRINT_H

#include "arena.h"
#include "text.h"

typedef enum {
    IMPRINT_LEDGER,
    IMPRINT_FILES,
    IMPRINT_IMPACT,
    IMPRINT_SIZES,
    IMPRINT_VERDICTS,
    IMPRINT_POLICIES,
    IMPRINT_PARTS
} ImprintPart;

typedef struct {
    Text part[IMPRINT_PARTS]; /* what goes into it, fields ended by a line */
} Imprint;

Imprint imprint_on(Arena *a);
void imprint_add(Imprint *imprint, ImprintPart part, const char *name, const char *value);
const char *imprint_hash(Arena *a, const Imprint *imprint);
/* True: `given` is this hash. False: FAIL_REFUSED, with the parts that differ; FAIL_USAGE where
 * it is no plan hash at all. */
bool imprint_accept(Arena *a, const char *hash, const char *given);

#endif
