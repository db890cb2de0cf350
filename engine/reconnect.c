#include "reconnect.h"

#include "fail.h"
#include "log.h"
#include "session.h"
#include "sql.h"
#include "text.h"

/* A server that restarts or fails over is back within this time, or the run ends. */
enum { PATIENCE = 60000, MOST_LOSSES = 5 };

bool reconnect_session(Run *run) {
    if (++run->losses > MOST_LOSSES)
        return fail_in("gave up after %d lost connections", MOST_LOSSES);
    log_say("%s; reconnecting", failure()->message);
    fail_clear();
    pg_close(run->pg);
    Config patient = *run->config;
    if (patient.wait_for_db < PATIENCE)
        patient.wait_for_db = PATIENCE;
    run->pg = session_open(run->arena, &patient, run->command, SESSION_MUST_EXIST);
    return run->pg != NULL;
}

/* Did somebody end our session on purpose? Then the server is the one that it was. */
static bool was_ended(Run *run) {
    PgRows rows;
    if (!pg_row(run->pg, run->arena, &rows, SQL_SESSION_STARTED, PG_NONE))
        return false;
    return text_same(run->server_started, pg_cell(&rows, 0, 0));
}

bool reconnect_run(Run *run) {
    Failure why = fail_kept(run->arena);
    bool ended = pg_failed_with(run->pg, "57P01");
    run->locked = run->used = false;
    run->session = (StepSession){0};
    if (!reconnect_session(run))
        return false;
    if (ended && was_ended(run)) {
        fail_again(&why);
        fail_state(
            "what had been applied before is in the ledger; the file that ran is rolled back, "
            "or applied up to its position: stint status");
        return fail_next("an administrator ended this session; stint %s goes on where it was",
                         run->command);
    }
    return run_lock(run);
}
