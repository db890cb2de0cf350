#include "batch.h"

#include "clause.h"
#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

#include <string.h>

enum { PAGES_AHEAD = 64 };

static const char *each_key(Arena *a, const Backfill *b, const char *format) {
    return clause_each(a, b->key, b->key_type, format);
}

/* The same for what the walk goes by. */
static const char *each_place(Arena *a, const Backfill *b, const char *format) {
    return clause_each(a, b->place, b->place_type, format);
}

static const char *const bodies[BATCH_KINDS][3] = {
    [BATCH_PLAIN] = {SQL_BATCH_HEAD, SQL_BATCH_SET, SQL_BATCH_MOVE},
    [BATCH_FREE] = {SQL_BATCH_HEAD, SQL_BATCH_SET_FREE, SQL_BATCH_MOVE},
    [BATCH_STRIPE] = {SQL_BATCH_STRIPE_HEAD, SQL_BATCH_SET, SQL_BATCH_STRIPE_MOVE},
    [BATCH_BAD] = {SQL_BATCH_HEAD, SQL_BATCH_BAD, SQL_BATCH_MOVE},
    [BATCH_READ] = {SQL_BATCH_HEAD, SQL_BATCH_READ, ""},
    [BATCH_READ_STRIPE] = {SQL_BATCH_STRIPE_HEAD, SQL_BATCH_READ, ""},
    [BATCH_READ_AHEAD] = {SQL_BATCH_HEAD, SQL_BATCH_READ, ""},
    [BATCH_LATE] = {SQL_BATCH_LATE, "", ""},
    [BATCH_LATE_PATIENT] = {SQL_BATCH_LATE, "", ""},
    [BATCH_LATE_READ] = {SQL_BATCH_LATE_READ, "", ""},
    [BATCH_CUT] = {SQL_RANGE_CUT, "", ""},
    [BATCH_STEAL] = {SQL_RANGE_STEAL, SQL_RANGE_MIDDLE, SQL_RANGE_SHORTER},
    [BATCH_PROBE] = {SQL_BATCH_PROBE, "", ""},
    [BATCH_PASSED] = {SQL_BATCH_PASSED, "", ""},
};

/* Does every row that is met change? Then what is met is counted: for each row to come back takes
 * the server a twentieth of its time. */
static bool changes_all(const Backfill *b) {
    return b->form == BACKFILL_SET && !b->where && !b->is_sieved;
}

/* What was done to the rows of a batch. */
static const char *sums(const Backfill *b, BatchKind kind) {
    if (kind == BATCH_BAD)
        return "0 AS rows, 0 AS still";
    if (b->form == BACKFILL_STATEMENT)
        return "count(*) AS rows, 0 AS still FROM stint_changed";
    if (!changes_all(b))
        return SQL_BATCH_SUMS;
    return kind == BATCH_FREE ? SQL_BATCH_SUMS_FREE : SQL_BATCH_SUMS_MET;
}

/* Which rows, where it walks along the key; by pages the walk itself is one of pages. */
static const char *within(const Backfill *b, BatchKind kind, BatchStart start) {
    bool looks_often = kind == BATCH_STRIPE && start == BATCH_NEXT && b->walk == BACKFILL_BY_KEY;
    return looks_often ? SQL_BATCH_WITHIN_STRIPE : "{after_position} ({place}) <= ({upper})";
}

static const char *body(const Batch *batch, BatchKind kind, const char *stretch) {
    const char *const *part = bodies[kind], *middle = part[1], *head = part[0];
    bool own = batch->backfill->form == BACKFILL_STATEMENT;
    if (own && (kind == BATCH_PLAIN || kind == BATCH_STRIPE))
        middle = SQL_BATCH_STATEMENT;
    if (batch->backfill->walk == BACKFILL_BY_PAGE && kind == BATCH_CUT)
        head = SQL_RANGE_CUT_PAGES;
    if (batch->backfill->walk == BACKFILL_BY_PAGE && kind == BATCH_STEAL)
        middle = SQL_RANGE_MIDDLE_PAGE;
    if (own && kind == BATCH_LATE_PATIENT)
        head = SQL_BATCH_LATE_STATEMENT;
    return ledger_sql(batch->arena, batch->schema,
                      arena_format(batch->arena, "%s%s%s%s", head, stretch, middle, part[2]));
}

/* What is itself made of clauses. */
static void set_clause(Clause *clauses, const char *word, const char *text) {
    while (strcmp(clauses->word, word) != 0)
        clauses++;
    clauses->text = text;
}

