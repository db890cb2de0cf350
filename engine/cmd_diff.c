#include "cli.h"

#include "fail.h"
#include "log.h"
#include "pair.h"
#include "side.h"
#include "text.h"

#include <stdio.h>

enum { MAJOR = 10000 };

/* ---- telling ---- */

static void print(Arena *a, const Side *from, const Side *to, const CatalogDifferences *all) {
    size_t count[] = {[CATALOG_ADDED] = 0, [CATALOG_REMOVED] = 0, [CATALOG_CHANGED] = 0};
    for (size_t i = 0; i < all->count; i++) {
        count[all->at[i].change]++;
        puts(fail_redacted(catalog_say(a, &all->at[i], "    ")));
    }
    if (!all->count)
        printf("%s: as %s, %zu objects\n", to->called, from->called, to->objects.count);
    else
        printf("%s, compared with %s: %zu added, %zu removed, %zu changed\n", to->called,
               from->called, count[CATALOG_ADDED], count[CATALOG_REMOVED], count[CATALOG_CHANGED]);
}

static void print_json(Arena *a, const Side *from, const Side *to, const CatalogDifferences *all) {
    Json *json = json_new_map(a);
    json_set_text(json, "from", from->word);
    json_set_text(json, "to", to->word);
    json_set_integer(json, "different", (long long)all->count);
    json_set(json, "differences", catalog_json(a, all));
    puts(fail_redacted(json_text(json)));
}

/* ---- the two ---- */

/* What files make, and what a dump is read with, depends on an environment: its search_path,
 * variables, `environments`, the scratch server. */
static bool choose(const Call *call, Side *from, Side *to) {
    Arena *a = call->arena;
    if (!side_choose(a, call->config, call->given.word[0], from) ||
        !side_choose(a, call->config, call->given.word[1], to))
        return false;
    if (from->config && to->config)
        return pair_are_two(from->config, to->config);
    if (!from->config && !to->config)
        from->config = call->config;
    from->config = from->config ? from->config : to->config;
    to->config = to->config ? to->config : from->config;
    return from->kind != SIDE_FILES || to->kind != SIDE_FILES ||
           fail(FAIL_USAGE, "diff compares files: with something else");
}

static bool read(const Call *call, Side *side) {
    SideSight sight = option_given(&call->given, "roles") ? SIDE_WITH_ROLES : SIDE_IMPERSONAL;
    return side_read(call->arena, sight, side);
}

/* What either of them keeps is neither's. */
static void leave_out(Arena *a, Side *from, Side *to) {
    const char *one = from->config->keep_schemas, *other = to->config->keep_schemas;
    from->others = to->others = arena_format(a, "%s,%s", one ? one : "", other ? other : "");
}

/* A role is none of the objects that are compared. */
static void tell_assumed(const Side *side) {
    for (size_t i = 0; i < side->lacks.count; i++)
        if (!text_starts(side->lacks.at[i], "role "))
            log_warn("%s, in the scratch database: %s", side->called, side->lacks.at[i]);
}

static bool diff(Call *call) {
    Arena *a = call->arena;
    Side from = {0}, to = {0};
    if (call->given.word_count != 2) {
        fail(FAIL_USAGE, "diff takes two: environments, files: or a dump");
        return fail_next("stint diff files: production");
    }
    if (!call->verbose)
        log_level(LOG_QUIET); /* what is said of a scratch database would mislead */
    if (!choose(call, &from, &to))
        return false;
    leave_out(a, &from, &to);
    if (!read(call, &from) || !read(call, &to))
        return false;
    if (from.server / MAJOR != to.server / MAJOR)
        log_warn("%s: PostgreSQL %d, %s: %d; each words some definitions its own way", from.called,
                 from.server / MAJOR, to.called, to.server / MAJOR);
    tell_assumed(&from);
    tell_assumed(&to);
    const CatalogDifferences each = catalog_compare(a, &from.objects, &to.objects);
    const CatalogDifferences all = catalog_wholes(a, &each);
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
    .help =
        "A and B are environments of config.ini; or `files:`, an empty scratch database to which\n"
        "all migrations are applied; or a dump (of pg_dump or stint backup), read into a scratch\n"
        "database. Nothing is changed. Exit code 2 when they differ. Left out: rows, the ledger,\n"
        "what extensions brought with them, and the schemas in keep_schemas of either.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = diff,
};
