/* join: a worker that comes to a backfill that is under way, from wherever it is: finds its file,
 * holds it against what the backfill was begun with, does batches until there are none. Refuses to
 * begin or end a backfill. */
#ifndef JOIN_H
#define JOIN_H

#include "config.h"

#include <sys/types.h>

typedef struct {
    const char *name; /* of a backfill, or NULL: whatever is under way */
    long workers;     /* more than 1: so many processes */
    long long most;   /* ms, or 0 */
    pid_t parent;     /* the crew that started it, or 0 */
} JoinWanted;

/* `*joined` counts the backfills that were worked on. */
bool join_work(Arena *a, const Config *config, const JoinWanted *wanted, long *joined);

#endif
