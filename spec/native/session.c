/* A session with PostgreSQL that a spec steps by hand: libpq, as bare as can be. */
#include <lauxlib.h>
#include <lua.h>

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <time.h>

extern const luaL_Reg native_session[];

static const char type_name[] = "stint.spec.session";

typedef struct {
    PGconn *conn;
} Session;

static PGconn *conn_of(lua_State *L) {
    Session *session = luaL_checkudata(L, 1, type_name);
    if (!session->conn)
        luaL_error(L, "this session is closed");
    return session->conn;
}

static int close_session(lua_State *L) {
    Session *session = luaL_checkudata(L, 1, type_name);
    PQfinish(session->conn);
    session->conn = NULL;
    return 0;
}

static void ignore_notice(void *with, const PGresult *notice) {
    (void)with;
    (void)notice;
}

static int open_session(lua_State *L) {
    const char *url = luaL_checkstring(L, 1);
    Session *session = lua_newuserdatauv(L, sizeof *session, 0);
    session->conn = NULL;
    if (luaL_newmetatable(L, type_name)) {
        lua_pushcfunction(L, close_session);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    session->conn = PQconnectdb(url);
    if (PQstatus(session->conn) != CONNECTION_OK)
        return luaL_error(L, "cannot connect: %s", PQerrorMessage(session->conn));
    PQsetNoticeReceiver(session->conn, ignore_notice, NULL);
    return 1;
}

static int send_sql(lua_State *L) {
    PGconn *conn = conn_of(L);
    if (!PQsendQuery(conn, luaL_checkstring(L, 2)))
        return luaL_error(L, "cannot send: %s", PQerrorMessage(conn));
    return 0;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* busy(session, seconds): is there still no answer after so long? */
static int busy(lua_State *L) {
    PGconn *conn = conn_of(L);
    double until = now() + luaL_optnumber(L, 2, 0);
    for (;;) {
        double left = until - now();
        struct pollfd socket = {PQsocket(conn), POLLIN, 0};
        PQconsumeInput(conn);
        if (!PQisBusy(conn) || left <= 0)
            break;
        if (poll(&socket, 1, (int)(left * 1000) + 1) < 0 && errno != EINTR)
            break;
    }
    lua_pushboolean(L, PQisBusy(conn));
    return 1;
}

static void push_rows(lua_State *L, const PGresult *result) {
    lua_createtable(L, PQntuples(result), 0);
    for (int row = 0; row < PQntuples(result); row++) {
        lua_newtable(L);
        for (int column = 0; column < PQnfields(result); column++) {
            if (PQgetisnull(result, row, column))
                continue;
            const char *value = PQgetvalue(result, row, column);
            lua_pushlstring(L, value, (size_t)PQgetlength(result, row, column));
            lua_pushvalue(L, -1);
            lua_setfield(L, -3, PQfname(result, column));
            lua_seti(L, -2, column + 1);
        }
        lua_seti(L, -2, row + 1);
    }
}

/* results(session): waits; the last statement's rows, or nil, message, SQLSTATE. */
static int results(lua_State *L) {
    PGconn *conn = conn_of(L);
    PGresult *result, *last = NULL;
    while ((result = PQgetResult(conn))) {
        PQclear(last);
        last = result;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            break;
    }
    if (!last)
        return luaL_error(L, "nothing was sent");
    const char *sqlstate = PQresultErrorField(last, PG_DIAG_SQLSTATE);
    ExecStatusType status = PQresultStatus(last);
    int pushed = 1;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        push_rows(L, last);
    } else {
        lua_pushnil(L);
        lua_pushstring(L, PQresultErrorMessage(last));
        lua_pushstring(L, sqlstate ? sqlstate : "");
        pushed = 3;
    }
    PQclear(last);
    return pushed;
}

static int pid(lua_State *L) {
    lua_pushinteger(L, PQbackendPID(conn_of(L)));
    return 1;
}

static int cancel(lua_State *L) {
    char reason[256] = "";
    PGcancel *handle = PQgetCancel(conn_of(L));
    lua_pushboolean(L, handle && PQcancel(handle, reason, sizeof reason));
    PQfreeCancel(handle);
    return 1;
}

const luaL_Reg native_session[] = {{"open", open_session}, {"close", close_session},
                                   {"send", send_sql},     {"busy", busy},
                                   {"results", results},   {"pid", pid},
                                   {"cancel", cancel},     {NULL, NULL}};
