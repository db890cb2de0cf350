#include "fail.h"
#include "pg.h"
#include "pg_private.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 32 };

static void name_of(const Pg *pg, const PgAgain *again, char name[NAME]) {
    snprintf(name, NAME, "stint_again_%d", (int)(again - pg->again));
}

static PgAgain *find(Pg *pg, const char *sql) {
    for (PgAgain *again = pg->again; again < pg->again + PG_AGAIN; again++)
        if (text_same(again->sql, sql))
            return again;
    return NULL;
}

static void drop(Pg *pg, PgAgain *again) {
    char name[NAME], sql[2 * NAME];
    name_of(pg, again, name);
    snprintf(sql, sizeof sql, "DEALLOCATE %s", name);
    if (again->is_prepared && pg_state(pg) == PG_IDLE)
        pg_aside(pg, sql);
    free(again->sql);
    *again = (PgAgain){NULL, false};
}

/* Seen for the first time: kept in the place of what came longest ago. */
static bool keep(Pg *pg, const char *sql) {
    PgAgain *again = &pg->again[pg->next_again++ % PG_AGAIN];
    drop(pg, again);
    again->sql = strdup(sql);
    return again->sql || fail(FAIL_ERROR, "out of memory");
}

static bool prepare(Pg *pg, PgAgain *again, const char *name) {
    pg_begin(pg);
    if (!PQsendPrepare(pg->conn, name, again->sql, 0, NULL))
        return pg_not_sent(pg);
    return again->is_prepared = pg_answer(pg, NULL, NULL);
}

/* Somebody's DISCARD or DEALLOCATE ALL went over the session. */
static bool is_gone(const Pg *pg) {
    return pg_failed_with(pg, "26000") && pg_state(pg) == PG_IDLE;
}

bool pg_again(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args) {
    char name[NAME];
    PgAgain *again = find(pg, sql);
    *out = (PgRows){0};
    if (!again)
        return keep(pg, sql) && pg_rows(pg, a, out, sql, args);
    name_of(pg, again, name);
    if (!again->is_prepared && !prepare(pg, again, name))
        return false;
    pg_begin(pg);
    if (!PQsendQueryPrepared(pg->conn, name, args.count, args.value, NULL, NULL, 0))
        return pg_not_sent(pg);
    if (pg_answer(pg, a, out))
        return true;
    if (!is_gone(pg))
        return false;
    fail_clear();
    again->is_prepared = false;
    return pg_rows(pg, a, out, sql, args);
}

void pg_forget(Pg *pg) {
    for (PgAgain *again = pg->again; again < pg->again + PG_AGAIN; again++)
        drop(pg, again);
}