/* By pages, a batch looks so far ahead at the most: a table may have pages without rows. */
static const char *position_columns(Arena *a, const Backfill *b, BatchKind kind, const char *from) {
    const char *columns = each_place(a, b, arena_format(a, "(%s)[%%n]::%%t AS p%%n", from));
    if (b->walk == BACKFILL_BY_KEY || kind == BATCH_STEAL)
        return columns;
    return arena_format(a,
                        "%s, ('(' || (%s[1]::tid::text::point)[0]::bigint + $4::bigint * %ld + %d "
                        "|| ',65535)')::tid AS near1",
                        columns, from, b->stripes, PAGES_AHEAD);
}

bool batch_left_where(const Pg *pg, const Backfill *b) {
    return b->walk == BACKFILL_BY_PAGE && pg_failed_with(pg, "22P02") &&
           strstr(pg_error(pg)->message, CLAUSE_STILL);
}

static const char *compose(const Batch *batch, BatchKind kind, BatchStart start) {
    const Backfill *b = batch->backfill;
    Arena *a = batch->arena;
    bool next = start == BATCH_NEXT, weighs = true;
    if (kind == BATCH_UNWEIGHED || kind == BATCH_STRIPE_UNWEIGHED) {
        weighs = !changes_all(b);
        kind = kind == BATCH_UNWEIGHED ? BATCH_PLAIN : BATCH_STRIPE;
    }
    const char *keys = each_key(a, b, "t.%k");
    const char *from = kind == BATCH_STEAL        ? "coalesce(r.window_end, r.position)"
                       : kind == BATCH_READ_AHEAD ? "$6::text[]"
                                                  : "r.position";
    bool striped = kind == BATCH_STRIPE || kind == BATCH_READ_STRIPE;
    bool pages = b->walk == BACKFILL_BY_PAGE;
    bool stretched = clause_by_stretch(batch, kind, start);
    bool reads = kind == BATCH_READ || kind == BATCH_READ_STRIPE || kind == BATCH_READ_AHEAD;
    Clause clauses[] = {
        {"table", batch->table},
        {"control", SQL_BATCH_CONTROL},
        {"answer", SQL_BATCH_ANSWER},
        {"leaf", arena_format(a, "%s::oid", batch->leaf)},
        {"keys", keys},
        {"keys_descending", each_key(a, b, "t.%k DESC")},
        {"keys_as_text", each_key(a, b, "t.%k::text")},
        {"key_columns", each_key(a, b, "t.%k AS k%n")},
        {"place", each_place(a, b, "t.%k")},
        {"place_columns", each_place(a, b, "t.%k AS k%n")},
        {"position_columns", position_columns(a, b, kind, from)},
        {"high_columns",
         each_place(a, b,
                    kind == BATCH_STEAL ? "(r.high)[%n]::%t AS h%n"
                                        : "(coalesce(r.window_end, r.high))[%n]::%t AS h%n")},
        {"high_lateral", each_place(a, b, "stint_cur.h%n")},
        {"upper_columns",
         each_place(a, b, "CASE WHEN k.k1 IS NULL THEN stint_cur.h%n ELSE k.k%n END AS u%n")},
        {"next_as_text", each_place(a, b, "coalesce(k.k%n, stint_cur.h%n)::text")},
        {"upper", each_place(a, b, "(SELECT u%n FROM stint_nxt)")},
        {"upper_as_text", each_place(a, b, "stint_nxt.u%n::text")},
        {"set", clause_set(batch)},
        {"count_still", b->where ? "count(*) FILTER (WHERE still)" : "count(*)"},
        {"statement", clause_statement(batch, kind)},
        {"where", b->where ? b->where : "true"},
        {"still", clause_still(batch)},
        {"tells", striped ? clause_tells(a, b) : "(SELECT keys FROM stint_seen)"},
        {"spent", SQL_BATCH_SPENT},
        {"rate", ""},
        {"row_after", kind == BATCH_PROBE ? clause_row_after(batch) : ""},
        {"by_page", pages ? "true" : "false"},
        {"stripes", arena_format(a, "%ld", b->stripes)},
        {"stripe", clause_stripe(batch, kind, "t.")},
        {"stripe_keys", arena_format(a, "%ld", b->stripe_keys)},
        {"from_stretch", stretched ? "FROM stint_stretch" : ""},
        {"sorted_keys", stretched /* not by the index: it would give all keys */
                            ? each_key(a, b, "t.%k + 0")
                            : keys},
        {"and_stretch", stretched ? ", stint_stretch" : ""},
        {"all_keys", arena_format(a, "%ld", b->stripe_keys * b->stripes)},
        {"window", striped ? arena_format(a, "%ld", clause_window(b)) : "1"},
        {"unless_inside", striped ? "NOT stint_cur.inside AND" : ""},
        {"unless_inside_page", striped ? "NOT (SELECT inside FROM stint_cur) AND" : ""},
        {"which_start", arena_format(a, "%s IS %sNULL", from, next ? "NOT " : "")},
        {"after_position", next ? arena_format(a, "(%s) > (%s) AND", each_place(a, b, "t.%k"),
                                               each_place(a, b, "(SELECT p%n FROM stint_cur)"))
                                : ""},
        {"after_position_lateral",
         next ? arena_format(a, "(%s) > (%s) AND", each_place(a, b, "t.%k"),
                             each_place(a, b, "stint_cur.p%n"))
              : ""},
        {"lock", reads ? "" : "FOR UPDATE"},
        {"stint_key_columns", each_key(a, b, "t.%k AS stint_k%n")},
        {"read_keys",
         each_key(a, b, b->is_integer_key ? "t.%k AS stint_k%n" : "t.%k::text AS stint_k%n")},
        {"stint_keys", each_key(a, b, "stint_free.stint_k%n")},
        {"mine_columns", each_key(a, b, "(e.key)[%n]::%t AS k%n")},
        {"mine_keys", each_key(a, b, "m.k%n")},
        {"late_keys_as_text", each_key(a, b, "(e.key)[%n]")},
        {"late_keys", each_key(a, b, "e.k%n")},
        {"skip", kind == BATCH_LATE ? "SKIP LOCKED" : ""},
        {"read_columns", clause_read(batch)},
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
        {"nth", ""},
        {"within", ""},
        {"returning",
         !weighs    ? ""
         : b->where ? arena_format(a, "RETURNING %s AS still", clause_still(batch))
                    : "RETURNING 1"},
        {"weighed", weighs ? ", (SELECT count(*) FROM stint_changed) weighed" : ""},
        {"met", striped
                    ? arena_format(a, "CASE WHEN stint_cur.stripe + 1 = %ld THEN keys ELSE 0 END",
                                   b->stripes)
                    : "keys"},
        {"sums", ""},
        {NULL, NULL},
    };
    set_clause(clauses, "sums", clause_fill(a, sums(b, kind), clauses));
    set_clause(clauses, "rate", clause_fill(a, SQL_BATCH_RATE, clauses));
    set_clause(
        clauses, "within",
        clause_fill(a, stretched ? SQL_BATCH_WITHIN_STRETCH : within(b, kind, start), clauses));
    set_clause(clauses, "nth", clause_fill(a, pages ? SQL_BATCH_NTH_PAGE : SQL_BATCH_NTH, clauses));
    return clause_fill(a, body(batch, kind, stretched ? SQL_BATCH_STRETCH : ""), clauses);
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

/* Words, but for the last, which is the rest. */
BatchFence batch_fence(Arena *a, const PgRows *read) {
    char *at = arena_string(a, read->count ? pg_cell(read, 0, 0) : "      ");
    const char *word[7];
    for (int i = 0; i < 6; i++) {
        word[i] = at;
        at += strcspn(at, " ");
        *at++ = '\0';
    }
    word[6] = *at ? at : NULL;
    return (BatchFence){.desired = word[0],
                        .state = word[1],
                        .is_there = text_same(word[2], "t"),
                        .is_ours = text_same(word[3], "t"),
                        .is_last = text_same(word[4], "t"),
                        .keys = word[5],
                        .upper = word[6]};
}

static const char *write_sql(const Batch *batch, Arena *a, const char *sql, int first,
                             const BatchWrite *write) {
    const Backfill *b = batch->backfill;
    const BatchColumns *columns = write->columns;
    Text arrays = text_on(a), set = text_on(a);
    const char *key_type = b->is_integer_key ? "bigint" : "text";
    const char *xmins = arena_format(a, "$%d::xid[]", first++);
    const char *first_keys = arena_format(a, "$%d::%s[]", first, key_type);
    for (size_t i = 0; i < b->key.count; i++)
        text_addf(&arrays, "%sunnest($%d::%s[]) AS stint_k%zu", i ? ", " : "", first++, key_type,
                  i + 1);
    for (size_t i = 0; i < columns->count; i++) {
        const BackfillColumn *c = columns->column[i];
        text_addf(&arrays, ", unnest($%d::text[]) AS stint_c%zu", first++, i);
        if (columns->is_partial[i]) {
            text_addf(&arrays, ", unnest($%d::boolean[]) AS stint_g%zu", first++, i);
            text_addf(&set, "%s%s = CASE WHEN stint_g%zu THEN stint_c%zu::%s ELSE t.%s END",
                      i ? ", " : "", c->ident, i, i, c->type, c->ident);
        } else
            text_addf(&set, "%s%s = stint_c%zu::%s", i ? ", " : "", c->ident, i, c->type);
    }
    if (!columns->count) /* nothing is sent to it; the statement is the same */
        text_addf(&set, "%s = t.%s", b->key.at[0], b->key.at[0]);
    bool striped = write->kind == BATCH_READ_STRIPE;
    bool next = write->start == BATCH_NEXT, skips = write->locks == BATCH_SKIPS;
    Clause clauses[] = {
        {"table", batch->table},
        {"control", SQL_BATCH_CONTROL},
        {"answer", SQL_BATCH_ANSWER},
        {"leaf", arena_format(a, "%s::oid", batch->leaf)},
        {"place", each_place(a, b, "t.%k")},
        {"position_columns", each_place(a, b, "(r.position)[%n]::%t AS p%n")},
        {"which_start", next ? "r.position IS NOT NULL" : "r.position IS NULL"},
        {"given_upper", each_place(a, b, "($5::text[])[%n]::%t")},
        {"range_high", each_place(a, b, "(r.high)[%n]::%t")},
        {"after_position", next ? arena_format(a, "(%s) > (%s) AND", each_place(a, b, "t.%k"),
                                               each_place(a, b, "(SELECT p%n FROM stint_cur)"))
                                : ""},
        {"stripes", arena_format(a, "%ld", b->stripes)},
        {"arrays", arrays.at},
        {"xmins", xmins},
        {"first_keys", first_keys},
        {"as_read", ""},
        {"keys", each_key(a, b, "t.%k")},
        {"key_columns", each_key(a, b, "t.%k AS k%n")},
        {"found_keys", each_key(a, b, "k%n")},
        {"fresh_keys_c",
         clause_each_joined(a, b->key, b->key_type, "c.k%n = stint_fresh.stint_k%n::%t", " AND ")},
        {"set_fresh", set.at},
        {"fresh_keys",
         clause_each_joined(a, b->key, b->key_type, "t.%k = stint_fresh.stint_k%n::%t", " AND ")},
        {"fresh_keys_as_text", each_key(a, b, "stint_fresh.stint_k%n::text")},
        {"skip", skips ? "SKIP LOCKED" : ""},
        {"is_free", skips ? arena_format(a, "(%s) IN (SELECT %s FROM stint_free)",
                                         each_key(a, b, "t.%k"), each_key(a, b, "k%n"))
                          : "true"},
        {"once", skips ? "MATERIALIZED" : "NOT MATERIALIZED"},
        {"free", ""},
        {"moves", ""},
        {"seen", striped ? arena_format(
                               a, "CASE WHEN stint_cur.stripe + 1 = %ld THEN $6::bigint ELSE 0 END",
                               b->stripes)
                         : "$6::bigint"},
        {"tells", striped ? clause_tells(a, b) : "$6::bigint"},
        {"spent", SQL_BATCH_SPENT},
        {"rate", ""},
        {NULL, NULL},
    };
    set_clause(clauses, "rate", clause_fill(a, SQL_BATCH_RATE, clauses));
    set_clause(clauses, "as_read", clause_fill(a, SQL_BATCH_AS_READ, clauses));
    set_clause(clauses, "free", skips ? clause_fill(a, SQL_BATCH_WRITE_FREE, clauses) : "");
    set_clause(
        clauses, "moves",
        clause_fill(a, striped ? SQL_BATCH_WRITE_STRIPE_MOVES : SQL_BATCH_WRITE_MOVES, clauses));
    return clause_fill(a, ledger_sql(a, batch->schema, sql), clauses);
}

const char *batch_write_sql(const Batch *batch, Arena *a, const BatchWrite *write) {
    return write_sql(batch, a, SQL_BATCH_WRITE, 12, write);
}

const char *batch_late_write_sql(const Batch *batch, Arena *a, const BatchWrite *write) {
    return write_sql(batch, a, SQL_BATCH_LATE_WRITE, 8, write);
}
