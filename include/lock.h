/* lock: one run at a time. The run lock is a session advisory lock on the connection that does the
 * work; it is polled, with jitter, and keeps runs from colliding. The ledger decides, this only
 * arranges: to lose it costs time, never a double application. Refuses to know table locks
 * (retreat.h). */
#ifndef LOCK_H
#define LOCK_H

#include "pg.h"

typedef enum { LOCK_TAKEN, LOCK_BUSY, LOCK_FAILED } LockAnswer;

typedef struct {
    int pid;             /* 0: nobody holds it */
    const char *text;    /* "pid 4711 (stint:up, role anna from 10.0.0.5, since ...)" */
    const char *program; /* application_name */
    const char *role, *from, *since, *query;
    long long seconds; /* since its session began */
} LockHolder;

/* Tries until `wait` ms have passed, saying now and then who holds it. False: FAIL_RUN_LOCK, with
 * the holder, or another failure. */
bool lock_take(Pg *pg, const char *schema, long long wait);
/* Still ours? LOCK_BUSY: no. */
LockAnswer lock_check(Pg *pg, const char *schema);
void lock_release(Pg *pg, const char *schema);
bool lock_holder(Pg *pg, Arena *a, const char *schema, LockHolder *out);
/* Ends the holder's session. */
bool lock_end_holder(Pg *pg, const LockHolder *holder);

#endif
