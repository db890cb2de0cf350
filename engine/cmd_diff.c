#include "cli.h"

#include "catalog.h"
#include "fail.h"
#include "log.h"
#include "pair.h"
#include "session.h"
#include "sql.h"
#include "stage.h"
#include "text.h"
#include "wipe.h"

#include <stdio.h>
#include <string.h>

static const char FILES[] = "files:";
enum { KIND, NAME, MAJOR = 10000 };

/* One of the two that are compared. */
typedef struct {
    const char *word;
    Config *config; /* of files: the other one's */
    int server;
    PgRows objects;
} Side;

static bool is_files(const Side *side) {
    return text_same(side->word, FILES);
}

static const char *called(const Side *side) {
    return is_files(side) ? "the files" : side->word;
}

/* ---- reading ---- */

/* Each server has roles of its own. */
static bool look_away(const Call *call, Pg *pg) {
    return option_given(&call->given, "roles") || pg_do(pg, SQL_CATALOG_IMPERSONAL, PG_NONE);
}

static bool read_database(const Call *call, Side *side) {
    Arena *a = call->arena;
    Pg *pg = session_open(a, side->config, "diff", SESSION_MUST_EXIST);
    side->server = pg ? pg_version(pg) : 0;
    bool ok = pg && look_away(call, pg) &&
              catalog_read(pg, a, side->config->ledger_schema, &side->objects);
    pg_close(pg);
    return ok || fail_in("%s", side->word);
}

/* What an empty database holds when all files have been applied to it. */
static bool read_files(const Call *call, Side *side) {
    Arena *a = call->arena;
    Scratch scratch;
    Stage stage = {.arena = a, .looks = a, .scratch = &scratch};
    if (!scratch_open(a, side->config, &scratch))
        return false;
    bool ok = stage_begin(&stage) &&
              (stage_climb(&stage, 0, NULL) ||
               (scratch_explain(&scratch), fail_in("the files, in an empty database"))) &&
              look_away(call, stage.eye) && stage_look(&stage, &side->objects);
    side->server = pg_version(scratch.pg);
    stage_end(&stage);
    scratch_close(&scratch);
    return ok;
}

static bool is_of(const char *name, const char *schema) {
    size_t length = strlen(schema);
    return strncmp(name, schema, length) == 0 && (!name[length] || name[length] == '.');
}

/* What is in keep_schemas of either is not the project's. */
static bool leave_out(Arena *a, const Config *config, Side *side) {
    Strings keep;
    PgRows *rows = &side->objects;
    size_t left = 0, width = (size_t)rows->width;
    if (!wipe_keep(a, config, &keep))
        return false;
    for (size_t r = 0; r < rows->count; r++) {
        bool is_kept = false;
        for (size_t i = 0; i < keep.count; i++)
            is_kept = is_kept || is_of(pg_cell(rows, r, NAME), keep.at[i]);
        if (!is_kept)
            memmove(&rows->cell[width * left++], &rows->cell[width * r],
                    width * sizeof *rows->cell);
    }
    rows->count = left;
    return true;
}

/* ---- telling ---- */

static void print(Arena *a, const Side *from, const Side *to, const CatalogDifferences *all) {
    size_t count[] = {[CATALOG_ADDED] = 0, [CATALOG_REMOVED] = 0, [CATALOG_CHANGED] = 0};
    for (size_t i = 0; i < all->count; i++) {
        count[all->at[i].change]++;
        puts(catalog_say(a, &all->at[i], "    "));
    }
    if (!all->count)
        printf("%s: as %s, %zu objects\n", called(to), called(from), to->objects.count);
    else
        printf("%s, compared with %s: %zu added, %zu removed, %zu changed\n", called(to),
               called(from), count[CATALOG_ADDED], count[CATALOG_REMOVED], count[CATALOG_CHANGED]);
}

static void print_json(Arena *a, const Side *from, const Side *to, const CatalogDifferences *all) {
    Json *json = json_new_map(a);
    json_set_text(json, "from", from->word);
    json_set_text(json, "to", to->word);
    json_set_integer(json, "different", (long long)all->count);
    json_set(json, "differences", catalog_json(a, all));
    puts(json_text(json));
}

/* ---- the two ---- */

static bool load(const Call *call, Side *side) {
    return is_files(side) || pair_load(call->arena, call->config, side->word, &side->config);
}

/* What the files make depends on an environment: its search_path, variables, `environments`. */
static bool load_both(const Call *call, Side *from, Side *to) {
    if (is_files(from) && is_files(to))
        return fail(FAIL_USAGE, "diff compares files: with an environment");
    if (!load(call, from) || !load(call, to))
        return false;
    if (!is_files(from) && !is_files(to))
        return pair_are_two(from->config, to->config);
    from->config = is_files(from) ? to->config : from->config;
    to->config = is_files(to) ? from->config : to->config;
    return true;
}

static bool read(const Call *call, Side *side) {
    return is_files(side) ? read_files(call, side) : read_database(call, side);
}

static bool diff(Call *call) {
    Arena *a = call->arena;
    Side from = {0}, to = {0};
    if (call->given.word_count != 2) {
        fail(FAIL_USAGE, "diff takes two: environments, or files: and one");
        return fail_next("stint diff files: production");
    }
    from.word = call->given.word[0];
    to.word = call->given.word[1];
    if (!call->verbose)
        log_level(LOG_QUIET); /* what is said of a scratch database would mislead */
    if (!load_both(call, &from, &to) || !read(call, &from) || !read(call, &to) ||
        !leave_out(a, from.config, &from) || !leave_out(a, to.config, &from) ||
        !leave_out(a, from.config, &to) || !leave_out(a, to.config, &to))
        return false;
    if (from.server / MAJOR != to.server / MAJOR)
        log_warn("%s: PostgreSQL %d, %s: %d; each words some definitions its own way",
                 called(&from), from.server / MAJOR, called(&to), to.server / MAJOR);
    const CatalogDifferences all = catalog_compare(a, &from.objects, &to.objects);
    if (call->json)
        print_json(a, &from, &to, &all);
    else
        print(a, &from, &to, &all);
    call->exit_code = all.count ? FAIL_PENDING : 0;
    return true;
}

static const Option options[] = {
    {"roles", 0, NULL, "who owns what, and what is granted to whom, too"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_diff = {
    .name = "diff",
    .usage = "A B [--roles]",
    .about = "what B's schema has added, removed and changed, compared with A's",
    .help = "A and B are environments of config.ini; or one of them is `files:`, an empty scratch\n"
            "database to which all migrations are applied. Nothing is changed. Exit code 2 when\n"
            "they differ. Left out: rows, the ledger, what extensions brought with them, and the\n"
            "schemas in keep_schemas of either.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = diff,
};
