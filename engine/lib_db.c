#include "sandbox.h"

#include "clock.h"
#include "fail.h"
#include "sqlfile.h"
#include "text.h"

#include <limits.h>
#include <string.h>

/* The one handle of scripts. It knows its call by number: dead when that is over. */
typedef struct {
    unsigned call;
    const char *kind;
} Db;

static const char META[] = "stint.db";

void lib_db_push(lua_State *L) {
    Db *db = lua_newuserdatauv(L, sizeof *db, 0);
    db->call = sandbox_of(L)->calls;
    db->kind = sandbox_of(L)->kind;
    luaL_setmetatable(L, META);
}

Script *lib_db_living(lua_State *L) {
    Script *script = sandbox_of(L);
    Db *db = luaL_testudata(L, 1, META);
    if (!db)
        luaL_error(L, "functions of db are called with a colon: db:exec(...)");
    else if (!script->pg || db->call != script->calls)
        luaL_error(L, "this db belonged to a %s that is over", db->kind);
    return script;
}

const char *lib_db_sql(lua_State *L) {
    size_t length;
    const char *sql = luaL_checklstring(L, 2, &length);
    if (strlen(sql) != length)
        luaL_error(L, "the SQL holds a NUL byte");
    const char *refused = lib_refusal(sql, length);
    if (refused)
        luaL_error(L, "%s", refused);
    return sql;
}

PgArgs lib_db_arguments(lua_State *L) {
    Arena *a = sandbox_of(L)->scratch;
    int count = lua_gettop(L) - 2;
    if (count <= 0)
        return PG_NONE;
    if (count > 65535)
        luaL_error(L, "PostgreSQL takes 65535 parameters, not %d", count);
    const char **values = arena_take(a, (size_t)count * sizeof *values);
    int *lengths = arena_take(a, (size_t)count * sizeof *lengths);
    for (int i = 0; i < count; i++)
        values[i] = lib_value_text(L, i + 3, arena_format(a, "$%d", i + 1), &lengths[i]);
    return (PgArgs){count, values, lengths};
}

int lib_db_raise(lua_State *L, const char *sql, size_t before) {
    Script *script = sandbox_of(L);
    const PgError *error = pg_error(script->pg);
    if (error->lost || pg_state(script->pg) == PG_LOST || failure()->kind == FAIL_INTERRUPTED) {
        sandbox_end(L, failure()->kind == FAIL_INTERRUPTED ? SANDBOX_STOPPED : SANDBOX_FAILED);
        return luaL_error(L, "this call is over");
    }
    if (error->too_long) {
        fail_clear();
        arena_reset(script->scratch);
        return luaL_error(L,
                          "the rows need more memory than the %d kB that scripts may hold "
                          "(lua_memory); db:rows takes few at a time",
                          (int)(script->limits.memory / 1024));
    }
    if (text_same(failure()->sqlstate, "08P01") && strstr(failure()->message, "supplies"))
        fail_hint("one value for each $n; a call at the list's end gives all that it returns "
                  "(string.gsub gives two): put it into parentheses");
    const char *context = failure()->context,
               *place = sqlfile_excerpt(script->scratch, sql, error->position - (long)before);
    if (context && place)
        context = arena_format(script->scratch, "%s\n%s", place, context);
    return lib_error_raise(L, error, context ? context : place);
}

/* What is Stint's own (the reading of a cursor) is nobody's to hear. */
static void tell(lua_State *L, const char *sql, long long ms) {
    Script *script = sandbox_of(L);
    lua_Debug frame;
    if (!*sql || !script->ear.hear)
        return;
    int line = sandbox_frame(L, 0, &frame) ? frame.currentline : 0;
    sandbox_pause(script);
    bool ok = script->ear.hear(script->ear.with, sql, line, ms);
    sandbox_resume(script);
    if (ok)
        return;
    sandbox_end(L, SANDBOX_FAILED);
    luaL_error(L, "this call is over");
}

void lib_db_run(lua_State *L, Arena *a, PgRows *rows, const char *sql, size_t before, PgArgs args) {
    Script *script = sandbox_of(L);
    PgState state = pg_state(script->pg);
    size_t most = sandbox_room(script) + (a ? arena_size(a) : 0);
    long long start = clock_ms();
    sandbox_pause(script);
    bool ok = pg_read(script->pg, a, most, rows, sql, args);
    long long took = clock_ms() - start;
    sandbox_resume(script);
    if (!ok)
        lib_db_raise(L, sql + before, before);
    if (pg_state(script->pg) != state) {
        fail(FAIL_ERROR, "this statement began or ended a transaction, which is Stint's own");
        sandbox_end(L, SANDBOX_FAILED);
        luaL_error(L, "this call is over");
    }
    tell(L, sql + before, took);
}

/* Does what most calls share: the statement in argument 2, its parameters after it. */
static Script *run(lua_State *L, PgRows *rows) {
    Script *script = lib_db_living(L);
    arena_reset(script->scratch);
    const char *sql = lib_db_sql(L);
    lib_db_run(L, script->scratch, rows, sql, 0, lib_db_arguments(L));
    return script;
}

