#include "sandbox.h"

#include "fail.h"
#include "text.h"

#include <stddef.h>
#include <string.h>

/* A failure of the database as scripts see it: a table that reads like a text. */
static const char META[] = "stint.error";

static const struct {
    const char *name;
    size_t at;
} of_failure[] = {
    {"message", offsetof(Failure, message)},
    {"sqlstate", offsetof(Failure, sqlstate)},
    {"detail", offsetof(Failure, detail)},
    {"hint", offsetof(Failure, hint)},
};

static const struct {
    const char *name;
    size_t at;
} of_server[] = {
    {"constraint", offsetof(PgError, constraint)},
    {"schema", offsetof(PgError, schema)},
    {"table", offsetof(PgError, table)},
    {"column", offsetof(PgError, column)},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char *text_in(const void *record, size_t at) {
    const char *text;
    memcpy(&text, (const char *)record + at, sizeof text);
    return text;
}

int lib_error_raise(lua_State *L, const PgError *error, const char *context) {
    lua_Debug frame;
    bool placed = sandbox_frame(L, 1, &frame);
    lua_createtable(L, 0, 8);
    for (size_t i = 0; i < COUNT(of_failure); i++)
        sandbox_set_text(L, of_failure[i].name, text_in(failure(), of_failure[i].at));
    for (size_t i = 0; i < COUNT(of_server); i++)
        sandbox_set_text(L, of_server[i].name, text_in(error, of_server[i].at));
    sandbox_set_text(L, "context", context);
    sandbox_set_text(L, "file", placed ? frame.source + 1 : NULL);
    lua_pushinteger(L, placed ? frame.currentline : 0);
    lua_setfield(L, -2, "line");
    luaL_setmetatable(L, META);
    fail_clear();
    return lua_error(L);
}

bool lib_error_is(lua_State *L, int index) {
    return lua_istable(L, index) && sandbox_is_marked(L, index, META);
}

/* A field as text, or NULL; the table keeps it alive. */
static const char *text_of(lua_State *L, int index, const char *name) {
    lua_pushstring(L, name);
    lua_rawget(L, index);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    lua_pop(L, 1);
    return text;
}

static const char *message_of(lua_State *L, Arena *a, int index) {
    const char *file = text_of(L, index, "file"), *message = text_of(L, index, "message");
    lua_pushliteral(L, "line");
    lua_rawget(L, index);
    long long line = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (!message)
        message = "";
    return file ? arena_format(a, "%s:%lld: %s", file, line, message) : message;
}

bool lib_error_fail(lua_State *L, int index, const char *traceback) {
    Script *script = sandbox_of(L);
    index = lua_absindex(L, index);
    const char *context = text_of(L, index, "context"), *more;
    fail(FAIL_ERROR, "%s", message_of(L, script->told, index));
    if ((more = text_of(L, index, "detail")))
        fail_detail("%s", more);
    if ((more = text_of(L, index, "hint")))
        fail_hint("%s", more);
    if ((more = text_of(L, index, "sqlstate")))
        fail_sqlstate(more);
    if (context && traceback)
        context = arena_format(script->told, "%s\n%s", context, traceback);
    if (context || traceback)
        fail_context(context ? context : traceback);
    return false;
}

static int error_tostring(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *state = text_of(L, 1, "sqlstate"), *message = text_of(L, 1, "message");
    const char *file = text_of(L, 1, "file");
    lua_pushliteral(L, "line");
    lua_rawget(L, 1);
    if (file)
        lua_pushfstring(L, "%s:%I: ", file, lua_tointeger(L, -1));
    else
        lua_pushliteral(L, "");
    lua_pushfstring(L, "%s%s", lua_tostring(L, -1), message ? message : "");
    if (state)
        lua_pushfstring(L, "%s (SQLSTATE %s)", lua_tostring(L, -1), state);
    return 1;
}

/* "could not: " .. e */
static int error_concat(lua_State *L) {
    luaL_tolstring(L, 1, NULL);
    luaL_tolstring(L, 2, NULL);
    lua_concat(L, 2);
    return 1;
}

static const luaL_Reg meta[] = {
    {"__tostring", error_tostring},
    {"__concat", error_concat},
    {NULL, NULL},
};

int lib_error_open(lua_State *L) {
    luaL_newmetatable(L, META);
    luaL_setfuncs(L, meta, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    return 0;
}
