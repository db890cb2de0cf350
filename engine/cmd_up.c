#include "cli.h"

#include "fail.h"
#include "migration.h"
#include "override.h"
#include "progress.h"
#include "runner.h"
#include "summary.h"

/* --to names one of the files. */
static bool read_to(Call *call, const char **out) {
    const char *given = option_value(&call->given, "to");
    Migrations files;
    *out = NULL;
    if (!given)
        return true;
    if (!migration_list(call->arena, call->config->migrations, &files))
        return false;
    const Migration *found = migration_find(&files, given);
    *out = found ? found->version : NULL;
    return found != NULL;
}

static bool apply(Call *call, const char *command) {
    RunnerWanted wanted = {.command = command,
                           .count = -1,
                           .release = option_value(&call->given, "release"),
                           .plan = option_value(&call->given, "plan")};
    RunnerResult result;
    if (!option_count(&call->given, "count", 0, &wanted.count) || !read_to(call, &wanted.to) ||
        !override_read(call, &wanted.override, &wanted.reason))
        return false;
    progress_show(call);
    if (!runner_up(call->arena, call->config, &wanted, &result))
        return false;
    call->exit_code = result.waiting ? FAIL_PENDING : 0;
    return true;
}

static bool up(Call *call) {
    return option_given(&call->given, "dry-run") ? cmd_plan.run(call) : apply(call, "up");
}

static bool deploy(Call *call) {
    return summary_open(call) && summary_close(call, apply(call, "deploy"));
}

static const Option up_options[] = {
    {"to", 0, "VERSION", "apply up to this one"},
    {"count", 0, "N", "apply so many"},
    {"dry-run", 0, NULL, "say what would be done: stint plan"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_up = {
    .name = "up",
    .usage = "[--to VERSION] [--count N] [--dry-run]",
    .about = "apply what is pending",
    .help =
        "Makes the database where it is missing and the environment is not protected.\n"
        "Repeatable files (scripts/repeatable/*.sql) come last, those that are new or changed;\n"
        "--to and --count leave them out.",
    .needs = NEED_CONFIG | NEED_HOOKS | NEED_NO_WORDS,
    .targets = TARGETS_RUN,
    .options = up_options,
    .run = up,
};

static const Option deploy_options[] = {
    {"plan", 0, "HASH", "run the plan of this hash (stint plan prints it), or none"},
    OVERRIDE_OPTIONS,
    {"release", 0, "FILE", "refuse what is not in this record, or is another text (stint promote)"},
    {"summary", 0, "FILE", "add what was done to this file, as Markdown for a job's page"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_deploy = {
    .name = "deploy",
    .usage = "[--plan HASH] [--release FILE] [--override GATE --reason TEXT] [--summary FILE]",
    .about = "up for pipelines: never asks, policies are binding",
    .help =
        "What it prints to a pipe or a file holds no times, so that the same work gives the same\n"
        "lines; --json and the summary have them.",
    .needs = NEED_CONFIG | NEED_HOOKS | NEED_NO_WORDS,
    .targets = TARGETS_RUN,
    .options = deploy_options,
    .run = deploy,
};
