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

bool quarantine_tell(Pg *pg, Arena *a, const char *schema, const Backfill *b) {
    PgRows rows, count;
    const char *id = arena_format(a, "%lld", b->id);
    if (!pg_row(pg, a, &count, ledger_sql(a, schema, SQL_QUARANTINE_COUNT), PG_WITH(id)) ||
        !pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_QUARANTINE_LIST),
                 PG_WITH(id, arena_format(a, "%d", SHOWN))))
        return false;
    if (!rows.count)
        return true;
    Text text = text_on(a);
    for (size_t i = 0; i < rows.count; i++) {
        const char *state = pg_cell(&rows, i, 1);
        text_addf(&text, "%skey %s: %s%s%s%s", i ? "\n" : "", pg_cell(&rows, i, 0),
                  pg_cell(&rows, i, 2), state ? " (SQLSTATE " : "", state ? state : "",
                  state ? ")" : "");
    }
    long long all = pg_integer(&count, 0, 0);
    if (all > SHOWN)
        text_addf(&text, "\nand %lld more", all - SHOWN);
    fail(FAIL_PARTIAL, "%lld row%s of %s failed", all, all == 1 ? "" : "s", b->table);
    fail_detail("%s", text.at);
    fail_hint("all of them, with tracebacks: SELECT * FROM %s.backfill_quarantine", schema);
    return pg_cell(&rows, 0, 3) ? fail_context(pg_cell(&rows, 0, 3)) : false;
}

bool backfill_retry(Pg *pg, Arena *a, const char *schema, long long backfill, long long *count) {
    PgRows rows;
    if (!pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_QUARANTINE_RETRY),
                PG_WITH(arena_format(a, "%lld", backfill))))
        return false;
    if (count)
        *count = pg_integer(&rows, 0, 0);
    return true;
}
