/* join: a worker that comes to a backfill that is under way, from wherever it is: finds its file,
 * holds it against what the backfill was begun with, does batches until there are none, or works
 * off the rows that were passed over. Refuses to begin or end a backfill. */
#ifndef JOIN_H
#define JOIN_H

#include "config.h"
#include "script.h"

#include <sys/types.h>

typedef enum { JOIN_BATCHES, JOIN_RESIDUE } JoinPart;

typedef struct {
    JoinPart part;
    const char *name; /* of a backfill, or NULL: whatever is under way */
    long workers;     /* more than 1: so many processes */
    long long until;  /* clock_ms() at which it ends, or 0 */
    pid_t parent;     /* the crew that started it, or 0 */
} JoinWanted;

typedef struct {
    long joined;  /* backfills that were worked on */
    Strings done; /* ids of those that nothing is left to walk of */
} JoinResult;

bool join_work(Arena *a, const Config *config, const JoinWanted *wanted, JoinResult *out);

#endif
