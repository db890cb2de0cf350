#include "cli.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "json.h"
#include "migration.h"
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { VERSION_DIGITS = 14, LONGEST_NAME = 200 };

static const char sql_template[] =
    "-- %s\n"
    "--\n"
    "-- " MIGRATION_UNWRITTEN "\n"
    "-- that PostgreSQL refuses there, such as CREATE INDEX CONCURRENTLY.\n"
    "\n"
    "\n"
    "\n"
    "-- What rolls it back stands below a line `-- stint: down`:\n"
    "-- -- stint: down\n"
    "-- DROP TABLE ...\n";

static const char lua_template[] =
    "-- %s\n"
    "--\n"
    "-- `up` runs in one transaction together with its entry in the ledger. Parameters are $1, $2;\n"
    "-- db:exec gives the rows changed, db:query a list of rows, db:row one, db:value one value.\n"
    "migration {\n"
    "  up = function(db)\n"
    "    -- db:exec \"CREATE TABLE t (id bigint PRIMARY KEY)\"\n"
    "    error \"this migration is still empty\"\n"
    "  end,\n"
    "\n"
    "  -- What `stint down` runs.\n"
    "  -- down = function(db)\n"
    "  --   db:exec \"DROP TABLE t\"\n"
    "  -- end,\n"
    "}\n";

static const char backfill_template[] =
    "-- %s\n"
    "--\n"
    "-- Changes rows in batches, each in a transaction of its own that also holds its position: it\n"
    "-- can be stopped at any time and goes on where it was.\n"
    "backfill {\n"
    "  table = \"%s\",\n"
    "\n"
    "  -- column = \"SQL expression\"; the row's own columns can be used in it\n"
    "  set = { column_name = \"expression\" },\n"
    "\n"
    "  -- only these rows; write it so that a changed row no longer matches\n"
    "  where = \"column_name IS NULL\",\n"
    "\n"
    "  -- how long a batch should take; its size follows\n"
    "  -- target = \"250ms\",\n"
    "\n"
    "  -- must give 0 before the backfill counts as finished\n"
    "  -- verify = \"SELECT count(*) FROM %s WHERE column_name IS NULL\",\n"
    "\n"
    "  -- what `stint down` sets\n"
    "  -- down = { column_name = \"NULL\" },\n"
    "}\n";

static const char spec_template[] =
    "-- %s: run by `stint test`\n"
    "local testing = require \"stint.testing\"\n"
    "\n"
    "describe(\"%s\", function()\n"
    "  -- An empty database for each spec, which is dropped again.\n"
    "  before_each(function()\n"
    "    testing.fresh()\n"
    "  end)\n"
    "\n"
    "  it(\"is written\", function()\n"
    "    -- All migrations; up to one: testing.apply \"VERSION\"; some alone: testing.apply { "
    "\"VERSION\" }\n"
    "    testing.apply()\n"
    "    -- assert.equal(0, testing.db:value \"SELECT count(*) FROM ...\")\n"
    "    pending \"this spec is still empty\"\n"
    "  end)\n"
    "end)\n";

/* "Add user-profile", "AddUserProfile" and "add_user_profile.sql" are add_user_profile. */
static const char *file_name(Arena *a, const Given *given) {
    Text name = text_on(a);
    for (size_t i = 0; i < given->word_count; i++) {
        const char *word = given->word[i];
        size_t length = strlen(word);
        length -= text_ends(word, ".sql") || text_ends(word, ".lua") ? 4 : 0;
        for (size_t k = 0; k < length; k++) {
            unsigned char c = (unsigned char)word[k], before = k ? (unsigned char)word[k - 1] : 0;
            bool good = c < 128 && isalnum(c);
            bool parted = !good || !k || (isupper(c) && (islower(before) || isdigit(before)));
            if (parted && name.length && name.at[name.length - 1] != '_')
                text_add_char(&name, '_');
            if (good)
                text_add_char(&name, (char)tolower(c));
        }
    }
    while (name.length && name.at[name.length - 1] == '_')
        name.at[--name.length] = 0;
    return name.at;
}

static bool is_taken(const FileNames *names, const char *version) {
    for (size_t i = 0; i < names->count; i++)
        if (strspn(names->name[i], "0123456789") == VERSION_DIGITS &&
            strncmp(names->name[i], version, VERSION_DIGITS) == 0)
            return true;
    return false;
}

