#include "pg.h"

#include "clock.h"
#include "fail.h"
#include "log.h"
#include "pg_private.h"
#include "stop.h"
#include "text.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The server gets this long to act on a cancel before the connection is given up; less, where the
 * statement itself had less. */
enum { CANCEL_PATIENCE = 10000 };

static void cancel(Pg *pg) {
    char reason[256];
    PGcancel *handle = PQgetCancel(pg->conn);
    if (handle && !PQcancel(handle, reason, sizeof reason))
        log_detail("cancel: %s", reason);
    PQfreeCancel(handle);
}

/* Ticks, deadline and stop: what may happen while the server works. */
static void look_around(Pg *pg) {
    long long now = clock_ms();
    if (pg->wait.tick && now >= pg->next_tick) {
        pg->next_tick = now + pg->wait.every;
        pg->wait.tick(pg->wait.with);
    }
    bool late = pg->deadline_at && now >= pg->deadline_at;
    if (!pg->cancelled_at && (late || (pg->stoppable && stop_asked()))) {
        pg->error.deadline = late;
        pg->cancelled_at = now;
        cancel(pg);
    }
}

static int patience(const Pg *pg) {
    long long now = clock_ms(), until = now + 1000;
    if (pg->wait.tick && pg->next_tick < until)
        until = pg->next_tick;
    if (pg->deadline_at && !pg->cancelled_at && pg->deadline_at < until)
        until = pg->deadline_at;
    return until > now ? (int)(until - now) : 0;
}

/* A server, or a proxy, that neither answers nor heeds a cancel: whatever it does from now on, the
 * session is over. A broken socket makes libpq say so, and every caller sees a lost connection. */
static bool give_up(Pg *pg) {
    shutdown(PQsocket(pg->conn), SHUT_RDWR);
    PQconsumeInput(pg->conn);
    return false;
}

static bool is_hopeless(const Pg *pg) {
    long long most =
        pg->deadline && pg->deadline < CANCEL_PATIENCE ? pg->deadline : CANCEL_PATIENCE;
    return pg->cancelled_at && clock_ms() - pg->cancelled_at > most;
}

bool pg_wait(Pg *pg) {
    while (PQisBusy(pg->conn)) {
        struct pollfd socket = {.fd = PQsocket(pg->conn), .events = POLLIN};
        if (socket.fd < 0)
            return false;
        if (poll(&socket, 1, patience(pg)) > 0 && !PQconsumeInput(pg->conn))
            return false;
        look_around(pg);
        if (is_hopeless(pg))
            return give_up(pg);
    }
    return true;
}

void pg_begin(Pg *pg) {
    long long now = clock_ms();
    arena_reset(pg->error_arena);
    pg->error = (PgError){.message = ""};
    pg->failed = false;
    pg->completed = 0;
    pg->cancelled_at = 0;
    pg->next_tick = now + pg->wait.every;
    pg->deadline_at = pg->deadline ? now + pg->deadline : 0;
}

static const char *field(Pg *pg, const PGresult *result, int code) {
    return arena_string(pg->error_arena, PQresultErrorField(result, code));
}

void pg_keep_error(Pg *pg, const PGresult *result) {
    if (pg->failed)
        return; /* the first one is the cause */
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *message = field(pg, result, PG_DIAG_MESSAGE_PRIMARY);
    pg->failed = true;
    strncpy(pg->error.sqlstate, state ? state : "", 5);
    pg->error.message = message ? message : pg_one_line(pg->error_arena, PQerrorMessage(pg->conn));
    pg->error.detail = field(pg, result, PG_DIAG_MESSAGE_DETAIL);
    pg->error.hint = field(pg, result, PG_DIAG_MESSAGE_HINT);
    pg->error.context = field(pg, result, PG_DIAG_CONTEXT);
    pg->error.constraint = field(pg, result, PG_DIAG_CONSTRAINT_NAME);
    pg->error.schema = field(pg, result, PG_DIAG_SCHEMA_NAME);
    pg->error.table = field(pg, result, PG_DIAG_TABLE_NAME);
    pg->error.column = field(pg, result, PG_DIAG_COLUMN_NAME);
    pg->error.position = position ? atol(position) : 0;
}

