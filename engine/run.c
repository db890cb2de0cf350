#include "run.h"

#include "clock.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "session.h"
#include "sql.h"
#include "text.h"

/* A server that restarts or fails over is back within this time, or the run ends. */
enum { RECONNECT_PATIENCE = 60000, MOST_LOSSES = 5 };

bool run_peek(Run *run) {
    run->pg = session_open(run->arena, run->config, run->command, SESSION_MUST_EXIST);
    bool missing = !run->pg && text_same(failure()->sqlstate, "3D000");
    if (!run->pg && (!missing || run->config->is_protected))
        return false;
    if (missing) {
        log_say("the database does not exist yet; stint up makes it");
        fail_clear();
    }
    return run_look(run);
}

bool run_look(Run *run) {
    const Config *config = run->config;
    Arena *look = arena_new();
    arena_free(run->look);
    run->look = look;
    run->ledger = (Ledger){.schema = config->ledger_schema};
    return (!run->pg || ledger_read(run->pg, look, config->ledger_schema, &run->ledger)) &&
           migration_list(look, config->migrations, &run->files) &&
           plan_make(look, &run->files, &run->ledger, &run->plan);
}

bool run_lock(Run *run) {
    const Config *config = run->config;
    PgRows rows;
    if (!lock_take(run->pg, config->ledger_schema, config->run_lock_wait))
        return false;
    run->locked = true;
    if (!run->server_started) {
        if (!pg_row(run->pg, run->arena, &rows, SQL_SESSION_STARTED, PG_NONE))
            return false;
        run->server_started = pg_cell(&rows, 0, 0);
    }
    return ledger_prepare(run->pg, config->ledger_schema) && run_look(run);
}

/* Did somebody end our session on purpose? Then the server is the one that it was. */
static bool was_ended(Run *run) {
    PgRows rows;
    if (!pg_row(run->pg, run->arena, &rows, SQL_SESSION_STARTED, PG_NONE))
        return false;
    return text_same(run->server_started, pg_cell(&rows, 0, 0));
}

bool run_reconnect(Run *run) {
    Failure why = fail_kept(run->arena);
    bool ended = pg_failed_with(run->pg, "57P01");
    if (++run->losses > MOST_LOSSES)
        return fail_in("gave up after %d lost connections", MOST_LOSSES);
    log_say("%s; reconnecting", why.message);
    pg_close(run->pg);
    run->locked = run->used = false;
    Config patient = *run->config;
    if (patient.wait_for_db < RECONNECT_PATIENCE)
        patient.wait_for_db = RECONNECT_PATIENCE;
    run->pg = session_open(run->arena, &patient, run->command, SESSION_MUST_EXIST);
    if (!run->pg)
        return false;
    if (ended && was_ended(run)) {
        fail_again(&why);
        return fail_next("an administrator ended this session; stint %s goes on where it was",
                         run->command);
    }
    return run_lock(run);
}

bool run_open(Run *run, Migration *m) {
    bool lua = m->kind == MIGRATION_LUA || m->kind == MIGRATION_BACKFILL;
    if (lua && !run->script) {
        const Config *config = run->config;
        ScriptLimits limits = {config->scripts, config->lua_memory, config->lua_time,
                               config->unsafe_lua};
        run->script = script_open(run->arena, &limits);
        if (!run->script)
            return false;
    }
    return migration_open(run->look, m, run->script);
}

void run_close(Run *run) {
    script_close(run->script);
    pg_close(run->pg);
    arena_free(run->look);
    run->script = NULL;
    run->pg = NULL;
    run->look = NULL;
}
