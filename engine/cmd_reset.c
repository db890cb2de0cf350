#include "cli.h"

#include "ask.h"
#include "event.h"
#include "fail.h"
#include "lock.h"
#include "log.h"
#include "progress.h"
#include "protection.h"
#include "runner.h"
#include "session.h"
#include "text.h"
#include "wipe.h"

#include <stdio.h>

static bool refuse_protected(const Call *call) {
    fail(FAIL_REFUSED, "%s is a protected environment: reset does not drop it",
         protection_of(call->config));
    fail_hint("reset is for databases that may be lost; down rolls back");
    protection_explain(call->config);
    return fail_state("nothing was dropped");
}

static void list(const Wipe *wipe, const char *place) {
    if (wipe->way == WIPE_DATABASE) {
        fprintf(stderr, "reset drops the database %s: %lld tables, %s\n", place, wipe->tables,
                wipe->size);
        if (wipe->sessions)
            fprintf(stderr, "  and ends %lld sessions that are in it\n", wipe->sessions);
        if (wipe->has_settings)
            fputs("  its grants and its own settings (ALTER DATABASE ... SET) go with it\n",
                  stderr);
        return;
    }
    fprintf(stderr, "reset drops in the database %s:\n", place);
    for (size_t i = 0; i < wipe->object.count; i++)
        fprintf(stderr, "  %s\n", wipe->object.at[i]);
    if (!wipe->object.count)
        fputs("  nothing\n", stderr);
}

static bool ask(const Call *call) {
    return ask_consent(call, &(Question){"Drop it, and apply all migrations anew?",
                                         "this cannot be undone", "nothing was dropped",
                                         "stint reset --yes"});
}

/* Under the run lock, so that no run at work is pulled from under. */
static bool wipe(Call *call, Pg *pg) {
    const Config *config = call->config;
    Wipe wipe;
    if (!protection_look(pg, config))
        return false;
    if (protection_of(config))
        return refuse_protected(call);
    if (!lock_take(pg, config->ledger_schema, config->run_lock_wait) ||
        !wipe_look(pg, call->arena, config, &wipe))
        return false;
    if (!call->quiet || !call->yes)
        list(&wipe, session_place(call->arena, pg));
    if (!ask(call) || !wipe_do(pg, call->arena, config, &wipe))
        return false;
    event_tell("reset", EVENT_SAYS("environment", config->environment),
               EVENT_SAYS("database", wipe.database),
               EVENT_SAYS("way", wipe.way == WIPE_DATABASE ? "database" : "objects"),
               EVENT_COUNTS("objects", (long long)wipe.object.count));
    return true;
}

static bool reset(Call *call) {
    RunnerWanted wanted = {.command = "up", .count = -1};
    RunnerResult result;
    if (protection_of(call->config))
        return refuse_protected(call);
    progress_show(call);
    Pg *pg = session_open(call->arena, call->config, "reset", SESSION_MUST_EXIST);
    bool missing = !pg && text_same(failure()->sqlstate, "3D000");
    if (missing)
        fail_clear();
    bool ok = missing || (pg && wipe(call, pg));
    pg_close(pg);
    return ok && runner_up(call->arena, call->config, &wanted, &result);
}

const Command cmd_reset = {
    .name = "reset",
    .usage = "[--yes]",
    .about = "drop everything and apply all migrations anew",
    .help =
        "Drops the database and makes it again, where the role may; else everything that the role\n"
        "owns in it, outside of extensions and of keep_schemas (config.ini), in one transaction.\n"
        "Shows what goes, and asks. Refused in a protected environment.",
    .needs = NEED_CONFIG | NEED_HOOKS | NEED_NO_WORDS,
    .run = reset,
};
