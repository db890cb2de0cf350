#include "cli.h"

#include "approval.h"
#include "fail.h"
#include "log.h"
#include "proof.h"
#include "text.h"
#include "trial.h"

#include <stdio.h>

/* What the ledger says of the pending texts now. */
typedef struct {
    size_t count;
    const char *why_not; /* why it does not say it; NULL: it does, if there are any */
} Proven;

/* ---- for people ---- */

static void print_file(Arena *a, const TrialFile *file) {
    if (file->begun)
        printf("%s: %s: tried from there on\n", file->place.file, file->begun);
    if (file->answer == TRIAL_VERIFIED || file->answer == TRIAL_ONE_WAY)
        return;
    printf("%s", file->place.file);
    if (file->place.line)
        printf(":%zu", file->place.line);
    printf(": %s\n", fail_redacted(file->message));
    for (size_t i = 0; i < file->differences.count; i++)
        printf("  %s\n", fail_redacted(catalog_say(a, &file->differences.at[i], "    ")));
}

static void print_proven(const Call *call, const Proven *proven) {
    if (proven->why_not)
        printf("not entered in the ledger of %s as verified: %s\n", call->config->environment,
               fail_redacted(proven->why_not));
    else if (proven->count)
        printf("entered in the ledger of %s: exactly these texts are verified (%zu pending)\n",
               call->config->environment, proven->count);
}

static void print(const Call *call, const Trial *trial, const Proven *proven) {
    Arena *a = call->arena;
    size_t one_way = trial->count - trial->ways;
    for (size_t i = 0; i < trial->count; i++)
        print_file(a, &trial->file[i]);
    for (size_t i = 0; i < trial->lacks.count; i++)
        printf("assumed: the scratch server lacks: %s\n", trial->lacks.at[i]);
    printf("on %s (%s): %zu applied; %zu with a way down, %zu of them up, down and up again",
           trial->from, trial->place, trial->count, trial->ways, trial->ways - trial->faults);
    if (one_way)
        printf("; %zu without", one_way);
    puts(trial->faults ? "" : trial->count ? ": verified" : ": nothing to verify");
    print_proven(call, proven);
}

/* ---- for programs ---- */

static Json *file_json(Arena *a, const TrialFile *file) {
    Json *json = json_new_map(a);
    json_set_text(json, "version", file->version);
    json_set_text(json, "name", file->name);
    json_set_text(json, "file", file->place.file);
    json_set_text(json, "result", trial_answer(file->answer));
    if (file->place.line)
        json_set_integer(json, "line", (long long)file->place.line);
    json_set_text(json, "begun", file->begun);
    json_set_text(json, "message", file->message);
    json_set(json, "differences", catalog_json(a, &file->differences));
    return json;
}

static void print_json(const Call *call, const Trial *trial, const Proven *proven) {
    Arena *a = call->arena;
    Json *json = json_new_map(a), *files = json_new_list(a), *lacks = json_new_list(a);
    for (size_t i = 0; i < trial->count; i++)
        json_append(files, file_json(a, &trial->file[i]));
    for (size_t i = 0; i < trial->lacks.count; i++)
        json_append_text(lacks, trial->lacks.at[i]);
    json_set_text(json, "environment", call->config->environment);
    json_set_text(json, "certainty", trial->lacks.count ? "assumed" : "certain");
    json_set(json, "lacks", lacks);
    json_set(json, "migrations", files);
    json_set_integer(json, "verified", (long long)(trial->ways - trial->faults));
    json_set_integer(json, "one_way", (long long)(trial->count - trial->ways));
    json_set_integer(json, "differences", (long long)trial->faults);
    json_set_flag(json, "recorded", proven->count && !proven->why_not);
    json_set_text(json, "not_recorded", proven->why_not);
    puts(fail_redacted(json_text(json)));
}

/* ---- that it went well ---- */

static bool is_fine(Arena *a, const Trial *trial, const Migration *m) {
    const TrialFile *file = trial_file(trial, m->id);
    if (m->kind == MIGRATION_REPEATABLE)
        return !trial->of_pending;
    return file && (file->answer == TRIAL_VERIFIED || file->answer == TRIAL_ONE_WAY) &&
           text_same(file->tokens, approval_tokens(a, m));
}

/* Those that are pending in the target, as they were tried. */
static bool list_fine(Run *target, const Trial *trial, ProofFiles *out) {
    *out = (ProofFiles){0, arena_take(target->arena, (target->plan.count + 1) * sizeof *out->at)};
    for (size_t i = 0; i < target->plan.count; i++) {
        const PlanItem *item = &target->plan.item[i];
        if (!plan_is_due(item))
            continue;
        if (!run_open(target, item->migration))
            return false;
        if (is_fine(target->arena, trial, item->migration))
            out->at[out->count++] = item->migration;
    }
    return true;
}

static bool enter(Run *target, const Trial *trial, Proven *out) {
    Arena *a = target->arena;
    Proof proof = {.kind = "verified", .message = arena_format(a, "on %s", trial->from)};
    if (!list_fine(target, trial, &proof.files))
        return proof_give_up(a, &out->why_not);
    out->count = proof.files.count;
    if (out->count && trial->lacks.count)
        out->why_not = "not all could be tried";
    return !out->count || out->why_not ||
           proof_write(target->pg, a, &target->ledger, &proof, &out->why_not);
}

/* Who cannot reach the target can try all the same. */
static bool prove(Run *target, const Trial *trial, Proven *out) {
    *out = (Proven){0};
    return target->pg || run_peek(target) ? enter(target, trial, out)
                                          : proof_give_up(target->arena, &out->why_not);
}

static bool verify(Call *call) {
    Arena *a = call->arena;
    Run target = {.arena = a, .config = call->config, .command = "verify", .depth = LEDGER_WHOLE};
    bool of_pending = option_given(&call->given, "pending");
    Trial trial;
    Proven proven;
    if (!call->verbose)
        log_level(LOG_QUIET); /* what is said of a scratch database would mislead */
    bool ok = !of_pending || run_peek(&target);
    ok = ok &&
         (of_pending ? trial_hold_pending(a, &target, &trial)
                     : trial_hold(a, call->config, &trial)) &&
         prove(&target, &trial, &proven);
    if (ok && call->json)
        print_json(call, &trial, &proven);
    else if (ok)
        print(call, &trial, &proven);
    if (ok && trial.faults)
        call->exit_code = FAIL_PENDING;
    run_close(&target);
    return ok;
}

static const Option options[] = {
    {"pending", 0, NULL, "only what is pending, on an empty copy of the database's schema"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_verify = {
    .name = "verify",
    .usage = "[--pending]",
    .about = "each migration up, down and up again on a scratch database",
    .help =
        "Applies all migrations to an empty scratch database (scratch in config.ini). Each that\n"
        "has a way down is rolled back and applied again: after its way down the schema must be\n"
        "what it was before, after the second way up what it was after the first. What differs\n"
        "is shown, and the exit code is 2. Rows of tables are not compared. That a pending text\n"
        "went well is entered in the environment's ledger, for the gate `verified`.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .targets = TARGETS_DIFF,
    .options = options,
    .run = verify,
};
