#include "wipe.h"

#include "backfill.h"
#include "clock.h"
#include "fail.h"
#include "ledger.h"
#include "log.h"
#include "session.h"
#include "sql.h"
#include "text.h"

#include <string.h>

/* Before PostgreSQL 13: ended sessions are gone a moment later. */
enum { DROP_TRIES = 20, DROP_PAUSE = 100 };

/* keep_schemas: "audit, cron". */
static Strings schemas_kept(Arena *a, const Config *config) {
    const char *at = config->keep_schemas ? config->keep_schemas : "";
    Strings kept = {0, arena_take(a, (strlen(at) + 1) * sizeof(char *))};
    while (*(at += strspn(at, ", \t"))) {
        size_t length = strcspn(at, ", \t");
        kept.at[kept.count++] = arena_bytes(a, at, length);
        at += length;
    }
    return kept;
}

static bool refuse_to_keep_ledger(const Config *config) {
    fail(FAIL_CONFIG, "keep_schemas holds %s, the schema of the ledger", config->ledger_schema);
    return fail_hint("a ledger that stays would say of everything that it is applied: take it out");
}

static bool look_at_objects(Pg *pg, Arena *a, Wipe *out) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_WIPE_OBJECTS, PG_WITH(out->keep)))
        return fail_in("cannot find out what there is to drop");
    out->object = backfill_strings(a, &rows, 0);
    out->drop = backfill_strings(a, &rows, 1);
    return true;
}

/* Else what is dropped would stand there as applied. */
static bool owns_ledger(Pg *pg, Arena *a, const Config *config) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_WIPE_LEDGER, PG_WITH(config->ledger_schema)))
        return fail_in("cannot find out what there is to drop");
    if (!rows.count)
        return true;
    const char *owner = pg_cell(&rows, 0, 0);
    fail(FAIL_REFUSED, "the ledger in the schema %s belongs to %s, and %s may not drop it",
         config->ledger_schema, owner, pg_cell(&rows, 0, 1));
    fail_hint("the ledger goes with the rest: come as a role that is a member of %s and of the "
              "tables' owners, or as a superuser: --url URL",
              owner);
    return fail_state("nothing was dropped");
}

bool wipe_keep(Arena *a, const Config *config, Strings *out) {
    *out = schemas_kept(a, config);
    for (size_t i = 0; i < out->count; i++)
        if (text_same(out->at[i], config->ledger_schema))
            return refuse_to_keep_ledger(config);
    return true;
}

bool wipe_look_inside(Pg *pg, Arena *a, const Config *config, Wipe *out) {
    Strings kept;
    if (!wipe_keep(a, config, &kept))
        return false;
    *out = (Wipe){.way = WIPE_OBJECTS,
                  .database = arena_string(a, pg_database(pg)),
                  .keep = backfill_array(a, kept)};
    return owns_ledger(pg, a, config) && look_at_objects(pg, a, out);
}

bool wipe_look(Pg *pg, Arena *a, const Config *config, Wipe *out) {
    Strings kept;
    PgRows rows;
    if (!wipe_keep(a, config, &kept))
        return false;
    *out = (Wipe){.keep = backfill_array(a, kept)};
    if (!pg_row(pg, a, &rows, SQL_WIPE_DATABASE, PG_WITH(out->keep)))
        return fail_in("cannot find out what there is to drop");
    out->database = pg_cell(&rows, 0, 0);
    out->way = pg_true(&rows, 0, 1) ? WIPE_DATABASE : WIPE_OBJECTS;
    out->create = pg_cell(&rows, 0, 2);
    out->size = pg_cell(&rows, 0, 3);
    out->tables = pg_integer(&rows, 0, 4);
    out->sessions = pg_integer(&rows, 0, 5);
    out->has_settings = pg_true(&rows, 0, 6);
    return out->way == WIPE_DATABASE || (owns_ledger(pg, a, config) && look_at_objects(pg, a, out));
}

static bool drop_forced(Pg *pg, Arena *a, const char *name) {
    return pg_do(pg, arena_format(a, SQL_WIPE_DROP_FORCED, name), PG_NONE);
}

static bool drop_emptied(Pg *pg, Arena *a, const char *database, const char *name) {
    for (int i = 0; i < DROP_TRIES; i++) {
        if (!pg_do(pg, SQL_WIPE_END_SESSIONS, PG_WITH(database)))
            return false;
        if (pg_do(pg, arena_format(a, SQL_WIPE_DROP, name), PG_NONE))
            return true;
        if (!pg_failed_with(pg, "55006"))
            return false;
        clock_sleep(DROP_PAUSE);
    }
    return false;
}

