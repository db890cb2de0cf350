#include "catalog.h"

#include "difference.h"
#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { KIND, NAME, DEFINITION };

/* ---- reading ---- */

typedef struct {
    Pg *pg;
    Arena *arena;
    const char *ledger_schema, *home;
} Reading;

static bool begin(Reading *reading, const char *sql) {
    PgRows rows;
    if (!pg_do(reading->pg, sql, PG_NONE) ||
        !pg_rows(reading->pg, reading->arena, &rows, SQL_CATALOG_HOME,
                 PG_WITH(reading->ledger_schema)))
        return false;
    reading->home = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    return pg_do(reading->pg, SQL_CATALOG_PATH, PG_NONE);
}

bool catalog_read(Pg *pg, Arena *a, CatalogScope scope, PgRows *out) {
    Reading reading = {pg, a, scope.ledger_schema, NULL};
    bool ok = begin(&reading, SQL_CATALOG_BEGIN) &&
              pg_rows(pg, a, out, SQL_CATALOG_OBJECTS,
                      PG_WITH(scope.ledger_schema, reading.home, scope.others));
    pg_roll_back(pg);
    return ok;
}

CatalogScope catalog_scope(const Config *config) {
    return (CatalogScope){config->ledger_schema, config->keep_schemas};
}

/* ---- keeping ---- */

bool catalog_is_kept(const Config *config) {
    return config->drift ? text_same(config->drift, "yes") : config->is_protected;
}

bool catalog_keep(Pg *pg, Arena *a, CatalogScope scope, long long run) {
    const char *ledger_schema = scope.ledger_schema;
    Reading reading = {pg, a, ledger_schema, NULL};
    const char *keep = arena_format(a, "%s (%s) o", ledger_sql(a, ledger_schema, SQL_CATALOG_KEEP),
                                    SQL_CATALOG_OBJECTS);
    bool ok = begin(&reading, SQL_CATALOG_WRITE) &&
              pg_do(pg, ledger_sql(a, ledger_schema, SQL_CATALOG_FORGET), PG_NONE) &&
              pg_do(pg, keep,
                    PG_WITH(ledger_schema, reading.home, scope.others, arena_format(a, "%lld", run),
                            ledger_who())) &&
              pg_do(pg, SQL_CATALOG_COMMIT, PG_NONE);
    pg_roll_back(pg);
    return ok || fail_in("keeping what the database holds");
}

bool catalog_kept(Pg *pg, Arena *a, const char *ledger_schema, CatalogKept *out) {
    PgRows rows;
    *out = (CatalogKept){0};
    if (!pg_rows(pg, a, &rows, ledger_sql(a, ledger_schema, SQL_CATALOG_KEPT), PG_NONE))
        return false;
    if (!rows.count)
        return true;
    *out = (CatalogKept){.at = pg_cell(&rows, 0, 0),
                         .who = pg_cell(&rows, 0, 1),
                         .command = pg_cell(&rows, 0, 2),
                         .run = pg_cell(&rows, 0, 3) ? pg_integer(&rows, 0, 3) : 0,
                         .server = (int)pg_integer(&rows, 0, 4),
                         .server_now = (int)pg_integer(&rows, 0, 5)};
    return pg_rows(pg, a, &out->objects, ledger_sql(a, ledger_schema, SQL_CATALOG_KEPT_OBJECTS),
                   PG_NONE);
}

/* ---- comparing ---- */

static int order(const PgRows *was, size_t i, const PgRows *is, size_t k) {
    if (i == was->count || k == is->count)
        return (i == was->count) - (k == is->count);
    int by_name = strcmp(pg_cell(was, i, NAME), pg_cell(is, k, NAME));
    return by_name ? by_name : strcmp(pg_cell(was, i, KIND), pg_cell(is, k, KIND));
}

