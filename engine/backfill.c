#include "backfill.h"

#include "clock.h"
#include "fail.h"
#include "ledger.h"
#include "log.h"
#include "sql.h"
#include "stripe.h"
#include "text.h"

#include <string.h>
#include <strings.h>

enum { TARGET = 250 };

const char *backfill_array(Arena *a, Strings strings) {
    Text text = text_on(a);
    text_add_char(&text, '{');
    for (size_t i = 0; i < strings.count; i++) {
        text_add(&text, i ? "," : "");
        if (!strings.at[i]) {
            text_add(&text, "NULL");
            continue;
        }
        text_add_char(&text, '"');
        for (const char *at = strings.at[i]; *at; at++) {
            if (*at == '"' || *at == '\\')
                text_add_char(&text, '\\');
            text_add_char(&text, *at);
        }
        text_add_char(&text, '"');
    }
    text_add_char(&text, '}');
    return text.at;
}

static bool is_plain(const char *part) {
    return *part && !strpbrk(part, "{}\",\\ \t\r\n\v\f") && strcasecmp(part, "NULL") != 0;
}

const char *backfill_key(Arena *a, const Backfill *b, const PgRows *rows, size_t row, int column) {
    Text text = text_on(a);
    for (size_t i = 0; i < b->key.count; i++) {
        const char *part = pg_cell(rows, row, column + (int)i);
        text_add(&text, i ? "," : "{");
        if (is_plain(part)) {
            text_add(&text, part);
            continue;
        }
        const char *one = backfill_array(a, (Strings){1, (const char *[]){part}});
        text_add_bytes(&text, one + 1, strlen(one) - 2); /* without its braces */
    }
    text_add_char(&text, '}');
    return text.at;
}

const BackfillColumn *backfill_column(const Backfill *b, const char *name) {
    for (size_t i = 0; i < b->column_count; i++)
        if (strcmp(b->column[i].name, name) == 0)
            return &b->column[i];
    return NULL;
}

static const char *const walks[] = {[BACKFILL_BY_KEY] = "key", [BACKFILL_BY_PAGE] = "page"};

const char *backfill_walk_name(BackfillWalk walk) {
    return walks[walk];
}

void backfill_walk_by(Backfill *b, BackfillWalk walk) {
    static const char *ctid[] = {"ctid"}, *tid[] = {"tid"};
    bool pages = walk == BACKFILL_BY_PAGE;
    b->walk = walk;
    b->place = pages ? (Strings){1, ctid} : b->key;
    b->place_type = pages ? (Strings){1, tid} : b->key_type;
}

static bool no_key(const Backfill *b, Strings wanted) {
    if (wanted.count)
        fail(FAIL_ERROR, "%s has no unique index over just the columns of `key`", b->table);
    else
        fail(FAIL_ERROR, "%s has no primary key", b->table);
    script_at(b->declaration);
    return fail_hint("a backfill walks a unique key: name the columns of a unique index with "
                     "key = {...}, or add one (CREATE UNIQUE INDEX CONCURRENTLY)");
}

Strings backfill_strings(Arena *a, const PgRows *rows, int column) {
    Strings strings = {rows->count, arena_take(a, (rows->count + 1) * sizeof(char *))};
    for (size_t i = 0; i < rows->count; i++)
        strings.at[i] = pg_cell(rows, i, column);
    return strings;
}

static bool read_key(Pg *pg, Arena *a, Backfill *b) {
    Strings wanted = script_strings(a, b->declaration, "key");
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_KEY,
                 PG_WITH(b->oid, wanted.count ? backfill_array(a, wanted) : NULL)))
        return false;
    if (!rows.count)
        return no_key(b, wanted);
    b->key = backfill_strings(a, &rows, 0);
    b->key_type = backfill_strings(a, &rows, 1);
    b->key_least = backfill_strings(a, &rows, 3);
    backfill_walk_by(b, BACKFILL_BY_KEY);
    b->key_name = backfill_strings(a, &rows, 4);
    b->is_integer_key = rows.count == 1 && pg_true(&rows, 0, 5);
    for (size_t i = 0; i < rows.count; i++) {
        if (pg_true(&rows, i, 2))
            continue;
        fail(FAIL_ERROR, "the key column %s of %s may be NULL", b->key.at[i], b->table);
        script_at(b->declaration);
        return fail_hint("a backfill walks a key without NULLs");
    }
    return true;
}

