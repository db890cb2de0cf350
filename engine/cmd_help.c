#include "cli.h"
#include "fail.h"
#include "text.h"

static bool run(Call *call) {
    const Given *given = &call->given;
    if (given->word_count > 1) {
        fail(FAIL_USAGE, "help takes one word, not \"%s\" too", given->word[1]);
        return fail_hint("stint help %s", given->word[0]);
    }
    if (!given->word_count) {
        cli_overview(stdout);
        return true;
    }
    if (text_same(given->word[0], "config")) {
        config_help(stdout);
        return true;
    }
    const Command *command = cli_command(given->word[0]);
    if (command)
        cli_help(command, stdout);
    return command;
}

const Command cmd_help = {
    .name = "help",
    .usage = "[COMMAND|config]",
    .about = "all commands; one command; every key of config.ini",
    .needs = NEED_NOTHING,
    .run = run,
};
