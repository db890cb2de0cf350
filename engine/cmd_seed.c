#include "cli.h"

#include "fail.h"
#include "override.h"
#include "progress.h"
#include "seed.h"

static bool seed(Call *call) {
    Consent consent = {.confirm = option_value(&call->given, "confirm"),
                       .allow = option_value(&call->given, "allow")};
    if (call->given.word_count) {
        fail(FAIL_USAGE, "seed takes no words: %s", call->given.word[0]);
        return fail_hint("the environment chooses the seed: stint seed -e ENV");
    }
    if (!override_read(call, &consent.override, &consent.reason))
        return false;
    progress_show(call);
    return seed_run(call->arena, call->config, &consent);
}

static const Option options[] = {
    {"confirm", 0, "ENV", "in a protected environment: its name, to say that you mean it"},
    {"allow", 0, "data-loss", "there, where data is dropped: that it may go"},
    OVERRIDE_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const Command cmd_seed = {
    .name = "seed",
    .usage = "[--confirm ENV] [--allow data-loss] [--override GATE --reason TEXT]",
    .about = "load the environment's seed",
    .help = "Runs scripts/seeds/ENVIRONMENT.sql, or .lua (which declares migration {...}), in one\n"
            "transaction if its statements can be in one. Again every time it is called; in a\n"
            "protected environment once, and never again.",
    .needs = NEED_CONFIG | NEED_HOOKS,
    .options = options,
    .run = seed,
};
