/* worker: does the batches of a backfill until there are none. A batch is a step: one statement
 * that locks and fences its range's row, changes the rows after the position and writes the
 * position; so a kill at any moment, a lost answer or a second worker leave each row changed once.
 * Refuses to know the run around it, and what comes before the first batch and after the last. */
#ifndef WORKER_H
#define WORKER_H

#include "governor.h"
#include "ledger.h"
#include "migration.h"
#include "pace.h"
#include "range.h"

#include <sys/types.h>

typedef struct TransformBatch TransformBatch;

typedef struct {
    Pg *pg;
    Arena *arena;  /* as long as the worker */
    Arena *ranges; /* as long as the range in hand */
    const char *schema;
    const Migration *migration;
    Backfill *backfill;
    const char *who;
    Range range;
    Batch batch;
    Pace pace;
    Governor *governor;
    int retries, stuck;              /* tries of this batch; of one row alone */
    long bad;                        /* rows that failed */
    unsigned weighed;                /* batches */
    int plain;                       /* batches until stripes are tried again */
    bool skips;                      /* the next batch passes over what others hold */
    const char *blamed, *blamed_key; /* the place of a batch of one, or NULL; its row's key */
    bool looks;                      /* the governor's look is due */
    long long rest;                  /* ms until the next batch */
    TransformBatch *ahead;           /* the next batch of a transform, if it is read already */
    long long started, seen_before, held_before;
    long long counted; /* clock_ms() when the rows of all workers were read */
    long long until;   /* clock_ms() at which it stops, or 0 */
    pid_t parent;      /* of the crew: without it, it stops; or 0 */
} Worker;

typedef enum {
    WORKER_DONE,    /* nothing is left to walk */
    WORKER_OVER,    /* the backfill is no longer running, or its own time is up */
    WORKER_STOPPED, /* Ctrl-C, SIGTERM */
    WORKER_LOST,    /* the connection */
    WORKER_FAILED
} WorkerAnswer;

typedef enum { TURN_DONE, TURN_RANGE_DONE, TURN_NOTHING, TURN_HELD, TURN_FENCED, TURN_FAILED } Turn;

Worker worker_of(Pg *pg, Arena *a, const char *schema, const Migration *migration,
                 Backfill *backfill, Governor *governor);
/* Settings of the session. ms; 0: none of the environment's own. */
bool worker_settle(Worker *w, long long statement_timeout, long long lock_timeout);
WorkerAnswer worker_walk(Worker *w);
WorkerAnswer worker_answer(const Worker *w); /* of the failure there is */

/* How far it is, as an event; so many rows since the last. */
void worker_tell(const Worker *w, long long changed);
/* A row that fails: the first ones by name. */
void worker_tell_bad(Worker *w, const char *key, const char *why);

/* For those who do a batch in another way (transform.c). */
bool worker_stripes(const Worker *w); /* is the next batch a stripe of a window? */
/* `bytes` that it wrote: the rows that a transform gave, else WAL (that of others counts as well);
 * 0: unknown. */
Turn worker_read_answer(Worker *w, const PgRows *rows, long keys, long long bytes, long long us);
Turn worker_why_nothing(Worker *w, const char *desired, const char *state, bool is_ours);

#endif