/* Now, or the first second after it that no file has. */
static bool free_version(Arena *a, const char *folder, const char **out) {
    FileNames names = {0};
    struct tm day = {0};
    *out = clock_version(a);
    if (file_is_folder(folder) && !file_names(a, folder, &names))
        return false;
    while (is_taken(&names, *out)) {
        char next[32];
        strptime(*out, "%Y%m%d%H%M%S", &day);
        time_t t = timegm(&day) + 1;
        gmtime_r(&t, &day);
        strftime(next, sizeof next, "%Y%m%d%H%M%S", &day);
        *out = arena_string(a, next);
    }
    return true;
}

static const char *lua_string(Arena *a, const char *text) {
    Text out = text_on(a);
    for (; *text; text++) {
        if (strchr("\"\\", *text))
            text_add_char(&out, '\\');
        text_add(&out, *text == '\n' ? "\\n" : (char[2]){*text, 0});
    }
    return out.at;
}

/* In scripts/spec, without a version: spec files run in the order of their names. */
static const char *spec_path(Call *call, const char *name) {
    Arena *a = call->arena;
    const char *folder = file_join(a, call->config->scripts, "spec");
    return file_join(a, folder,
                     arena_format(a, text_ends(name, "_spec") ? "%s.lua" : "%s_spec.lua", name));
}

/* What the new file holds; its ending in `*ending`. */
static const char *content(Call *call, const char *name, const char **ending) {
    const char *table = option_value(&call->given, "backfill");
    bool lua = option_given(&call->given, "lua");
    *ending = table || lua ? "lua" : "sql";
    if (table) {
        const char *written = lua_string(call->arena, table);
        return arena_format(call->arena, backfill_template, name, written, written);
    }
    return lua ? arena_format(call->arena, lua_template, name)
               : arena_format(call->arena, sql_template, name);
}

static bool check(const Call *call, const char *name) {
    const Given *given = &call->given;
    int kinds = option_given(given, "sql") + option_given(given, "lua") +
                option_given(given, "backfill") + option_given(given, "spec");
    if (!given->word_count) {
        fail(FAIL_USAGE, "new needs a name");
        return fail_hint("stint new add_user_profile");
    }
    if (!*name) {
        fail(FAIL_USAGE, "\"%s\" leaves nothing for a file's name", given->word[0]);
        return fail_hint("a name has letters a-z, digits and _: stint new add_user_profile");
    }
    if (strlen(name) > LONGEST_NAME)
        return fail(FAIL_USAGE, "the name has %zu letters; %d are the most", strlen(name),
                    LONGEST_NAME);
    if (kinds > 1)
        return fail(FAIL_USAGE, "--sql, --lua, --backfill and --spec exclude each other");
    if (option_given(given, "backfill") && !*option_value(given, "backfill"))
        return fail(FAIL_USAGE, "--backfill needs the name of a table");
    return true;
}

static bool answer(Call *call, const char *path, const char *version, const char *name) {
    if (!call->json) {
        printf("%s\n", path);
        return true;
    }
    Json *json = json_new_map(call->arena);
    json_set_text(json, "path", path);
    if (version)
        json_set_text(json, "version", version);
    json_set_text(json, "name", name);
    printf("%s\n", json_text(json));
    return true;
}

static bool make_spec(Call *call, const char *name) {
    const char *path = spec_path(call, name);
    return file_create(path, arena_format(call->arena, spec_template, name, name)) &&
           answer(call, path, NULL, name);
}

static bool run(Call *call) {
    Arena *a = call->arena;
    const char *version, *ending, *name = file_name(a, &call->given);
    const char *folder = call->config->migrations;
    if (!check(call, name))
        return false;
    if (option_given(&call->given, "spec"))
        return make_spec(call, name);
    if (!free_version(a, folder, &version))
        return false;
    const char *text = content(call, name, &ending);
    const char *path = file_join(a, folder, arena_format(a, "%s_%s.%s", version, name, ending));
    return file_create(path, text) &&
           answer(call, path, version, arena_format(a, "%s_%s", version, name));
}

static const Option options[] = {
    {"sql", 0, NULL, "a SQL migration (the default)"},
    {"lua", 0, NULL, "a migration written in Lua"},
    {"backfill", 0, "TABLE", "a backfill: changes the rows of TABLE in batches"},
    {"spec", 0, NULL, "a spec of the scripts, for stint test"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_new = {
    .name = "new",
    .usage = "NAME [--sql|--lua|--backfill TABLE|--spec]",
    .about = "a new, commented migration; prints its path",
    .help = "The file goes into the migrations folder; its version is the time now, in UTC.\n"
            "A spec goes into scripts/spec, and has no version.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = run,
};
