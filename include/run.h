/* run: what a run has in its hands: session, script world, ledger, files, plan. Shared by the
 * verbs that carry it out. Refuses to choose what is done with it. */
#ifndef RUN_H
#define RUN_H

#include "config.h"
#include "drift.h"
#include "hook.h"
#include "plan.h"
#include "script.h"
#include "session.h"
#include "step.h"

typedef struct {
    Arena *arena; /* the run's */
    Arena *look;  /* what was last read of ledger and folder */
    const Config *config;
    const char *command;
    Pg *pg;
    struct Review *review; /* what the judge said of what was due (review.h); NULL: not asked */
    Script *script;        /* NULL until a Lua file is due */
    Hooks checks;          /* that are to be asked; verify.h */
    LedgerDepth depth;     /* that this command wants of settled rows */
    Ledger ledger;
    Migrations files;
    bool files_read; /* ahead of the next look */
    bool sums_read;  /* the checksums of this look's files */
    Plan plan;
    long long id;       /* in the ledger; 0: not begun */
    const Drift *drift; /* that it found when it began; NULL: it did not look */
    long applied;
    StepSession session;
    Arena *file; /* see run_file_arena */
    bool used;   /* the session has run a file since it was clean */
    bool locked; /* the run lock was taken on this session */
    int looks;   /* how often the plan was made */
    size_t next; /* where in the plan the next due file is looked for */
    bool has_event_triggers;
    Strings done,
        done_ms; /* applied by this run in one transaction: duration_ms is not written yet */
    int taken;   /* how often in a row another run was ahead */
    long long taken_since; /* clock_ms() of the first of them */
    int losses;            /* connections lost since the last file that was applied */
    const char *server_started;
} Run;

/* A session; the folder is read while the server makes it. False: failed. */
bool run_connect(Run *run, SessionDatabase database);
/* A session for looking only, and the look. A database that is not there yet (where the environment
 * is not protected) has an empty ledger: then `pg` is NULL. */
bool run_peek(Run *run);
/* Reads the ledger and the folder, and plans. */
bool run_look(Run *run);
/* After a file: what it SET, its role too, must not reach what is read and written outside of it.
 */
bool run_clean(Run *run);
/* Takes the run lock, looks again. Nothing is changed yet. */
bool run_lock(Run *run);
/* One more file is applied, and how long it took; the durations are written at the run's end, so
 * that a file costs one write to the ledger. */
void run_note_applied(Run *run, const char *id, long long ms);
/* The run's row in the ledger, and before that what a fresh database lacks: under the lock, once
 * nothing refuses any more, so that who is refused leaves no trace. Done before is fine. */
bool run_begin(Run *run);
/* The run is over: durations and outcome are written, on the way out of a failure too, which stays
 * the one to tell. */
void run_end(Run *run, const char *outcome);
/* For one file: emptied by the next call. */
Arena *run_file_arena(Run *run);
bool run_open(Run *run, Migration *m); /* migration_open with this run's script world */
void run_close(Run *run);

#endif
