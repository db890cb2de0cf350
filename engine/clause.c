#include "clause.h"

#include "lexer.h"
#include "stripe.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

const char *clause_fill(Arena *a, const char *sql, const Clause *clauses) {
    Text text = text_on(a);
    for (const char *open; (open = strchr(sql, '{'));) {
        const char *close = strchr(open, '}');
        const Clause *c = clauses;
        size_t length = (size_t)(close - open - 1);
        while (c->word && (strlen(c->word) != length || strncmp(c->word, open + 1, length) != 0))
            c++;
        if (!c->word)
            abort(); /* a mistake of ours, in a text of ours */
        text_add_bytes(&text, sql, (size_t)(open - sql));
        text_add(&text, c->text);
        sql = close + 1;
    }
    text_add(&text, sql);
    return text.at;
}

const char *clause_each_joined(Arena *a, Strings names, Strings types, const char *format,
                               const char *with) {
    Text text = text_on(a);
    for (size_t i = 0; i < names.count; i++) {
        text_add(&text, i ? with : "");
        for (const char *at = format; *at; at++) {
            if (*at != '%')
                text_add_char(&text, *at);
            else if (*++at == 'k')
                text_add(&text, names.at[i]);
            else if (*at == 't')
                text_add(&text, types.at[i]);
            else
                text_addf(&text, "%zu", i + 1);
        }
    }
    return text.at;
}

const char *clause_each(Arena *a, Strings names, Strings types, const char *format) {
    return clause_each_joined(a, names, types, format, ", ");
}

const char *clause_set(const Batch *batch) {
    const Pairs *set = &batch->backfill->set;
    Text text = text_on(batch->arena);
    for (size_t i = 0; i < set->count; i++)
        text_addf(&text, "%s%s = (%s)", i ? ", " : "",
                  pg_ident(batch->pg, batch->arena, set->name[i]), set->value[i]);
    return text.at;
}

const char *clause_still(const Batch *batch) {
    const Backfill *b = batch->backfill;
    const char *where = b->where ? b->where : "true";
    if (b->walk == BACKFILL_BY_KEY)
        return arena_format(batch->arena, "(%s)", where);
    return arena_format(batch->arena, "CASE WHEN (%s) THEN concat('%s')::boolean ELSE false END",
                        where, CLAUSE_STILL);
}

const char *clause_row_after(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Text text = text_on(batch->arena);
    for (size_t i = 0; i < b->column_count; i++) {
        const BackfillColumn *c = &b->column[i];
        const char *value = NULL;
        for (size_t n = 0; n < b->set.count; n++)
            value = strcmp(b->set.name[n], c->name) == 0 ? b->set.value[n] : value;
        text_add(&text, i ? ", " : "");
        if (value)
            text_addf(&text, "(%s)::%s AS %s", value, c->type, c->ident);
        else
            text_addf(&text, "t.%s", c->ident);
    }
    return text.at;
}

const char *clause_read(const Batch *batch) {
    const Strings *read = &batch->backfill->read;
    if (batch->backfill->form != BACKFILL_TRANSFORM)
        return "1";
    Text text = text_on(batch->arena);
    for (size_t i = 0; i < read->count; i++)
        text_addf(&text, "%st.%s", i ? ", " : "", pg_ident(batch->pg, batch->arena, read->at[i]));
    return text.at;
}

/* A page has the room that its first stripe leaves. Along the key stripes are equal, for each has
 * as many rows of a page as the next. By pages they are slices of a random key. The first is a
 * quarter: there is room for more rows of the others than a page has on the average, and the new
 * index entries, which are nearly all of the first, are next to each other. The last stripe holds
 * nothing: its walk lets the server clean up while the pages need not go into the WAL as a whole.
 */
enum { FIRST_SLICE = 4 };

static bool is_sliced(const Backfill *b) {
    return b->walk == BACKFILL_BY_PAGE && b->stripes > FIRST_SLICE &&
           b->spread.count >= (size_t)b->stripes;
}

