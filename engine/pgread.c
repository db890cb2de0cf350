#include "pg.h"

#include "clock.h"
#include "fail.h"
#include "pg_private.h"

#include <stdlib.h>
#include <string.h>

void pg_copy_rows(const PGresult *result, Arena *a, PgRows *out) {
    int rows = PQntuples(result), width = PQnfields(result);
    size_t cells = (size_t)rows * (size_t)width, at = 0;
    out->count = (size_t)rows;
    out->width = width;
    out->name = arena_take(a, (size_t)width * sizeof *out->name);
    out->type = arena_take(a, (size_t)width * sizeof *out->type);
    out->cell = arena_take(a, cells * sizeof *out->cell);
    out->length = arena_take(a, cells * sizeof *out->length);
    for (int c = 0; c < width; c++) {
        out->name[c] = arena_string(a, PQfname(result, c));
        out->type[c] = PQftype(result, c);
    }
    size_t size = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < width; c++, at++)
            size += (size_t)(out->length[at] = PQgetlength(result, r, c)) + 1;
    char *bytes = arena_take(a, size); /* all cells in one piece: most are a few bytes */
    at = 0;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < width; c++, at++) {
            size_t length = (size_t)out->length[at];
            if (!length && PQgetisnull(result, r, c))
                continue;
            out->cell[at] = memcpy(bytes, PQgetvalue(result, r, c), length);
            bytes += length + 1;
        }
}

/* An answer that is read row by row, so that libpq holds one row of it at a time. */
typedef struct {
    Arena *arena;
    PgRows *rows;
    size_t most, room; /* bytes; cells */
} Reading;

static void keep_columns(Reading *reading, const PGresult *result) {
    PgRows *rows = reading->rows;
    if (rows->name || !reading->arena)
        return;
    rows->width = PQnfields(result);
    rows->name = arena_take(reading->arena, (size_t)rows->width * sizeof *rows->name);
    rows->type = arena_take(reading->arena, (size_t)rows->width * sizeof *rows->type);
    for (int c = 0; c < rows->width; c++) {
        rows->name[c] = arena_string(reading->arena, PQfname(result, c));
        rows->type[c] = PQftype(result, c);
    }
}

/* Doubled as they fill: how many come is known at the end only. */
static void make_room(Reading *reading) {
    PgRows *rows = reading->rows;
    size_t used = rows->count * (size_t)rows->width, need = used + (size_t)rows->width;
    if (need <= reading->room)
        return;
    size_t room = need > 2 * reading->room ? need : 2 * reading->room;
    rows->cell = arena_grow(reading->arena, rows->cell, used * sizeof *rows->cell,
                            room * sizeof *rows->cell);
    rows->length = arena_grow(reading->arena, rows->length, used * sizeof *rows->length,
                              room * sizeof *rows->length);
    reading->room = room;
}

static size_t row_size(const PGresult *result) {
    size_t size = 0;
    for (int c = 0; c < PQnfields(result); c++)
        size += (size_t)PQgetlength(result, 0, c) + sizeof(char *) + sizeof(int);
    return size;
}

static void keep_row(Reading *reading, const PGresult *result) {
    PgRows *rows = reading->rows;
    keep_columns(reading, result);
    make_room(reading);
    size_t at = rows->count++ * (size_t)rows->width;
    size_t size = 0;
    for (int c = 0; c < rows->width; c++)
        size += (size_t)(rows->length[at + (size_t)c] = PQgetlength(result, 0, c)) + 1;
    char *bytes = arena_take(reading->arena, size);
    for (int c = 0; c < rows->width; c++, at++) {
        rows->cell[at] = NULL;
        if (PQgetisnull(result, 0, c))
            continue;
        rows->cell[at] = memcpy(bytes, PQgetvalue(result, 0, c), (size_t)rows->length[at]);
        bytes += rows->length[at] + 1;
    }
}

static void look_at_row(Pg *pg, Reading *reading, const PGresult *result) {
    if (pg->error.too_long)
        return; /* what the server had sent already */
    if (!reading->arena) {
        reading->rows->count++;
        return;
    }
    size_t row = row_size(result), held = arena_size(reading->arena);
    if (row <= reading->most && held <= reading->most - row) {
        keep_row(reading, result);
        return;
    }
    pg->error.too_long = true;
    pg->cancelled_at = clock_ms();
    pg_cancel(pg);
}

static void look_at(Pg *pg, Reading *reading, const PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_SINGLE_TUPLE) {
        look_at_row(pg, reading, result);
    } else if (status == PGRES_FATAL_ERROR) {
        pg_keep_error(pg, result);
    } else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
        pg_no_copy(pg, status);
    } else {
        keep_columns(reading, result);
        reading->rows->affected = atoll(PQcmdTuples((PGresult *)result)); /* it changes nothing */
    }
}

bool pg_read(Pg *pg, Arena *a, size_t most, PgRows *out, const char *sql, PgArgs args) {
    Reading reading = {.arena = a, .rows = out, .most = most};
    *out = (PgRows){0};
    if (!pg_send(pg, sql, args))
        return false;
    PQsetSingleRowMode(pg->conn);
    for (PGresult *result; pg_wait(pg) && (result = PQgetResult(pg->conn));) {
        look_at(pg, &reading, result);
        PQclear(result);
    }
    bool ok = pg_finish(pg);
    bool stopped = !ok && failure()->kind == FAIL_INTERRUPTED;
    if (!pg->error.too_long || pg->error.lost || stopped)
        return ok;
    return fail(FAIL_ERROR, "the rows need more than %zu kB", most / 1024);
}
