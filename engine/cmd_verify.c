#include "cli.h"

#include "fail.h"
#include "log.h"
#include "text.h"
#include "trial.h"

#include <stdio.h>

/* ---- for people ---- */

static void print_file(Arena *a, const TrialFile *file) {
    if (file->answer == TRIAL_VERIFIED || file->answer == TRIAL_ONE_WAY)
        return;
    printf("%s", file->place.file);
    if (file->place.line)
        printf(":%zu", file->place.line);
    printf(": %s\n", fail_redacted(file->message));
    for (size_t i = 0; i < file->differences.count; i++)
        printf("  %s\n", catalog_say(a, &file->differences.at[i], "    "));
}

static void print(Arena *a, const Trial *trial) {
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
    json_set_text(json, "message", file->message ? fail_redacted(file->message) : NULL);
    json_set(json, "differences", catalog_json(a, &file->differences));
    return json;
}

static void print_json(const Call *call, const Trial *trial) {
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
    json_set_integer(json, "faults", (long long)trial->faults);
    puts(json_text(json));
}

static bool verify(Call *call) {
    Arena *a = call->arena;
    Run target = {.arena = a, .config = call->config, .command = "verify", .depth = LEDGER_WHOLE};
    bool of_pending = option_given(&call->given, "pending");
    Trial trial;
    if (call->given.word_count)
        return fail(FAIL_USAGE, "verify takes no words: %s", call->given.word[0]);
    if (!call->verbose)
        log_level(LOG_QUIET); /* what is said of a scratch database would mislead */
    bool ok = !of_pending || run_peek(&target);
    ok = ok && (of_pending ? trial_hold_pending(a, &target, &trial)
                           : trial_hold(a, call->config, &trial));
    if (ok && call->json)
        print_json(call, &trial);
    else if (ok)
        print(a, &trial);
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
        "is shown, and the exit code is 2. Rows of tables are not compared.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = verify,
};
