/* health: how the database is, measured from the primary alone: a table of signals, each with its
 * name (the same in config.ini, in Lua and in the ledger), its unit and the statement that asks for
 * it. Refuses to know what a limit does (governor.h).
 *
 * What cannot be seen (rights, a managed service) is not zero: its value is NAN. Times are in
 * seconds, sizes in bytes, parts in percent. */
#ifndef HEALTH_H
#define HEALTH_H

#include "config.h"
#include "pg.h"

typedef enum {
    HEALTH_REPLICA_LAG,
    HEALTH_REPLICA_LAG_BYTES,
    HEALTH_SLOT_WAL,
    HEALTH_ARCHIVE_BACKLOG,
    HEALTH_LOCK_WAITERS,
    HEALTH_ACTIVE_OTHERS,
    HEALTH_CPU_PRESSURE,
    HEALTH_COMMIT_LATENCY,
    HEALTH_REQUESTED_CHECKPOINTS,
    HEALTH_DEAD_TUPLES,
    HEALTH_HORIZON_HELD,
    HEALTH_WRAPAROUND_VACUUM,
    HEALTH_WAL_RATE,
    HEALTH_SIGNALS
} HealthSignal;

/* A signal as it is, and what is remembered of it, in the ledger: whoever looks next goes on. */
typedef struct {
    bool is_there; /* it was measured, or tried to be */
    double value;
    double things;       /* how many there are that must not vanish */
    double limit, load;  /* as it was held against it: 1 is at it */
    bool was_seen;       /* ever */
    double most;         /* things, ever */
    double usual, looks; /* the mean of the first minute, of so many looks */
    double counter, at; /* of what only grows: its last value, and when; of a lag, bytes a second */
    double since;       /* when `mark` was seen first */
    const char *mark, *about;
} HealthState;

typedef enum { HEALTH_ANSWERED, HEALTH_REFUSED_NOW, HEALTH_REFUSED } HealthRefusal;

typedef struct {
    Pg *pg;
    const char *schema;
    long long backfill;
    HealthRefusal refusal[HEALTH_SIGNALS];
    const char *why[HEALTH_SIGNALS]; /* what the server said; lives in `arena` */
    Arena *arena;
} Health;

const char *health_name(HealthSignal signal);
/* False: there is none of this name. */
bool health_find(const char *name, HealthSignal *out);
double health_limit(HealthSignal signal, const Config *limits); /* 0: none */
bool health_is_soft(HealthSignal signal);                       /* it slows down, and never stops */
bool health_is_quick(HealthSignal signal);                      /* it can grow within a second */
/* The limit where the usual is high: so many times that; 0: it is the same everywhere. */
double health_times_usual(HealthSignal signal);
/* "7.1s", "412 MB", "3" */
const char *health_say(Arena *a, HealthSignal signal, double value);

/* All of them, `now` (the server's, in seconds) being the time. `state` holds what was remembered,
 * and then what is so now; `before` gets what was. False: the connection is lost. */
bool health_measure(Health *health, Arena *a, double now, HealthState *state, HealthState *before);
/* What was measured elsewhere; the worse one counts. */
void health_note(HealthState *state, double value, const char *about);
/* Those that wait for us for long, asked on another session; -1: unknown. */
double health_waiters(const Health *health, Arena *a, Pg *witness, const char **about);

#endif
