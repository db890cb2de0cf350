#include "sandbox.h"

#include "fail.h"
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* JSON for scripts. Lists that came from JSON or from PostgreSQL are marked by their metatable, so
 * that an empty one is written as [] again; an `n` counts the elements where some are nil. */
static const char LIST[] = "stint.list", NULL_VALUE[] = "stint.null", NUMBER[] = "stint.number";

enum { DEEPEST = 200, LONGEST = 10000000 };

static Json *encoded(lua_State *L, int index, Arena *a, int depth);

bool lib_json_is_null(lua_State *L, int index) {
    index = lua_absindex(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, NULL_VALUE);
    bool same = lua_rawequal(L, index, -1);
    lua_pop(L, 1);
    return same;
}

const char *lib_json_digits(lua_State *L, int index) {
    if (!luaL_testudata(L, index, NUMBER))
        return NULL;
    lua_getiuservalue(L, index, 1);
    const char *digits = lua_tostring(L, -1);
    lua_pop(L, 1); /* the value keeps it */
    return digits;
}

static void push_digits(lua_State *L, const char *digits) {
    lua_newuserdatauv(L, 0, 1);
    lua_pushstring(L, digits);
    lua_setiuservalue(L, -2, 1);
    luaL_setmetatable(L, NUMBER);
}

void lib_json_mark_list(lua_State *L) {
    luaL_setmetatable(L, LIST);
}

static lua_Integer list_length(lua_State *L, int index) {
    lua_pushliteral(L, "n");
    bool counted = lua_rawget(L, index) == LUA_TNUMBER && sandbox_is_marked(L, index, LIST);
    lua_Integer length = counted ? lua_tointeger(L, -1) : (lua_Integer)lua_rawlen(L, index);
    lua_pop(L, 1);
    if (length < 0 || length > LONGEST)
        luaL_error(L, "a list of %I elements", length);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        if (lua_type(L, -2) != LUA_TNUMBER && !counted)
            luaL_error(L, "a list of JSON has no names, and this one has \"%s\"",
                       luaL_tolstring(L, -2, NULL));
    return length;
}

static Json *encoded_list(lua_State *L, int index, Arena *a, int depth) {
    Json *list = json_new_list(a);
    lua_Integer length = list_length(L, index);
    for (lua_Integer i = 1; i <= length; i++) {
        lua_rawgeti(L, index, i);
        json_append(list, encoded(L, lua_gettop(L), a, depth + 1));
        lua_pop(L, 1);
    }
    return list;
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names: Lua's own order changes from run to run. */
static const char **names_of(lua_State *L, int index, Arena *a, size_t *count) {
    size_t room = 0, length;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        room++;
    const char **names = arena_take(a, room * sizeof *names);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a JSON object has texts as names, not %s", luaL_typename(L, -2));
        names[*count] = lua_tolstring(L, -2, &length);
        if (strlen(names[(*count)++]) != length)
            luaL_error(L, "a name of a JSON object holds a NUL byte");
    }
    qsort(names, *count, sizeof *names, by_bytes);
    return names;
}

static Json *encoded_map(lua_State *L, int index, Arena *a, int depth) {
    size_t count;
    const char **names = names_of(L, index, a, &count);
    Json *map = json_new_map(a);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, names[i]);
        lua_rawget(L, index);
        json_set(map, names[i], encoded(L, lua_gettop(L), a, depth + 1));
        lua_pop(L, 1);
    }
    return map;
}

static Json *encoded_number(lua_State *L, int index, Arena *a) {
    if (lua_isinteger(L, index))
        return json_new_whole(a, lua_tointeger(L, index));
    double number = lua_tonumber(L, index);
    if (!isfinite(number))
        luaL_error(L, "JSON has no word for %s", isnan(number) ? "NaN" : "infinity");
    return json_new_fraction(a, number);
}

static Json *encoded(lua_State *L, int index, Arena *a, int depth) {
    size_t length;
    const char *text;
    if (depth > DEEPEST)
        luaL_error(L, "more than %d tables inside each other: does one hold itself?", DEEPEST);
    luaL_checkstack(L, 8, "JSON");
    sandbox_weigh(L, "this JSON");
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        return json_new_null(a);
    case LUA_TBOOLEAN:
        return json_new_flag(a, lua_toboolean(L, index));
    case LUA_TNUMBER:
        return encoded_number(L, index, a);
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &length);
        return json_new_text(a, text, length);
    case LUA_TTABLE:
        if (sandbox_is_marked(L, index, LIST) || lua_rawlen(L, index) > 0)
            return encoded_list(L, index, a, depth);
        return encoded_map(L, index, a, depth);
    default:
        if ((text = lib_json_digits(L, index)))
            return json_new_digits(a, text);
        if (!lib_json_is_null(L, index))
            luaL_error(L, "a %s has no form in JSON", luaL_typename(L, index));
        return json_new_null(a);
    }
}