static void keep_loss(Pg *pg) {
    if (!pg->failed)
        pg->error.message = pg_one_line(pg->error_arena, PQerrorMessage(pg->conn));
    pg->failed = true;
    pg->error.lost = true;
}

bool pg_finish(Pg *pg) {
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        keep_loss(pg);
    if (!pg->failed)
        return true;
    const PgError *e = &pg->error;
    if (pg->stoppable && stop_asked() && (e->lost || strcmp(e->sqlstate, "57014") == 0))
        return stop_failure();
    if (e->deadline)
        fail(FAIL_ERROR, "cancelled after %lld ms (our own deadline)", pg->deadline);
    else if (e->lost)
        fail(FAIL_CONNECT, "the connection to the server was lost: %s", e->message);
    else
        fail(FAIL_ERROR, "%s", e->message);
    if (e->sqlstate[0])
        fail_sqlstate(e->sqlstate);
    if (e->detail)
        fail_detail("%s", e->detail);
    if (e->hint)
        fail_hint("%s", e->hint);
    if (e->context)
        fail_context(e->context);
    return false;
}

bool pg_not_sent(Pg *pg) {
    pg->meanwhile = NULL;
    keep_loss(pg);
    pg->error.lost = PQstatus(pg->conn) == CONNECTION_BAD;
    return pg_finish(pg);
}

static void drain_copy_out(Pg *pg) {
    char *data;
    int got;
    while ((got = PQgetCopyData(pg->conn, &data, 0)) > 0)
        PQfreemem(data);
}

void pg_no_copy(Pg *pg, ExecStatusType status) {
    if (status == PGRES_COPY_IN)
        PQputCopyEnd(pg->conn, "COPY FROM STDIN needs data");
    else if (status == PGRES_COPY_OUT)
        drain_copy_out(pg);
}

static void send_copy(Pg *pg, PgCopies copies, size_t *next) {
    if (*next == copies.count) {
        PQputCopyEnd(pg->conn, "no data stands behind this COPY");
        return;
    }
    const Bytes *data = &copies.data[(*next)++];
    for (size_t at = 0; at < data->length;) {
        size_t piece = data->length - at < 65536 ? data->length - at : 65536;
        if (PQputCopyData(pg->conn, data->at + at, (int)piece) != 1)
            break;
        at += piece;
    }
    PQputCopyEnd(pg->conn, NULL);
}

bool pg_message(Pg *pg, const char *sql, PgCopies copies, size_t *completed) {
    size_t next = 0;
    *completed = 0;
    pg_begin(pg);
    if (!PQsendQuery(pg->conn, sql))
        return pg_not_sent(pg);
    PQsetSingleRowMode(pg->conn); /* rows are dropped: never hold more than one */
    for (PGresult *result; pg_wait(pg) && (result = PQgetResult(pg->conn));) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
            pg->completed = ++*completed;
        else if (status == PGRES_COPY_IN)
            send_copy(pg, copies, &next);
        else if (status == PGRES_COPY_OUT)
            drain_copy_out(pg);
        else if (status == PGRES_FATAL_ERROR)
            pg_keep_error(pg, result);
        PQclear(result);
    }
    return pg_finish(pg);
}

bool pg_do_all(Pg *pg, const char *sql) {
    size_t completed;
    return pg_message(pg, sql, (PgCopies){0, NULL}, &completed);
}

bool pg_send(Pg *pg, const char *sql, PgArgs args) {
    int *formats = NULL;
    Arena *own = args.length ? arena_new() : NULL;
    if (args.length) {
        formats = arena_take(own, (size_t)args.count * sizeof *formats);
        for (int i = 0; i < args.count; i++)
            formats[i] = args.length[i] >= 0;
    }
    pg_begin(pg);
    int sent =
        PQsendQueryParams(pg->conn, sql, args.count, NULL, args.value, args.length, formats, 0);
    arena_free(own);
    return sent || pg_not_sent(pg);
}

