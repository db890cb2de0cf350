#include "transform.h"

#include "clock.h"
#include "fail.h"
#include "quarantine.h"
#include "setback.h"
#include "sql.h"
#include "text.h"

#include <string.h>

/* What a batch's rows have become. */
typedef struct {
    Arena *arena;
    Worker *worker;
    const PgRows *rows;
    int key, xmin, from; /* columns of `rows`: the first of the key, ... */
    ScriptRows script;
    BatchColumns columns;
    size_t *slot;     /* of each written column: its number among the table's */
    Text *argument;   /* array literals, in the order of the statement's parameters */
    size_t arguments; /* of them */
    Text bad[4];      /* keys, SQLSTATEs, messages, tracebacks of those that failed */
    size_t written, failed;
    long long bytes;
} Work;

static void add_element(Text *text, const char *value) {
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

static const char *ended(Text *text) {
    text_add(text, text->length ? "}" : "{}");
    return text->at;
}

static bool is_key(const Backfill *b, const char *name) {
    for (size_t i = 0; i < b->key_name.count; i++)
        if (strcmp(b->key_name.at[i], name) == 0)
            return true;
    return false;
}

static bool call(Work *k) {
    const Backfill *b = k->worker->backfill;
    ScriptColumn *columns = arena_take(k->arena, b->column_count * sizeof *columns);
    for (size_t i = 0; i < b->column_count; i++)
        columns[i] = (ScriptColumn){b->column[i].name, b->column[i].is_json,
                                    text_same(b->column[i].type, "bytea"),
                                    b->column[i].is_writable && !is_key(b, b->column[i].name)};
    size_t cells = k->rows->count * b->column_count + 1;
    k->script = (ScriptRows){.arena = k->arena,
                             .rows = k->rows,
                             .from = k->from,
                             .column_count = b->column_count,
                             .column = columns,
                             .value = arena_take(k->arena, cells * sizeof(char *)),
                             .is_given = arena_take(k->arena, cells * sizeof(bool)),
                             .bad = arena_take(k->arena, (k->rows->count + 1) * sizeof(ScriptBad))};
    return script_transform(b->declaration, "transform", &k->script);
}

/* What was read and is given back unchanged needs no write. */
static void drop_same(Work *k) {
    const Backfill *b = k->worker->backfill;
    for (size_t i = 0; i < b->column_count; i++) {
        int c = k->from;
        while (c < k->rows->width && strcmp(k->rows->name[c], b->column[i].name) != 0)
            c++;
        for (size_t row = 0; c < k->rows->width && row < k->rows->count; row++) {
            size_t at = row * b->column_count + i;
            if (k->script.is_given[at] && text_same(k->script.value[at], pg_cell(k->rows, row, c)))
                k->script.is_given[at] = false;
        }
    }
}

static bool is_written(const Work *k, size_t row) {
    size_t count = k->script.column_count;
    for (size_t i = 0; i < count; i++)
        if (k->script.is_given[row * count + i])
            return true;
    return false;
}

/* The columns that any row has something new for. */
static void choose_columns(Work *k) {
    const Backfill *b = k->worker->backfill;
    size_t count = 0;
    const BackfillColumn **column = arena_take(k->arena, (b->column_count + 1) * sizeof *column);
    bool *partial = arena_take(k->arena, b->column_count + 1);
    k->slot = arena_take(k->arena, (b->column_count + 1) * sizeof *k->slot);
    for (size_t i = 0; i < b->column_count; i++) {
        size_t given = 0, written = 0;
        for (size_t row = 0; row < k->rows->count; row++) {
            given += k->script.is_given[row * b->column_count + i];
            written += is_written(k, row);
        }
        if (!given)
            continue;
        column[count] = &b->column[i];
        partial[count] = given < written;
        k->slot[count++] = i;
    }
    k->columns = (BatchColumns){count, column, partial};
}

static const char *key_of(const Work *k, size_t row) {
    return backfill_key(k->arena, k->worker->backfill, k->rows, row, k->key);
}

static void add_row(Work *k, size_t row) {
    const Backfill *b = k->worker->backfill;
    Text *argument = k->argument;
    add_element(argument++, pg_cell(k->rows, row, k->xmin));
    for (size_t i = 0; i < b->key.count; i++)
        add_element(argument++, pg_cell(k->rows, row, k->key + (int)i));
    for (size_t i = 0; i < k->columns.count; i++) {
        size_t at = row * b->column_count + k->slot[i];
        bool given = k->script.is_given[at];
        add_element(argument++, given ? k->script.value[at] : NULL);
        if (given && k->script.value[at])
            k->bytes += (long long)strlen(k->script.value[at]);
        if (k->columns.is_partial[i])
            add_element(argument++, given ? "t" : "f");
    }
    k->written++;
}

static void add_bad(Work *k, size_t row) {
    const ScriptBad *bad = &k->script.bad[row];
    const char *key = key_of(k, row);
    add_element(&k->bad[0], key);
    add_element(&k->bad[1], bad->sqlstate);
    add_element(&k->bad[2], bad->message);
    add_element(&k->bad[3], bad->traceback);
    worker_tell_bad(k->worker, key, bad->message);
    k->failed++;
}

static bool transform(Work *k) {
    if (!call(k))
        return false;
    drop_same(k);
    choose_columns(k);
    k->arguments = 1 + k->worker->backfill->key.count;
    for (size_t i = 0; i < k->columns.count; i++)
        k->arguments += 1 + (size_t)k->columns.is_partial[i];
    k->argument = arena_take(k->arena, k->arguments * sizeof *k->argument);
    for (size_t i = 0; i < k->arguments; i++)
        k->argument[i] = text_on(k->arena);
    for (size_t i = 0; i < 4; i++)
        k->bad[i] = text_on(k->arena);
    for (size_t row = 0; row < k->rows->count; row++) {
        if (k->script.bad[row].message)
            add_bad(k, row);
        else if (is_written(k, row))
            add_row(k, row);
    }
    return true;
}

static PgArgs args_of(Work *k, const char *const *first, size_t count) {
    const char **value = arena_take(k->arena, (count + 4 + k->arguments) * sizeof *value);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        value[n++] = first[i];
    for (size_t i = 0; i < 4; i++)
        value[n++] = ended(&k->bad[i]);
    for (size_t i = 0; i < k->arguments; i++)
        value[n++] = ended(&k->argument[i]);
    return (PgArgs){(int)n, value, NULL};
}

static long long bytes_of(const PgRows *rows) {
    long long bytes = 0;
    for (size_t i = 0; i < rows->count * (size_t)rows->width; i++)
        bytes += rows->length[i] > 0 ? rows->length[i] : 0;
    return bytes;
}

/* The first row is what the fence says. */
static PgRows without_fence(const PgRows *read) {
    PgRows rows = *read;
    rows.count--;
    rows.cell += rows.width;
    rows.length += rows.width;
    return rows;
}

static Turn write_batch(Worker *w, Work *k, BatchKind kind, const PgRows *read, long long start) {
    Arena *a = k->arena;
    PgRows rows;
    const char *size = arena_format(a, "%ld", w->blamed ? 1 : w->pace.size);
    const char *first[] = {arena_format(a, "%lld", w->backfill->id),
                           w->range.number,
                           w->range.token,
                           size,
                           pg_cell(read, 0, 3),
                           pg_cell(read, 0, 5),
                           pg_true(read, 0, 4) ? "t" : "f"};
    const char *sql = batch_write_sql(
        &w->batch, a,
        &(BatchWrite){kind, w->range.start, w->skips ? BATCH_SKIPS : BATCH_WAITS, &k->columns});
    if (!pg_rows(w->pg, a, &rows, sql, args_of(k, first, sizeof first / sizeof *first)))
        return setback_turn(w);
    long keys = rows.count ? (long)pg_integer(&rows, 0, 12) : 0;
    Turn turn = worker_read_answer(w, &rows, keys, k->bytes, clock_us() - start);
    if (k->failed && turn != TURN_FAILED && !quarantine_check(w->pg, w->schema, w->backfill))
        return TURN_FAILED;
    return turn;
}

static Turn turn(Worker *w, Arena *a) {
    PgRows read;
    long long start = clock_us();
    const char *size = arena_format(a, "%ld", w->blamed ? 1 : w->pace.size);
    BatchKind kind = worker_stripes(w) ? BATCH_READ_STRIPE : BATCH_READ;
    if (!pg_rows(w->pg, a, &read, batch_sql(&w->batch, kind, w->range.start),
                 PG_WITH(arena_format(a, "%lld", w->backfill->id), w->range.number, w->range.token,
                         size, w->blamed)))
        return setback_turn(w);
    if (!read.count || !pg_true(&read, 0, 2))
        return worker_why_nothing(w, read.count ? pg_cell(&read, 0, 0) : NULL,
                                  read.count ? pg_cell(&read, 0, 1) : NULL,
                                  read.count && pg_true(&read, 0, 6));
    if (!pg_cell(&read, 0, 3)) { /* another key comes first now */
        w->blamed = NULL;
        return TURN_NOTHING;
    }
    PgRows rows = without_fence(&read);
    int keys = (int)w->backfill->key.count;
    Work work = {
        .arena = a, .worker = w, .rows = &rows, .key = 7, .xmin = 7 + keys, .from = 8 + keys};
    work.bytes = bytes_of(&rows);
    if (!transform(&work))
        return TURN_FAILED;
    return write_batch(w, &work, kind, &read, start);
}

Turn transform_turn(Worker *w) {
    Arena *a = arena_new();
    Turn answer = turn(w, a);
    arena_free(a);
    return answer;
}

/* Rows of the residue that are gone, or no longer meant, are done. */
static void leave_out_gone(Work *k, PgRows *rows, Text *gone) {
    size_t kept = 0, width = (size_t)rows->width;
    for (size_t row = 0; row < rows->count; row++) {
        if (!pg_cell(rows, row, k->xmin)) {
            add_element(gone, key_of(k, row));
            continue;
        }
        memmove(&rows->cell[kept * width], &rows->cell[row * width], width * sizeof *rows->cell);
        memmove(&rows->length[kept * width], &rows->length[row * width],
                width * sizeof *rows->length);
        kept++;
    }
    rows->count = kept;
}

static bool late(Worker *w, Arena *a, Batch *batch, const char *limit, const char *key,
                 BatchLocks locks, Late *out) {
    PgRows rows, answer;
    const char *id = arena_format(a, "%lld", w->backfill->id);
    Text gone = text_on(a);
    if (!pg_rows(w->pg, a, &rows, batch_sql(batch, BATCH_LATE_READ, BATCH_NEXT),
                 PG_WITH(id, batch->leaf, limit, key)))
        return false;
    int keys = (int)w->backfill->key.count;
    Work work = {.arena = a, .worker = w, .rows = &rows, .key = 0, .xmin = keys, .from = 1 + keys};
    leave_out_gone(&work, &rows, &gone);
    if (!transform(&work))
        return false;
    for (size_t row = 0; row < rows.count; row++)
        if (!work.script.bad[row].message && !is_written(&work, row))
            add_element(&gone, key_of(&work, row));
    const char *first[] = {id, batch->leaf, ended(&gone)};
    const char *sql = batch_late_write_sql(
        batch, a, &(BatchWrite){BATCH_LATE_READ, BATCH_NEXT, locks, &work.columns});
    if (!pg_row(w->pg, a, &answer, sql, args_of(&work, first, sizeof first / sizeof *first)))
        return false;
    *out = (Late){pg_integer(&answer, 0, 0), pg_integer(&answer, 0, 1), pg_integer(&answer, 0, 2)};
    return true;
}

bool transform_late(Worker *w, Batch *batch, const char *limit, const char *key, BatchLocks locks,
                    Late *out) {
    Arena *a = arena_new();
    bool ok = late(w, a, batch, limit, key, locks, out);
    arena_free(a);
    return ok;
}
