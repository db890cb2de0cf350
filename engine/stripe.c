#include "stripe.h"

#include "clause.h"
#include "fail.h"
#include "lexer.h"
#include "sql.h"
#include "text.h"

#include <string.h>

/* Measured: 8 stripes leave the heap a quarter larger instead of twice as large. Below so many rows
 * there is little to win, and fewer than two rows of a stripe on a page win nothing. */
enum { STRIPES = 8, PAGE_STRIPES = 12, WORTH_IT = 100000, ROOMY = 80, MOST_KEYS = 64 };
/* How far the key's order follows the table's, of 100. */
enum { IN_ORDER = 90, RANDOM = 50 };
/* A window is met again and again: it stays in the buffers, and within one checkpoint. */
enum { WINDOWS_IN_BUFFERS = 16, LEAST_KEYS = 1000 };
enum { PAGES_SINCE = 140000 }; /* a range of them can be read alone */

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
    for (size_t i = 0; i < b->column_count; i++)
        if (!backfill_is_key(b, b->column[i].name))
            names.at[names.count++] = b->column[i].name;
    return backfill_array(a, names);
}

typedef struct {
    bool is_indexed, moves, is_large;  /* larger than the server's buffers */
    long long room, density, in_order; /* fillfactor; rows on a page; 0 to 100 */
    long long buffers;                 /* pages */
    const char *holder;                /* who keeps old rows in sight, or NULL */
} Facts;

static bool read_facts(Pg *pg, Arena *a, const Backfill *b, Facts *out) {
    PgRows rows;
    const char *leaves =
        b->leaf.count ? backfill_array(a, b->leaf) : arena_format(a, "{%s}", b->oid);
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_FACTS,
                 PG_WITH(leaves, changing(a, b), b->key_name.at[0])))
        return false;
    *out = (Facts){.moves = true};
    if (rows.count)
        *out = (Facts){.is_indexed = pg_true(&rows, 0, 0),
                       .room = pg_integer(&rows, 0, 1),
                       .density = pg_integer(&rows, 0, 2),
                       .in_order = pg_integer(&rows, 0, 3),
                       .moves = pg_cell(&rows, 0, 4)[0] == 'p',
                       .holder = pg_cell(&rows, 0, 5),
                       .is_large = pg_true(&rows, 0, 6),
                       .buffers = pg_integer(&rows, 0, 7)};
    return true;
}

/* Why stripes would win nothing whatever the order is, or NULL. */
static const char *plain_because(Arena *a, const Backfill *b, const Facts *f) {
    if (b->form == BACKFILL_STATEMENT)
        return clause_asks(b->statement, "stripe") ? NULL : "`batch` has no :stripe";
    if (b->rows_total < WORTH_IT)
        return "the table is small";
    if (f->moves)
        return "its rows move between partitions";
    if (f->is_indexed)
        return b->form == BACKFILL_TRANSFORM ? "a column that may change is in an index"
                                             : "a column that changes is in an index";
    if (f->room <= ROOMY)
        return "its pages have room (fillfactor)";
    if (f->density < 2LL * STRIPES)
        return "few rows are on a page";
    if (f->holder)
        return arena_format(a, "%s keeps old rows from being cleaned up", f->holder);
    return NULL;
}

/* What the change makes of `where`, tried on rows of the first pages; nothing is written. */
static const char *still_because(Pg *pg, Arena *a, const Backfill *b, bool *is_seen) {
    PgRows rows;
    Batch batch = batch_of(pg, a, "stint", b, b->leaf.at[0], b->leaf_table.at[0]);
    if (!pg_row(pg, a, &rows, batch_sql(&batch, BATCH_PROBE, BATCH_NEXT), PG_NONE)) {
        const char *why = arena_string(a, failure()->message);
        fail_clear();
        return arena_format(a, "its first rows cannot be tried (%s)", why);
    }
    *is_seen = pg_integer(&rows, 0, 0) > 0;
    return pg_integer(&rows, 0, 1) ? "the change leaves `where` true" : NULL;
}

