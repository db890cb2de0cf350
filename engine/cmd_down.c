#include "cli.h"

#include "fail.h"
#include "override.h"
#include "progress.h"
#include "revert.h"

static bool read_consent(const Call *call, Consent *out) {
    *out = (Consent){.confirm = option_value(&call->given, "confirm"),
                     .allow = option_value(&call->given, "allow")};
    return override_read(call, &out->override, &out->reason);
}

static bool no_words(const Call *call, const char *command) {
    return !call->given.word_count || fail(FAIL_USAGE,
                                           "%s takes no words: %s (--to VERSION rolls "
                                           "back to a version)",
                                           command, call->given.word[0]);
}

static bool read_count(const Call *call, const char *to, long *out) {
    *out = 1;
    if (to && option_given(&call->given, "count"))
        return fail(FAIL_USAGE, "--to and --count exclude each other");
    return option_count(&call->given, "count", 0, out);
}

static bool down(Call *call) {
    RevertWanted wanted = {.to = option_value(&call->given, "to")};
    if (!no_words(call, "down") || !read_count(call, wanted.to, &wanted.count) ||
        !read_consent(call, &wanted.consent))
        return false;
    progress_show(call);
    return revert_down(call->arena, call->config, &wanted);
}

static bool redo(Call *call) {
    Consent consent;
    if (!no_words(call, "redo") || !read_consent(call, &consent))
        return false;
    progress_show(call);
    return revert_redo(call->arena, call->config, &consent);
}

static const Option down_options[] = {
    {"to", 0, "VERSION", "roll back what is newer than this one; 0: everything"},
    {"count", 0, "N", "roll back so many (1)"},
    {"confirm", 0, "ENV", "in a protected environment: its name, to say that you mean it"},
    {"allow", 0, "data-loss", "there, where data is dropped: that it may go"},
    OVERRIDE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

static const Option redo_options[] = {
    {"confirm", 0, "ENV", "in a protected environment: its name, to say that you mean it"},
    {"allow", 0, "data-loss", "there, where data is dropped: that it may go"},
    OVERRIDE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const Command cmd_down = {
    .name = "down",
    .usage =
        "[--to VERSION|--count N] [--confirm ENV] [--allow data-loss] [--override GATE --reason TEXT]",
    .about = "roll back the newest applied migrations",
    .help =
        "Runs what stands below the line `-- stint: down` of a file or in its NAME.down.sql, the\n"
        "function `down` of a Lua migration, the expressions in `down` of a backfill. A file\n"
        "without a way down is refused before anything runs. A rollback that was cut off is\n"
        "partial in stint status; down goes on there.",
    .needs = NEED_CONFIG | NEED_HOOKS,
    .targets = TARGETS_BACK,
    .options = down_options,
    .run = down,
};

const Command cmd_redo = {
    .name = "redo",
    .usage = "[--confirm ENV] [--allow data-loss] [--override GATE --reason TEXT]",
    .about = "roll back the newest migration and apply it again",
    .help = "For a migration that is being written: edit it, then redo.",
    .needs = NEED_CONFIG | NEED_HOOKS,
    .options = redo_options,
    .run = redo,
};
