#include "scan.h"

#include "fail.h"
#include "text.h"

#include <string.h>

/* "  ->  Index Scan using t_pkey on public.t" names the table at a word's end. */
static bool is_on(const char *line, const char *table) {
    const char *found = strstr(line, " on ");
    size_t length = strlen(table);
    return found && strncmp(found + 4, table, length) == 0 &&
           (found[4 + length] == 0 || found[4 + length] == ' ');
}

/* Does a scan of the table stand in the plan without a condition that its index answers? */
static const char *whole_scan(const PgRows *plan, const char *table) {
    for (size_t i = 0; i < plan->count; i++) {
        const char *line = pg_cell(plan, i, 0);
        bool scans = strstr(line, "Scan") && is_on(line, table);
        if (!scans || strstr(line, "Tid"))
            continue;
        if (strstr(line, "Seq Scan"))
            return line;
        bool bounded = strstr(line, "Bitmap") != NULL;
        for (size_t k = i + 1; k < plan->count && !strstr(pg_cell(plan, k, 0), "->"); k++)
            bounded = bounded || strstr(pg_cell(plan, k, 0), "Index Cond:");
        if (!bounded)
            return line;
    }
    return NULL;
}

static bool refuse(const Backfill *b, const char *line) {
    fail(FAIL_ERROR, "each batch would read the whole of %s", b->table);
    fail_detail("the server's plan: %s", line + strspn(line, " ->"));
    script_at(b->declaration);
    return fail_hint(b->form == BACKFILL_STATEMENT
                         ? "say which rows by the key itself: WHERE %s > :lo AND %s <= :hi"
                         : "a batch may read other tables and a few rows of its own (by an index), "
                           "not all: put what it needs of the whole table into a table first",
                     b->key.at[0], b->key.at[0]);
}

/* Asked before it is begun: later, rows may have told better. */
static bool is_once(const Backfill *b) {
    if (!b->twice)
        return true;
    fail(FAIL_ERROR, "walk = \"page\" could change rows twice: %s", b->twice);
    script_at(b->declaration);
    return fail_hint("without `walk` they are met along the key, each of them once");
}

static bool has_bounds(const Backfill *b) {
    if (b->form != BACKFILL_STATEMENT ||
        (strstr(b->statement, ":lo") && strstr(b->statement, ":hi")))
        return true;
    fail(FAIL_ERROR, "`batch` does not say which rows: it needs :lo and :hi");
    script_at(b->declaration);
    return fail_hint("such as: DELETE FROM %s WHERE %s > :lo AND %s <= :hi AND ...", b->table,
                     b->key.at[0], b->key.at[0]);
}

/* Can the server make sense of it? */
static bool can_explain(const Batch *batch, const char *sql) {
    return pg_do(batch->pg, arena_format(batch->arena, "EXPLAIN %s", sql), PG_NONE);
}

/* Which of the team's expressions is wrong: the server says it of a statement that they never saw.
 */
static bool blame(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    Failure why = fail_kept(a);
    for (size_t i = 0; i < b->set.count; i++)
        if (!can_explain(batch,
                         arena_format(a, "SELECT (%s) FROM %s t", b->set.value[i], batch->table)))
            return fail_in("%s.%s", b->way == BACKFILL_UP ? "set" : "down", b->set.name[i]);
    if (b->where &&
        !can_explain(batch, arena_format(a, "SELECT FROM %s t WHERE (%s)", batch->table, b->where)))
        return fail_in("where");
    fail_again(&why);
    return false;
}

/* The way back is looked at before anything is done that might need it. */
static bool has_way_back(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    Pairs down = script_pairs(a, b->declaration, "down");
    for (size_t i = 0; b->way == BACKFILL_UP && i < down.count; i++) {
        const char *column = pg_ident(batch->pg, a, down.name[i]);
        if (can_explain(batch, arena_format(a, "UPDATE %s t SET %s = (%s)", batch->table, column,
                                            down.value[i])))
            continue;
        fail_in("down.%s", down.name[i]);
        return script_at(b->declaration);
    }
    return true;
}

bool scan_try(Batch *batch) {
    const Backfill *b = batch->backfill;
    PgRows plan;
    BatchKind kind = b->form == BACKFILL_TRANSFORM ? BATCH_READ : BATCH_PLAIN;
    if (!is_once(b) || !has_bounds(b))
        return false;
    const char *sql = arena_format(batch->arena, "EXPLAIN (VERBOSE, COSTS off) %s",
                                   batch_sql(batch, kind, BATCH_NEXT));
    if (!pg_rows(batch->pg, batch->arena, &plan, sql, PG_WITH("0", "0", "0", "1", NULL))) {
        if (pg_state(batch->pg) == PG_IDLE)
            blame(batch);
        return script_at(b->declaration);
    }
    if (b->verify && !can_explain(batch, b->verify)) {
        fail_in("verify");
        return script_at(b->declaration);
    }
    if (!has_way_back(batch))
        return false;
    const char *line = whole_scan(&plan, batch->table);
    return !line || refuse(b, line);
}
