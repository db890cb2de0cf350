#include "protection.h"

#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

const char *protection_of(const Config *config) {
    return config->is_protected ? config->environment : *config->protection;
}

bool protection_look(Pg *pg, const Config *config) {
    if (protection_of(config))
        return true;
    Arena *a = arena_new();
    PgRows rows;
    bool ok =
        pg_rows(pg, a, &rows, ledger_sql(a, config->ledger_schema, SQL_SCHEMA_PROTECTED), PG_NONE);
    const char *mark = ok && rows.count ? pg_cell(&rows, 0, 0) : NULL;
    /* of its own name: config.ini says that it is protected no more */
    if (mark && !text_same(mark, config->environment))
        *config->protection = arena_string(config->arena, mark);
    /* no ledger, or none of ours: nothing says that it is protected */
    if (!ok && (ledger_is_absent(pg) || pg_failed_with(pg, "42703"))) {
        fail_clear();
        ok = true;
    }
    arena_free(a);
    return ok || fail_in("cannot read the ledger");
}

bool protection_mark(Pg *pg, const Config *config) {
    if (!config->is_protected)
        return true;
    Arena *a = arena_new();
    bool ok = pg_do(pg, ledger_sql(a, config->ledger_schema, SQL_SCHEMA_PROTECT),
                    PG_WITH(config->environment));
    arena_free(a);
    return ok || fail_in("cannot write to the ledger");
}

bool protection_explain(const Config *config) {
    const char *by = *config->protection;
    if (config->is_protected || !by)
        return false;
    fail_detail("this database is the one of %s, whatever leads to it; you chose %s", by,
                config->environment);
    return fail_hint("if it is only a copy: UPDATE %s.ledger SET protected = NULL; and give it "
                     "another URL than %s has",
                     config->ledger_schema, by);
}
