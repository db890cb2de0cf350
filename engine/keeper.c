#include "keeper.h"

#include "fail.h"
#include "ledger.h"
#include "log.h"
#include "sql.h"
#include "stripe.h"
#include "text.h"
#include "utf8.h"

#include <stdio.h>
#include <string.h>

static bool is_trigger(const Backfill *b) {
    return strcmp(b->writes, "trigger") == 0;
}

/* n = n + 1: done twice it is another value. */
static bool depends_on_itself(const Backfill *b) {
    for (size_t i = 0; i < b->set.count; i++)
        if (stripe_mentions(b->set.value[i], b->changed))
            return true;
    return false;
}

/* finally.not_null, where the backfill goes this way. */
static const char *not_null_of(const Keeper *k, BackfillWay way) {
    Pairs wanted = script_pairs(k->arena, k->backfill->declaration, "finally");
    return k->backfill->way == way && wanted.count ? wanted.value[0] : NULL;
}

static bool check_finally(const Keeper *k) {
    const Backfill *b = k->backfill;
    const char *column = not_null_of(k, BACKFILL_UP);
    if (!column || backfill_column(b, column))
        return true;
    fail(FAIL_ERROR, "finally.not_null: %s has no column \"%s\"", b->table, column);
    return script_at(b->declaration);
}

static bool check_trigger(const Backfill *b) {
    if (b->form != BACKFILL_SET)
        fail(FAIL_ERROR, "writes = \"trigger\" is made of `set`; this backfill has none");
    else if (depends_on_itself(b) && !b->where)
        fail(FAIL_ERROR, "writes = \"trigger\" would change rows twice: the new value depends on "
                         "the old one, and no `where` says which rows are done");
    else
        return true;
    script_at(b->declaration);
    return fail_hint("let the application write it right (writes = \"app\"), or add a `where` that "
                     "the change makes false");
}

bool keeper_check(const Keeper *k) {
    const Backfill *b = k->backfill;
    if (!check_finally(k) || (is_trigger(b) && !check_trigger(b)))
        return false;
    for (size_t i = 0; strcmp(b->writes, "default") == 0 && i < b->changed.count; i++) {
        const BackfillColumn *column = backfill_column(b, b->changed.at[i]);
        if (!column || column->has_default)
            continue;
        fail(FAIL_ERROR, "writes = \"default\", but %s has no default", column->ident);
        script_at(b->declaration);
        return fail_hint("in a migration before this one: ALTER TABLE %s ALTER COLUMN %s SET "
                         "DEFAULT ...",
                         b->table, column->ident);
    }
    return true;
}

/* A change of the table's definition, in a transaction that waits for its lock with patience. */
static bool change(const Keeper *k, const char *sql) {
    Retreat *r = k->retreat;
    r->tries = 0;
    r->rung = 0;
    for (;;) {
        const char *setting = retreat_setting(r, k->arena);
        const char *text =
            arena_format(k->arena, "BEGIN;\nSET LOCAL statement_timeout = 0;\n%s%s%s;\nCOMMIT",
                         setting ? setting : "", setting ? ";\n" : "", sql);
        bool ok = pg_do_all(k->pg, text);
        retreat_unbounded(r);
        if (ok)
            return true;
        pg_roll_back(k->pg);
        if (!retreat_is_lock(r) || !retreat_again(r))
            return false;
    }
}

static const char *trigger_name(const Keeper *k) {
    return arena_format(k->arena, "stint_backfill_%lld", k->backfill->id);
}

static const char *function_name(const Keeper *k) {
    return arena_format(k->arena, "%s.backfill_%lld", pg_ident(k->pg, k->arena, k->schema),
                        k->backfill->id);
}

/* The row as it was before the change: what the backfill sets is not there yet. */
static const char *untouched_row(const Keeper *k) {
    const Backfill *b = k->backfill;
    Text text = text_on(k->arena);
    for (size_t i = 0; i < b->column_count; i++) {
        bool is_set = false;
        for (size_t n = 0; n < b->changed.count; n++)
            is_set = is_set || strcmp(b->changed.at[n], b->column[i].name) == 0;
        if (is_set)
            text_addf(&text, "%sNULL::%s AS %s", i ? ", " : "", b->column[i].type,
                      b->column[i].ident);
        else
            text_addf(&text, "%sNEW.%s", i ? ", " : "", b->column[i].ident);
    }
    return text.at;
}

static const char *condition(const Keeper *k) {
    const Backfill *b = k->backfill;
    if (!b->where)
        return "true";
    if (depends_on_itself(b))
        return b->where;
    return arena_format(k->arena, "((%s) OR EXISTS (SELECT FROM (SELECT %s) t WHERE (%s)))",
                        b->where, untouched_row(k), b->where);
}

