#include "trace.h"

#include "sql.h"
#include "text.h"

#include <string.h>

/* From the weakest on. */
static const char *const modes[] = {
    "AccessShare", "RowShare",          "RowExclusive", "ShareUpdateExclusive",
    "Share",       "ShareRowExclusive", "Exclusive",    "AccessExclusive"};

enum { MODES = sizeof modes / sizeof *modes, INDEX_FROM = 4 };

/* The columns of trace_state. */
enum { OID, NAME, FILE_NUMBER, IS_TABLE, TABLE, HELD };

int trace_rank(const char *mode) {
    for (int i = 0; i < MODES; i++)
        if (text_same(mode, modes[i]))
            return i + 1;
    return 0;
}

/* ---- the modes of a row, as bits ---- */

static unsigned bits(const char *held) {
    unsigned set = 0;
    for (const char *word = held; word && *word;) {
        size_t length = strcspn(word, " ");
        for (unsigned i = 0; i < MODES; i++)
            if (strlen(modes[i]) == length && strncmp(modes[i], word, length) == 0)
                set |= 1U << i;
        word += length + (word[length] == ' ');
    }
    return set;
}

static void name_modes(Arena *a, TraceTouch *touch, unsigned fresh, unsigned before) {
    touch->modes.at = arena_take(a, MODES * sizeof(char *));
    for (unsigned i = MODES; i-- > 0;)
        if (fresh & 1U << i)
            touch->modes.at[touch->modes.count++] = modes[i];
    touch->stronger = fresh > before;
}

/* ---- two looks ---- */

/* Rows come in the order of their numbers. */
static bool was_there(const PgRows *rows, long long oid) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pg_integer(rows, middle, OID) < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < rows->count && pg_integer(rows, low, OID) == oid;
}

static bool named(const PgRows *rows, const char *name) {
    for (size_t i = 0; i < rows->count; i++)
        if (text_same(pg_cell(rows, i, NAME), name))
            return true;
    return false;
}

static void add_build(Arena *a, Trace *out, const char *table) {
    for (size_t i = 0; i < out->builds.count; i++)
        if (text_same(out->builds.at[i], table))
            return;
    size_t size = sizeof *out->builds.at, count = out->builds.count;
    out->builds.at = arena_grow(a, out->builds.at, count * size, (count + 1) * size);
    out->builds.at[out->builds.count++] = arena_string(a, table);
}

/* Row `i` of `now`, row `k` of the look before; `k` beyond its end: it was not there. */
static void compare(TraceEye *eye, Arena *a, const PgRows *now, size_t i, size_t k, Trace *out) {
    const PgRows *before = &eye->before;
    bool known = k < before->count, is_table = pg_true(now, i, IS_TABLE);
    const char *table = pg_cell(now, i, TABLE);
    unsigned held = known && eye->holds ? bits(pg_cell(before, k, HELD)) : 0;
    unsigned fresh = bits(pg_cell(now, i, HELD)) & ~held;
    bool other =
        !known || !text_same(pg_cell(now, i, FILE_NUMBER), pg_cell(before, k, FILE_NUMBER));
    if (table) /* every statement on a table locks its indexes as well */
        fresh &= ~0U << (INDEX_FROM - 1);
    if (table && other && named(&eye->first, table))
        add_build(a, out, table);
    if (!fresh && !(is_table && known && other))
        return;
    TraceTouch *touch = &out->touch[out->count++];
    *touch = (TraceTouch){.relation = arena_string(a, pg_cell(now, i, NAME)),
                          .is_new = !was_there(&eye->first, pg_integer(now, i, OID)),
                          .is_table = is_table,
                          .rewritten = is_table && known && other};
    name_modes(a, touch, fresh, held);
}

static bool look(TraceEye *eye, PgRows *out) {
    arena_reset(eye->next);
    return pg_rows(eye->pg, eye->next, out, SQL_TRACE_STATE, PG_NONE);
}

static void keep(TraceEye *eye, PgRows rows) {
    Arena *seen = eye->next;
    eye->next = eye->arena;
    eye->arena = seen;
    eye->before = rows;
    eye->holds = pg_state(eye->pg) == PG_IN_TRANSACTION;
}

bool trace_open(TraceEye *eye, Arena *a, Pg *pg) {
    PgRows now;
    *eye = (TraceEye){.pg = pg, .arena = arena_new(), .next = arena_new()};
    if (!pg_rows(pg, a, &eye->first, SQL_TRACE_STATE, PG_NONE) || !look(eye, &now))
        return false;
    keep(eye, now);
    return true;
}

bool trace_look(TraceEye *eye, Arena *a, Trace *out) {
    PgRows now;
    if (!look(eye, &now))
        return false;
    *out = (Trace){.holds = pg_state(eye->pg) == PG_IN_TRANSACTION,
                   .touch = arena_take(eye->next, (now.count + 1) * sizeof *out->touch)};
    for (size_t i = 0, k = 0; i < now.count; i++) {
        while (k < eye->before.count && pg_integer(&eye->before, k, OID) < pg_integer(&now, i, OID))
            k++;
        bool known =
            k < eye->before.count && pg_integer(&eye->before, k, OID) == pg_integer(&now, i, OID);
        compare(eye, a, &now, i, known ? k : eye->before.count, out);
    }
    TraceTouch *touch = arena_take(a, (out->count + 1) * sizeof *touch);
    memcpy(touch, out->touch, out->count * sizeof *touch);
    out->touch = touch;
    keep(eye, now);
    return true;
}

void trace_begin(TraceEye *eye) {
    eye->holds = false;
}

void trace_close(TraceEye *eye) {
    arena_free(eye->arena);
    arena_free(eye->next);
}
