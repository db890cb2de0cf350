#include "cli.h"

#include "fail.h"
#include "json.h"
#include "override.h"
#include "restore.h"

static void print(const Call *call, const Archive *archive) {
    if (call->json) {
        Json *json = archive_json(call->arena, archive);
        json_set_flag(json, "restored", true);
        puts(json_text(json));
        return;
    }
    printf("restored %s\n", archive->path);
    printf("  %s as it was at %s, up to %s\n", archive->environment, archive->taken_at,
           archive->last ? archive->last : "no migration");
    puts("  stint status: what was applied since is pending again");
}

static bool run(Call *call) {
    static const char *const passed_on[] = {"no-owner", "no-privileges"};
    const char *options[sizeof passed_on / sizeof *passed_on];
    RestoreWanted wanted = {.from = option_value(&call->given, "from"),
                            .consent = {.confirm = option_value(&call->given, "confirm")},
                            .options = {0, options}};
    Archive archive;
    if (call->given.word_count != 1)
        return fail(FAIL_USAGE, "restore takes one backup: stint restore FILE");
    if (!override_read(call, &wanted.consent.override, &wanted.consent.reason))
        return false;
    wanted.path = call->given.word[0];
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (option_given(&call->given, passed_on[i]))
            options[wanted.options.count++] = arena_format(call->arena, "--%s", passed_on[i]);
    if (!restore_run(call->arena, call->config, &wanted, &archive))
        return false;
    print(call, &archive);
    return true;
}

static const Option options[] = {
    {"confirm", 0, "ENV", "in a protected environment: its name, to say that you mean it"},
    OVERRIDE_OPTIONS,
    {"from", 0, "ENV", "the backup is of this other environment"},
    {"no-owner", 0, NULL, "all of it belongs to the role that restores"},
    {"no-privileges", 0, NULL, "without the grants that are in it"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_restore = {
    .name = "restore",
    .usage =
        "FILE [--confirm ENV] [--override GATE --reason TEXT] [--from ENV] [--no-owner] [--no-privileges]",
    .about = "put a backup in the place of what the database holds",
    .help =
        "Checks the backup's SHA-256, drops all that the role owns outside of extensions and of\n"
        "keep_schemas, and restores the backup, in one transaction: a restore that fails or is\n"
        "ended has changed nothing. Files that were applied after the backup are pending again;\n"
        "events, runs and backups since then stay in the ledger.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = run,
};