static void push_cell(lua_State *L, const PgRows *rows, size_t row, int column) {
    const char *cell = pg_cell(rows, row, column);
    size_t at = row * (size_t)rows->width + (size_t)column;
    if (cell)
        lib_value_push(L, rows->type[column], cell, (size_t)rows->length[at]);
    else
        lua_pushnil(L);
}

void lib_db_check_names(lua_State *L, const PgRows *rows) {
    for (int i = 0; i < rows->width; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(rows->name[i], rows->name[k]) == 0)
                luaL_error(L, "two columns are called \"%s\": give one another name with AS",
                           rows->name[i]);
}

void lib_db_push_row(lua_State *L, const PgRows *rows, size_t row) {
    lua_createtable(L, 0, rows->width);
    for (int column = 0; column < rows->width; column++) {
        lua_pushstring(L, rows->name[column]);
        push_cell(L, rows, row, column);
        lua_rawset(L, -3);
    }
}

/* What the rows held is the script's own again. */
static int done(Script *script) {
    arena_reset(script->scratch);
    return 1;
}

static int db_exec(lua_State *L) {
    PgRows rows;
    Script *script = lib_db_living(L);
    arena_reset(script->scratch);
    const char *sql = lib_db_sql(L);
    lib_db_run(L, NULL, &rows, sql, 0, lib_db_arguments(L));
    lua_pushinteger(L, rows.affected ? rows.affected : (long long)rows.count);
    return done(script);
}

static int db_query(lua_State *L) {
    PgRows rows;
    Script *script = run(L, &rows);
    lib_db_check_names(L, &rows);
    lua_createtable(L, rows.count < INT_MAX ? (int)rows.count : INT_MAX, 0);
    for (size_t row = 0; row < rows.count; row++) {
        lib_db_push_row(L, &rows, row);
        lua_rawseti(L, -2, (lua_Integer)row + 1);
    }
    return done(script);
}

static int db_row(lua_State *L) {
    PgRows rows;
    Script *script = run(L, &rows);
    lib_db_check_names(L, &rows);
    if (rows.count)
        lib_db_push_row(L, &rows, 0);
    else
        lua_pushnil(L);
    return done(script);
}

static int db_value(lua_State *L) {
    PgRows rows;
    Script *script = run(L, &rows);
    if (rows.count && rows.width)
        push_cell(L, &rows, 0, 0);
    else
        lua_pushnil(L);
    return done(script);
}

static int db_ident(lua_State *L) {
    Script *script = lib_db_living(L);
    int count = lua_gettop(L), length;
    luaL_checkstring(L, 2);
    arena_reset(script->scratch);
    Text quoted = text_on(script->scratch);
    for (int i = 2; i <= count; i++) {
        luaL_checkstring(L, i);
        if (i > 2)
            text_add_char(&quoted, '.');
        text_add(&quoted,
                 pg_ident(script->pg, script->scratch, lib_value_text(L, i, "the name", &length)));
    }
    lua_pushlstring(L, quoted.at, quoted.length);
    return 1;
}

static int db_literal(lua_State *L) {
    Script *script = lib_db_living(L);
    int length;
    lua_settop(L, 2);
    arena_reset(script->scratch);
    const char *text = lib_value_text(L, 2, "the value", &length);
    if (length >= 0) { /* bytes: as an array of one they are hex */
        lua_pushfstring(L, "'%s'::bytea", lib_value_hex(script->scratch, text, (size_t)length));
    } else if (!text) {
        lua_pushliteral(L, "NULL");
    } else if (lua_isboolean(L, 2) || (lua_isinteger(L, 2) && lua_tointeger(L, 2) >= 0)) {
        lua_pushstring(L, text);
    } else {
        lua_pushstring(L, pg_literal(script->pg, script->scratch, text)); /* -1 too: 2 - -1 */
    }
    return 1;
}

static int db_bytes(lua_State *L) {
    lib_db_living(L);
    luaL_checkstring(L, 2);
    lib_value_push_bytes(L, 2);
    return 1;
}

static const luaL_Reg methods[] = {
    {"exec", db_exec},   {"query", db_query},     {"row", db_row},
    {"value", db_value}, {"rows", lib_db_rows},   {"transaction", lib_db_transaction},
    {"ident", db_ident}, {"literal", db_literal}, {"bytes", db_bytes},
    {NULL, NULL},
};

/* The methods are the upvalue; a misspelt one is an error with the nearest. */
static int db_index(lua_State *L) {
    const char *names[sizeof methods / sizeof *methods];
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "db has functions by name only");
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 1;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        names[i] = methods[i].name;
    const char *near = text_nearest(lua_tostring(L, 2), names);
    if (near)
        return luaL_error(L, "db has no function \"%s\", did you mean \"%s\"?", lua_tostring(L, 2),
                          near);
    return luaL_error(L, "db has no function \"%s\"", lua_tostring(L, 2));
}

int lib_db_open(lua_State *L) {
    lib_cursor_open(L);
    luaL_newmetatable(L, META);
    luaL_newlib(L, methods);
    lua_pushcclosure(L, db_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    return 0;
}
