#include "cli.h"
#include "fail.h"
#include "script.h"
#include "text.h"

/* A word that declares something in a script, "rules", or a rule; false: it is none. */
static bool help_on_script(Call *call, const char *word) {
    ScriptLimits limits = {.folder = "scripts"};
    Script *script = script_open(call->arena, &limits);
    const char *help = script ? script_help(call->arena, script, word) : NULL;
    if (help)
        fputs(help, stdout);
    script_close(script);
    return help != NULL;
}

static bool is_command(const char *word) {
    for (const Command *const *c = cli_commands(); *c; c++)
        if (text_same((*c)->name, word))
            return true;
    return false;
}

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
    if (!is_command(given->word[0]) && help_on_script(call, given->word[0]))
        return true;
    const Command *command = cli_command(given->word[0]);
    if (command)
        cli_help(command, stdout);
    return command != NULL;
}

const Command cmd_help = {
    .name = "help",
    .usage = "[COMMAND|KIND|config|rules|RULE]",
    .about = "all commands; one; what a script declares; every key of config.ini; rules",
    .needs = NEED_NOTHING,
    .run = run,
};
