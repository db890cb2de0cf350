#include "cli.h"

#include "fail.h"
#include "file.h"
#include "log.h"
#include "migration.h"
#include "revert.h"
#include "runner.h"
#include "testing.h"

/* A spec says itself what comes first: order is no matter here. */
static Config *for_specs(Arena *a, const Config *config) {
    Config *own = arena_take(a, sizeof *own);
    *own = *config;
    own->order = "allow";
    return own;
}

static bool apply(Arena *a, const Config *config, const TestingFiles *files, long *done) {
    RunnerWanted wanted = {.command = "test", .count = -1};
    RunnerResult result;
    Migrations all;
    const char *word = files->only ? files->only : files->to;
    if (word) {
        if (!migration_list(a, config->migrations, &all))
            return false;
        const Migration *found = migration_find(&all, word);
        if (!found)
            return false;
        wanted.to = files->only ? NULL : found->version;
        wanted.only = files->only ? found->id : NULL;
    }
    bool ok = runner_up(a, for_specs(a, config), &wanted, &result);
    *done = result.applied;
    return ok;
}

static bool revert(Arena *a, const Config *config, const TestingFiles *files) {
    RevertWanted wanted = {.to = files->to, .count = 1};
    return revert_down(a, for_specs(a, config), &wanted);
}

static bool are_there(const Given *given) {
    for (size_t i = 0; i < given->word_count; i++)
        if (!file_exists(given->word[i])) {
            fail(FAIL_USAGE, "there is no %s", given->word[i]);
            return fail_hint("test takes spec files and folders of them, from the project's folder "
                             "on: stint test scripts/spec/users_spec.lua");
        }
    return true;
}

static const char *const folders[] = {"spec", "policies"};

enum { FOLDERS = sizeof folders / sizeof *folders };

/* Where specs are looked for when nobody says where. */
static size_t homes_of(Arena *a, const char *scripts, const char **home) {
    size_t count = 0;
    for (size_t i = 0; i < FOLDERS; i++) {
        const char *folder = file_join(a, scripts, folders[i]);
        if (file_is_folder(folder))
            home[count++] = folder;
    }
    return count;
}

static bool test(Call *call) {
    Arena *a = call->arena;
    const Given *given = &call->given;
    const char *home[FOLDERS];
    size_t homes = homes_of(a, call->config->scripts, home);
    TestingWanted wanted = {.config = call->config,
                            .count = given->word_count ? given->word_count : homes,
                            .path = given->word_count ? given->word : home,
                            .filter = option_value(given, "filter"),
                            .report = call->json      ? TESTING_JSON
                                      : call->verbose ? TESTING_LONG
                                                      : TESTING_SHORT,
                            .apply = apply,
                            .revert = revert};
    long failed;
    if (!are_there(given))
        return false;
    if (!wanted.count) {
        fail(FAIL_ERROR, "there is no spec: %s is not there",
             file_join(a, call->config->scripts, folders[0]));
        return fail_hint("stint new --spec NAME makes a first one");
    }
    if (!call->verbose)
        log_level(LOG_QUIET); /* each spec's runs are its own business */
    if (!testing_run(a, &wanted, &failed))
        return false;
    call->exit_code = failed ? FAIL_ERROR : 0;
    return true;
}

static const Option options[] = {
    {"filter", 0, "PATTERN", "only specs whose whole name matches this Lua pattern"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_test = {
    .name = "test",
    .usage = "[FILE...] [--filter PATTERN]",
    .about = "run the team's busted specs and the tests inside its policies",
    .help =
        "Runs scripts/spec/*_spec.lua, or the files and folders given, with the busted that is\n"
        "installed (Debian: lua-busted). require \"stint.testing\" gives a spec file a database\n"
        "of its own on the scratch server (scratch in config.ini; the private one unless said\n"
        "otherwise), applies migrations to it, and loads the team's scripts in their sandbox.\n"
        "The tests inside the policies of scripts/policies are run too.\n"
        "-v names every spec. The exit code is 1 if one fails; the last line counts them.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = test,
};
