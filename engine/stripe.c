#include "stripe.h"

#include "clause.h"
#include "fail.h"
#include "lexer.h"
#include "sql.h"
#include "text.h"

#include <string.h>

/* Measured: 8 stripes leave the heap a quarter larger instead of twice as large. Below so many rows
 * there is little to win, and fewer than two rows of a stripe on a page win nothing. */
enum { STRIPES = 8, MOST_STRIPES = 64, WORTH_IT = 100000, ROOMY = 80, IN_ORDER = 90 };

static bool is_column(const char *sql, Token token, const char *column) {
    size_t length = strlen(column);
    if (token.kind == TOKEN_WORD)
        return token.length == length && text_same_bytes(sql + token.at, column, length);
    return sql[token.at] == '"' && token.length == length + 2 &&
           strncmp(sql + token.at + 1, column, length) == 0;
}

bool stripe_mentions(const char *sql, Strings columns) {
    Lexer lexer = lexer_on(sql, strlen(sql));
    for (Token t = lexer_next(&lexer); t.kind != TOKEN_END && t.kind != TOKEN_BAD;
         t = lexer_next(&lexer))
        for (size_t i = 0; i < columns.count; i++)
            if (is_column(sql, t, columns.at[i]))
                return true;
    return false;
}

/* Which columns may change: a transform's are known only when it has run. */
static const char *changing(Arena *a, const Backfill *b) {
    Strings names = {0, arena_take(a, (b->column_count + 1) * sizeof(char *))};
    if (b->form != BACKFILL_TRANSFORM)
        return backfill_array(a, b->changed);
    for (size_t i = 0; i < b->column_count; i++) {
        bool is_key = false;
        for (size_t k = 0; k < b->key_name.count; k++)
            is_key = is_key || strcmp(b->key_name.at[k], b->column[i].name) == 0;
        if (!is_key)
            names.at[names.count++] = b->column[i].name;
    }
    return backfill_array(a, names);
}

/* Why a plain walk, or NULL: stripes pay. */
static const char *plain_because(Pg *pg, Arena *a, const Backfill *b, bool *ok) {
    PgRows rows;
    *ok = true;
    if (b->rows_total < WORTH_IT)
        return "the table is small";
    *ok =
        pg_rows(pg, a, &rows, SQL_BACKFILL_FACTS,
                PG_WITH(b->leaf.count ? b->leaf.at[0] : b->oid, changing(a, b), b->key_name.at[0]));
    if (!*ok || !rows.count || pg_cell(&rows, 0, 4)[0] == 'p')
        return "its rows move between partitions";
    if (pg_true(&rows, 0, 0))
        return b->form == BACKFILL_TRANSFORM ? "a column that may change is in an index"
                                             : "a column that changes is in an index";
    if (pg_integer(&rows, 0, 1) <= ROOMY)
        return "its pages have room (fillfactor)";
    if (pg_integer(&rows, 0, 2) < 2LL * STRIPES)
        return "few rows are on a page";
    if (pg_integer(&rows, 0, 3) < IN_ORDER)
        return "the key's order is not the table's, so that pages are met again anyway";
    if (pg_cell(&rows, 0, 5))
        return arena_format(a, "%s keeps old rows from being cleaned up", pg_cell(&rows, 0, 5));
    return NULL;
}

/* A statement of the team's own is divided only where it says how. */
static bool check_statement(const Backfill *b, long long wanted) {
    if (b->form != BACKFILL_STATEMENT || wanted < 2 || clause_asks(b->statement, "stripe"))
        return true;
    fail(FAIL_ERROR, "`batch` would do the same rows again in each of its stripes: it needs "
                     ":stripe");
    fail_at((FailPlace){b->declaration->file, (size_t)b->declaration->line, 0, NULL});
    return fail_hint("such as: ... WHERE %s > :lo AND %s <= :hi AND :stripe", b->key.at[0],
                     b->key.at[0]);
}

bool stripe_choose(Pg *pg, Arena *a, Backfill *b) {
    bool ok = true, own = b->form == BACKFILL_STATEMENT;
    long long wanted = script_integer(b->declaration, "stripes", 0);
    if (!check_statement(b, wanted))
        return false;
    const char *why = wanted                                        ? "as the file says"
                      : own && !clause_asks(b->statement, "stripe") ? "`batch` has no :stripe"
                      : own                                         ? NULL
                                                                    : plain_because(pg, a, b, &ok);
    b->stripes = wanted ? (long)(wanted > MOST_STRIPES ? MOST_STRIPES : wanted) : why ? 1 : STRIPES;
    if (!why)
        why = own ? "its statement says :stripe"
                  : "the pages are full, and no column that changes is in an index";
    b->order = b->stripes > 1
                   ? arena_format(a, "along the key in windows of %ld stripes: %s", b->stripes, why)
                   : arena_format(a, "along the key: %s", why);
    return ok;
}
