/* The json door, for the specs. */
#include "json.h"

#include "fail.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_json[];

/* again(text, pretty): the text parsed and printed; or nil and the failure's message. */
static int again(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    Json *json;
    if (json_parse(a, text, length, &json)) {
        lua_pushstring(L, lua_toboolean(L, 2) ? json_pretty(json) : json_text(json));
        arena_free(a);
        return 1;
    }
    arena_free(a);
    lua_pushnil(L);
    lua_pushstring(L, failure()->message);
    return 2;
}

static Json *value_of(lua_State *L, Arena *a, int at) {
    size_t length;
    const char *text;
    switch (lua_type(L, at)) {
    case LUA_TBOOLEAN:
        return json_new_flag(a, lua_toboolean(L, at));
    case LUA_TNUMBER:
        return lua_isinteger(L, at) ? json_new_whole(a, lua_tointeger(L, at))
                                    : json_new_fraction(a, lua_tonumber(L, at));
    case LUA_TSTRING:
        text = lua_tolstring(L, at, &length);
        return json_new_text(a, text, length);
    default:
        return json_new_null(a);
    }
}

/* list(...): a list of the arguments, printed. */
static int list(lua_State *L) {
    Arena *a = arena_new();
    Json *json = json_new_list(a);
    for (int i = 1; i <= lua_gettop(L); i++)
        json_append(json, value_of(L, a, i));
    lua_pushstring(L, json_text(json));
    arena_free(a);
    return 1;
}

/* map(name, value, ...): a map in that order, printed. */
static int map(lua_State *L) {
    Arena *a = arena_new();
    Json *json = json_new_map(a);
    for (int i = 1; i < lua_gettop(L); i += 2)
        json_set(json, lua_tostring(L, i), value_of(L, a, i + 1));
    lua_pushstring(L, json_text(json));
    arena_free(a);
    return 1;
}

/* sampled(): one of each setter. */
static int sampled(lua_State *L) {
    Arena *a = arena_new();
    Json *json = json_new_map(a), *inner = json_new_list(a);
    json_set_text(json, "text", "a");
    json_set_text(json, "none", NULL);
    json_set_integer(json, "integer", -7);
    json_set_number(json, "number", 0.5);
    json_set_flag(json, "flag", true);
    json_set_null(json, "null");
    json_append_text(inner, "x");
    json_append_text(inner, NULL);
    json_append_integer(inner, 3);
    json_set(json, "list", inner);
    lua_pushstring(L, json_text(json));
    arena_free(a);
    return 1;
}

/* get(text, name): kind, text, integer, number, flag of a field of a map. */
static int get(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    Json *json;
    const Json *field =
        json_parse(a, text, length, &json) ? json_get(json, luaL_checkstring(L, 2)) : NULL;
    if (!field) {
        arena_free(a);
        return 0;
    }
    lua_pushinteger(L, json_kind(field));
    lua_pushlstring(L, json_as_text(field) ? json_as_text(field) : "", json_length(field));
    lua_pushinteger(L, json_as_integer(field));
    lua_pushnumber(L, json_as_number(field));
    lua_pushboolean(L, json_as_flag(field));
    arena_free(a);
    return 5;
}

/* names(text): the names of a map, in order; how many there are. */
static int names(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    Json *json;
    int count = 0;
    if (json_parse(a, text, length, &json))
        for (const char *const *name = json_names(json); *name; name++, count++)
            lua_pushstring(L, *name);
    arena_free(a);
    return count;
}

const luaL_Reg native_json[] = {
    {"again", again}, {"list", list},   {"map", map}, {"sampled", sampled},
    {"get", get},     {"names", names}, {NULL, NULL},
};
