#include "finalize.h"

#include "clock.h"
#include "lock.h"
#include "runner.h"
#include "session.h"

enum { LOOK_EVERY = 100, LOOKS = 10 };

/* A look before, so that a run that is at it is not told of as a failure of this one. A session
 * that has just been closed may hold the lock for a moment yet. */
static FinalizeAnswer look(Arena *a, const Config *config, const char *command) {
    LockHolder holder = {.pid = 1};
    Pg *pg = session_open(a, config, command, SESSION_MUST_EXIST);
    bool ok = pg != NULL;
    for (int i = 0; ok && holder.pid && i < LOOKS; i++) {
        clock_sleep(i ? LOOK_EVERY : 0);
        ok = lock_holder(pg, a, config->ledger_schema, &holder);
    }
    pg_close(pg);
    if (!ok)
        return FINALIZE_FAILED;
    return holder.pid ? FINALIZE_BUSY : FINALIZE_DONE;
}

FinalizeAnswer finalize_backfill(Arena *a, const Config *config, const char *command,
                                 const char *id, FinalizePatience patience) {
    Config *detached = arena_take(a, sizeof *detached);
    /* what it ends was let through when it began */
    RunnerWanted wanted = {.command = command, .count = -1, .only = id, .manner = RUNNER_ASKED};
    RunnerResult result;
    *detached = *config;
    detached->backfills = "detached";
    detached->order = "allow"; /* what others are late with is no business of this one */
    FinalizeAnswer answer = patience == FINALIZE_AT_ONCE ? look(a, config, command) : FINALIZE_DONE;
    if (answer != FINALIZE_DONE)
        return answer;
    if (!runner_up(a, detached, &wanted, &result))
        return FINALIZE_FAILED;
    return result.left ? FINALIZE_MORE : FINALIZE_DONE;
}
