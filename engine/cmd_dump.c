#include "cli.h"

#include "client.h"
#include "fail.h"
#include "file.h"
#include "log.h"
#include "program.h"
#include "session.h"
#include "text.h"
#include "wipe.h"

#include <stdio.h>
#include <string.h>

/* ---- asking pg_dump ---- */

static const char *const *arguments(const Call *call, const Client *client, const Strings *keep) {
    Arena *a = call->arena;
    const char **argv = arena_take(a, (keep->count + 12) * sizeof *argv);
    size_t n = 0;
    argv[n++] = client_program(a, client, "pg_dump");
    argv[n++] = "--schema-only";
    argv[n++] = "--no-password";
    argv[n++] = "--no-subscriptions";
    if (!option_given(&call->given, "roles")) {
        argv[n++] = "--no-owner";
        argv[n++] = "--no-privileges";
    }
    if (call->config->role)
        argv[n++] = arena_format(a, "--role=%s", call->config->role);
    argv[n++] = client_without(a, call->config->ledger_schema);
    for (size_t i = 0; i < keep->count; i++)
        argv[n++] = client_without(a, keep->at[i]);
    argv[n++] = "--dbname";
    argv[n] = client->conninfo;
    return argv;
}

/* NULL: failed. */
static const char *ask(const Call *call) {
    Arena *a = call->arena;
    Client client;
    Strings keep;
    Pg *pg = session_open(a, call->config, "dump", SESSION_MUST_EXIST);
    bool ok = pg && client_find(a, call->config, pg, &client) && wipe_keep(a, call->config, &keep);
    pg_close(pg);
    if (!ok)
        return NULL;
    const ProgramWanted wanted = {arguments(call, &client, &keep), client.variables, -1, -1};
    Program *program = program_start(a, &wanted);
    if (program && program_wait(program, NULL, NULL))
        return program_output(a, program);
    fail_in("the schema cannot be dumped");
    return NULL;
}

/* ---- the same text for the same schema ---- */

/* Versions, and a word that is another each time. */
static bool is_passing(const char *line) {
    static const char *const beginnings[] = {"-- Dumped from database version ",
                                             "-- Dumped by pg_dump version ", "\\restrict ",
                                             "\\unrestrict "};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (text_starts(line, beginnings[i]))
            return true;
    return false;
}

/* They stand before the first statement and behind the last; lines between are left as they are. */
static const char *lasting(Arena *a, const char *dump) {
    static const char begin[] = "\nSET ", end[] = "\n-- PostgreSQL database dump complete";
    const char *first = strstr(dump, begin), *last = dump;
    for (const char *at = dump; (at = strstr(at, end)); at++)
        last = at;
    Text text = text_on(a);
    for (const char *line = dump; *line;) {
        size_t length = strcspn(line, "\n");
        length += line[length] != 0;
        bool within = first && line > first && line < last;
        if (within || !is_passing(line))
            text_add_bytes(&text, line, length);
        line += length;
    }
    while (text.length > 1 && text.at[text.length - 2] == '\n')
        text.at[--text.length] = 0;
    return text.at;
}

static bool dump(Call *call) {
    const char *out = option_value(&call->given, "out");
    const char *text = ask(call);
    if (!text)
        return false;
    text = lasting(call->arena, text);
    if (!out) {
        fputs(text, stdout);
        return true;
    }
    if (!file_make_folder(file_folder(call->arena, out)) || !file_replace(out, text, strlen(text)))
        return false;
    log_say("wrote %s", out);
    return true;
}

static const Option options[] = {
    {"out", 0, "FILE", "into this file, in one step; its folder is made"},
    {"roles", 0, NULL, "who owns what, and what is granted to whom, too"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_dump = {
    .name = "dump",
    .usage = "[--out FILE] [--roles]",
    .about = "the schema as SQL, the same text for the same schema",
    .help =
        "The server's own pg_dump, without rows, the ledger, the schemas in keep_schemas, and\n"
        "without what changes from one dump to the next: for a schema.sql beside the code, which\n"
        "a review can read and stint diff can compare.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .options = options,
    .run = dump,
};
