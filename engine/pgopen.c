#include "clock.h"
#include "fail.h"
#include "log.h"
#include "pg_private.h"
#include "stop.h"
#include "text.h"
#include "utf8.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One address gets this long to answer; a host name may have several. */
enum { CONNECT_PATIENCE = 10000, RETRY_FIRST = 100, RETRY_MOST = 2000 };

const char *pg_one_line(Arena *a, const char *message) {
    Text line = text_on(a);
    for (const char *at = message ? message : ""; *at; at++) {
        if (*at == '\n' || *at == '\r')
            text_add(&line, at[1] ? " " : "");
        else if (*at != '\t')
            text_add_char(&line, *at);
    }
    while (line.length && line.at[line.length - 1] == ' ')
        line.at[--line.length] = 0;
    return line.at;
}

static void hear(Pg *pg, const char *message) {
    if (!pg->ear.hear || !pg->ear.hear(pg->ear.with, message, pg->completed))
        return;
    pg->cancelled_at = clock_ms();
    pg_cancel(pg);
}

static void on_notice(void *with, const PGresult *result) {
    Pg *pg = with;
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (!severity || !message)
        return;
    if (text_starts(severity, "DEBUG"))
        hear(pg, message);
    else if (strcmp(severity, "WARNING") == 0)
        log_say("%s: %s", severity, message);
    else
        log_detail("%s: %s", severity, message);
}

/* True when the server said something that waiting does not change. */
static bool is_final(const char *sqlstate) {
    return sqlstate && !text_starts(sqlstate, "57P") && !text_starts(sqlstate, "53");
}

