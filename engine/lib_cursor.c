#include "sandbox.h"

#include "fail.h"
#include "lexer.h"

#include <stdio.h>
#include <string.h>

/* db:rows(sql, ...): a cursor of the server, read some rows at a time into an arena of its own, so
 * that other calls can run in the loop. */
struct LibCursor {
    unsigned call, number;
    Arena *arena; /* NULL: it is over */
    PgRows rows;
    size_t at, asked;
    bool gone; /* the server has closed it */
    LibCursor **link, *next;
};

static const char META[] = "stint.rows";

/* Rows a fetch, fewer where they are long: about so many bytes; and how many cursors at a time. */
enum { MOST_ROWS = 1000, MOST_BYTES = 1 << 20, GROWTH = 32, MOST_CURSORS = 100 };

static void forget(LibCursor *cursor) {
    if (!cursor->arena)
        return;
    arena_free(cursor->arena);
    cursor->arena = NULL;
    *cursor->link = cursor->next;
    if (cursor->next)
        cursor->next->link = cursor->link;
}

void lib_cursor_undo(Script *script, unsigned number) {
    for (LibCursor *cursor = script->cursors; cursor; cursor = cursor->next)
        cursor->gone = cursor->gone || cursor->number > number;
}

/* Not where the server has done it, or would refuse to. */
static void close_on_server(lua_State *L, const LibCursor *cursor) {
    Script *script = sandbox_of(L);
    bool is_ours = script->pg && cursor->call == script->calls && script->end == SANDBOX_ON;
    if (!is_ours || cursor->gone || pg_state(script->pg) == PG_IN_FAILED_TRANSACTION)
        return;
    PgRows none;
    char sql[64];
    snprintf(sql, sizeof sql, "CLOSE stint_rows_%u", cursor->number);
    lib_db_run(L, NULL, &none, sql, strlen(sql), PG_NONE);
}

static void fetch(lua_State *L, LibCursor *cursor) {
    size_t bytes = arena_size(cursor->arena), rows = cursor->rows.count, next = 1;
    if (rows)
        next = MOST_BYTES / (bytes / rows + 1);
    if (next > cursor->asked * GROWTH)
        next = cursor->asked * GROWTH;
    cursor->asked = next < 1 ? 1 : next > MOST_ROWS ? MOST_ROWS : next;
    cursor->at = 0;
    arena_reset(cursor->arena);
    cursor->rows = (PgRows){0};
    const char *sql =
        arena_format(cursor->arena, "FETCH %zu FROM stint_rows_%u", cursor->asked, cursor->number);
    lib_db_run(L, cursor->arena, &cursor->rows, sql, strlen(sql), PG_NONE);
}

/* The next row, or nil at the end. */
static int rows_call(lua_State *L) {
    LibCursor *cursor = luaL_checkudata(L, 1, META);
    Script *script = sandbox_of(L);
    if (!script->pg || cursor->call != script->calls)
        return luaL_error(L, "these rows belonged to a %s that is over", script->kind);
    if (cursor->arena && cursor->gone)
        return luaL_error(L,
                          "these rows ended with the db:transaction that they were asked for in");
    bool is_last = cursor->asked && cursor->rows.count < cursor->asked;
    if (cursor->arena && cursor->at == cursor->rows.count && !is_last)
        fetch(L, cursor);
    if (cursor->asked == 1)
        lib_db_check_names(L, &cursor->rows); /* of the first fetch */
    if (cursor->arena && cursor->at < cursor->rows.count) {
        lib_db_push_row(L, &cursor->rows, cursor->at++);
        return 1;
    }
    if (cursor->arena) {
        forget(cursor);
        close_on_server(L, cursor);
    }
    lua_pushnil(L);
    return 1;
}

/* The loop was left early. */
static int rows_close(lua_State *L) {
    LibCursor *cursor = luaL_checkudata(L, 1, META);
    if (!cursor->arena)
        return 0;
    forget(cursor);
    close_on_server(L, cursor);
    return 0;
}

static int rows_gc(lua_State *L) {
    forget(luaL_checkudata(L, 1, META));
    return 0;
}

/* Those of a call that is over do not count: Lua only has not collected them yet. */
static void check_count(lua_State *L) {
    const Script *script = sandbox_of(L);
    int count = 0;
    for (const LibCursor *cursor = script->cursors; cursor; cursor = cursor->next)
        count += cursor->call == script->calls;
    if (count >= MOST_CURSORS)
        luaL_error(L,
                   "%d db:rows are open: read each to its end in a for loop, or leave that by "
                   "break",
                   count);
}

static void check_reads(lua_State *L, const char *sql) {
    static const char *const words[] = {"SELECT", "VALUES", "TABLE", "WITH"};
    Lexer lexer = lexer_on(sql, strlen(sql));
    Token token = lexer_next(&lexer);
    while (token.kind == TOKEN_COMMENT || lexer_is_operator(&lexer, token, "("))
        token = lexer_next(&lexer);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (lexer_is(&lexer, token, words[i]))
            return;
    luaL_error(L, "db:rows takes a SELECT; the rows of RETURNING come by db:query");
}

static LibCursor *new_cursor(lua_State *L, Script *script) {
    LibCursor *cursor = lua_newuserdatauv(L, sizeof *cursor, 0);
    *cursor = (LibCursor){.call = script->calls, .number = ++script->numbers};
    luaL_setmetatable(L, META);
    cursor->arena = arena_new();
    cursor->next = script->cursors;
    cursor->link = &script->cursors;
    if (cursor->next)
        cursor->next->link = &cursor->next;
    script->cursors = cursor;
    return cursor;
}

int lib_db_rows(lua_State *L) {
    PgRows none;
    Script *script = lib_db_living(L);
    arena_reset(script->scratch);
    const char *sql = lib_db_sql(L);
    check_reads(L, sql);
    check_count(L);
    PgArgs args = lib_db_arguments(L);
    LibCursor *cursor = new_cursor(L, script);
    bool hold = pg_state(script->pg) == PG_IDLE; /* no transaction, which it could end with */
    const char *declare =
        arena_format(script->scratch, "DECLARE stint_rows_%u NO SCROLL CURSOR %s FOR ",
                     cursor->number, hold ? "WITH HOLD" : "WITHOUT HOLD");
    size_t before = strlen(declare);
    cursor->gone = true; /* until it is there */
    lib_db_run(L, NULL, &none, arena_format(script->scratch, "%s%s", declare, sql), before, args);
    cursor->gone = false;
    lua_pushnil(L);
    lua_pushnil(L);
    lua_pushvalue(L, -3);
    return 4; /* for: the function, two that it needs not, what is closed at the end */
}

int lib_cursor_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__call", rows_call}, {"__close", rows_close}, {"__gc", rows_gc}, {NULL, NULL}};
    luaL_newmetatable(L, META);
    luaL_setfuncs(L, meta, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    return 0;
}