static bool read_columns(Pg *pg, Arena *a, Backfill *b) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_COLUMNS, PG_WITH(b->oid)))
        return false;
    b->column_count = rows.count;
    b->column = arena_take(a, rows.count * sizeof *b->column);
    for (size_t i = 0; i < rows.count; i++)
        b->column[i] = (BackfillColumn){
            pg_cell(&rows, i, 0), pg_cell(&rows, i, 1), pg_cell(&rows, i, 2), pg_true(&rows, i, 3),
            pg_true(&rows, i, 4), pg_true(&rows, i, 5), pg_true(&rows, i, 6)};
    if (b->read.count)
        return true;
    b->read = (Strings){0, arena_take(a, rows.count * sizeof(char *))};
    for (size_t i = 0; i < b->column_count; i++)
        b->read.at[b->read.count++] = b->column[i].name;
    return true;
}

/* As to_regclass reads it: folded, and cut at each dot. */
static bool no_table(const Backfill *b, const char *name) {
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    fail(FAIL_ERROR, "there is no table %s", name);
    script_at(b->declaration);
    if (strchr(name, '"') || !last[strspn(last, "abcdefghijklmnopqrstuvwxyz0123456789_$")])
        return false;
    return fail_hint("a name with capitals or blanks keeps its quotes: table = '%.*s\"%s\"'",
                     (int)(last - name), name, last);
}

static bool read_table(Pg *pg, Arena *a, Backfill *b) {
    const char *name = script_text(a, b->declaration, "table");
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_TABLE, PG_WITH(name)))
        return pg_failed_with(pg, "42602") ? no_table(b, name) : false;
    if (!rows.count)
        return no_table(b, name);
    b->table = pg_cell(&rows, 0, 0);
    if (!strchr("rp", pg_cell(&rows, 0, 1)[0])) {
        fail(FAIL_ERROR, "%s is not a table", b->table);
        return script_at(b->declaration);
    }
    b->rows_total = pg_integer(&rows, 0, 2);
    b->oid = pg_cell(&rows, 0, 3);
    b->row_bytes = pg_integer(&rows, 0, 4);
    return true;
}

/* Without statistics neither the plan of a batch nor the progress means anything. */
static bool analyze(Pg *pg, Arena *a, Backfill *b) {
    if (b->rows_total > 0)
        return true;
    if (!pg_do(pg, arena_format(a, "ANALYZE %s", b->table), PG_NONE)) {
        log_detail("ANALYZE %s: %s", b->table, failure()->message);
        fail_clear();
        return true;
    }
    return read_table(pg, a, b);
}

bool backfill_leaves(Pg *pg, Arena *a, Backfill *b) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_LEAVES, PG_WITH(b->oid, backfill_array(a, b->changed))))
        return false;
    b->leaf = backfill_strings(a, &rows, 0);
    b->leaf_table = backfill_strings(a, &rows, 1);
    b->is_sieved = false;
    for (size_t i = 0; i < rows.count; i++) {
        b->is_sieved = b->is_sieved || pg_true(&rows, i, 3);
        if (pg_cell(&rows, i, 2)[0] == 'f') {
            fail(FAIL_ERROR, "the partition %s of %s is a foreign table", b->leaf_table.at[i],
                 b->table);
            script_at(b->declaration);
            return fail_hint("name the partitions that are here in backfills of their own");
        }
    }
    return true;
}

static bool check_column(const Backfill *b, const char *name) {
    if (backfill_column(b, name))
        return true;
    fail(FAIL_ERROR, "%s has no column \"%s\"", b->table, name);
    return script_at(b->declaration);
}

bool backfill_is_key(const Backfill *b, const char *column) {
    for (size_t i = 0; i < b->key_name.count; i++)
        if (strcmp(b->key_name.at[i], column) == 0)
            return true;
    return false;
}

/* A row whose key grows would be met again further on. */
static bool check_key(const Backfill *b) {
    for (size_t i = 0; i < b->changed.count && b->way == BACKFILL_UP && !b->where; i++)
        if (backfill_is_key(b, b->changed.at[i])) {
            fail(FAIL_ERROR, "%s is part of the key: rows that it moves would be met again",
                 backfill_column(b, b->changed.at[i])->ident);
            script_at(b->declaration);
            return fail_hint("add a `where` that the change makes false, or walk another "
                             "unique index: key = {...}");
        }
    return true;
}

static bool check_columns(const Backfill *b) {
    for (size_t i = 0; i < b->changed.count; i++)
        if (!check_column(b, b->changed.at[i]))
            return false;
    for (size_t i = 0; i < b->read.count; i++)
        if (!check_column(b, b->read.at[i]))
            return false;
    return check_key(b);
}

/* What a batch of the team's own is about must be said by :lo and :hi, and begins before the first
 * key: its type has to have something there. */
static bool check_statement(Backfill *b) {
    for (size_t i = 0; i < b->key.count; i++) {
        if (b->key_least.at[i])
            continue;
        fail(FAIL_ERROR, "`batch` cannot walk the key column %s: %s has no least value",
             b->key.at[i], b->key_type.at[i]);
        script_at(b->declaration);
        return fail_hint("use set or transform, or a key of numbers, text, uuid or times");
    }
    return true;
}

