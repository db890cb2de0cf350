#include "quarantine.h"

#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { SHOWN = 5 };

bool quarantine_is_data(const Pg *pg) {
    static const char *const classes[] = {"21", "22", "23", "38", "39", "54", "P0", "XX", NULL};
    const PgError *e = pg_error(pg);
    if (e->lost || !e->sqlstate[0] || strcmp(e->sqlstate, "XX000") == 0)
        return false;
    for (const char *const *c = classes; *c; c++)
        if (strncmp(e->sqlstate, *c, 2) == 0)
            return true;
    return false;
}

bool quarantine_check(Pg *pg, const char *schema, const Backfill *b) {
    Arena *a = arena_new();
    PgRows rows;
    bool ok = pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_QUARANTINE_COUNT),
                     PG_WITH(arena_format(a, "%lld", b->id)));
    if (ok && pg_integer(&rows, 0, 0) > pg_integer(&rows, 0, 1)) {
        ok = quarantine_tell(pg, a, schema, b);
        if (!ok)
            fail_in("more rows fail than max_quarantine = %ld", b->max_quarantine);
    }
    arena_free(a);
    return ok;
}

typedef struct {
    PgRows rows; /* the first of them */
    long long all;
} Held;

static bool read_held(Pg *pg, Arena *a, const char *schema, const char *id, Held *out) {
    PgRows count;
    if (!pg_row(pg, a, &count, ledger_sql(a, schema, SQL_QUARANTINE_COUNT), PG_WITH(id)) ||
        !pg_rows(pg, a, &out->rows, ledger_sql(a, schema, SQL_QUARANTINE_LIST),
                 PG_WITH(id, arena_format(a, "%d", SHOWN))))
        return false;
    out->all = pg_integer(&count, 0, 0);
    return true;
}

static const char *lines_of(Arena *a, const Held *held) {
    Text text = text_on(a);
    for (size_t i = 0; i < held->rows.count; i++) {
        const char *state = pg_cell(&held->rows, i, 1);
        text_addf(&text, "%skey %s: %s%s%s%s", i ? "\n" : "", pg_cell(&held->rows, i, 0),
                  pg_cell(&held->rows, i, 2), state ? " (SQLSTATE " : "", state ? state : "",
                  state ? ")" : "");
    }
    if (held->all > SHOWN)
        text_addf(&text, "\nand %lld more", held->all - SHOWN);
    return text.at;
}

bool quarantine_show(Pg *pg, Arena *a, const char *schema, const char *backfill, const char **out) {
    Held held;
    if (!read_held(pg, a, schema, backfill, &held))
        return false;
    *out = lines_of(a, &held);
    return true;
}

bool quarantine_tell(Pg *pg, Arena *a, const char *schema, const Backfill *b) {
    Held held;
    if (!read_held(pg, a, schema, arena_format(a, "%lld", b->id), &held))
        return false;
    if (!held.rows.count)
        return true;
    fail(FAIL_PARTIAL, "%lld row%s of %s failed", held.all, held.all == 1 ? "" : "s", b->table);
    fail_detail("%s", lines_of(a, &held));
    fail_hint("all of them, with tracebacks: SELECT * FROM %s.backfill_quarantine", schema);
    const char *traceback = pg_cell(&held.rows, 0, 3);
    return traceback ? fail_context(traceback) : false;
}

bool quarantine_retry(Pg *pg, Arena *a, const char *schema, long long backfill) {
    return pg_do(pg, ledger_sql(a, schema, SQL_QUARANTINE_RETRY),
                 PG_WITH(arena_format(a, "%lld", backfill)));
}