/* "FATAL:  3D000: database ... does not exist" (libpq's verbose form) -> "3D000", or NULL. */
static const char *state_of(Arena *a, const char *message) {
    for (const char *at = strstr(message, ":  "); at; at = strstr(at + 1, ":  ")) {
        const char *state = at + 3;
        if (strspn(state, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && state[5] == ':')
            return arena_bytes(a, state, 5);
    }
    return NULL;
}

/* The same message without the state and without where in the server it was raised. */
static const char *without_state(Arena *a, const char *message, const char *state) {
    const char *location = strstr(message, "LOCATION:");
    char *text =
        location ? arena_bytes(a, message, (size_t)(location - message)) : arena_string(a, message);
    char *at = state ? strstr(text, state) : NULL;
    if (at)
        memmove(at, at + 7, strlen(at + 7) + 1);
    return pg_one_line(a, text);
}

static PGconn *start(const PgTarget *target) {
    char name[64];
    snprintf(name, sizeof name, "stint:%s", target->what ? target->what : "");
    const char *const keys[] = {"dbname",
                                "application_name",
                                "client_encoding",
                                "keepalives_idle",
                                "keepalives_interval",
                                "keepalives_count",
                                "tcp_user_timeout",
                                NULL};
    const char *const values[] = {target->conninfo, name, "UTF8", "30", "10", "3", "60000", NULL};
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    fail_secret(PQpass(conn)); /* from PGPASSWORD or ~/.pgpass, too */
    return conn;
}

/* The server needs some milliseconds to make a session; the caller may have a use for them. */
static void use_the_time(const PgTarget *target, PostgresPollingStatusType want, bool *used) {
    if (*used || want != PGRES_POLLING_READING || !target->meanwhile)
        return;
    *used = true;
    target->meanwhile(target->with);
}

static bool poll_until_open(PGconn *conn, const PgTarget *target) {
    bool used = false;
    long long until = clock_ms() + CONNECT_PATIENCE;
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want != PGRES_POLLING_OK) {
        use_the_time(target, want, &used);
        long long left = until - clock_ms();
        struct pollfd socket = {.fd = PQsocket(conn),
                                .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        if (want == PGRES_POLLING_FAILED || PQstatus(conn) == CONNECTION_BAD || stop_asked())
            return false;
        if (left <= 0)
            return false;
        if (poll(&socket, 1, (int)(left < 200 ? left : 200)) > 0)
            want = PQconnectPoll(conn);
    }
    PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
    return true;
}

/* A connection, or NULL with a failure; `*again` says whether waiting may help. */
static PGconn *connect_once(const PgTarget *target, bool *again) {
    PGconn *conn = start(target);
    *again = false;
    if (conn && poll_until_open(conn, target))
        return conn;
    Arena *a = arena_new();
    const char *message = conn ? PQerrorMessage(conn) : "out of memory";
    const char *state = state_of(a, message);
    *again = !is_final(state) && !stop_asked();
    if (stop_asked())
        stop_failure();
    else if (!*message || PQstatus(conn) != CONNECTION_BAD)
        fail(FAIL_CONNECT, "cannot connect: no answer from %s within %d s",
             conn && PQhost(conn) && *PQhost(conn) ? PQhost(conn) : "the server",
             CONNECT_PATIENCE / 1000);
    else
        fail(FAIL_CONNECT, "cannot connect: %s", without_state(a, message, state));
    if (state)
        fail_sqlstate(state);
    if (PQconnectionNeedsPassword(conn))
        fail_hint("put the password into the URL's variable, PGPASSWORD or ~/.pgpass");
    PQfinish(conn);
    arena_free(a);
    return NULL;
}

static PGconn *connect_patiently(const PgTarget *target) {
    long long until = clock_ms() + target->wait_ms;
    for (int n = 0;; n++) {
        bool again;
        PGconn *conn = connect_once(target, &again);
        if (conn || !again || clock_ms() >= until)
            return conn;
        if (n == 0)
            log_say("waiting for the server: %s", failure()->message);
        clock_sleep(clock_backoff(RETRY_FIRST, RETRY_MOST, n));
    }
}

/* Every setting that a session of ours has, as a list of set_config: never as startup options,
 * which a pooler refuses. */
static void add_setting(Pg *pg, Text *sql, const char *name, const char *value) {
    if (!value)
        return;
    text_add(sql, sql->length ? ", " : "SELECT ");
    text_addf(sql, "pg_catalog.set_config('%s', %s, false)", name,
              pg_literal(pg, sql->arena, value));
}

static char *settings_of(Pg *pg) {
    Text sql = text_on(pg->arena);
    const PgTarget *t = &pg->target;
    const char *lock = arena_format(pg->arena, "%lld", t->lock_timeout);
    const char *statement = arena_format(pg->arena, "%lld", t->statement_timeout);
    if (pg_version(pg) >= 140000)
        add_setting(pg, &sql, "client_connection_check_interval", "500");
    add_setting(pg, &sql, "idle_in_transaction_session_timeout", "600000");
    add_setting(pg, &sql, "lock_timeout", lock);
    add_setting(pg, &sql, "statement_timeout", statement);
    add_setting(pg, &sql, "standard_conforming_strings", "on");
    add_setting(pg, &sql, "DateStyle", "ISO");
    add_setting(pg, &sql, "search_path", t->search_path);
    add_setting(pg, &sql, "role", t->role);
    if (pg_host(pg)[0] != '/') {
        add_setting(pg, &sql, "tcp_keepalives_idle", "30");
        add_setting(pg, &sql, "tcp_keepalives_interval", "10");
        add_setting(pg, &sql, "tcp_keepalives_count", "3");
        if (pg_version(pg) >= 120000)
            add_setting(pg, &sql, "tcp_user_timeout", "60000");
    }
    return sql.at;
}

static Pg *failed(Pg *pg) {
    pg_close(pg);
    return NULL;
}

static Pg *open_bare(Arena *a, const PgTarget *target) {
    Pg *pg = arena_take(a, sizeof *pg);
    pg->target = *target;
    pg->arena = arena_new();
    pg->error_arena = arena_new();
    pg->stoppable = true;
    pg->wait.every = 1000;
    pg->conn = connect_patiently(target);
    if (!pg->conn)
        return failed(pg);
    PQsetNoticeReceiver(pg->conn, on_notice, pg);
    return pg;
}

static Pg *open_second(Pg *pg) {
    PgTarget target = pg->target;
    target.meanwhile = NULL;
    return open_bare(pg->arena, &target);
}

Pg *pg_open(Arena *a, const PgTarget *target) {
    Pg *pg = open_bare(a, target);
    if (!pg)
        return NULL;
    if (!pg_is_ours(pg, open_second))
        return failed(pg);
    pg->settings = settings_of(pg);
    if (!pg_do(pg, pg->settings, PG_NONE)) {
        fail_in("cannot set up the session");
        fail_as(FAIL_CONNECT);
        return failed(pg);
    }
    return pg;
}

void pg_close(Pg *pg) {
    if (!pg)
        return;
    pg_close(pg->witness);
    if (pg->conn) {
        pg_cancel(pg);
        PQfinish(pg->conn);
    }
    arena_free(pg->arena);
    arena_free(pg->error_arena);
    memset(pg, 0, sizeof *pg);
}

Pg *pg_witness(Pg *pg) {
    if (pg->witness && PQstatus(pg->witness->conn) == CONNECTION_BAD) {
        pg_close(pg->witness);
        pg->witness = NULL;
    }
    if (!pg->witness) {
        PgTarget target = pg->target;
        target.meanwhile = NULL;
        target.what = arena_format(pg->arena, "%s witness", target.what ? target.what : "");
        target.wait_ms = 0;
        target.statement_timeout = 5000;
        pg->witness = pg_open(pg->arena, &target);
    }
    return pg->witness;
}

void pg_on_debug(Pg *pg, PgEar ear) {
    pg->ear = ear;
}

const char *pg_settings(const Pg *pg) {
    return pg->settings;
}

int pg_version(const Pg *pg) {
    return PQserverVersion(pg->conn);
}

int pg_pid(const Pg *pg) {
    return pg->pid;
}

bool pg_is_direct(const Pg *pg) {
    return pg->pid == PQbackendPID(pg->conn);
}

const char *pg_database(const Pg *pg) {
    return PQdb(pg->conn);
}

const char *pg_user(const Pg *pg) {
    return PQuser(pg->conn);
}

const char *pg_host(const Pg *pg) {
    const char *host = PQhost(pg->conn);
    return host ? host : "";
}

const char *pg_port(const Pg *pg) {
    return PQport(pg->conn);
}

const PgTarget *pg_target(const Pg *pg) {
    return &pg->target;
}

/* What libpq takes: bytes that are no UTF-8 would make it answer nothing at all. */
static const char *mended(Arena *a, const char *text) {
    size_t length = strlen(text), bad = utf8_bad(text, length);
    if (bad == length)
        return text;
    char *copy = arena_bytes(a, text, length);
    for (; bad < length; bad = utf8_bad(copy, length))
        copy[bad] = '?';
    return copy;
}

static const char *escaped(Arena *a, char *quoted) {
    if (!quoted)
        abort(); /* no memory; an empty text would be another statement */
    const char *copy = arena_string(a, quoted);
    PQfreemem(quoted);
    return copy;
}

const char *pg_literal(Pg *pg, Arena *a, const char *text) {
    text = mended(a, text);
    return escaped(a, PQescapeLiteral(pg->conn, text, strlen(text)));
}

const char *pg_ident(Pg *pg, Arena *a, const char *name) {
    name = mended(a, name);
    return escaped(a, PQescapeIdentifier(pg->conn, name, strlen(name)));
}
