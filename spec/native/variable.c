/* Placeholders, for the specs. */
#include "fail.h"
#include "variable.h"

#include <lauxlib.h>
#include <lua.h>

#include <string.h>

extern const luaL_Reg native_variable[];

enum { MOST = 16 };

/* Pairs of a table; its strings live as long as it does. */
static ConfigPairs pairs(lua_State *L, int table) {
    static const char *names[MOST], *values[MOST];
    ConfigPairs out = {0, names, values};
    for (lua_pushnil(L); lua_next(L, table) && out.count < MOST; lua_pop(L, 1)) {
        names[out.count] = lua_tostring(L, -2);
        values[out.count++] = lua_tostring(L, -1);
    }
    return out;
}

static int push_failure(lua_State *L, Arena *a) {
    const Failure *f = failure();
    lua_pushnil(L);
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, f->kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, f->message);
    lua_setfield(L, -2, "message");
    lua_pushinteger(L, (lua_Integer)f->place.line);
    lua_setfield(L, -2, "line");
    lua_pushinteger(L, (lua_Integer)f->place.column);
    lua_setfield(L, -2, "column");
    arena_free(a);
    return 2;
}

/* fill(text, {name = value}) gives a list of {sql, words, object, parts, homes}; homes[n] is the
 * byte (from 1) of the text that byte n of what is sent comes from. nil and the failure. */
static int fill(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    luaL_checktype(L, 2, LUA_TTABLE);
    ConfigPairs variables = pairs(L, 2);
    Arena *a = arena_new();
    SqlFile file;
    if (!sqlfile_read(a, "x.sql", (Bytes){text, length}, NULL, (Bytes){NULL, 0}, &file) ||
        !variable_fill(a, &variables, &file.up))
        return push_failure(L, a);
    lua_newtable(L);
    for (size_t i = 0; i < file.up.statements.count; i++) {
        const Statement *s = &file.up.statements.at[i];
        Bytes sql = variable_sql(&file.up, s);
        lua_newtable(L);
        lua_pushlstring(L, sql.at, sql.length);
        lua_setfield(L, -2, "sql");
        lua_pushstring(L, s->words);
        lua_setfield(L, -2, "words");
        lua_pushstring(L, s->object);
        lua_setfield(L, -2, "object");
        lua_pushinteger(L, (lua_Integer)file.up.parts.count);
        lua_setfield(L, -2, "parts");
        lua_newtable(L);
        for (size_t b = 0; b <= sql.length; b++) {
            lua_pushinteger(L, (lua_Integer)variable_home(s, b) + 1);
            lua_rawseti(L, -2, (lua_Integer)b + 1);
        }
        lua_setfield(L, -2, "homes");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    arena_free(a);
    return 1;
}

/* hint(text, {name = value}, byte): the hint for a failure at that byte (from 1), or nil. */
static int hint(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    luaL_checktype(L, 2, LUA_TTABLE);
    ConfigPairs variables = pairs(L, 2);
    SqlHalf half = {.text = text, .to = length, .variables = &variables};
    fail(FAIL_ERROR, "it failed");
    variable_hint(&half, (size_t)luaL_checkinteger(L, 3) - 1);
    lua_pushstring(L, failure()->hint);
    fail_clear();
    return 1;
}

const luaL_Reg native_variable[] = {{"fill", fill}, {"hint", hint}, {NULL, NULL}};
