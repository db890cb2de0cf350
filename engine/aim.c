#include "aim.h"

#include "fail.h"
#include "report.h"
#include "text.h"

#include <stdlib.h>

static AimAnswer no_match(Call *call, const Targets *all, const char *wanted) {
    const char *near = target_nearest(call->arena, all, wanted);
    fail(FAIL_USAGE, "no target of %s is called %s", call->config->environment, wanted);
    if (near)
        fail_hint("did you mean %s?", near);
    else if (all->count)
        fail_hint("it has %zu, from %s on: status without --target lists them", all->count,
                  all->at[0].name);
    else
        fail_hint("its list of targets is empty");
    return AIM_FAILED;
}

static AimAnswer take_one(Call *call, const Target *target) {
    call->config = target_config(call->arena, call->config, target);
    return AIM_ONE;
}

/* After a run that was cut off they stand at different places: "the newest" is not one file. */
static AimAnswer take_many(const Command *command, const Call *call) {
    if (command->targets != TARGETS_BACK || option_given(&call->given, "to"))
        return AIM_MANY;
    fail(FAIL_USAGE, "%s over many targets wants --to: the newest file may be another in each",
         command->name);
    fail_hint("--to VERSION says where all go back to; --target NAME takes one of them");
    return AIM_FAILED;
}

AimAnswer aim_take(const Command *command, Call *call, Targets *out) {
    Config *config = call->config;
    Targets all;
    if (getenv(AIM_CHOSEN)) {
        config->targets = NULL;
        return AIM_ONE;
    }
    if (!config->targets && config->target) {
        fail(FAIL_USAGE, "%s has no targets, so none is called %s", config->environment,
             config->target);
        fail_hint("targets in config.ini makes an environment a fleet: stint help config");
        return AIM_FAILED;
    }
    if (config->target) {
        Text chosen = text_on(call->arena);
        text_add(&chosen, " --target ");
        text_add_word(&chosen, config->target);
        report_target(chosen.at);
    }
    if (!config->targets || (!config->target && command->targets == TARGETS_ONE))
        return AIM_ONE;
    if (!target_list(call->arena, config, &all))
        return AIM_FAILED;
    *out = all;
    if (!config->target)
        return take_many(command, call);
    *out = target_pick(call->arena, &all, config->target);
    if (!out->count)
        return no_match(call, &all, config->target);
    bool exact = out->count == 1 && text_same(out->at[0].name, config->target);
    if (exact || (out->count == 1 && command->targets == TARGETS_ONE))
        return take_one(call, &out->at[0]);
    if (command->targets != TARGETS_ONE)
        return take_many(command, call);
    fail(FAIL_USAGE, "%s works on one target, and %s names %zu", command->name, config->target,
         out->count);
    return AIM_FAILED;
}
