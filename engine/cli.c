#include "cli.h"

#include "address.h"
#include "aim.h"
#include "fail.h"
#include "hook.h"
#include "log.h"
#include "muster.h"
#include "report.h"
#include "setting.h"
#include "stop.h"
#include "text.h"

#include <stdlib.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const Command *const commands[] = {
    &cmd_init,    &cmd_new,     &cmd_status,   &cmd_plan,   &cmd_lint,    &cmd_up,
    &cmd_deploy,  &cmd_promote, &cmd_down,     &cmd_redo,   &cmd_reset,   &cmd_seed,
    &cmd_approve, &cmd_resolve, &cmd_backfill, &cmd_backup, &cmd_restore, &cmd_lock,
    &cmd_test,    &cmd_work,    &cmd_watch,    &cmd_verify, &cmd_drift,   &cmd_diff,
    &cmd_dump,    &cmd_doctor,  &cmd_dev,      &cmd_help,   &cmd_version, NULL,
};

static const Option globals[] = {
    {"dir", 'C', "DIR", "work in this folder"},
    {"config", 'c', "FILE", "this file instead of config.ini (STINT_CONFIG)"},
    {"env", 'e', "ENV", "the environment (STINT_ENV)"},
    {"json", 0, NULL, "JSON: one document for a query, one object a line for a run"},
    {"quiet", 'q', NULL, "results and warnings only"},
    {"verbose", 'v', NULL, "more of what happens; tracebacks"},
    {"no-color", 0, NULL, "no colours (also NO_COLOR)"},
    {"yes", 'y', NULL, "yes to every question"},
    {"help", 'h', NULL, "help on the command"},
    {"version", 0, NULL, "the program's version"},
    {NULL, 0, NULL, NULL},
};

const Command *const *cli_commands(void) {
    return commands;
}

/* What it is called in other programs. */
static const char *known_as(const char *name) {
    static const struct {
        const char *theirs, *ours;
    } words[] = {{"migrate", "up"},    {"apply", "up"},       {"latest", "up"},
                 {"rollback", "down"}, {"undo", "down"},      {"revert", "down"},
                 {"create", "new"},    {"generate", "new"},   {"info", "status"},
                 {"list", "status"},   {"repair", "resolve"}, {"baseline", "resolve"},
                 {"validate", "lint"}, {"clean", "reset"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].theirs, name) == 0)
            return words[i].ours;
    return NULL;
}

const Command *cli_command(const char *name) {
    const char *names[sizeof commands / sizeof *commands];
    size_t i = 0;
    for (; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
        names[i] = commands[i]->name;
    }
    names[i] = NULL;
    const char *known = known_as(name), *near = known ? known : text_nearest(name, names);
    fail(FAIL_USAGE, "there is no command %s", name);
    if (near)
        fail_hint("did you mean: stint %s", near);
    else
        fail_hint("stint help lists them");
    return NULL;
}

/* Every setting is an option too: lock_timeout is --lock-timeout. */
static const Option *setting_options(Arena *a) {
    Option *options = arena_take(a, (setting_count() + 1) * sizeof *options);
    for (size_t i = 0; i < setting_count(); i++) {
        const Setting *s = setting_at(i);
        char *name = arena_string(a, s->key);
        for (char *at = name; *at; at++)
            if (*at == '_')
                *at = '-';
        options[i] = (Option){name, 0, setting_accepts(s), s->about};
    }
    return options;
}

void cli_overview(FILE *out) {
    fputs("stint: migrations for PostgreSQL\n\nusage: stint COMMAND [OPTIONS]\n\n", out);
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->about);
    fputs("\noptions of every command:\n", out);
    option_help(globals, out);
    fputs(
        "  --KEY VALUE       any setting, with - for _: --url URL, --lock-timeout 5s, --order warn\n"
        "\nstint help COMMAND, stint help config, and exit codes in stint help\n",
        out);
    report_codes(out);
}

void cli_help(const Command *command, FILE *out) {
    fprintf(out, "usage: stint %s%s%s\n\n%s\n", command->name, *command->usage ? " " : "",
            command->usage, command->about);
    if (command->help)
        fprintf(out, "\n%s\n", command->help);
    if (command->options) {
        fputs("\noptions:\n", out);
        option_help(command->options, out);
    }
    fputs("\noptions of every command: stint help\n", out);
}

/* The value of a setting that was given as an option. */
static ConfigPairs setting_flags(Arena *a, const Given *given) {
    ConfigPairs flags = {0, arena_take(a, (given->count + 1) * sizeof(char *)),
                         arena_take(a, (given->count + 1) * sizeof(char *))};
    for (size_t i = 0; i < given->count; i++) {
        if (!given->option[i]->name || !given->value[i])
            continue;
        char *key = arena_string(a, given->option[i]->name);
        for (char *at = key; *at; at++)
            if (*at == '-')
                *at = '_';
        if (!setting_find(key))
            continue;
        flags.name[flags.count] = key;
        flags.value[flags.count++] = given->value[i];
    }
    return flags;
}

/* What chose the project and its database, for the commands that messages propose. A URL holds a
 * password: there is a word in its place. */
