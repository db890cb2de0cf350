#include "cli.h"

#include "fail.h"
#include "gate.h"
#include "json.h"
#include "listing.h"
#include "log.h"
#include "prospect.h"
#include "replay.h"
#include "run.h"
#include "session.h"
#include "text.h"
#include "verify.h"

#include <string.h>

/* What is not for this environment. */
static Json *skipped_json(Arena *a, const Run *run) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        if (!item->skipped)
            continue;
        Json *json = json_new_map(a);
        json_set_text(json, "version", plan_version(item));
        json_set_text(json, "name", plan_name(item));
        json_set_text(json, "reason", item->skipped);
        json_append(list, json);
    }
    return list;
}

static void print_skipped(const Run *run) {
    for (size_t i = 0; i < run->plan.count; i++)
        if (run->plan.item[i].skipped)
            printf("%s: skipped here: %s\n", run->plan.item[i].migration->path,
                   run->plan.item[i].skipped);
}

/* The team's checks that up will ask. */
static Json *checks_json(Arena *a, const Run *run) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < run->checks.count; i++) {
        const Hook *check = &run->checks.at[i];
        Json *json = json_new_map(a);
        json_set_text(json, "name", check->name);
        json_set_text(json, "when", script_text(a, &check->declaration, "when"));
        json_set_text(json, "level", script_text(a, &check->declaration, "level"));
        json_set_text(json, "about", script_text(a, &check->declaration, "about"));
        json_append(list, json);
    }
    return list;
}

static void print_checks(Arena *a, const Run *run) {
    for (size_t i = 0; i < run->checks.count; i++) {
        const Declaration *d = &run->checks.at[i].declaration;
        const char *about = script_text(a, d, "about");
        bool warns = text_same(script_text(a, d, "level"), "warn");
        printf("check %s (%s%s)%s%s\n", run->checks.at[i].name, script_text(a, d, "when"),
               warns ? ", warns only" : "", about ? ": " : "", about ? about : "");
    }
}

/* As a deploy would be asked now. */
static bool look_at_gates(Run *run, const Review *review, Gates *out) {
    PlanItem **item = arena_take(run->look, (run->plan.count + 1) * sizeof(PlanItem *));
    GateWanted wanted = {.command = "deploy",
                         .review = review,
                         .of = {.arena = run->arena,
                                .config = run->config,
                                .pg = run->pg,
                                .ledger = &run->ledger,
                                .item = item}};
    *out = (Gates){0, NULL};
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]))
            item[wanted.of.count++] = &run->plan.item[i];
    return !wanted.of.count || gate_look(&wanted, out);
}

static void print_gates(Arena *a, const Gates *gates) {
    for (size_t i = 0; i < gates->count; i++)
        printf("gate %s\n", gate_say(a, &gates->at[i], "  "));
}

/* --rehearse, or --queries, which needs one. `out` NULL: not asked for. */
static bool rehearse(Call *call, Run *run, const Review *review, Rehearsal **out) {
    const Given *given = &call->given;
    const RehearsalQueries queries = {option_given(given, "queries"),
                                      given->word_count ? given->word[0] : NULL};
    *out = NULL;
    if (!run->plan.due || (!queries.asks && !option_given(given, "rehearse")))
        return true;
    *out = arena_take(call->arena, sizeof **out);
    return rehearsal_hold(run, review, &queries, *out);
}

/* Only --queries has a word. */
static bool check_words(const Call *call) {
    size_t most = option_given(&call->given, "queries"), count = call->given.word_count;
    return count <= most || fail(FAIL_USAGE, "plan takes no words: %s", call->given.word[most]);
}

