#include "cli.h"

#include "fail.h"
#include "finalize.h"
#include "forecast.h"
#include "gauge.h"
#include "hook.h"
#include "join.h"
#include "pick.h"
#include "progress.h"
#include "quarantine.h"
#include "report.h"
#include "session.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Call *call;
    Pg *pg;
    Standings all;
    const char *name; /* as it was typed, or NULL */
} Desk;

static bool is_state(const Standing *s, const char *state) {
    return text_same(s->state, state);
}

static bool read_all(Desk *desk) {
    return standing_read(desk->pg, desk->call->arena, desk->call->config->ledger_schema,
                         &desk->all);
}

static Pick pick_of(const Desk *desk) {
    return (Pick){desk->call->arena, desk->call->config, &desk->all, desk->name};
}

static const char *typed(const Desk *desk, const char *text) {
    return report_command(desk->call->arena, text);
}

/* ---- list, status ---- */

typedef enum { SHOW_LINES, SHOW_ALL } Show;

static bool print_workers(Desk *desk, const Standing *s) {
    StandingWorker *worker;
    size_t count;
    Arena *a = desk->call->arena;
    if (!standing_workers(desk->pg, a, desk->call->config->ledger_schema, s, &worker, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        printf("  %s\n", gauge_worker(a, &worker[i]));
    return true;
}

static void print_indented(const char *text, const char *indent) {
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        printf("%s%.*s\n", indent, (int)length, at);
        at += length + (at[length] != 0);
    }
}

static bool print_failed(Desk *desk, const Standing *s) {
    const char *rows, *schema = desk->call->config->ledger_schema;
    if (!s->quarantined)
        return true;
    if (!quarantine_show(desk->pg, desk->call->arena, schema, s->id, &rows))
        return false;
    print_indented(rows, "    ");
    return true;
}

static bool print_one(Desk *desk, const Standing *s, Show show) {
    Arena *a = desk->call->arena;
    printf("%-9s  %s  %s  %s\n", s->state, s->name, s->table, gauge_line(a, s));
    if (show == SHOW_LINES)
        return true;
    print_indented(typed(desk, gauge_remarks(a, s)), "  ");
    return print_failed(desk, s) && print_workers(desk, s);
}

static bool add_json(Desk *desk, Json *list, const Standing *s, Show show) {
    Arena *a = desk->call->arena;
    Json *json = gauge_json(a, s), *crew = json_new_list(a);
    StandingWorker *worker;
    size_t count = 0;
    json_append(list, json);
    if (show == SHOW_LINES)
        return true;
    if (!standing_workers(desk->pg, a, desk->call->config->ledger_schema, s, &worker, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        json_append(crew, gauge_worker_json(a, &worker[i]));
    json_set(json, "at_work", crew);
    return true;
}

/* All of them, or `only` one. */
static bool show_them(Desk *desk, const Standing *only, Show show) {
    Json *whole = json_new_map(desk->call->arena), *list = json_new_list(desk->call->arena);
    bool json = desk->call->json, ok = true;
    for (size_t i = 0; ok && i < desk->all.count; i++) {
        const Standing *s = &desk->all.at[i];
        if (!only || s == only)
            ok = json ? add_json(desk, list, s, show) : print_one(desk, s, show);
    }
    if (!ok)
        return false;
    json_set(whole, "backfills", list);
    if (json)
        puts(json_text(whole));
    else if (!desk->all.count)
        puts("no backfill has begun here");
    return true;
}

static bool show_named(Desk *desk, Show show) {
    const Pick pick = pick_of(desk);
    Standing *only = desk->name ? standing_find(&desk->all, desk->name) : NULL;
    if (desk->name && !only)
        return pick_unknown(&pick);
    return show_them(desk, only, show);
}

static bool list(Desk *desk) {
    return show_named(desk, SHOW_LINES);
}

static bool status(Desk *desk) {
    return show_named(desk, SHOW_ALL);
}

/* ---- what somebody wants ---- */

static bool say(Desk *desk, Standing *s, const char *text) {
    if (desk->call->json)
        return read_all(desk) && show_them(desk, standing_find(&desk->all, s->version), SHOW_ALL);
    printf("%s: %s\n", s->name, typed(desk, text));
    return true;
}

static bool refuse(const Standing *s, const char *past) {
    static const struct {
        const char *state, *next;
    } ways[] = {
        {"paused", "stint backfill resume %s lets it go on"},
        {"cancelled", "stint backfill resume %s takes it up again"},
        {"failed", "stint backfill status %s says why; stint backfill resume %s tries again"}};
    fail(FAIL_ERROR, "%s cannot be %s: it is %s", s->name, past, s->state);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (is_state(s, ways[i].state))
            fail_next(ways[i].next, s->name, s->name);
    return false;
}

static const struct {
    const char *past, *so; /* "it cannot be ..."; the state in which it is so already */
    const char *suited[5]; /* without a name: the only one in one of these */
} wishes[] = {
    [STANDING_PAUSE] = {"paused", "paused", {"running", "planned"}},
    [STANDING_RESUME] = {"resumed", "running", {"paused", "cancelled", "failed"}},
    [STANDING_CANCEL] = {"cancelled", "cancelled", {"running", "planned", "paused", "failed"}},
};

static const char *said(Desk *desk, const Standing *s, StandingWishes wish) {
    Arena *a = desk->call->arena;
    if (wish == STANDING_PAUSE)
        return arena_format(a,
                            "paused; every worker ends its batch. stint backfill resume %s lets it "
                            "go on",
                            s->name);
    if (wish == STANDING_RESUME)
        return s->workers ? "it goes on"
                          : "it may go on, but nobody is at it: stint work does its batches";
    return arena_format(a,
                        "cancelled. %lld of about %lld rows are walked, and what is changed stays "
                        "so.\nto take it up again: stint backfill resume %s\nto let it count as "
                        "done: stint resolve %s --applied\nas if never begun: stint resolve %s "
                        "--rolled-back",
                        s->rows_done, s->rows_total, s->name, s->version, s->version);
}

static bool want(Desk *desk, StandingWishes wish) {
    bool done;
    const char *word = standing_wish(wish)->word;
    const Pick pick = pick_of(desk);
    Standing *s = pick_one(&pick, word, wishes[wish].suited, wishes[wish].so);
    if (!s)
        return false;
    if (is_state(s, wishes[wish].so))
        return say(desk, s, arena_format(desk->call->arena, "it is %s already", s->state));
    if (!standing_want(desk->pg, desk->call->config->ledger_schema, s, wish, &done))
        return false;
    return done ? say(desk, s, said(desk, s, wish)) : refuse(s, wishes[wish].past);
}

static bool pause_it(Desk *desk) {
    return want(desk, STANDING_PAUSE);
}

static bool resume(Desk *desk) {
    return want(desk, STANDING_RESUME);
}

static bool cancel(Desk *desk) {
    return want(desk, STANDING_CANCEL);
}

/* ---- its end ---- */

static const char *const begun[] = {"running", "failed", NULL};

/* What is still in the quarantine after all. */
static bool tell_retried(Desk *desk, const Standing *before) {
    Call *call = desk->call;
    Arena *a = call->arena;
    if (!read_all(desk))
        return false;
    Standing *now = standing_find(&desk->all, before->version);
    if (!now)
        return pick_unknown(&(Pick){a, call->config, &desk->all, before->name});
    Backfill b = {.id = atoll(now->id), .table = now->table};
    if (!quarantine_tell(desk->pg, a, call->config->ledger_schema, &b))
        return fail_next("mend these rows, or what is done to them, then: stint backfill retry %s",
                         now->name);
    return say(desk, now,
               arena_format(a, "%lld row%s tried again; %s", before->quarantined,
                            before->quarantined == 1 ? "" : "s",
                            now->ranges_left ? "their turn comes when all batches are done"
                                             : "none is left in the quarantine"));
}

static bool retry(Desk *desk) {
    Call *call = desk->call;
    const Pick pick = pick_of(desk);
    Standing *s = pick_one(&pick, "retry", begun, NULL);
    JoinWanted wanted = {.part = JOIN_RESIDUE, .workers = 1};
    JoinResult result;
    if (!s)
        return false;
    if (!s->quarantined)
        return say(desk, s, "no row of it is in the quarantine");
    if (!is_state(s, "running") && !is_state(s, "failed"))
        return refuse(s, "retried");
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
    const Pick pick = pick_of(desk);
    Standing *s = pick_one(&pick, "finalize", begun, "finished");
    if (!s)
        return false;
    if (is_state(s, "finished"))
        return say(desk, s, "it is finished already");
    if (!is_state(s, "running") && !is_state(s, "failed"))
        return refuse(s, "finalized");
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
    {"list", list},     {"status", status}, {"pause", pause_it},    {"resume", resume},
    {"cancel", cancel}, {"retry", retry},   {"finalize", finalize},
};

static bool too_many(const Call *call) {
    const char *names[sizeof verbs / sizeof *verbs + 1] = {NULL};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        names[i] = verbs[i].word;
    const char *near = text_nearest(call->given.word[0], names);
    fail(FAIL_USAGE, "backfill takes a verb and one name");
    if (near)
        return fail_hint("did you mean: stint backfill %s %s", near, call->given.word[1]);
    return fail_next("stint help backfill");
}

/* A word that is no verb is a backfill's name: its status. */
static bool backfill(Call *call) {
    if (option_given(&call->given, "sample"))
        return forecast_sample(call);
    const char *word = call->given.word_count ? call->given.word[0] : "list";
    bool (*run)(Desk * desk) = NULL;
    Desk desk = {.call = call};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (text_same(word, verbs[i].word))
            run = verbs[i].run;
    size_t names = call->given.word_count - (run && call->given.word_count);
    if (names > 1)
        return too_many(call);
    desk.name = names ? call->given.word[call->given.word_count - 1] : NULL;
    desk.pg = session_open(call->arena, call->config, "backfill", SESSION_MUST_EXIST);
    bool ok = desk.pg && read_all(&desk) && (run ? run(&desk) : status(&desk));
    pg_close(desk.pg);
    return ok;
}

static const Option options[] = {
    {"sample", 0, "ROWS", "try it on a copy of so many rows, and say what all of them would take"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_backfill = {
    .name = "backfill",
    .usage = "[list|status|pause|resume|cancel|retry|finalize] [NAME] | NAME --sample ROWS",
    .about = "look after backfills, from any terminal",
    .help =
        "list     a line for each that has begun\n"
        "status   the same, with its workers and what is to be said of it\n"
        "pause    every worker ends its batch, and waits; kept until somebody resumes it\n"
        "resume   it goes on, from where it was; also one that failed or was cancelled\n"
        "cancel   ends it; the rows that are changed stay so\n"
        "retry    tries the rows again that failed\n"
        "finalize ends it when all batches are done: rows passed over, verify, finally\n"
        "NAME is a version, a file's name or what stands behind its version; without it the only\n"
        "one that is meant.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = backfill,
};
