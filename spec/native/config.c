/* config, for the specs. */
#include "config.h"
#include "manual.h"

#include "fail.h"
#include "setting.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const luaL_Reg native_config[];

static const char *text_of(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    const char *text = lua_tostring(L, -1); /* the table holds it */
    lua_pop(L, 1);
    return text;
}

static ConfigPairs pairs_of(lua_State *L, Arena *a, const char *name) {
    ConfigPairs pairs = {0, arena_take(a, 64 * sizeof(char *)), arena_take(a, 64 * sizeof(char *))};
    lua_getfield(L, 1, name);
    if (lua_istable(L, -1))
        for (lua_pushnil(L); lua_next(L, -2) && pairs.count < 64; lua_pop(L, 1)) {
            pairs.name[pairs.count] = arena_string(a, lua_tostring(L, -2));
            pairs.value[pairs.count++] = arena_string(a, lua_tostring(L, -1));
        }
    lua_pop(L, 1);
    return pairs;
}

static void push_setting(lua_State *L, const Config *config, const Setting *setting) {
    const char *at = (const char *)config + setting->field;
    const char *text;
    bool flag;
    long long number;
    switch (setting->type) {
    case SETTING_FLAG:
        memcpy(&flag, at, sizeof flag);
        lua_pushboolean(L, flag);
        break;
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_COUNT:
        memcpy(&number, at, sizeof number);
        lua_pushinteger(L, number);
        break;
    case SETTING_TEXT:
    case SETTING_SCHEMA:
    case SETTING_CHOICE:
        memcpy(&text, at, sizeof text);
        lua_pushstring(L, text);
        break;
    }
}

static void push_pairs(lua_State *L, const ConfigPairs *pairs) {
    lua_newtable(L);
    for (size_t i = 0; i < pairs->count; i++) {
        lua_pushstring(L, pairs->value[i]);
        lua_setfield(L, -2, pairs->name[i]);
    }
}

static void push_failure(lua_State *L) {
    const Failure *now = failure();
    lua_newtable(L);
    lua_pushinteger(L, now->kind);
    lua_setfield(L, -2, "kind");
    lua_pushstring(L, now->message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, now->hint);
    lua_setfield(L, -2, "hint");
    lua_pushstring(L, now->place.file);
    lua_setfield(L, -2, "file");
    lua_pushinteger(L, (lua_Integer)now->place.line);
    lua_setfield(L, -2, "line");
}

static void push_config(lua_State *L, const Config *config) {
    lua_newtable(L);
    for (size_t i = 0; i < setting_count(); i++) {
        push_setting(L, config, setting_at(i));
        lua_setfield(L, -2, setting_at(i)->key);
    }
    lua_newtable(L);
    for (size_t i = 0; i < setting_count(); i++) {
        lua_pushstring(L, config_source(config, setting_at(i)->key));
        lua_setfield(L, -2, setting_at(i)->key);
    }
    lua_setfield(L, -2, "source");
    lua_newtable(L);
    for (size_t i = 0; i < config->environment_count; i++) {
        lua_pushstring(L, config->environments[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "environments");
    push_pairs(L, &config->variables);
    lua_setfield(L, -2, "variables");
    lua_pushstring(L, config->folder);
    lua_setfield(L, -2, "folder");
    lua_pushstring(L, config->file);
    lua_setfield(L, -2, "file");
    const char *connection = config_connection(config);
    lua_pushstring(L, connection);
    lua_setfield(L, -2, "connection");
    if (!connection) {
        push_failure(L);
        lua_setfield(L, -2, "no_connection");
    }
}

/* load{folder=, file=, environment=, flags={}, env={}}: a table, or nil and the failure. `env` is
 * set for the time of the call. */
static int load(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    Arena *a = arena_new();
    ConfigWanted wanted = {text_of(L, "folder"), text_of(L, "file"), text_of(L, "environment"),
                           pairs_of(L, a, "flags")};
    ConfigPairs variables = pairs_of(L, a, "env");
    Config *config;
    for (size_t i = 0; i < variables.count; i++)
        setenv(variables.name[i], variables.value[i], 1);
    bool ok = config_load(a, &wanted, &config);
    for (size_t i = 0; i < variables.count; i++)
        unsetenv(variables.name[i]);
    if (ok)
        push_config(L, config);
    else
        lua_pushnil(L);
    arena_free(a);
    if (ok)
        return 1;
    push_failure(L);
    return 2;
}

static int sample(lua_State *L) {
    Arena *a = arena_new();
    lua_pushstring(L, manual_sample(a));
    arena_free(a);
    return 1;
}

static int help(lua_State *L) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    manual_help(out);
    fclose(out);
    lua_pushlstring(L, text, length);
    free(text);
    return 1;
}

const luaL_Reg native_config[] = {
    {"load", load},
    {"sample", sample},
    {"help", help},
    {NULL, NULL},
};