static bool holds_parts(const char *kind) {
    static const char *const kinds[] = {"table",         "view", "materialized view",
                                        "foreign table", "type", "domain"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (text_same(kind, kinds[i]))
            return true;
    return false;
}

static bool is_part(const char *kind) {
    static const char *const kinds[] = {"column", "attribute", "constraint",
                                        "policy", "rule",      "trigger"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (text_same(kind, kinds[i]))
            return true;
    return false;
}

static bool is_part_of(const CatalogDifference *part, const CatalogDifference *whole) {
    size_t length = whole ? strlen(whole->name) : 0;
    return whole && whole->change == part->change && is_part(part->kind) &&
           strncmp(part->name, whole->name, length) == 0 && part->name[length] == '.';
}

/* What came or went last that has parts. */
static const CatalogDifference *last_whole(const CatalogDifferences *all) {
    for (size_t i = all->count; i-- > 0;)
        if (all->at[i].change != CATALOG_CHANGED && holds_parts(all->at[i].kind))
            return &all->at[i];
    return NULL;
}

static CatalogDifference difference(Arena *a, CatalogChange change, const PgRows *was, size_t i,
                                    const PgRows *is, size_t k) {
    const PgRows *there = change == CATALOG_ADDED ? is : was;
    size_t row = change == CATALOG_ADDED ? k : i;
    return (CatalogDifference){
        .change = change,
        .kind = arena_string(a, pg_cell(there, row, KIND)),
        .name = arena_string(a, pg_cell(there, row, NAME)),
        .was = change == CATALOG_ADDED ? NULL : arena_string(a, pg_cell(was, i, DEFINITION)),
        .is = change == CATALOG_REMOVED ? NULL : arena_string(a, pg_cell(is, k, DEFINITION)),
    };
}

CatalogDifferences catalog_compare(Arena *a, const PgRows *was, const PgRows *is) {
    CatalogDifferences all = {0, NULL};
    size_t size = sizeof *all.at;
    for (size_t i = 0, k = 0; i < was->count || k < is->count;) {
        int by = order(was, i, is, k);
        CatalogChange change = by < 0 ? CATALOG_REMOVED : by > 0 ? CATALOG_ADDED : CATALOG_CHANGED;
        if (by || !text_same(pg_cell(was, i, DEFINITION), pg_cell(is, k, DEFINITION))) {
            CatalogDifference one = difference(a, change, was, i, is, k);
            if (!is_part_of(&one, last_whole(&all))) {
                all.at = arena_grow(a, all.at, all.count * size, (all.count + 1) * size);
                all.at[all.count++] = one;
            }
        }
        i += by <= 0;
        k += by >= 0;
    }
    return all;
}

/* ---- telling ---- */

const char *catalog_change(CatalogChange change) {
    static const char *const words[] = {"added", "removed", "changed"};
    return words[change];
}

static void add_lines(Text *text, const char *lines, const char *indent) {
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        text_addf(text, "\n%s", indent);
        text_add_bytes(text, lines, length);
        lines += length + (lines[length] != 0);
    }
}

const char *catalog_say(Arena *a, const CatalogDifference *difference, const char *indent) {
    Text text = text_on(a), lines = text_on(a);
    text_addf(&text, "%s %s %s", catalog_change(difference->change), difference->kind,
              difference->name);
    if (difference->change == CATALOG_CHANGED)
        difference_add(&lines, difference->was, difference->is);
    add_lines(&text, lines.at, indent);
    return text.at;
}

Json *catalog_json(Arena *a, const CatalogDifferences *differences) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < differences->count; i++) {
        const CatalogDifference *one = &differences->at[i];
        Json *json = json_new_map(a);
        json_set_text(json, "change", catalog_change(one->change));
        json_set_text(json, "kind", one->kind);
        json_set_text(json, "name", one->name);
        json_set_text(json, "before", one->was);
        json_set_text(json, "after", one->is);
        json_append(list, json);
    }
    return list;
}
