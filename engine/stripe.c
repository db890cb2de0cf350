#include "stripe.h"

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

/* Why a plain walk, or NULL: stripes pay. */
static const char *plain_because(Pg *pg, Arena *a, const Backfill *b, bool *ok) {
    PgRows rows;
    *ok = true;
    if (b->form == BACKFILL_TRANSFORM)
        return "a transform's rows are read in the key's order";
    if (b->form == BACKFILL_STATEMENT)
        return "a statement of the team's own is not divided";
    if (b->rows_total < WORTH_IT)
        return "the table is small";
    *ok = pg_rows(pg, a, &rows, SQL_BACKFILL_FACTS,
                  PG_WITH(b->leaf.count ? b->leaf.at[0] : b->oid, backfill_array(a, b->changed),
                          b->key_name.at[0]));
    if (!*ok || !rows.count || pg_cell(&rows, 0, 4)[0] == 'p')
        return "its rows move between partitions";
    if (pg_true(&rows, 0, 0))
        return "a column that changes is in an index";
    if (pg_integer(&rows, 0, 1) <= ROOMY)
        return "its pages have room (fillfactor)";
    if (pg_integer(&rows, 0, 2) < 2LL * STRIPES)
        return "few rows are on a page";
    if (pg_integer(&rows, 0, 3) < IN_ORDER)
        return "the key's order is not the table's, so that pages are met again anyway";
    return NULL;
}

bool stripe_choose(Pg *pg, Arena *a, Backfill *b) {
    bool ok;
    long long wanted = script_integer(b->declaration, "stripes", 0);
    if (wanted && b->form != BACKFILL_SET) {
        fail(FAIL_ERROR, "stripes are for `set` alone");
        return fail_at((FailPlace){b->declaration->file, (size_t)b->declaration->line, 0, NULL});
    }
    const char *plain = plain_because(pg, a, b, &ok);
    b->stripes = wanted  ? (long)(wanted > MOST_STRIPES ? MOST_STRIPES : wanted)
                 : plain ? 1
                         : STRIPES;
    if (wanted)
        plain = "as the file says";
    if (b->stripes > 1)
        b->order = arena_format(
            a, "along the key in windows of %ld stripes: %s", b->stripes,
            plain ? plain : "the pages are full, and no column that changes is in an index");
    else
        b->order = arena_format(a, "along the key: %s", plain);
    return ok;
}