static void print_json(Call *call, Run *run, const Review *review, const Gates *gates,
                       const Rehearsal *rehearsal, const Precedent *precedent) {
    const Listing listing = {call, run->pg, review, precedent, rehearsal};
    Json *whole = json_new_map(call->arena), *list = json_new_list(call->arena),
         *judged = judge_json(&review->judge);
    json_set_text(whole, "environment", call->config->environment);
    json_set_text(whole, "database", run->pg ? pg_database(run->pg) : NULL);
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]))
            json_append(list, listing_json(&listing, &run->plan.item[i]));
    json_set(whole, "pending", list);
    json_set_text(whole, "hash", review->hash);
    json_set(whole, "findings", json_get(judged, "findings"));
    json_set(whole, "coverage", json_get(judged, "coverage"));
    if (rehearsal)
        json_set(whole, "rehearsal", replay_json(call->arena, rehearsal));
    json_set(whole, "skipped", skipped_json(call->arena, run));
    json_set(whole, "checks", checks_json(call->arena, run));
    json_set(whole, "gates", gate_json(call->arena, gates));
    puts(json_text(whole));
}

static bool open_due(Run *run) {
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]) && !run_open(run, run->plan.item[i].migration))
            return false;
    return true;
}

static bool plan(Call *call) {
    Run run = {
        .arena = call->arena, .config = call->config, .command = "plan", .depth = LEDGER_BRIEF};
    Review review = {0};
    Gates gates;
    Rehearsal *rehearsal = NULL;
    Precedent precedent;
    bool ok =
        check_words(call) && run_peek(&run) && plan_accept(&run.plan, call->config->order) &&
        review_make(&run, &review) && open_due(&run) && (!run.plan.due || verify_load(&run)) &&
        rehearse(call, &run, &review, &rehearsal) && look_at_gates(&run, &review, &gates) &&
        precedent_read(call->arena, call->config, option_value(&call->given, "from"), &precedent);
    const Listing listing = {call, run.pg, &review, &precedent, rehearsal};
    if (ok && !call->json)
        log_say("plan: environment %s, database %s", call->config->environment,
                run.pg ? session_place(call->arena, run.pg) : "(not there yet)");
    if (ok && call->json)
        print_json(call, &run, &review, &gates, rehearsal, &precedent);
    else if (ok && !run.plan.due)
        puts(run.plan.count ? "nothing to do: all migrations are applied"
                            : "nothing to do: there are no migrations yet");
    for (size_t i = 0; ok && !call->json && i < run.plan.count; i++)
        if (plan_is_due(&run.plan.item[i]))
            listing_print(&listing, &run.plan.item[i]);
    if (ok && !call->json) {
        print_skipped(&run);
        print_checks(call->arena, &run);
        print_gates(call->arena, &gates);
        if (rehearsal)
            replay_print(call->arena, rehearsal);
        prospect_print_end(call, &review);
    }
    if (ok && rehearsal && rehearsal->broken.count)
        call->exit_code = FAIL_PENDING;
    run_close(&run);
    return ok;
}

static const Option options[] = {
    {"sql", 0, NULL, "whole statements instead of their first lines"},
    {"from", 0, "ENV", "how long the same texts took there"},
    {"rehearse", 0, NULL, "run the files on an empty copy of the schema (scratch) and compare"},
    {"queries", 0, NULL,
     "and tell which statements of applications break: of pg_stat_statements, or of a FILE"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_plan = {
    .name = "plan",
    .usage = "[--sql] [--from ENV] [--rehearse] [--queries [FILE]]",
    .about = "what up would do now: files, statements, locks, findings",
    .help =
        "Asks the database for the shape and size of its tables and says of each statement what it\n"
        "locks, rewrites, reads as a whole and builds, and what the rules find. Changes nothing;\n"
        "a rehearsal that goes well is entered in the ledger, for the gate `rehearsed`.\n"
        "The hash at the end stands for all of it: deploy --plan HASH runs this plan or none.\n"
        "The exit code is 2 where --queries finds a statement that breaks.",
    .needs = NEED_CONFIG,
    .targets = TARGETS_ASK,
    .options = options,
    .run = plan,
};
