/* governor: keeps a backfill from harming the database: looks at its health (health.h) in
 * intervals, one worker for all, and writes the verdict into the backfill's row, which every batch
 * of every worker reads: held, and why, or how much of its time a worker may work. Also the
 * backfill's own window and throttle function. Refuses to run batches. */
#ifndef GOVERNOR_H
#define GOVERNOR_H

#include "backfill.h"
#include "health.h"
#include "hours.h"

typedef struct {
    Pg *pg;
    Arena *arena;
    const char *schema, *name; /* of the ledger; of the migration */
    const Backfill *backfill;
    Config limits; /* the environment's, and the backfill's own before them */
    Hours hours;
    Health health;
    bool told_blind[HEALTH_SIGNALS];
    char reason[256];        /* why it is held; "": it is not, as far as is known */
    char told[256];          /* and what of that was told, */
    long long told_at, held; /* when; ms that were spent held */
    long long began;         /* of the batch: clock_ms() */
    char waiter[32];
    double waiters; /* the most that waited for us since the last look */
    double commit;  /* seconds that a small transaction of ours took */
    PgWait before;  /* what else is to be done while a batch runs */
} Governor;

/* Reads limits and window of the declaration. False: one of them is wrong, with its place. */
bool governor_of(Pg *pg, Arena *a, const char *schema, const Config *config,
                 const Backfill *backfill, const char *name, Governor *out);
/* A look at the health, if one is due and nobody else is at it; then `reason` is as the ledger has
 * it. False: the connection is lost, or the ledger cannot be read. */
bool governor_look(Governor *governor);
/* A new run: what was seen before it does not count as vanished. */
bool governor_forget(Governor *governor);
/* One turn of a worker that is held: a look, a word about why, a nap. */
bool governor_hold(Governor *governor);
/* An event for why it is held (NULL: it is not), at first and now and then. */
void governor_tell(Governor *governor, const char *why);

/* Around batches: while one takes long, who waits for us is looked at on the witness. */
void governor_watch(Governor *governor);
void governor_unwatch(Governor *governor);
void governor_before(Governor *governor);

#endif