static bool remake(Arena *a, const Config *config, const Wipe *wipe) {
    Pg *pg = session_maintenance(a, config, "reset");
    if (!pg)
        return false;
    const char *name = pg_ident(pg, a, wipe->database);
    pg_stoppable(pg, false); /* between the two there is no database */
    bool dropped = pg_version(pg) >= 130000 ? drop_forced(pg, a, name)
                                            : drop_emptied(pg, a, wipe->database, name);
    if (!dropped) {
        fail_in("cannot drop the database %s", wipe->database);
        if (pg_state(pg) == PG_LOST) {
            fail_state("whether it was dropped is not known: the connection was lost");
            fail_next("stint reset --yes makes it if it is gone");
        } else
            fail_state("nothing was dropped");
    }
    bool ok = dropped && pg_do(pg, wipe->create, PG_NONE);
    if (dropped && !ok) {
        fail_in("cannot make the database %s again", wipe->database);
        fail_state("the database is gone");
        fail_next("stint reset --yes makes it, or make it by hand: %s", wipe->create);
    }
    pg_close(pg);
    return ok;
}

static bool drop_all(Pg *pg, Arena *a, const Wipe *wipe) {
    Text sql = text_on(a);
    size_t completed;
    for (size_t i = 0; i < wipe->drop.count; i++)
        text_addf(&sql, "%s;\n", wipe->drop.at[i]);
    if (!wipe->drop.count || pg_message(pg, sql.at, (PgCopies){0, NULL}, &completed))
        return true;
    if (pg_failed_with(pg, "55P03"))
        fail_as(FAIL_TABLE_LOCK);
    return completed < wipe->object.count ? fail_in("%s", wipe->object.at[completed]) : false;
}

static bool drop_schemas(Pg *pg, Arena *a, const Wipe *wipe) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_WIPE_SCHEMAS, PG_WITH(wipe->keep)))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        if (!pg_cell(&rows, i, 1))
            log_say("the schema %s stays: something that is not ours is in it",
                    pg_cell(&rows, i, 0));
        else if (!pg_do(pg, pg_cell(&rows, i, 1), PG_NONE))
            return false;
    }
    return true;
}

static bool refuse_to_break(Arena *a, const PgRows *gone) {
    Text text = text_on(a);
    for (size_t i = 0; i < gone->count; i++)
        text_addf(&text, "%s%s", i ? ", " : "", pg_cell(gone, i, 0));
    fail(FAIL_REFUSED, "what stays hangs on what would go");
    fail_detail("would be dropped too: %s", text.at);
    return fail_hint("drop or change these by hand, or give up keep_schemas for them");
}

static void add_table(Text *sql, const char *name, const char *query) {
    text_addf(sql, "CREATE TEMPORARY TABLE stint_%s ON COMMIT DROP AS %s;\n", name, query);
}

bool wipe_script(Pg *pg, Arena *a, const Config *config, const Wipe *wipe, const char **out) {
    PgRows before;
    Text sql = text_on(a);
    if (!pg_rows(pg, a, &before, SQL_WIPE_KEPT, PG_WITH(wipe->keep, NULL)))
        return fail_in("cannot find out what there is to drop");
    const char *kept = backfill_array(a, backfill_strings(a, &before, 0));
    for (size_t i = 0; i < wipe->drop.count; i++)
        text_addf(&sql, "%s;\n", wipe->drop.at[i]);
    add_table(
        &sql, "gone",
        ledger_inline(pg, a, config->ledger_schema, SQL_WIPE_KEPT, PG_WITH(wipe->keep, kept)));
    text_addf(&sql, "%s \\gexec\n%s;\n", SQL_WIPE_REFUSE, SQL_WIPE_LARGE_OBJECTS);
    add_table(&sql, "empty",
              ledger_inline(pg, a, config->ledger_schema, SQL_WIPE_SCHEMAS, PG_WITH(wipe->keep)));
    text_addf(&sql, "%s \\gexec\n", SQL_WIPE_DROP_SCHEMAS);
    *out = sql.at;
    return true;
}

/* All or nothing; and nothing goes but what was listed. */
static bool empty(Pg *pg, Arena *a, const Wipe *wipe) {
    PgRows before, gone;
    if (!pg_rows(pg, a, &before, SQL_WIPE_KEPT, PG_WITH(wipe->keep, NULL)))
        return false;
    const char *kept = backfill_array(a, backfill_strings(a, &before, 0));
    if (!drop_all(pg, a, wipe) || !pg_rows(pg, a, &gone, SQL_WIPE_KEPT, PG_WITH(wipe->keep, kept)))
        return false;
    return gone.count ? refuse_to_break(a, &gone) : drop_schemas(pg, a, wipe);
}

bool wipe_do(Pg *pg, Arena *a, const Config *config, const Wipe *wipe) {
    if (wipe->way == WIPE_DATABASE)
        return remake(a, config, wipe);
    if (pg_do(pg, "BEGIN", PG_NONE) && empty(pg, a, wipe) && pg_do(pg, "COMMIT", PG_NONE))
        return true;
    if (pg_state(pg) == PG_LOST) {
        fail_state("whether it was committed is not known: the connection was lost");
        return fail_next("stint status shows whether the ledger is still there");
    }
    pg_roll_back(pg);
    return fail_state("rolled back: nothing was dropped");
}
