#include "cli.h"

#include "clock.h"
#include "fail.h"
#include "finalize.h"
#include "hook.h"
#include "join.h"
#include "log.h"
#include "pick.h"
#include "progress.h"
#include "report.h"
#include "session.h"
#include "standing.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_WORKERS = 64 };

static bool read_wanted(const Call *call, JoinWanted *out) {
    const char *most = option_value(&call->given, "max-time"), *crew = getenv("STINT_CREW");
    *out = (JoinWanted){.name = call->given.word_count ? call->given.word[0] : NULL, .workers = 1};
    if (call->given.word_count > 1)
        return fail(FAIL_USAGE, "work takes one name, and %s is another", call->given.word[1]);
    if (!option_count(&call->given, "workers", MOST_WORKERS, &out->workers))
        return false;
    if (most && (!clock_duration(most, &out->until) || !out->until))
        return fail(FAIL_USAGE, "--max-time takes a duration such as 30m or 2h, not %s", most);
    out->until += most ? clock_ms() : 0;
    out->parent = crew ? (pid_t)atol(crew) : 0;
    return true;
}

/* A role that may do batches and nothing else (doctor --grants) leaves the end to who may. */
static bool leaves(const char *name) {
    if (!text_same(failure()->sqlstate, "42501"))
        return false;
    log_say("%s: all its batches are done, and this role may not end it (%s): the next stint "
            "deploy does",
            name, failure()->message);
    fail_clear();
    return true;
}

/* What nothing is left to walk of comes to its end, unless a run is at it. */
static bool end_those(Call *call, const Strings *done, bool *more) {
    for (size_t i = 0; i < done->count; i++) {
        FinalizeAnswer answer =
            finalize_backfill(call->arena, call->config, "work", done->at[i], FINALIZE_AT_ONCE);
        if (answer == FINALIZE_FAILED && !leaves(done->at[i]))
            return false;
        *more = *more || answer == FINALIZE_MORE;
        if (answer == FINALIZE_BUSY)
            log_say("%s: all its batches are done; the run that holds the run lock, or the next "
                    "stint deploy, ends it",
                    done->at[i]);
    }
    return true;
}

/* Those that wait for somebody: what is not under way is not always well. */
static bool tell_named(const Call *call, const Standings *all, const char *name) {
    const Standing *s = standing_find(all, name);
    const Pick pick = {call->arena, call->config, all, name};
    if (s)
        log_say("%s is %s", s->name, s->state);
    else if (!pick_unknown(&pick) && failure()->kind == FAIL_USAGE)
        return false;
    else
        log_say("%s", failure()->message);
    fail_clear();
    return true;
}

static bool tell_idle(const Call *call, const char *name) {
    Arena *a = call->arena;
    const char *schema = call->config->ledger_schema;
    Standings all = {0};
    Pg *pg = session_open(a, call->config, "work", SESSION_MUST_EXIST);
    bool ok = pg && standing_read(pg, a, schema, &all);
    pg_close(pg);
    if (ok && name && !tell_named(call, &all, name))
        return false;
    if (!call->json && !call->quiet)
        puts("nothing to do: no backfill is under way");
    for (size_t i = 0; ok && i < all.count; i++) {
        const Standing *s = &all.at[i];
        if (text_same(s->state, "failed") || text_same(s->state, "cancelled"))
            log_say("%s is %s: %s", s->name, s->state,
                    report_command(
                        a, arena_format(a, "stint backfill resume %s lets it go on", s->name)));
    }
    return ok;
}

/* Sweeps give batches again. */
static bool work_and_end(Call *call, const JoinWanted *wanted, long *joined) {
    JoinResult result;
    for (bool more = true; more;) {
        more = false;
        if (!join_work(call->arena, call->config, wanted, &result))
            return false;
        *joined = result.joined > *joined ? result.joined : *joined;
        if (!wanted->parent && !end_those(call, &result.done, &more))
            return false;
    }
    return true;
}

static bool work(Call *call) {
    JoinWanted wanted;
    long joined = 0;
    if (!read_wanted(call, &wanted))
        return false;
    if (!wanted.parent && !hook_open(call->arena, call->config))
        return fail_state("nothing was run");
    progress_show(call);
    if (!work_and_end(call, &wanted, &joined))
        return false;
    if (!joined && !wanted.parent)
        return tell_idle(call, wanted.name);
    if (!call->json && !call->quiet)
        printf("worked on %ld backfill%s\n", joined, joined == 1 ? "" : "s");
    return true;
}

static const Option options[] = {
    {"workers", 0, "N", "so many processes"},
    {"max-time", 0, "TIME", "end after the batch that is under way then"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_work = {
    .name = "work",
    .usage = "[NAME] [--workers N] [--max-time TIME]",
    .about = "join the backfills that are under way",
    .help =
        "Does batches of backfills that a run has begun, beside it or instead of it (backfills =\n"
        "detached), on as many machines as it is started on; ends when none are left. Then it ends\n"
        "the backfill, too (rows passed over, verify, finally), unless a run is at it: who holds\n"
        "the run lock does. Ctrl-C or SIGTERM: after the batch.",
    .needs = NEED_CONFIG,
    .targets = TARGETS_WORK,
    .options = options,
    .run = work,
};
