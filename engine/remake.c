#include "remake.h"

#include <string.h>

void remake_add(Text *text, const char *value) {
    text_add(text, text->length ? "," : "{");
    if (!value) {
        text_add(text, "NULL");
        return;
    }
    text_add_char(text, '"');
    for (;; value++) {
        size_t plain = strcspn(value, "\"\\");
        text_add_bytes(text, value, plain);
        value += plain;
        if (!*value)
            break;
        text_add_char(text, '\\');
        text_add_char(text, *value);
    }
    text_add_char(text, '"');
}

const char *remake_ended(Text *text) {
    text_add(text, text->length ? "}" : "{}");
    return text->at;
}

static bool is_key(const Backfill *b, const char *name) {
    for (size_t i = 0; i < b->key_name.count; i++)
        if (strcmp(b->key_name.at[i], name) == 0)
            return true;
    return false;
}

static bool call(Remake *r) {
    const Backfill *b = r->backfill;
    ScriptColumn *columns = arena_take(r->arena, b->column_count * sizeof *columns);
    for (size_t i = 0; i < b->column_count; i++)
        columns[i] = (ScriptColumn){b->column[i].name, b->column[i].is_json,
                                    text_same(b->column[i].type, "bytea"),
                                    b->column[i].is_writable && !is_key(b, b->column[i].name)};
    size_t cells = r->rows->count * b->column_count + 1;
    r->script = (ScriptRows){.arena = r->arena,
                             .rows = r->rows,
                             .from = r->from,
                             .column_count = b->column_count,
                             .column = columns,
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

static void add_row(Remake *r, size_t row) {
    const Backfill *b = r->backfill;
    Text *argument = r->argument;
    remake_add(argument++, pg_cell(r->rows, row, r->xmin));
    for (size_t i = 0; i < b->key.count; i++)
        remake_add(argument++, pg_cell(r->rows, row, r->key + (int)i));
    for (size_t i = 0; i < r->columns.count; i++) {
        size_t at = row * b->column_count + r->slot[i];
        bool given = r->script.is_given[at];
        remake_add(argument++, given ? r->script.value[at] : NULL);
        if (given && r->script.value[at])
            r->bytes += (long long)strlen(r->script.value[at]);
        if (r->columns.is_partial[i])
            remake_add(argument++, given ? "t" : "f");
    }
}

static void add_bad(Remake *r, size_t row) {
    const ScriptBad *bad = &r->script.bad[row];
    const char *key = remake_key(r, row);
    remake_add(&r->bad[0], key);
    remake_add(&r->bad[1], bad->sqlstate);
    remake_add(&r->bad[2], bad->message);
    remake_add(&r->bad[3], bad->traceback);
    r->failed++;
}

bool remake_rows(Remake *r) {
    if (!call(r))
        return false;
    drop_same(r);
    choose_columns(r);
    r->arguments = 1 + r->backfill->key.count;
    for (size_t i = 0; i < r->columns.count; i++)
        r->arguments += 1 + (size_t)r->columns.is_partial[i];
    r->argument = arena_take(r->arena, r->arguments * sizeof *r->argument);
    for (size_t i = 0; i < r->arguments; i++)
        r->argument[i] = text_on(r->arena);
    for (size_t i = 0; i < 4; i++)
        r->bad[i] = text_on(r->arena);
    for (size_t row = 0; row < r->rows->count; row++) {
        if (r->script.bad[row].message)
            add_bad(r, row);
        else if (remake_is_written(r, row))
            add_row(r, row);
    }
    return true;
}

PgArgs remake_args(Remake *r, const char *const *first, size_t count) {
    const char **value = arena_take(r->arena, (count + 4 + r->arguments) * sizeof *value);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        value[n++] = first[i];
    for (size_t i = 0; i < 4; i++)
        value[n++] = remake_ended(&r->bad[i]);
    for (size_t i = 0; i < r->arguments; i++)
        value[n++] = remake_ended(&r->argument[i]);
    return (PgArgs){(int)n, value, NULL};
}
