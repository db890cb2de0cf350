#include "batch.h"

#include "fail.h"
#include "ledger.h"
#include "lexer.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* One {word} of a statement and what stands for it. */
typedef struct {
    const char *word, *text;
} Filling;

static const char *fill(Arena *a, const char *sql, const Filling *fillings) {
    Text text = text_on(a);
    for (const char *open; (open = strchr(sql, '{'));) {
        const char *close = strchr(open, '}');
        const Filling *f = fillings;
        size_t length = (size_t)(close - open - 1);
        while (f->word && (strlen(f->word) != length || strncmp(f->word, open + 1, length) != 0))
            f++;
        if (!f->word)
            abort(); /* a mistake of ours, in a text of ours */
        text_add_bytes(&text, sql, (size_t)(open - sql));
        text_add(&text, f->text);
        sql = close + 1;
    }
    text_add(&text, sql);
    return text.at;
}

/* `format` once for each key column: %k its name, %n its number from 1, %t its type. */
static const char *each_joined(Arena *a, const Backfill *b, const char *format, const char *with) {
    Text text = text_on(a);
    for (size_t i = 0; i < b->key.count; i++) {
        text_add(&text, i ? with : "");
        for (const char *at = format; *at; at++) {
            if (*at != '%')
                text_add_char(&text, *at);
            else if (*++at == 'k')
                text_add(&text, b->key.at[i]);
            else if (*at == 't')
                text_add(&text, b->key_type.at[i]);
            else
                text_addf(&text, "%zu", i + 1);
        }
    }
    return text.at;
}

static const char *each_key(Arena *a, const Backfill *b, const char *format) {
    return each_joined(a, b, format, ", ");
}

static const char *set_list(const Batch *batch) {
    const Pairs *set = &batch->backfill->set;
    Text text = text_on(batch->arena);
    for (size_t i = 0; i < set->count; i++)
        text_addf(&text, "%s%s = (%s)", i ? ", " : "",
                  pg_ident(batch->pg, batch->arena, set->name[i]), set->value[i]);
    return text.at;
}

/* The stored sizes of what was written. */
static const char *width(const Batch *batch) {
    const Pairs *set = &batch->backfill->set;
    Text text = text_on(batch->arena);
    text_add(&text, "0");
    for (size_t i = 0; i < set->count; i++)
        text_addf(&text, " + coalesce(pg_column_size(t.%s), 0)",
                  pg_ident(batch->pg, batch->arena, set->name[i]));
    return text.at;
}

/* Which stripe a row is in: of its key alone, so that it stays there. */
static const char *stripe_of(Arena *a, const Backfill *b) {
    long n = b->stripes;
    if (b->is_integer_key)
        return arena_format(a, "((t.%s %% %ld) + %ld) %% %ld", b->key.at[0], n, n, n);
    return arena_format(
        a, "(hashtextextended(concat_ws('|', %s) COLLATE \"C\", 0) & 9223372036854775807) %% %ld",
        each_key(a, b, "t.%k::text"), n);
}

static const char *stripe_filter(Arena *a, const Backfill *b, BatchKind kind) {
    if (b->stripes < 2)
        return "true";
    if (kind == BATCH_STRIPE)
        return arena_format(a, "%s = (SELECT stripe FROM cur)", stripe_of(a, b));
    return arena_format(a, "((SELECT stripe FROM cur) = 0 OR %s >= (SELECT stripe FROM cur))",
                        stripe_of(a, b));
}

/* Words outside of brackets. */
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

/* The team's statement with :lo and :hi as the bounds of the batch, giving a row for each that it
 * changed. */