static void tell_chosen(Arena *a, const Given *given) {
    static const struct {
        const char *option, *shown, *instead;
    } kept[] = {{"dir", "-C", NULL},
                {"config", "-c", NULL},
                {"url", "--url", "\"$URL\""},
                {"direct-url", "--direct-url", "\"$DIRECT_URL\""},
                {"ledger-schema", "--ledger-schema", NULL},
                {"migrations", "--migrations", NULL},
                {"schema", "--schema", NULL},
                {"role", "--role", NULL}};
    Text place = text_on(a), environment = text_on(a);
    if (getenv(AIM_CHOSEN)) {
        report_chosen("", getenv(AIM_CHOSEN));
        return;
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *value = option_value(given, kept[i].option);
        if (!value)
            continue;
        text_addf(&place, " %s ", kept[i].shown);
        if (kept[i].instead)
            text_add(&place, kept[i].instead);
        else
            text_add_word(&place, value);
    }
    const char *name = option_value(given, "env");
    name = name ? name : getenv("STINT_ENV");
    if (name && *name) {
        text_add(&environment, " -e ");
        text_add_word(&environment, name);
    }
    report_chosen(place.at, environment.at);
}

/* The project's folder becomes ours, so that paths are what config.ini says. */
static bool load_config(const Command *command, Call *call) {
    const char *named =
        command->needs & NEED_NAMED && call->given.word_count ? call->given.word[0] : NULL;
    ConfigWanted wanted = {option_value(&call->given, "dir"), option_value(&call->given, "config"),
                           named ? named : option_value(&call->given, "env"),
                           setting_flags(call->arena, &call->given)};
    if (!config_load(call->arena, &wanted, &call->config))
        return false;
    if (chdir(call->config->folder) != 0)
        return fail_errno(FAIL_CONFIG, "cannot enter %s", call->config->folder);
    return true;
}

static bool enter_folder(const Call *call) {
    const char *folder = option_value(&call->given, "dir");
    return !folder || chdir(folder) == 0 || fail_errno(FAIL_CONFIG, "cannot enter %s", folder);
}

static bool meet_config(const Command *command, Call *call) {
    if (command->needs & NEED_PROJECT && load_config(command, call))
        return true;
    if (command->needs & NEED_CONFIG)
        return load_config(command, call);
    fail_clear();
    return enter_folder(call);
}

static bool run_command(const Command *command, Call *call) {
    if (option_given(&call->given, "help") && command != &cmd_help) {
        cli_help(command, stdout);
        return true;
    }
    if (command->needs & NEED_NO_WORDS && call->given.word_count) {
        fail(FAIL_USAGE, "%s takes no words: %s", command->name, call->given.word[0]);
        return fail_next("stint help %s", command->name);
    }
    if (!meet_config(command, call))
        return false;
    Targets targets;
    AimAnswer aim = command->needs & NEED_CONFIG ? aim_take(command, call, &targets) : AIM_ONE;
    if (aim != AIM_ONE)
        return aim == AIM_MANY && muster_run(command, call, &targets);
    if (command->needs & NEED_HOOKS && !hook_open(call->arena, call->config))
        return fail_state("nothing was run");
    return command->run(call);
}

static void set_manners(Call *call) {
    const Given *given = &call->given;
    call->json = option_given(given, "json");
    call->quiet = option_given(given, "quiet");
    call->verbose = option_given(given, "verbose");
    call->yes = option_given(given, "yes");
    tell_chosen(call->arena, given);
    log_level(call->verbose ? LOG_VERBOSE : call->quiet ? LOG_QUIET : LOG_NORMAL);
    report_color(option_given(given, "no-color") || getenv("NO_COLOR") ? REPORT_PLAIN
                                                                       : REPORT_AS_TERMINAL);
}

/* Global options may stand before the command's name. */
static const Command *find_command(Arena *a, int argc, char *const *argv, Given *given) {
    const Option *none[] = {globals, setting_options(a), NULL};
    int name = 1 + option_first_word(none, argc - 1, argv + 1);
    if (name >= argc) {
        if (!option_parse(a, none, argc - 1, argv + 1, given))
            return NULL;
        return option_given(given, "version") ? &cmd_version : &cmd_help;
    }
    const Command *command = cli_command(argv[name]);
    if (!command)
        return NULL;
    const Option *tables[] = {globals, none[1], command->options, NULL};
    char **rest = arena_take(a, (size_t)argc * sizeof *rest);
    int count = 0;
    for (int i = 1; i < argc; i++)
        if (i != name)
            rest[count++] = argv[i];
    if (option_parse(a, tables, count, rest, given))
        return command;
    fail_next("stint help %s", command->name);
    return NULL;
}

/* Passwords in variables are hidden before anything can be said; of the arguments we take copies,
 * for a URL among them must not stay in the process list. */
static char **own_arguments(Arena *a, int argc, char *const *argv) {
    char **own = arena_take(a, ((size_t)argc + 1) * sizeof *own);
    for (char **variable = environ; *variable; variable++)
        address_hide(a, *variable);
    for (int i = 0; i < argc; i++) {
        own[i] = arena_string(a, argv[i]);
        if (address_hide(a, own[i]))
            memset(argv[i], 'x', strlen(argv[i]));
    }
    return own;
}

int cli_main(int argc, char *const *argv) {
    Arena *a = arena_new();
    Call call = {.arena = a};
    stop_listen();
    const Command *command = find_command(a, argc, own_arguments(a, argc, argv), &call.given);
    if (command)
        set_manners(&call);
    bool ok = command && run_command(command, &call);
    errno = 0; /* of an earlier write nobody knows it any more */
    if ((fflush(stdout) != 0 || ferror(stdout)) && ok)
        ok = errno ? fail_errno(FAIL_ERROR, "cannot write the output")
                   : fail(FAIL_ERROR, "cannot write the output");
    int code = ok ? call.exit_code : report_failure(&call);
    hook_close();
    arena_free(a);
    return code;
}