static const char *trigger_sql(const Keeper *k) {
    const Backfill *b = k->backfill;
    Text values = text_on(k->arena), sets = text_on(k->arena);
    for (size_t i = 0; i < b->set.count; i++) {
        text_addf(&values, "%s(%s) AS v%zu", i ? ", " : "", b->set.value[i], i);
        text_addf(&sets, "    NEW.%s := stint_row.v%zu;\n",
                  pg_ident(k->pg, k->arena, b->set.name[i]), i);
    }
    return arena_format(k->arena, SQL_KEEPER_TRIGGER, function_name(k), values.at, condition(k),
                        sets.at, trigger_name(k), b->table, function_name(k));
}

static bool has_trigger(const Keeper *k, bool *has) {
    PgRows rows;
    bool ok = pg_row(k->pg, k->arena, &rows, SQL_KEEPER_HAS_TRIGGER,
                     PG_WITH(k->backfill->oid, trigger_name(k)));
    *has = ok && pg_integer(&rows, 0, 0) > 0;
    return ok;
}

/* It waits for every writer that is under way: afterwards no row can come in unseen. */
bool keeper_make_trigger(const Keeper *k) {
    bool has;
    if (!is_trigger(k->backfill))
        return true;
    return has_trigger(k, &has) && (has || change(k, trigger_sql(k)));
}

bool keeper_drop_trigger(const Keeper *k) {
    bool has;
    if (!has_trigger(k, &has))
        return false;
    return !has || change(k, arena_format(k->arena, SQL_KEEPER_DROP, trigger_name(k),
                                          k->backfill->table, function_name(k)));
}

static const char *constraint_name(const Keeper *k, const char *column) {
    enum { LONGEST = 63 };
    char *name = arena_format(k->arena, "stint_not_null_%s", column);
    if (strlen(name) > LONGEST)
        name[utf8_cut(name, LONGEST)] = 0;
    return name;
}

typedef struct {
    const char *column, *constraint; /* quoted */
    bool is_not_null, is_made, is_valid;
} NotNull;

static bool look(const Keeper *k, const char *column, NotNull *out) {
    PgRows rows;
    const char *name = constraint_name(k, column);
    if (!pg_row(k->pg, k->arena, &rows, SQL_KEEPER_LOOK, PG_WITH(k->backfill->oid, column, name)))
        return false;
    *out = (NotNull){pg_ident(k->pg, k->arena, column), pg_ident(k->pg, k->arena, name),
                     pg_true(&rows, 0, 0), pg_true(&rows, 0, 1), pg_true(&rows, 0, 2)};
    return true;
}

bool keeper_announce(const Keeper *k) {
    NotNull n;
    const char *column = not_null_of(k, BACKFILL_UP);
    if (!column)
        return true;
    if (!look(k, column, &n))
        return false;
    return n.is_not_null || n.is_made ||
           change(k, arena_format(k->arena, SQL_KEEPER_ANNOUNCE, k->backfill->table, n.constraint,
                                  n.column));
}

bool keeper_finish(const Keeper *k) {
    NotNull n;
    const char *column = not_null_of(k, BACKFILL_UP), *table = k->backfill->table;
    if (!column)
        return true;
    if (!look(k, column, &n))
        return false;
    if (n.is_made && !n.is_valid &&
        !change(k, arena_format(k->arena, SQL_KEEPER_VALIDATE, table, n.constraint)))
        return fail_in("finally.not_null");
    if (!n.is_not_null && !change(k, arena_format(k->arena, SQL_KEEPER_NOT_NULL, table, n.column)))
        return fail_in("finally.not_null");
    return !n.is_made || change(k, arena_format(k->arena, SQL_KEEPER_FORGET, table, n.constraint));
}

/* New rows must still meet it; whether old ones do, nobody has looked. */
static void tell_left(const PgRows *rows) {
    for (size_t i = 0; i < rows->count; i++)
        if (pg_cell(rows, i, 2))
            log_warn("%s keeps the CHECK of `finally`, which is not validated: ALTER TABLE %s DROP "
                     "CONSTRAINT %s",
                     pg_cell(rows, i, 1), pg_cell(rows, i, 1), pg_cell(rows, i, 2));
}

bool keeper_release(const Keeper *k) {
    NotNull n;
    const char *column = not_null_of(k, BACKFILL_DOWN);
    if (!column)
        return true;
    if (!look(k, column, &n))
        return false;
    return !n.is_not_null ||
           change(k, arena_format(k->arena, SQL_KEEPER_NULL, k->backfill->table, n.column));
}

bool keeper_end(Pg *pg, Arena *a, const char *schema, const char *migration, KeeperEnd end) {
    PgRows rows;
    const char *counts = end == KEEPER_COUNTS ? "true" : "false";
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_KEEPER_CLOSE),
                 PG_WITH(migration, counts, pg_ident(pg, a, schema))))
        return false;
    tell_left(&rows);
    const char *function = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    if (!function || pg_do_all(pg, arena_format(a, SQL_KEEPER_FORGET_FUNCTION, function)))
        return true;
    fail_in("cannot drop its trigger");
    return fail_next("try again when the table is free");
}
