/* retreat: table locks with patience. A waiting ALTER TABLE makes every later reader wait behind
 * it; so a transaction waits for a lock for a moment only (lock_timeout), gives everything back,
 * lets the queue drain for at least five times as long, and tries again: short tries first, then
 * longer ones, never one without a limit. What can be seen to stand in the way is waited for
 * outside of the queue. Refuses to know what the transaction does.
 *
 * Times in ms. The ladder and its reasons: docs/locks.md. */
#ifndef RETREAT_H
#define RETREAT_H

#include "pg.h"
#include "sqlfile.h"

typedef struct {
    Pg *pg;
    Arena *arena;                  /* for what is said */
    const char *name;              /* of the file, for what is said */
    long long timeout, pause_most; /* lock_timeout, lock_retry_max */
    long tries_most;               /* lock_retries */
    long tries;                    /* so far, for this transaction */
    long long rung;                /* lock_timeout of the next try; 0: the session's own */
    long long blocked, looked;   /* ms that this try was seen waiting; when it was last looked at */
    bool bounded;                /* several locks together may not take longer than one */
    bool cancelled;              /* by us: several locks together took too long */
    bool autovacuum, wraparound; /* what was seen in the way */
    const char *blockers;        /* the last seen, for people; NULL: none */
} Retreat;

/* Watches the session's waits from now on: names who blocks it, bounds the whole of its waits. */
void retreat_watch(Retreat *retreat, Arena *a, Pg *pg, const char *name);
void retreat_unwatch(Retreat *retreat);
/* Would a probe ask the server at all? */
bool retreat_cares(Retreat *retreat, const SqlHalf *half, const Part *part);
/* Before a transaction: waits until no old transaction holds the tables that these statements
 * lock and that the text does not make itself; for pause_most at the longest. False: stopped, or
 * the server failed. */
bool retreat_probe(Retreat *retreat, const SqlHalf *half, const Part *part);
/* "SET LOCAL lock_timeout = ..." for this try, or NULL for the first. */
const char *retreat_setting(Retreat *retreat, Arena *a);
/* A statement outside of transactions (CREATE INDEX CONCURRENTLY) waits for old snapshots, and may.
 */
void retreat_unbounded(Retreat *retreat);
/* Was it a lock that failed (55P03, 40P01, or our own bound)? */
bool retreat_is_lock(const Retreat *retreat);
/* After such a failure, rolled back: sleeps. False: the tries are used up (FAIL_TABLE_LOCK, naming
 * the blockers), or a stop. */
bool retreat_again(Retreat *retreat);

#endif