void pg_meanwhile(Pg *pg, void (*call)(void *with), void *with) {
    pg->meanwhile = call;
    pg->meanwhile_with = with;
}

bool pg_answer(Pg *pg, Arena *a, PgRows *out) {
    void (*meanwhile)(void *with) = pg->meanwhile;
    pg->meanwhile = NULL;
    if (meanwhile && PQflush(pg->conn) == 0)
        meanwhile(pg->meanwhile_with);
    for (PGresult *result; pg_wait(pg) && (result = PQgetResult(pg->conn));) {
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_FATAL_ERROR)
            pg_keep_error(pg, result);
        else if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT)
            pg_no_copy(pg, status);
        else if (out) {
            pg_copy_rows(result, a, out);
            out->affected = atoll(PQcmdTuples(result));
        }
        PQclear(result);
    }
    return pg_finish(pg);
}

bool pg_do(Pg *pg, const char *sql, PgArgs args) {
    return pg_send(pg, sql, args) && pg_answer(pg, NULL, NULL);
}

bool pg_rows(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args) {
    *out = (PgRows){0};
    return pg_send(pg, sql, args) && pg_answer(pg, a, out);
}

bool pg_row(Pg *pg, Arena *a, PgRows *out, const char *sql, PgArgs args) {
    if (!pg_rows(pg, a, out, sql, args))
        return false;
    return out->count == 1 || fail(FAIL_ERROR, "expected one row, got %zu", out->count);
}

const char *pg_cell(const PgRows *rows, size_t row, int column) {
    return rows->cell[row * (size_t)rows->width + (size_t)column];
}

long long pg_integer(const PgRows *rows, size_t row, int column) {
    const char *cell = pg_cell(rows, row, column);
    return cell ? atoll(cell) : 0;
}

bool pg_true(const PgRows *rows, size_t row, int column) {
    return text_same(pg_cell(rows, row, column), "t");
}

const PgError *pg_error(const Pg *pg) {
    return &pg->error;
}

bool pg_failed_with(const Pg *pg, const char *sqlstate) {
    return pg->failed && strcmp(pg->error.sqlstate, sqlstate) == 0;
}

void pg_aside(Pg *pg, const char *sql) {
    bool stoppable = pg->stoppable;
    long long deadline = pg->deadline_at;
    pg->stoppable = false;
    pg->deadline_at = 0;
    pg->cancelled_at = 0; /* what was cancelled has ended: its patience is not this statement's */
    if (PQsendQuery(pg->conn, sql))
        for (PGresult *result; pg_wait(pg) && (result = PQgetResult(pg->conn));)
            PQclear(result);
    pg->stoppable = stoppable;
    pg->deadline_at = deadline;
}

void pg_roll_back(Pg *pg) {
    PGTransactionStatusType state = PQtransactionStatus(pg->conn);
    if (state == PQTRANS_INTRANS || state == PQTRANS_INERROR)
        pg_aside(pg, "ROLLBACK");
}

PgState pg_state(const Pg *pg) {
    switch (PQtransactionStatus(pg->conn)) {
    case PQTRANS_IDLE:
        return PG_IDLE;
    case PQTRANS_ACTIVE:
    case PQTRANS_INTRANS:
        return PG_IN_TRANSACTION;
    case PQTRANS_INERROR:
        return PG_IN_FAILED_TRANSACTION;
    default:
        return PG_LOST;
    }
}

PgWait pg_on_wait(Pg *pg, PgWait wait) {
    PgWait before = pg->wait;
    pg->wait = wait;
    return before;
}

void pg_deadline(Pg *pg, long long ms) {
    pg->deadline = ms;
}

void pg_stoppable(Pg *pg, bool stoppable) {
    pg->stoppable = stoppable;
}

void pg_cancel(Pg *pg) {
    if (PQtransactionStatus(pg->conn) == PQTRANS_ACTIVE)
        cancel(pg);
}
