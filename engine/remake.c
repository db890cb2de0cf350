#include "remake.h"

#include "text.h"

#include <string.h>

static bool call(Remake *r) {
    const Backfill *b = r->backfill;
    ScriptColumn *columns = arena_take(r->arena, b->column_count * sizeof *columns);
    for (size_t i = 0; i < b->column_count; i++)
        columns[i] = (ScriptColumn){
            b->column[i].name, b->column[i].is_json, text_same(b->column[i].type, "bytea"),
            b->column[i].is_writable && !backfill_is_key(b, b->column[i].name)};
    size_t cells = r->rows->count * b->column_count + 1;
    r->script = (ScriptRows){.arena = r->arena,
                             .rows = r->rows,
                             .from = r->from,
                             .column_count = b->column_count,
                             .column = columns,
                             .most = r->most,
                             .value = arena_take(r->arena, cells * sizeof(char *)),
                             .is_given = arena_take(r->arena, cells * sizeof(bool)),
                             .bad = arena_take(r->arena, (r->rows->count + 1) * sizeof(ScriptBad))};
    return script_transform(b->declaration, "transform", &r->script);
}

/* What was read and is given back unchanged needs no write. */
static void drop_same(Remake *r) {
    const Backfill *b = r->backfill;
    for (size_t i = 0; i < b->column_count; i++) {
        int c = r->from;
        while (c < r->rows->width && strcmp(r->rows->name[c], b->column[i].name) != 0)
            c++;
        for (size_t row = 0; c < r->rows->width && row < r->rows->count; row++) {
            size_t at = row * b->column_count + i;
            if (r->script.is_given[at] && text_same(r->script.value[at], pg_cell(r->rows, row, c)))
                r->script.is_given[at] = false;
        }
    }
}

bool remake_is_written(const Remake *r, size_t row) {
    size_t count = r->script.column_count;
    for (size_t i = 0; i < count; i++)
        if (r->script.is_given[row * count + i])
            return true;
    return false;
}

/* The columns that any row has something new for. */
static void choose_columns(Remake *r) {
    const Backfill *b = r->backfill;
    size_t count = 0;
    const BackfillColumn **column = arena_take(r->arena, (b->column_count + 1) * sizeof *column);
    bool *partial = arena_take(r->arena, b->column_count + 1);
    r->slot = arena_take(r->arena, (b->column_count + 1) * sizeof *r->slot);
    for (size_t i = 0; i < b->column_count; i++) {
        size_t given = 0, written = 0;
        for (size_t row = 0; row < r->rows->count; row++) {
            given += r->script.is_given[row * b->column_count + i];
            written += remake_is_written(r, row);
        }
        if (!given)
            continue;
        column[count] = &b->column[i];
        partial[count] = given < written;
        r->slot[count++] = i;
    }
    r->columns = (BatchColumns){count, column, partial};
}

const char *remake_key(const Remake *r, size_t row) {
    return backfill_key(r->arena, r->backfill, r->rows, row, r->key);
}

/* Rows that were written together lie together. */
static void add_xmin(Array *xmins, const char *xmin) {
    if (!xmins->count || strcmp(xmins->value[xmins->count - 1], xmin) != 0)
        array_add(xmins, xmin);
}

static void add_row(Remake *r, size_t row) {
    const Backfill *b = r->backfill;
    Array *argument = r->argument;
    add_xmin(argument++, pg_cell(r->rows, row, r->xmin));
    for (size_t i = 0; i < b->key.count; i++)
        array_add(argument++, pg_cell(r->rows, row, r->key + (int)i));
    for (size_t i = 0; i < r->columns.count; i++) {
        size_t at = row * b->column_count + r->slot[i];
        bool given = r->script.is_given[at];
        array_add(argument++, given ? r->script.value[at] : NULL);
        if (r->columns.is_partial[i])
            array_add(argument++, given ? "t" : "f");
    }
}

static void add_bad(Remake *r, size_t row) {
    const ScriptBad *bad = &r->script.bad[row];
    array_add(&r->bad[0], remake_key(r, row));
    array_add(&r->bad[1], bad->sqlstate);
    array_add(&r->bad[2], bad->message);
    array_add(&r->bad[3], bad->traceback);
    r->failed++;
}

/* As the statement has them: every xmin, the key, each column and, if need be, whether it is given.
 */
static void begin_arguments(Remake *r) {
    const Backfill *b = r->backfill;
    ArrayKind key = b->is_integer_key ? ARRAY_BIGINT : ARRAY_TEXT;
    r->argument = arena_take(r->arena, (1 + b->key.count + 2 * r->columns.count) * sizeof(Array));
    r->argument[r->arguments++] = array_of(r->arena, ARRAY_XID);
    for (size_t i = 0; i < b->key.count; i++)
        r->argument[r->arguments++] = array_of(r->arena, key);
    for (size_t i = 0; i < r->columns.count; i++) {
        r->argument[r->arguments++] = array_of(r->arena, ARRAY_TEXT);
        if (r->columns.is_partial[i])
            r->argument[r->arguments++] = array_of(r->arena, ARRAY_BOOLEAN);
    }
    for (size_t i = 0; i < 4; i++)
        r->bad[i] = array_of(r->arena, ARRAY_TEXT);
}

static void pack(Remake *r) {
    size_t count = 4 + r->arguments;
    r->packed = arena_take(r->arena, count * sizeof *r->packed);
    r->length = arena_take(r->arena, count * sizeof *r->length);
    for (size_t i = 0; i < count; i++)
        r->packed[i] = array_packed(i < 4 ? &r->bad[i] : &r->argument[i - 4], &r->length[i]);
}

bool remake_rows(Remake *r) {
    if (!call(r))
        return false;
    r->is_too_large = r->script.at < r->rows->count;
    if (r->is_too_large)
        return false;
    drop_same(r);
    choose_columns(r);
    begin_arguments(r);
    for (size_t row = 0; row < r->rows->count; row++) {
        if (r->script.bad[row].message)
            add_bad(r, row);
        else if (remake_is_written(r, row))
            add_row(r, row);
    }
    pack(r);
    return true;
}

PgArgs remake_args(const Remake *r, const char *const *first, size_t count) {
    size_t more = 4 + r->arguments;
    const char **value = arena_take(r->arena, (count + more) * sizeof *value);
    int *length = arena_take(r->arena, (count + more) * sizeof *length);
    for (size_t i = 0; i < count; i++) {
        value[i] = first[i];
        length[i] = -1;
    }
    memcpy(value + count, r->packed, more * sizeof *value);
    memcpy(length + count, r->length, more * sizeof *length);
    return (PgArgs){(int)(count + more), value, length};
}
