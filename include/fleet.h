/* fleet: one command carried out in many targets, each in a process of its own, a bounded number at
 * once; canaries first. What they say is handed on line by line; each target's own ledger holds
 * what was done, so that a fleet has no state to lose and the next run completes it. Refuses to
 * know what the lines mean and to print. */
#ifndef FLEET_H
#define FLEET_H

#include "config.h"
#include "target.h"
#include "text.h"

#include <sys/types.h>

typedef enum {
    FLEET_NOT_STARTED,
    FLEET_RUNNING,
    FLEET_OK,
    FLEET_PENDING,     /* ended with 2: an answer, no failure */
    FLEET_FAILED,      /* ended with another code */
    FLEET_KILLED,      /* ended by a signal */
    FLEET_INTERRUPTED, /* by the signal that ended the fleet */
} FleetState;

typedef struct {
    const Target *target;
    FleetState state;
    int code; /* its exit code; 128 and the signal if it was killed */
    long long duration_ms;
    Text said;  /* what it wrote to stderr */
    void *note; /* of who listens; NULL at first */

    long long started;
    pid_t pid;
    int out, err; /* our ends of its pipes; -1: closed */
    Text line;    /* what it wrote to stdout since the last line end */
    Arena *arena; /* of `line` */
} FleetShip;

typedef struct {
    size_t count, ended, at_work, failed; /* killed ones have failed too */
    FleetShip *ship;
    bool stopped;       /* by Ctrl-C or SIGTERM */
    const char *reason; /* why the rest was not started, or NULL */
} Fleet;

typedef struct {
    const Config *config;
    Targets targets;
    const char *const *words; /* for each process, ended by NULL */
    const char *const *(*variables)(void *with, const Target *target); /* ended by NULL */
    void (*heard)(void *with, FleetShip *ship, const char *line);
    void (*looked)(void *with, const Fleet *fleet); /* often, and each time one has ended */
    void *with;
} FleetWanted;

/* Until all have ended. Ctrl-C and SIGTERM reach those at work, which end cleanly; nothing more
 * begins. False: no process could be started. */
bool fleet_run(Arena *a, const FleetWanted *wanted, Fleet *out);

#endif
