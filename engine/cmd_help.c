#include "cli.h"
#include "fail.h"
#include "hook.h"
#include "manual.h"
#include "script.h"
#include "text.h"

#include <stdio.h>

/* With the rules of the project's policies, where it has some that load. */
static Script *open_world(Call *call) {
    ScriptLimits limits = {.folder = "scripts"};
    Hooks policies;
    Script *script = call->config ? hook_world(call->arena, call->config) : NULL;
    if (script && hook_load(call->arena, call->config, "policies", "policy", &script, &policies))
        return script;
    script_close(script);
    fail_clear();
    return script_open(call->arena, &limits);
}

/* On a word that declares something in a script, "rules", or a rule; NULL: it is none. */
static const char *help_on_script(Call *call, const char *word) {
    Script *script = open_world(call);
    const char *help = script ? script_help(call->arena, script, word) : NULL;
    script_close(script);
    return help;
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
        manual_help(stdout);
        return true;
    }
    const char *word = given->word[0], *help = help_on_script(call, word);
    if (!is_command(word) && help) {
        fputs(help, stdout);
        return true;
    }
    const Command *command = cli_command(word);
    if (!command)
        return false;
    cli_help(command, stdout);
    if (help) /* backfill is both */
        printf("\n%s", help);
    return true;
}

const Command cmd_help = {
    .name = "help",
    .usage = "[COMMAND|KIND|config|rules|RULE]",
    .about = "all commands; one; what a script declares; every key of config.ini; rules",
    .needs = NEED_PROJECT,
    .run = run,
};
