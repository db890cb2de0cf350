/* transform: a batch of a backfill whose rows are changed by a function of the team's: read without
 * a lock, handed to Lua, written back in one statement where each row is still the one that was
 * read; one that is not is left for later, so that nobody's newer write is lost. While the server
 * writes, Lua has the batch behind it, which was read before. Refuses to know Lua. */
#ifndef TRANSFORM_H
#define TRANSFORM_H

#include "worker.h"

Turn transform_turn(Worker *w);
void transform_forget(Worker *w); /* what was read early and is not worked on any more */
/* The same for rows of the residue of the leaf in `batch`: so many, or the one with this key. */
typedef struct {
    long long changed, done, tried;
} Late;
bool transform_late(Worker *w, Batch *batch, long size, const char *key, BatchLocks locks,
                    Late *out);

#endif