long clause_window(const Backfill *b) {
    return is_sliced(b) ? FIRST_SLICE : b->stripes;
}

const char *clause_tells(Arena *a, const Backfill *b) {
    if (!is_sliced(b))
        return "$4::bigint";
    return arena_format(a,
                        "(SELECT CASE stripe WHEN 0 THEN $4::bigint WHEN %ld THEN 0 "
                        "ELSE $4::bigint * %d / %ld END FROM stint_cur)",
                        b->stripes - 1, FIRST_SLICE - 1, b->stripes - 2);
}

/* Where each slice but the first begins, as the first column of the key is spread. */
static const char *slices(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    double first = 1.0 / FIRST_SLICE, last = (double)(b->spread.count - 1);
    Strings from = {0, arena_take(a, (size_t)b->stripes * sizeof(char *))};
    for (long n = 0; n < b->stripes - 2; n++) {
        double share = first + (1 - first) * (double)n / (double)(b->stripes - 2);
        from.at[from.count++] = b->spread.at[(size_t)(share * last + 0.5)];
    }
    return pg_literal(batch->pg, a, backfill_array(a, from));
}

static const char *slice(const Batch *batch, BatchKind kind) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    const char *from = slices(batch), *key = b->key.at[0], *type = b->key_type.at[0];
    const char *above = arena_format(
        a,
        "((SELECT stripe FROM stint_cur) = 0 OR t.%s >= (SELECT ((%s::text[])[stripe])::%s FROM stint_cur))",
        key, from, type);
    if (kind != BATCH_STRIPE)
        return above;
    return arena_format(a,
                        "%s AND ((SELECT stripe FROM stint_cur) >= %ld OR "
                        "t.%s < (SELECT ((%s::text[])[stripe + 1])::%s FROM stint_cur))",
                        above, b->stripes - 2, key, from, type);
}

bool clause_has_stretches(const Backfill *b) {
    return b->is_integer_key && b->walk == BACKFILL_BY_KEY && b->stripes > 1 &&
           (b->stripes & (b->stripes - 1)) == 0;
}

/* The server would rather use an index that `where` has, for each of the stretches again. */
static bool where_is_indexed(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Strings indexed = {0, arena_take(batch->arena, (b->column_count + 1) * sizeof(char *))};
    for (size_t i = 0; i < b->column_count; i++)
        if (b->column[i].is_indexed)
            indexed.at[indexed.count++] = b->column[i].name;
    return b->where && stripe_mentions(b->where, indexed);
}

bool clause_by_stretch(const Batch *batch, BatchKind kind, BatchStart start) {
    const Backfill *b = batch->backfill;
    return (kind == BATCH_STRIPE || kind == BATCH_READ_STRIPE) && start == BATCH_NEXT &&
           b->form != BACKFILL_STATEMENT && b->stripe_keys > 1 && !where_is_indexed(batch);
}

/* Of its key alone, so that a row stays where it is. */
static const char *stripe_of(Arena *a, const Backfill *b, const char *row) {
    long n = b->stripes;
    if (b->stripe_keys > 1)
        return arena_format(a, "((%s%s & %ld) / %ld)", row, b->key.at[0], n * b->stripe_keys - 1,
                            b->stripe_keys);
    if (clause_has_stretches(b)) /* the same, with less to do for each row */
        return arena_format(a, "(%s%s & %ld)", row, b->key.at[0], n - 1);
    if (b->is_integer_key)
        return arena_format(a, "((%s%s %% %ld) + %ld) %% %ld", row, b->key.at[0], n, n, n);
    const char *key =
        clause_each(a, b->key, b->key_type, arena_format(a, "%s%%k::pg_catalog.text", row));
    return arena_format(
        a, "(hashtextextended(concat_ws('|', %s) COLLATE \"C\", 0) & 9223372036854775807) %% %ld",
        key, n);
}