static const char *statement(const Batch *batch) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    bool returns;
    if (b->form != BACKFILL_STATEMENT)
        return "";
    const char *sql = b->statement, *verb = main_verb(sql, &returns);
    Lexer lexer = lexer_on(sql, strlen(sql));
    Text text = text_on(a);
    size_t from = 0, end = strlen(sql);
    Token before = {0};
    for (Token t = lexer_next(&lexer); t.kind != TOKEN_END && t.kind != TOKEN_BAD;
         before = t, t = lexer_next(&lexer)) {
        if (t.kind == TOKEN_SEMICOLON)
            end = t.at;
        bool lo = lexer_is(&lexer, t, "lo"), hi = lexer_is(&lexer, t, "hi");
        size_t colon = before.at + before.length;
        if ((!lo && !hi) || before.kind != TOKEN_OPERATOR || colon != t.at || sql[colon - 1] != ':')
            continue;
        text_add_bytes(&text, sql + from, colon - 1 - from);
        text_add(&text, each_key(a, b, lo ? "(SELECT p%n FROM cur)" : "(SELECT u%n FROM nxt)"));
        from = t.at + t.length;
    }
    text_add_bytes(&text, sql + from, end > from ? end - from : 0);
    bool changes = *verb && !strstr("SELECT VALUES TABLE", verb);
    text_add(&text, changes && !returns ? "\nRETURNING 1" : "");
    return text.at;
}

static const char *const bodies[BATCH_KINDS][3] = {
    [BATCH_PLAIN] = {SQL_BATCH_HEAD, SQL_BATCH_SET, SQL_BATCH_MOVE},
    [BATCH_FREE] = {SQL_BATCH_HEAD, SQL_BATCH_SET_FREE, SQL_BATCH_MOVE},
    [BATCH_STRIPE] = {SQL_BATCH_STRIPE_HEAD, SQL_BATCH_SET, SQL_BATCH_STRIPE_MOVE},
    [BATCH_BAD] = {SQL_BATCH_HEAD, SQL_BATCH_BAD, SQL_BATCH_MOVE},
    [BATCH_READ] = {SQL_BATCH_HEAD, SQL_BATCH_READ, ""},
    [BATCH_LATE] = {SQL_BATCH_LATE, "", ""},
    [BATCH_LATE_PATIENT] = {SQL_BATCH_LATE, "", ""},
    [BATCH_LATE_READ] = {SQL_BATCH_LATE_READ, "", ""},
    [BATCH_CUT] = {SQL_RANGE_CUT, "", ""},
    [BATCH_STEAL] = {SQL_RANGE_STEAL, "", ""},
};

static const char *body(const Batch *batch, BatchKind kind) {
    const char *const *part = bodies[kind], *middle = part[1], *head = part[0];
    if (batch->backfill->form == BACKFILL_STATEMENT && kind == BATCH_PLAIN)
        middle = SQL_BATCH_STATEMENT;
    if (batch->backfill->form == BACKFILL_STATEMENT && kind == BATCH_LATE_PATIENT)
        head = SQL_BATCH_LATE_STATEMENT;
    return ledger_sql(batch->arena, batch->schema,
                      arena_format(batch->arena, "%s%s%s", head, middle, part[2]));
}

static const char *read_columns(const Batch *batch) {
    const Strings *read = &batch->backfill->read;
    if (batch->backfill->form != BACKFILL_TRANSFORM)
        return "1";
    Text text = text_on(batch->arena);
    for (size_t i = 0; i < read->count; i++)
        text_addf(&text, "%st.%s", i ? ", " : "", pg_ident(batch->pg, batch->arena, read->at[i]));
    return text.at;
}