static void push(lua_State *L, const Json *json);

static void push_list(lua_State *L, const Json *json) {
    lua_newtable(L);
    lib_json_mark_list(L);
    for (size_t i = 0; i < json_count(json); i++) {
        push(L, json_at(json, i));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_map(lua_State *L, const Json *json) {
    lua_newtable(L);
    for (const char *const *name = json_names(json); *name; name++) {
        lua_pushstring(L, *name);
        push(L, json_get(json, *name));
        lua_rawset(L, -3);
    }
}

static void push(lua_State *L, const Json *json) {
    luaL_checkstack(L, 8, "JSON");
    switch (json_kind(json)) {
    case JSON_NULL_VALUE:
        lua_rawgetp(L, LUA_REGISTRYINDEX, NULL_VALUE);
        break;
    case JSON_FLAG:
        lua_pushboolean(L, json_as_flag(json));
        break;
    case JSON_WHOLE:
        lua_pushinteger(L, json_as_integer(json));
        break;
    case JSON_FRACTION:
        lua_pushnumber(L, json_as_number(json));
        break;
    case JSON_DIGITS:
        push_digits(L, json_as_text(json));
        break;
    case JSON_TEXT:
        lua_pushlstring(L, json_as_text(json), json_length(json));
        break;
    case JSON_LIST:
        push_list(L, json);
        break;
    case JSON_MAP:
        push_map(L, json);
        break;
    }
}

void lib_json_push(lua_State *L, const char *text, size_t length) {
    Json *json;
    Script *script = sandbox_of(L);
    if (json_parse_within(script->cell, text, length, sandbox_room(script), &json)) {
        push(L, json);
        return;
    }
    arena_reset(script->cell);
    lua_pushstring(L, failure()->message);
    fail_clear();
    luaL_error(L, "%s", lua_tostring(L, -1));
}

const char *lib_json_text(lua_State *L, int index) {
    return json_text(encoded(L, lua_absindex(L, index), sandbox_of(L)->scratch, 0));
}

static int json_encode(lua_State *L) {
    Arena *a = sandbox_of(L)->scratch;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    arena_reset(a);
    lua_pushstring(L, json_text(encoded(L, 1, a, 0)));
    arena_reset(a);
    return 1;
}

static int json_decode(lua_State *L) {
    size_t length;
    luaL_argcheck(L, !lua_istable(L, 1), 1, "it is a table already: a json column comes decoded");
    const char *text = luaL_checklstring(L, 1, &length);
    arena_reset(sandbox_of(L)->cell);
    lib_json_push(L, text, length);
    arena_reset(sandbox_of(L)->cell);
    return 1;
}

static int json_list(lua_State *L) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL && !sandbox_is_marked(L, 1, LIST))
        return luaL_error(L, "this table cannot be changed");
    lua_settop(L, 1);
    lib_json_mark_list(L);
    return 1;
}

static int number_tostring(lua_State *L) {
    luaL_checkudata(L, 1, NUMBER);
    lua_getiuservalue(L, 1, 1);
    return 1;
}

static int number_eq(lua_State *L) {
    const char *a = lib_json_digits(L, 1), *b = lib_json_digits(L, 2);
    lua_pushboolean(L, a && b && strcmp(a, b) == 0);
    return 1;
}

static int null_tostring(lua_State *L) {
    lua_pushliteral(L, "null");
    return 1;
}

static const luaL_Reg functions[] = {
    {"encode", json_encode},
    {"decode", json_decode},
    {"list", json_list},
    {NULL, NULL},
};

static void lock_metatable(lua_State *L) {
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
}

int lib_json_open(lua_State *L) {
    static const luaL_Reg number[] = {
        {"__tostring", number_tostring}, {"__eq", number_eq}, {NULL, NULL}};
    luaL_newmetatable(L, NUMBER);
    luaL_setfuncs(L, number, 0);
    lock_metatable(L);
    lua_pop(L, 1);
    luaL_newmetatable(L, LIST);
    lock_metatable(L);
    lua_newuserdatauv(L, 0, 0);
    lua_createtable(L, 0, 3);
    lua_pushcfunction(L, null_tostring);
    lua_setfield(L, -2, "__tostring");
    lock_metatable(L);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, NULL_VALUE);
    luaL_newlib(L, functions);
    lua_insert(L, -2); /* list-meta functions null */
    lua_setfield(L, -2, "null");
    lua_remove(L, -2);
    return 1;
}