static bool read_form(Arena *a, Backfill *b) {
    const Declaration *d = b->declaration;
    bool up = b->way == BACKFILL_UP;
    b->where = up ? script_text(a, d, "where") : NULL;
    b->verify = up ? script_text(a, d, "verify") : NULL;
    b->read = script_strings(a, d, "columns");
    b->set = script_pairs(a, d, up ? "set" : "down");
    b->changed = (Strings){b->set.count, b->set.name};
    if (!up || script_has(d, "set"))
        return true;
    b->form = script_has(d, "transform") ? BACKFILL_TRANSFORM : BACKFILL_STATEMENT;
    b->statement = script_text(a, d, "batch");
    if (b->form == BACKFILL_TRANSFORM || b->statement)
        return true;
    fail(FAIL_CONFIG, "backfill needs one of set, transform and batch: what to do to the rows");
    return script_at(b->declaration);
}

/* What keeps rows right that are written meanwhile. */
static bool read_writes(Arena *a, Backfill *b) {
    b->writes = b->way == BACKFILL_UP ? script_text(a, b->declaration, "writes") : NULL;
    b->writes_why = "as the file says";
    if (b->writes && strcmp(b->writes, "sweep") == 0 && !b->where) {
        fail(FAIL_ERROR, "writes = \"sweep\" needs `where`: it is what a sweep looks for");
        return script_at(b->declaration);
    }
    if (b->writes)
        return true;
    bool falls = b->where && b->form == BACKFILL_SET && stripe_mentions(b->where, b->changed);
    b->writes = falls ? "sweep" : "app";
    b->writes_why = falls
                        ? "`where` asks for what changes: swept again, if the change makes it false"
                        : "rows written meanwhile are the application's business";
    return true;
}

bool backfill_describe(Pg *pg, Arena *a, const Declaration *d, const char *migration,
                       BackfillWay way, Backfill *out) {
    Backfill *b = out;
    *b = (Backfill){.migration = migration, .declaration = d, .way = way};
    if (!read_form(a, b) || !read_table(pg, a, b) || !analyze(pg, a, b) || !read_key(pg, a, b) ||
        !read_columns(pg, a, b) || !read_writes(a, b) || !backfill_leaves(pg, a, b))
        return false;
    if (!check_columns(b) || (b->form == BACKFILL_STATEMENT && !check_statement(b)))
        return false;
    b->target = script_duration(d, "target", TARGET);
    b->workers = (long)script_integer(d, "workers", 1);
    b->max_quarantine = (long)script_integer(d, "max_quarantine", 100);
    return stripe_choose(pg, a, b);
}

bool backfill_find(Pg *pg, Arena *a, const char *schema, Backfill *b) {
    PgRows rows;
    if (!pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_BACKFILL_FIND), PG_WITH(b->migration)))
        return false;
    if (!rows.count)
        return true;
    b->id = pg_integer(&rows, 0, 0);
    b->spec = pg_cell(&rows, 0, 1);
    b->rows_total = pg_integer(&rows, 0, 2);
    b->state = pg_cell(&rows, 0, 3);
    b->desired = pg_cell(&rows, 0, 4);
    b->rows_seen = pg_integer(&rows, 0, 5);
    b->rows_changed = pg_integer(&rows, 0, 6);
    b->stripes = (long)pg_integer(&rows, 0, 7);
    b->sweep = pg_integer(&rows, 0, 8);
    b->sweep_from = pg_integer(&rows, 0, 9);
    b->quarantined = pg_integer(&rows, 0, 10);
    b->ranges_left = pg_integer(&rows, 0, 11);
    b->residue = pg_integer(&rows, 0, 12);
    b->error = pg_cell(&rows, 0, 13);
    b->ranges = pg_integer(&rows, 0, 14);
    b->batch_size = pg_integer(&rows, 0, 15);
    b->rows_still = pg_integer(&rows, 0, 16);
    backfill_walk_by(b, pg_true(&rows, 0, 17) ? BACKFILL_BY_PAGE : BACKFILL_BY_KEY);
    b->throttled_by = pg_cell(&rows, 0, 18);
    b->held = pg_integer(&rows, 0, 19);
    b->stripe_keys = (long)pg_integer(&rows, 0, 20);
    b->batches = pg_integer(&rows, 0, 21);
    return true;
}

bool backfill_set_state(Pg *pg, Arena *a, const char *schema, const Backfill *b, const char *state,
                        const char *error) {
    return pg_do(pg, ledger_sql(a, schema, SQL_BACKFILL_STATE),
                 PG_WITH(b->migration, state, error));
}
