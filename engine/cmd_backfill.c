#include "cli.h"

#include "desk.h"
#include "fail.h"
#include "finalize.h"
#include "forecast.h"
#include "hook.h"
#include "join.h"
#include "progress.h"
#include "quarantine.h"
#include "session.h"
#include "text.h"
#include "wish.h"

#include <stdlib.h>
#include <string.h>

static bool list(Desk *desk) {
    return desk_show(desk, DESK_LINES);
}

static bool status(Desk *desk) {
    return desk_show(desk, DESK_ALL);
}

/* ---- its end ---- */

static const char *const begun[] = {"running", "failed", NULL};

/* What is still in the quarantine after all. */
static bool tell_retried(Desk *desk, const Standing *before) {
    Call *call = desk->call;
    Arena *a = call->arena;
    if (!desk_read(desk))
        return false;
    Standing *now = standing_find(&desk->all, before->version);
    if (!now)
        return pick_unknown(&(Pick){a, call->config, &desk->all, before->name});
    Backfill b = {.id = atoll(now->id), .table = now->table};
    if (!quarantine_tell(desk->pg, a, call->config->ledger_schema, &b))
        return fail_next("mend these rows, or what is done to them, then: stint backfill retry %s",
                         now->name);
    if (now->ranges_left)
        return desk_say(desk, now,
                        arena_format(a,
                                     "%lld row%s will be tried again when all batches are done; "
                                     "stint work does them",
                                     before->quarantined, before->quarantined == 1 ? "" : "s"));
    return desk_say(desk, now,
                    arena_format(a,
                                 "%lld row%s tried again; none is left in the quarantine. stint up "
                                 "ends it, or stint backfill finalize %s",
                                 before->quarantined, before->quarantined == 1 ? "" : "s",
                                 now->name));
}

static bool retry(Desk *desk) {
    Call *call = desk->call;
    const Pick pick = desk_pick(desk);
    Standing *s = pick_one(&pick, "retry", begun, NULL);
    JoinWanted wanted = {.part = JOIN_RESIDUE, .workers = 1};
    JoinResult result;
    if (!s)
        return false;
    if (!s->quarantined)
        return desk_say(desk, s, "no row of it is in the quarantine");
    if (!desk_is(s, "running") && !desk_is(s, "failed"))
        return desk_refuse(s, "retried");
    if (!standing_retry(desk->pg, call->config->ledger_schema, s))
        return false;
    if (!call->json)
        progress_show(call);
    wanted.name = s->migration;
    if (!s->ranges_left && !join_work(call->arena, call->config, &wanted, &result))
        return false;
    return tell_retried(desk, s);
}

static bool finalize(Desk *desk) {
    Call *call = desk->call;
    const Pick pick = desk_pick(desk);
    Standing *s = pick_one(&pick, "finalize", begun, "finished");
    if (!s)
        return false;
    if (desk_is(s, "finished"))
        return desk_say(desk, s, "it is finished already");
    if (!desk_is(s, "running") && !desk_is(s, "failed"))
        return desk_refuse(s, "finalized");
    if (s->ranges_left) {
        fail(FAIL_PENDING, "%s is not through: %lld of about %lld rows are walked", s->name,
             s->rows_done, s->rows_total);
        return fail_next("stint work does its batches, and ends it");
    }
    if (!hook_open(call->arena, call->config))
        return false;
    progress_show(call);
    FinalizeAnswer answer =
        finalize_backfill(call->arena, call->config, "finalize", s->migration, FINALIZE_WAITS);
    call->exit_code = answer == FINALIZE_MORE ? FAIL_PENDING : 0;
    return answer != FINALIZE_FAILED;
}

static const struct {
    const char *word;
    bool (*run)(Desk *desk);
} verbs[] = {
    {"list", list},          {"status", status},    {"pause", wish_pause}, {"resume", wish_resume},
    {"cancel", wish_cancel}, {"speed", wish_speed}, {"retry", retry},      {"finalize", finalize},
};

static const char *near_verb(const Call *call) {
    const char *names[sizeof verbs / sizeof *verbs + 1] = {NULL};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        names[i] = verbs[i].word;
    return text_nearest(call->given.word[0], names);
}

static bool too_many(const Call *call) {
    const char *near = near_verb(call);
    fail(FAIL_USAGE, "backfill takes a verb and one name");
    if (near)
        return fail_hint("did you mean: stint backfill %s %s", near, call->given.word[1]);
    return fail_next("stint help backfill");
}

/* A word that is no verb is a backfill's name: its status. */
static bool status_of(Desk *desk) {
    const char *near = standing_find(&desk->all, desk->name) ? NULL : near_verb(desk->call);
    if (!near)
        return status(desk);
    fail(FAIL_USAGE, "%s is neither a backfill nor a verb", desk->name);
    return fail_hint("did you mean: stint backfill %s", near);
}

static bool backfill(Call *call) {
    if (option_given(&call->given, "sample"))
        return forecast_sample(call);
    const char *word = call->given.word_count ? call->given.word[0] : "list";
    bool (*run)(Desk * desk) = NULL;
    Desk desk = {.call = call};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_same(word, verbs[i].word))
            run = verbs[i].run;
    size_t last = call->given.word_count, first = run && last;
    if (run == wish_speed && last > first &&
        (last > first + 1 || text_ends(call->given.word[last - 1], "%")))
        desk.speed = call->given.word[--last];
    if (last > first + 1)
        return too_many(call);
    desk.name = last > first ? call->given.word[first] : NULL;
    desk.pg = session_open(call->arena, call->config, "backfill", SESSION_MUST_EXIST);
    bool ok = desk.pg && desk_read(&desk) && (run ? run(&desk) : status_of(&desk));
    pg_close(desk.pg);
    return ok;
}

static const Option options[] = {
    {"sample", 0, "ROWS", "try it on a copy of so many rows, and say what all of them would take"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_backfill = {
    .name = "backfill",
    .usage =
        "[list|status|pause|resume|cancel|retry|finalize] [NAME] | speed [NAME] PERCENT | NAME --sample ROWS",
    .about = "look after backfills, from any terminal",
    .help =
        "list     a line for each that has begun\n"
        "status   the same, with its workers and what is to be said of it\n"
        "pause    every worker ends its batch, and waits; kept until somebody resumes it\n"
        "resume   it goes on, from where it was; also one that failed or was cancelled\n"
        "cancel   ends it; the rows that are changed stay so\n"
        "speed    how much of their time its workers work: 50%, 100%; kept as well\n"
        "retry    tries the rows again that failed\n"
        "finalize ends it when all batches are done: rows passed over, verify, finally\n"
        "NAME is a version, a file's name or what stands behind its version; without it the only\n"
        "one that is meant.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = backfill,
};