static const char *compose(const Batch *batch, BatchKind kind, BatchStart start) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    bool next = start == BATCH_NEXT, bad = kind == BATCH_BAD, own = b->form == BACKFILL_STATEMENT;
    const char *keys = each_key(a, b, "t.%k");
    const char *place = kind == BATCH_STEAL ? "coalesce(r.window_end, r.position)" : "r.position";
    const Filling fillings[] = {
        {"table", batch->table},
        {"leaf", arena_format(a, "%s::oid", batch->leaf)},
        {"keys", keys},
        {"keys_descending", each_key(a, b, "t.%k DESC")},
        {"keys_as_text", each_key(a, b, "t.%k::text")},
        {"key_columns", each_key(a, b, "t.%k AS k%n")},
        {"position_columns", each_key(a, b, arena_format(a, "(%s)[%%n]::%%t AS p%%n", place))},
        {"high_columns",
         each_key(a, b,
                  kind == BATCH_STEAL ? "(r.high)[%n]::%t AS h%n"
                                      : "(coalesce(r.window_end, r.high))[%n]::%t AS h%n")},
        {"high_lateral", each_key(a, b, "cur.h%n")},
        {"upper_columns",
         each_key(a, b, "CASE WHEN k.k1 IS NULL THEN cur.h%n ELSE k.k%n END AS u%n")},
        {"next_as_text", each_key(a, b, "coalesce(k.k%n, cur.h%n)::text")},
        {"upper", each_key(a, b, "(SELECT u%n FROM nxt)")},
        {"nxt_upper", each_key(a, b, "nxt.u%n")},
        {"upper_as_text", each_key(a, b, "nxt.u%n::text")},
        {"set", set_list(batch)},
        {"width", width(batch)},
        {"statement", kind == BATCH_PLAIN || kind == BATCH_LATE_PATIENT ? statement(batch) : ""},
        {"where", b->where ? b->where : "true"},
        {"stripes", arena_format(a, "%ld", b->stripes)},
        {"stripe", stripe_filter(a, b, kind)},
        {"which_start", arena_format(a, "%s IS %sNULL", place, next ? "NOT " : "")},
        {"after_position",
         next ? arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "(SELECT p%n FROM cur)"))
              : ""},
        {"after_position_lateral",
         next ? arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "cur.p%n")) : ""},
        {"lock", kind == BATCH_READ ? "" : "FOR UPDATE"},
        {"count_changed", bad ? "0" : "(SELECT count(*) FROM changed)"},
        {"count_still", bad || own ? "0" : "(SELECT count(*) FILTER (WHERE still) FROM changed)"},
        {"sum_width", bad || own ? "0" : "(SELECT coalesce(sum(width), 0) FROM changed)"},
        {"stint_key_columns", each_key(a, b, "t.%k AS stint_k%n")},
        {"stint_keys", each_key(a, b, "stint_free.stint_k%n")},
        {"mine_columns", each_key(a, b, "(e.key)[%n]::%t AS k%n")},
        {"mine_keys", each_key(a, b, "m.k%n")},
        {"late_keys", each_key(a, b, "e.k%n")},
        {"skip", kind == BATCH_LATE ? "SKIP LOCKED" : ""},
        {"read_columns", read_columns(batch)},
        {"first_key", arena_format(a, "t.%s", b->key.at[0])},
        {"first_type", b->key_type.at[0]},
        {"first_key_name", pg_literal(batch->pg, a, b->key_name.at[0])},
        {"found_as_text", each_key(a, b, "k%n::text")},
        {"found_keys", each_key(a, b, "k%n")},
        {"found_keys_k", each_key(a, b, "k.k%n")},
        {"found_after",
         next ? arena_format(a, "(%s) > (%s) AND", each_key(a, b, "k.k%n"), each_key(a, b, "c.p%n"))
              : ""},
        {"high_lateral_c", each_key(a, b, "c.h%n")},
        {"after_c",
         next ? arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "(SELECT p%n FROM c)"))
              : ""},
        {"high_c", each_key(a, b, "(SELECT h%n FROM c)")},
        {"middle_as_text", each_key(a, b, "middle.k%n::text")},
        {"least_columns", each_key(a, b, "coalesce(p.k%n, (($5::text[])[%n])::%t) AS p%n")},
        {"mine_uppers", each_key(a, b, "m.k%n AS u%n")},
        {NULL, NULL},
    };
    return fill(a, body(batch, kind), fillings);
}

Batch batch_of(Pg *pg, Arena *a, const char *schema, const Backfill *b, const char *leaf,
               const char *table) {
    return (Batch){.pg = pg,
                   .arena = a,
                   .schema = schema,
                   .backfill = b,
                   .leaf = arena_string(a, leaf),
                   .table = arena_string(a, table)};
}

