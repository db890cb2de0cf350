/* run: what a run has in its hands: session, script world, ledger, files, plan. Shared by the
 * verbs that carry it out. */
#ifndef RUN_H
#define RUN_H

#include "config.h"
#include "plan.h"
#include "script.h"
#include "step.h"

typedef struct {
    Arena *arena; /* the run's */
    Arena *look;  /* what was last read of ledger and folder */
    const Config *config;
    const char *command;
    Pg *pg;
    Script *script; /* NULL until a Lua file is due */
    Ledger ledger;
    Migrations files;
    Plan plan;
    long long id; /* in the ledger; 0: not begun */
    long applied;
    bool used;   /* the session has run a file since it was clean */
    bool locked; /* the run lock was taken on this session */
    int losses;  /* connections lost since the last file that was applied */
    const char *server_started;
} Run;

/* A session for looking only, and the look. A database that is not there yet (where the environment
 * is not protected) has an empty ledger: then `pg` is NULL. */
bool run_peek(Run *run);
/* Reads the ledger and the folder, and plans. */
bool run_look(Run *run);
/* Takes the run lock, brings the ledger up to date, looks again. */
bool run_lock(Run *run);
/* After a lost connection: a new session, the lock, another look. */
bool run_reconnect(Run *run);
bool run_open(Run *run, Migration *m); /* migration_open with this run's script world */
void run_close(Run *run);

#endif
