#include "backfill.h"

#include "clock.h"
#include "fail.h"
#include "ledger.h"
#include "log.h"
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

/* `format` once for each key column, with commas between: %k its name, %n its number from 1, %t
 * its type. */
static const char *each_key(Arena *a, const Backfill *b, const char *format) {
    Text text = text_on(a);
    for (size_t i = 0; i < b->key.count; i++) {
        text_add(&text, i ? ", " : "");
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

static const char *set_list(Pg *pg, Arena *a, Pairs set) {
    Text text = text_on(a);
    for (size_t i = 0; i < set.count; i++)
        text_addf(&text, "%s%s = (%s)", i ? ", " : "", pg_ident(pg, a, set.name[i]), set.value[i]);
    return text.at;
}

static void compose(Pg *pg, Arena *a, const char *schema, const Declaration *d, BackfillWay way,
                    Backfill *b) {
    const char *where = way == BACKFILL_UP ? script_text(a, d, "where") : NULL;
    const char *field = way == BACKFILL_UP ? "set" : "down", *keys = each_key(a, b, "t.%k");
    const char *after =
        arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "(SELECT p%n FROM cur)"));
    const char *after_lateral = arena_format(a, "(%s) > (%s) AND", keys, each_key(a, b, "cur.p%n"));
    Filling fillings[] = {
        {"table", b->table},
        {"keys", keys},
        {"keys_descending", each_key(a, b, "t.%k DESC")},
        {"keys_as_text", each_key(a, b, "t.%k::text")},
        {"key_columns", each_key(a, b, "t.%k AS k%n")},
        {"position_columns", each_key(a, b, "(r.position)[%n]::%t AS p%n")},
        {"high_columns", each_key(a, b, "(r.high)[%n]::%t AS h%n")},
        {"high_lateral", each_key(a, b, "cur.h%n")},
        {"upper_columns",
         each_key(a, b, "CASE WHEN k.k1 IS NULL THEN cur.h%n ELSE k.k%n END AS u%n")},
        {"upper", each_key(a, b, "(SELECT u%n FROM nxt)")},
        {"upper_as_text", each_key(a, b, "nxt.u%n::text")},
        {"set", set_list(pg, a, script_pairs(a, d, field))},
        {"where", where ? where : "true"},
        {"which_start", "r.position IS NOT NULL"},
        {"after_position", after},
        {"after_position_lateral", after_lateral},
        {NULL, NULL},
    };
    const char *batch = ledger_sql(a, schema, SQL_BACKFILL_BATCH);
    b->next_batch = fill(a, batch, fillings);
    b->cut = fill(a, ledger_sql(a, schema, SQL_BACKFILL_CUT), fillings);
    for (Filling *f = fillings; f->word; f++) {
        if (strcmp(f->word, "which_start") == 0)
            f->text = "r.position IS NULL";
        if (strncmp(f->word, "after_position", 14) == 0)
            f->text = "";
    }
    b->first_batch = fill(a, batch, fillings);
}

const char *backfill_array(Arena *a, Strings strings) {
    Text text = text_on(a);
    text_add_char(&text, '{');
    for (size_t i = 0; i < strings.count; i++) {
        text_add(&text, i ? ",\"" : "\"");
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

static bool no_key(const Declaration *d, const char *table, Strings wanted) {
    if (wanted.count)
        fail(FAIL_ERROR, "%s has no unique index over just the columns of `key`", table);
    else
        fail(FAIL_ERROR, "%s has no primary key", table);
    fail_at((FailPlace){d->file, (size_t)d->line, 0, NULL});
    return fail_hint("a backfill walks a unique key: name the columns of a unique index with "
                     "key = {...}, or add one (CREATE UNIQUE INDEX CONCURRENTLY)");
}

static bool read_key(Pg *pg, Arena *a, const Declaration *d, const char *oid, Backfill *b) {
    Strings wanted = script_strings(a, d, "key");
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_KEY,
                 PG_WITH(oid, wanted.count ? backfill_array(a, wanted) : NULL)))
        return false;
    if (!rows.count)
        return no_key(d, b->table, wanted);
    b->key = (Strings){rows.count, arena_take(a, rows.count * sizeof(char *))};
    b->key_type = (Strings){rows.count, arena_take(a, rows.count * sizeof(char *))};
    for (size_t i = 0; i < rows.count; i++) {
        b->key.at[i] = pg_cell(&rows, i, 0);
        b->key_type.at[i] = pg_cell(&rows, i, 1);
        if (!pg_true(&rows, i, 2)) {
            fail(FAIL_ERROR, "the key column %s of %s may be NULL", b->key.at[i], b->table);
            fail_at((FailPlace){d->file, (size_t)d->line, 0, NULL});
            return fail_hint("a backfill walks a key without NULLs");
        }
    }
    return true;
}

static bool read_table(Pg *pg, Arena *a, const Declaration *d, const char **oid, Backfill *b) {
    const char *name = script_text(a, d, "table");
    PgRows rows;
    if (!pg_rows(pg, a, &rows, SQL_BACKFILL_TABLE, PG_WITH(name)))
        return false;
    if (!rows.count) {
        fail(FAIL_ERROR, "there is no table %s", name);
        return fail_at((FailPlace){d->file, (size_t)d->line, 0, NULL});
    }
    b->table = pg_cell(&rows, 0, 0);
    if (!strchr("rp", pg_cell(&rows, 0, 1)[0])) {
        fail(FAIL_ERROR, "%s is not a table", b->table);
        return fail_at((FailPlace){d->file, (size_t)d->line, 0, NULL});
    }
    b->rows_total = pg_integer(&rows, 0, 2);
    *oid = pg_cell(&rows, 0, 3);
    return true;
}

/* Without statistics neither the plan of a batch nor the progress means anything. */
static bool analyze(Pg *pg, Arena *a, const Declaration *d, Backfill *b) {
    const char *oid;
    if (b->rows_total > 0)
        return true;
    if (!pg_do(pg, arena_format(a, "ANALYZE %s", b->table), PG_NONE)) {
        log_detail("ANALYZE %s: %s", b->table, failure()->message);
        fail_clear();
        return true;
    }
    return read_table(pg, a, d, &oid, b);
}

bool backfill_describe(Pg *pg, Arena *a, const char *schema, const Declaration *d,
                       const char *migration, BackfillWay way, Backfill *out) {
    const char *oid;
    *out = (Backfill){.migration = migration,
                      .verify = way == BACKFILL_UP ? script_text(a, d, "verify") : NULL};
    if (!read_table(pg, a, d, &oid, out) || !analyze(pg, a, d, out) ||
        !read_key(pg, a, d, oid, out))
        return false;
    if (!clock_duration(script_text(a, d, "target"), &out->target) || out->target < 1)
        out->target = 250;
    compose(pg, a, schema, d, way, out);
    return true;
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
    b->rows_seen = pg_integer(&rows, 0, 5);
    b->rows_changed = pg_integer(&rows, 0, 6);
    return true;
}