const char *batch_sql(Batch *batch, BatchKind kind, BatchStart start) {
    if (!batch->sql[kind][start])
        batch->sql[kind][start] = compose(batch, kind, start);
    return batch->sql[kind][start];
}

static const char *write_sql(Arena *a, const Batch *batch, const char *sql, int first,
                             BatchStart start, BatchLocks locks, const BatchColumns *columns) {
    const Backfill *b = batch->backfill;
    Text arrays = text_on(a), names = text_on(a), set = text_on(a);
    const char *keys = each_key(a, b, "t.%k");
    text_addf(&arrays, "$%d::xid[]", first++);
    text_addf(&names, "stint_x, %s", each_key(a, b, "stint_k%n"));
    for (size_t i = 0; i < b->key.count; i++)
        text_addf(&arrays, ", $%d::text[]", first++);
    for (size_t i = 0; i < columns->count; i++) {
        const BackfillColumn *c = columns->column[i];
        text_addf(&arrays, ", $%d::text[]", first++);
        text_addf(&names, ", stint_c%zu", i);
        if (columns->is_partial[i]) {
            text_addf(&arrays, ", $%d::boolean[]", first++);
            text_addf(&names, ", stint_g%zu", i);
            text_addf(&set, "%s%s = CASE WHEN stint_g%zu THEN stint_c%zu::%s ELSE t.%s END",
                      i ? ", " : "", c->ident, i, i, c->type, c->ident);
        } else
            text_addf(&set, "%s%s = stint_c%zu::%s", i ? ", " : "", c->ident, i, c->type);
    }
    text_add(&names, ", stint_n");
    if (!columns->count) /* nothing is sent to it; the statement is the same */
        text_addf(&set, "%s = t.%s", b->key.at[0], b->key.at[0]);
    bool next = start == BATCH_NEXT, skips = locks == BATCH_SKIPS;
    Filling fillings[] = {
        {"table", batch->table},
        {"leaf", arena_format(a, "%s::oid", batch->leaf)},
        {"keys", keys},
        {"position_columns", each_key(a, b, "(r.position)[%n]::%t AS p%n")},
        {"which_start", next ? "r.position IS NOT NULL" : "r.position IS NULL"},
        {"given_upper", each_key(a, b, "($5::text[])[%n]::%t")},
        {"range_high", each_key(a, b, "(r.high)[%n]::%t")},
        {"after_position",
         next ? arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "(SELECT p%n FROM cur)"))
              : ""},
        {"arrays", arrays.at},
        {"array_names", names.at},
        {"set_fresh", set.at},
        {"fresh_keys", each_joined(a, b, "t.%k = stint_fresh.stint_k%n::%t", " AND ")},
        {"fresh_keys_as_text", each_key(a, b, "stint_fresh.stint_k%n")},
        {"skip", skips ? "SKIP LOCKED" : ""},
        {"is_free", skips ? "stint_fresh.stint_n IN (SELECT n FROM free)" : "true"},
        {"free", ""},
        {NULL, NULL},
    };
    if (skips)
        for (Filling *f = fillings; f->word; f++)
            if (strcmp(f->word, "free") == 0)
                f->text = fill(a, SQL_BATCH_WRITE_FREE, fillings);
    return fill(a, ledger_sql(a, batch->schema, sql), fillings);
}

const char *batch_write_sql(Arena *a, const Batch *batch, BatchStart start, BatchLocks locks,
                            const BatchColumns *columns) {
    return write_sql(a, batch, SQL_BATCH_WRITE, 12, start, locks, columns);
}

const char *batch_late_write_sql(Arena *a, const Batch *batch, BatchLocks locks,
                                 const BatchColumns *columns) {
    return write_sql(a, batch, SQL_BATCH_LATE_WRITE, 8, BATCH_NEXT, locks, columns);
}
