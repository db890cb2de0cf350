#include "drift.h"

#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

enum { MOST_NAMED = 5 };

bool drift_is_kept(const Config *config) {
    return config->drift ? text_same(config->drift, "yes") : config->is_protected;
}

/* ---- looking ---- */

static long long number(const PgRows *rows, int column) {
    return pg_cell(rows, 0, column) ? pg_integer(rows, 0, column) : 0;
}

static bool read_kept(const CatalogLook *look, Arena *a, long long run, Drift *out) {
    PgRows rows;
    const char *kept = ledger_sql(look->arena, look->scope.ledger_schema, SQL_DRIFT_KEPT);
    *out = (Drift){0};
    if (!pg_rows(look->pg, a, &rows, kept, PG_WITH(arena_format(look->arena, "%lld", run))))
        return false;
    if (rows.count)
        *out = (Drift){.at = pg_cell(&rows, 0, 0),
                       .who = pg_cell(&rows, 0, 1),
                       .command = pg_cell(&rows, 0, 2),
                       .run = number(&rows, 3),
                       .server = (int)number(&rows, 4),
                       .server_now = (int)number(&rows, 5),
                       .untold = number(&rows, 6)};
    return true;
}

/* The descriptions are in the arena of the look, what is found in `a`. */
static bool compare(const CatalogLook *look, Arena *a, long long run, Drift *out) {
    PgRows was, is;
    const char *objects =
        ledger_sql(look->arena, look->scope.ledger_schema, SQL_DRIFT_KEPT_OBJECTS);
    if (!read_kept(look, a, run, out) || !catalog_list(look, &is) ||
        !pg_rows(look->pg, look->arena, &was, objects, PG_NONE))
        return false;
    out->objects = is.count;
    if (out->at)
        out->all = catalog_compare(a, &was, &is);
    return true;
}

bool drift_find(Pg *pg, Arena *a, CatalogScope scope, long long run, Drift *out) {
    CatalogLook look = {.pg = pg, .arena = arena_new(), .scope = scope};
    bool ok = catalog_begin(&look, SQL_CATALOG_BEGIN) && compare(&look, a, run, out);
    pg_roll_back(pg);
    arena_free(look.arena);
    return ok;
}

/* ---- keeping ---- */

static bool keep(const CatalogLook *look, long long run, const Drift *found) {
    Arena *a = look->arena;
    const char *sql =
        arena_format(a, "%s (%s) o", ledger_sql(a, look->scope.ledger_schema, SQL_DRIFT_KEEP),
                     SQL_CATALOG_OBJECTS);
    const bool is_astray = found && found->all.count;
    const char *list = is_astray ? json_text(catalog_json(a, &found->all)) : NULL;
    const char *untold = is_astray && found->untold ? arena_format(a, "%lld", found->untold) : NULL;
    return pg_do(look->pg, sql,
                 PG_WITH(look->scope.ledger_schema, look->home, look->scope.others,
                         arena_format(a, "%lld", run), ledger_who(), list, untold));
}

bool drift_keep(Pg *pg, Arena *a, CatalogScope scope, long long run, const Drift *found) {
    CatalogLook look = {.pg = pg, .arena = a, .scope = scope};
    bool ok = catalog_begin(&look, SQL_DRIFT_BEGIN) && keep(&look, run, found) &&
              pg_do(pg, SQL_DRIFT_COMMIT, PG_NONE);
    pg_roll_back(pg);
    return ok || fail_in("keeping what the database holds");
}

/* What differs, by name. */
static const char *facts_of(Arena *a, const CatalogDifferences *wholes) {
    Json *json = json_new_map(a), *list = json_new_list(a);
    for (size_t i = 0; i < wholes->count; i++)
        json_append_text(list, catalog_name(a, &wholes->at[i]));
    json_set(json, "differences", list);
    return json_text(json);
}

static bool note(Pg *pg, Arena *a, CatalogScope scope, long long run, const char *kind,
                 const Drift *drift) {
    const CatalogDifferences wholes = catalog_wholes(a, &drift->all);
    return ledger_event(pg, scope.ledger_schema, run, NULL, kind,
                        arena_format(a, "%zu differences", wholes.count), facts_of(a, &wholes));
}

bool drift_note(Pg *pg, Arena *a, CatalogScope scope, long long run, const Drift *found) {
    return note(pg, a, scope, run, "drift_found", found);
}

bool drift_accept(Pg *pg, Arena *a, CatalogScope scope, Drift *out) {
    CatalogLook look = {.pg = pg, .arena = a, .scope = scope};
    bool ok = catalog_begin(&look, SQL_DRIFT_BEGIN) && compare(&look, a, 0, out) &&
              note(pg, a, scope, 0, "drift_accepted", out) && keep(&look, 0, NULL) &&
              pg_do(pg, SQL_DRIFT_COMMIT, PG_NONE);
    pg_roll_back(pg);
    return ok || fail_in("keeping what the database holds");
}

/* ---- telling ---- */

const char *drift_names(Arena *a, const Drift *drift) {
    const CatalogDifferences wholes = catalog_wholes(a, &drift->all);
    Text text = text_on(a);
    for (size_t i = 0; i < wholes.count && i < MOST_NAMED; i++)
        text_addf(&text, "%s%s", i ? ", " : "", catalog_name(a, &wholes.at[i]));
    if (wholes.count > MOST_NAMED)
        text_addf(&text, " and %zu more", wholes.count - MOST_NAMED);
    return text.at;
}

const char *drift_since(Arena *a, const Drift *drift) {
    if (!drift->run)
        return arena_format(a, "%s (accepted by %s)", drift->at, drift->who);
    return arena_format(a, "%s (stint %s, run %lld)", drift->at, drift->command, drift->run);
}

const char *drift_doubt(Arena *a, const Drift *drift) {
    if (drift->at && drift->server != drift->server_now)
        return arena_format(a,
                            "it was kept by PostgreSQL %d, and this is %d, which may word "
                            "definitions otherwise; stint drift --save keeps them as they are now",
                            drift->server, drift->server_now);
    if (drift->untold && drift->all.count)
        return arena_format(a,
                            "run %lld did not keep what it left: what it changed is among this; "
                            "stint drift --save accepts all that is there now",
                            drift->untold);
    return NULL;
}
