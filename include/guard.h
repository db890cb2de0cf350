/* guard: holds each statement to what the plan said of it. At DEBUG1 the server announces a table's
 * rewrite, a scan, an index build and a foreign key's validation before it works: what was not said
 * is cancelled then (guard = on), or told (warn). Also of what nobody could read before (dynamic
 * SQL, Lua). And a limit (exclusive_hold) for how long tables are locked against readers. Refuses
 * to know how the plan came to its opinion. */
#ifndef GUARD_H
#define GUARD_H

#include "config.h"
#include "json.h"
#include "message.h"
#include "pg.h"

typedef struct {
    Arena *arena;
    Pg *pg;
    const Config *config;
    const Json *deeds;      /* of the file: what its statements do; NULL: not known */
    const Message *message; /* that is being sent; NULL: none */
    size_t number;          /* without one: the statement that runs, from 1; 0: any of the file */
    const char *tripped;    /* what was about to happen; NULL: nothing */
    FailPlace place;        /* of the statement, where it is known */
    PgWait before;
    long long exclusive_since; /* clock_ms(); 0: no table is locked against readers */
} Guard;

/* Does this environment want it? */
bool guard_is_wanted(const Config *config);
/* Makes the session announce; behind a session's settings. */
extern const char guard_setting[];
/* From now on it listens; `deeds` is a list as Judge.deeds. */
void guard_arm(Guard *guard, Arena *a, const Config *config, Pg *pg, const Json *deeds);
/* Looks how long readers wait, besides whoever looks already. */
void guard_watch(Guard *guard);
void guard_disarm(Guard *guard);
/* It has cancelled something: whatever became of it, that must not be committed. */
bool guard_has_tripped(const Guard *guard);
/* Makes that the failure; false. */
bool guard_tell(const Guard *guard);

#endif