/* Why a walk by pages could change rows twice, or NULL. `*is_seen`: it was tried on some. */
static const char *twice_because(Pg *pg, Arena *a, const Backfill *b, const Facts *f,
                                 bool *is_seen) {
    *is_seen = false;
    if (b->form != BACKFILL_SET)
        return "only what `set` does can be told beforehand";
    if (!b->where)
        return "there is no `where` that the change could make false";
    if (!stripe_mentions(b->where, b->changed))
        return "the change leaves `where` true";
    if (f->moves || !b->leaf.count)
        return "its rows move between partitions";
    if (pg_version(pg) < PAGES_SINCE)
        return "the server would read the whole table each time (PostgreSQL 14 is the first that "
               "does not)";
    return still_because(pg, a, b, is_seen);
}

static void choose_walk(Pg *pg, Arena *a, Backfill *b, const Facts *f, const char *plain) {
    const char *asked = b->way == BACKFILL_UP ? script_text(a, b->declaration, "walk") : NULL;
    bool is_seen, page = asked && strcmp(asked, "page") == 0;
    bool pays = !asked && b->form == BACKFILL_SET && !plain && f->is_large && f->in_order < RANDOM;
    if (!page && !pays)
        return;
    const char *why = twice_because(pg, a, b, f, &is_seen);
    if (!why && (page || is_seen))
        backfill_walk_by(b, BACKFILL_BY_PAGE);
    b->twice = page ? why : NULL;
}

/* A statement of the team's own is divided only where it says how. */
static bool check_statement(const Backfill *b, long long wanted) {
    if (b->form != BACKFILL_STATEMENT || wanted < 2 || clause_asks(b->statement, "stripe"))
        return true;
    fail(FAIL_ERROR, "`batch` would do the same rows again in each of its stripes: it needs "
                     ":stripe");
    script_at(b->declaration);
    return fail_hint("such as: ... WHERE %s > :lo AND %s <= :hi AND :stripe", b->key.at[0],
                     b->key.at[0]);
}

/* Of each page a stripe is to have as many rows as the next. */
static long stripe_keys(const Backfill *b, const Facts *f) {
    long keys = 1;
    if (!clause_has_stretches(b))
        return keys;
    while (2 * keys * b->stripes <= f->density && keys < MOST_KEYS)
        keys *= 2;
    return keys;
}

static void limit(Backfill *b, const Facts *f) {
    long long keys = f->buffers / WINDOWS_IN_BUFFERS * f->density / clause_window(b);
    if (b->stripes > 1 && f->density)
        b->most_keys = (long)(keys > LEAST_KEYS ? keys : LEAST_KEYS);
}

static bool read_spread(Pg *pg, Arena *a, Backfill *b) {
    PgRows rows;
    if (b->form != BACKFILL_SET || !b->where || !b->leaf.count)
        return true; /* it cannot walk by pages */
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_SPREAD,
                 PG_WITH(backfill_array(a, b->leaf), b->key_name.at[0])))
        return false;
    b->spread = (Strings){rows.count, rows.cell};
    return true;
}

bool stripe_choose(Pg *pg, Arena *a, Backfill *b) {
    Facts f = {0};
    long long wanted = script_integer(b->declaration, "stripes", 0);
    if (!check_statement(b, wanted) || !read_facts(pg, a, b, &f) || !read_spread(pg, a, b))
        return false;
    const char *why = plain_because(a, b, &f);
    choose_walk(pg, a, b, &f, why);
    bool pages = b->walk == BACKFILL_BY_PAGE, own = b->form == BACKFILL_STATEMENT;
    if (!why && !pages && !own && f.in_order < IN_ORDER)
        why = "the key's order is not the table's, so that pages are met again anyway";
    long stripes = pages ? PAGE_STRIPES : STRIPES;
    b->stripes = wanted ? (long)wanted : why ? 1 : stripes;
    if (wanted || (pages && script_has(b->declaration, "walk")))
        why = "as the file says";
    b->stripe_keys = stripe_keys(b, &f);
    if (!why)
        why = own     ? "its statement says :stripe"
              : pages ? "its key is random, it is larger than the server's buffers, and the "
                        "change makes `where` false"
                      : "the pages are full, and no column that changes is in an index";
    limit(b, &f);
    const char *windows =
        b->stripes > 1 ? arena_format(a, " in windows of %ld stripes", b->stripes) : "";
    b->order = arena_format(a, "%s%s: %s", pages ? "page by page" : "along the key", windows, why);
    return true;
}
