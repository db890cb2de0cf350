#include "catalog.h"

#include "difference.h"
#include "fail.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { KIND, NAME, DEFINITION };

/* ---- reading ---- */

CatalogScope catalog_scope(const Config *config) {
    return (CatalogScope){config->ledger_schema, config->keep_schemas};
}

bool catalog_begin(CatalogLook *look, const char *begin) {
    PgRows rows;
    if (!pg_do(look->pg, begin, PG_NONE) || !pg_rows(look->pg, look->arena, &rows, SQL_CATALOG_HOME,
                                                     PG_WITH(look->scope.ledger_schema)))
        return false;
    look->home = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    return pg_do(look->pg, SQL_CATALOG_PATH, PG_NONE);
}

bool catalog_list(const CatalogLook *look, PgRows *out) {
    return pg_rows(look->pg, look->arena, out, SQL_CATALOG_OBJECTS,
                   PG_WITH(look->scope.ledger_schema, look->home, look->scope.others));
}

bool catalog_read(Pg *pg, Arena *a, CatalogScope scope, PgRows *out) {
    CatalogLook look = {.pg = pg, .arena = a, .scope = scope};
    bool ok = catalog_begin(&look, SQL_CATALOG_BEGIN) && catalog_list(&look, out);
    pg_roll_back(pg);
    return ok;
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
    CatalogDifferences all = {0, arena_take(a, (was->count + is->count + 1) * sizeof *all.at)};
    for (size_t i = 0, k = 0; i < was->count || k < is->count;) {
        int by = order(was, i, is, k);
        CatalogChange change = by < 0 ? CATALOG_REMOVED : by > 0 ? CATALOG_ADDED : CATALOG_CHANGED;
        if (by || !text_same(pg_cell(was, i, DEFINITION), pg_cell(is, k, DEFINITION)))
            all.at[all.count++] = difference(a, change, was, i, is, k);
        i += by <= 0;
        k += by >= 0;
    }
    return all;
}

CatalogDifferences catalog_wholes(Arena *a, const CatalogDifferences *all) {
    CatalogDifferences wholes = {0, arena_take(a, (all->count + 1) * sizeof *wholes.at)};
    for (size_t i = 0; i < all->count; i++)
        if (!is_part_of(&all->at[i], last_whole(&wholes)))
            wholes.at[wholes.count++] = all->at[i];
    return wholes;
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

const char *catalog_name(Arena *a, const CatalogDifference *difference) {
    return arena_format(a, "%s %s %s", catalog_change(difference->change), difference->kind,
                        difference->name);
}

const char *catalog_say(Arena *a, const CatalogDifference *difference, const char *indent) {
    Text text = text_on(a), lines = text_on(a);
    text_add(&text, catalog_name(a, difference));
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