/* A batch of all stripes in a window that is begun does those that are left. */
const char *clause_stripe(const Batch *batch, BatchKind kind, const char *row) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    if (b->stripes < 2 || kind == BATCH_LATE_PATIENT)
        return "true";
    if (is_sliced(b))
        return slice(batch, kind);
    const char *stripe = stripe_of(a, b, row);
    if (kind == BATCH_STRIPE || kind == BATCH_READ_STRIPE)
        return arena_format(a, "%s = (SELECT stripe FROM stint_cur)", stripe);
    return arena_format(
        a, "((SELECT stripe FROM stint_cur) = 0 OR %s >= (SELECT stripe FROM stint_cur))", stripe);
}

/* The first verb outside of brackets. */
static const char *main_verb(const char *sql, bool *returns) {
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE",
                                        "MERGE",  "VALUES", "TABLE",  NULL};
    const char *found = "";
    Lexer lexer = lexer_on(sql, strlen(sql));
    int depth = 0;
    *returns = false;
    for (Token t = lexer_next(&lexer); t.kind != TOKEN_END && t.kind != TOKEN_BAD;
         t = lexer_next(&lexer)) {
        for (size_t i = 0; t.kind == TOKEN_OPERATOR && i < t.length; i++)
            depth += (sql[t.at + i] == '(') - (sql[t.at + i] == ')');
        for (const char *const *v = verbs; depth == 0 && !*found && *v; v++)
            if (lexer_is(&lexer, t, *v))
                found = *v;
        *returns = *returns || (depth == 0 && lexer_is(&lexer, t, "RETURNING"));
    }
    return found;
}

/* Is `word` a :name of its own? */
static bool is_asked(const Lexer *lexer, Token before, Token word) {
    size_t colon = before.at + before.length;
    return before.kind == TOKEN_OPERATOR && colon == word.at && lexer->sql[colon - 1] == ':' &&
           (before.length < 2 || lexer->sql[colon - 2] != ':');
}

bool clause_asks(const char *sql, const char *word) {
    Lexer lexer = lexer_on(sql, strlen(sql));
    Token before = {0};
    for (Token t = lexer_next(&lexer); t.kind != TOKEN_END && t.kind != TOKEN_BAD;
         before = t, t = lexer_next(&lexer))
        if (lexer_is(&lexer, t, word) && is_asked(&lexer, before, t))
            return true;
    return false;
}

const char *clause_statement(const Batch *batch, BatchKind kind) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    bool returns;
    if (b->form != BACKFILL_STATEMENT)
        return "";
    const struct {
        const char *word, *text;
    } bounds[] = {
        {"lo", clause_each(a, b->key, b->key_type, "(SELECT p%n FROM stint_cur)")},
        {"hi", clause_each(a, b->key, b->key_type, "(SELECT u%n FROM stint_nxt)")},
        {"stripe", arena_format(a, "(%s)", clause_stripe(batch, kind, ""))},
    };
    const char *sql = b->statement, *verb = main_verb(sql, &returns);
    Lexer lexer = lexer_on(sql, strlen(sql));
    Text text = text_on(a);
    size_t from = 0, end = strlen(sql);
    Token before = {0};
    for (Token t = lexer_next(&lexer); t.kind != TOKEN_END && t.kind != TOKEN_BAD;
         before = t, t = lexer_next(&lexer)) {
        if (t.kind == TOKEN_SEMICOLON)
            end = t.at;
        for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
            if (!lexer_is(&lexer, t, bounds[i].word) || !is_asked(&lexer, before, t))
                continue;
            text_add_bytes(&text, sql + from, t.at - 1 - from);
            text_add(&text, bounds[i].text);
            from = t.at + t.length;
        }
    }
    text_add_bytes(&text, sql + from, end > from ? end - from : 0);
    bool changes = *verb && !strstr("SELECT VALUES TABLE", verb);
    text_add(&text, changes && !returns ? "\nRETURNING 1" : "");
    return text.at;
}
