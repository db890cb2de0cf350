#include "cli.h"
#include "clock.h"
#include "embed.h"
#include "fail.h"
#include "file.h"
#include "ignore.h"
#include "json.h"
#include "log.h"
#include "manual.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

/* Editors with a Lua language server complete what scripts can say by these two files. */
#define TYPES ".stint/types.lua"
static const char luarc[] =
    "{\n"
    "  \"runtime.version\": \"Lua 5.4\",\n"
    "  \"workspace.library\": [\".stint\"],\n"
    "  \"diagnostics.globals\": [\"migration\", \"backfill\", \"policy\", \"check\", \"hook\"]\n"
    "}\n";

static const char example[] =
    "-- Runs in one transaction together with its entry in the ledger: applied as a whole, or not\n"
    "-- at all. `stint plan` shows what would run, `stint up` runs it.\n"
    "CREATE TABLE users (\n"
    "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,\n"
    "    email text NOT NULL UNIQUE,\n"
    "    created_at timestamptz NOT NULL DEFAULT now()\n"
    ");\n"
    "\n"
    "-- What `stint down` runs.\n"
    "-- stint: down\n"
    "DROP TABLE users;\n";

typedef struct {
    Call *call;
    Json *written, *kept;
} Report;

static void wrote(Report *report, const char *path) {
    json_append_text(report->written, path);
    if (!report->call->json)
        printf("wrote  %s\n", path);
}

static void kept(Report *report, const char *path) {
    json_append_text(report->kept, path);
    if (!report->call->json)
        printf("kept   %s, which was there\n", path);
}

static bool give(Report *report, const char *path, const char *text) {
    if (file_exists(path)) {
        kept(report, path);
        return true;
    }
    if (!file_create(path, text))
        return false;
    wrote(report, path);
    return true;
}

static bool give_folder(Report *report, const char *path) {
    if (file_is_folder(path)) {
        kept(report, path);
        return true;
    }
    if (!file_make_folder(path))
        return false;
    wrote(report, path);
    return true;
}

static bool give_types(Report *report) {
    for (const EmbeddedFile *file = embedded_files; file->name; file++)
        if (strcmp(file->name, "hooks/types.lua") == 0)
            return give(report, TYPES, arena_bytes(report->call->arena, file->text, file->length));
    return true;
}

/* What each environment demands, to begin with. */
static bool give_policies(Report *report) {
    static const char from[] = "hooks/policies/";
    Arena *a = report->call->arena;
    for (const EmbeddedFile *file = embedded_files; file->name; file++)
        if (text_starts(file->name, from) &&
            !give(report, arena_format(a, "scripts/policies/%s", file->name + strlen(from)),
                  arena_bytes(a, file->text, file->length)))
            return false;
    return true;
}

static bool has_line(const char *text, const char *const *lines) {
    for (; *text; text += strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n'))
        for (const char *const *line = lines; *line; line++)
            if (strncmp(text, *line, strlen(*line)) == 0 && strchr("\r\n", text[strlen(*line)]))
                return true;
    return false;
}

/* What a repository should not keep: .env holds passwords, backups everybody's data. */
static const struct {
    const char *line;
    const char *const known[8]; /* lines by which it is ignored already */
} ignored[] = {
    {".env", {".env", "/.env", ".env*", "*.env", NULL}},
    {"/backups/", {"/backups/", "backups/", "/backups", "backups", NULL}},
};

/* In a project that uses git. */
static bool ignore(Report *report) {
    const char *path = ".gitignore";
    bool added = false;
    Bytes text;
    if (!file_exists(path))
        return true;
    if (!file_read(report->call->arena, path, &text))
        return false;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        if (has_line(text.at, ignored[i].known))
            continue;
        if (!ignore_add(report->call->arena, path, ignored[i].line))
            return false;
        added = true;
        if (!report->call->json)
            printf("added  %s to %s\n", ignored[i].line, path);
    }
    if (added)
        json_append_text(report->written, path);
    else
        kept(report, path);
    return true;
}

static bool give_example(Report *report) {
    Arena *a = report->call->arena;
    FileNames names;
    if (!option_given(&report->call->given, "example"))
        return true;
    if (!file_names(a, "scripts/migrations", &names))
        return false;
    if (names.count) {
        kept(report, file_join(a, "scripts/migrations", names.name[0]));
        return true;
    }
    return give(report, arena_format(a, "scripts/migrations/%s_create_users.sql", clock_version(a)),
                example);
}

static void say_next(const Report *report) {
    static const char *const others[] = {"prisma/migrations", "supabase/migrations",
                                         "db/migrations", "db/migrate", "migrations"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (file_is_folder(others[i]))
            log_say("There is a folder %s: to use it, write migrations = %s in config.ini.",
                    others[i], others[i]);
    FileNames names;
    bool begun = file_names(report->call->arena, "scripts/migrations", &names) && names.count;
    log_say(begun ? "Next: `stint plan`, then `stint up`."
                  : "Next: `stint new create_users` makes a first migration.");
}

static bool run(Call *call) {
    Arena *a = call->arena;
    Report report = {call, json_new_list(a), json_new_list(a)};
    if (call->given.word_count) {
        fail(FAIL_USAGE, "init takes no \"%s\"", call->given.word[0]);
        return fail_hint("-C FOLDER chooses another folder");
    }
    if (!give(&report, "config.ini", manual_sample(a)) ||
        !give_folder(&report, "scripts/migrations") || !give_example(&report) ||
        !give_policies(&report) || !give(&report, ".luarc.json", luarc) || !give_types(&report) ||
        !ignore(&report))
        return false;
    if (call->json) {
        Json *answer = json_new_map(a);
        json_set(answer, "written", report.written);
        json_set(answer, "kept", report.kept);
        printf("%s\n", json_text(answer));
        return true;
    }
    say_next(&report);
    return true;
}

static const Option options[] = {
    {"example", 0, NULL, "with a first migration to look at"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_init = {
    .name = "init",
    .usage = "[--example]",
    .about = "writes config.ini and a first scripts/ tree; never overwrites",
    .help = "Writes config.ini, scripts/migrations/, scripts/policies/ (what each environment\n"
            "demands), and .luarc.json with .stint/types.lua, by which\n"
            "editors complete Lua scripts; adds .env and /backups/ to a .gitignore that is\n"
            "there. What exists already is left as it is.",
    .needs = NEED_NOTHING,
    .options = options,
    .run = run,
};
