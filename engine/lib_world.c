#include "sandbox.h"

#include "clock.h"
#include "embed.h"
#include "fail.h"
#include "text.h"

#include <limits.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

/* The world that scripts see: hooks/boot.lua makes it, of Lua's libraries and of these. */

static int native_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const EmbeddedFile *file = embedded_files; file->name; file++) {
        if (strcmp(file->name, name) != 0)
            continue;
        lua_pushlstring(L, file->text, file->length);
        return 1;
    }
    return luaL_error(L, "%s is not in this binary", name);
}

/* The names of the embedded files that begin so, in order. */
static int native_embedded_names(lua_State *L) {
    const char *start = luaL_checkstring(L, 1);
    lua_newtable(L);
    for (const EmbeddedFile *file = embedded_files; file->name; file++) {
        if (!text_starts(file->name, start))
            continue;
        lua_pushstring(L, file->name);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    return 1;
}

static int native_nearest(lua_State *L) {
    const char *word = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer count = luaL_len(L, 2);
    const char **names = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *names, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, 2, i + 1);
        names[i] = lua_tostring(L, -1); /* the table keeps it alive */
        lua_pop(L, 1);
    }
    names[count] = NULL;
    lua_pushstring(L, text_nearest(word, names));
    return 1;
}

static int native_duration(lua_State *L) {
    long long ms;
    if (clock_duration(luaL_checkstring(L, 1), &ms))
        lua_pushinteger(L, ms);
    else
        lua_pushnil(L);
    return 1;
}

/* The message handler of a script's xpcall, its upvalue: an error of the hook calls it with hooks
 * off, where it could stay for ever. */
static int guarded(lua_State *L) {
    if (sandbox_of(L)->end != SANDBOX_ON)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int native_guard(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, guarded, 1);
    return 1;
}

/* The file and line of the script that is at work. */
static int native_place(lua_State *L) {
    const char *file = NULL;
    int line = 0;
    sandbox_place(L, 1, &file, &line);
    lua_pushstring(L, file);
    lua_pushinteger(L, line);
    return 2;
}

static int native_is_loading(lua_State *L) {
    lua_pushboolean(L, sandbox_of(L)->phase == SANDBOX_LOADING);
    return 1;
}

static const char *module_problem(Script *script, const char *path, Bytes *text) {
    const char *folder = script->limits.folder ? script->limits.folder : ".";
    char *root = arena_take(script->told, PATH_MAX), *real = arena_take(script->told, PATH_MAX);
    if (!realpath(path, real))
        return "there is no such file";
    size_t length = realpath(folder, root) ? strlen(root) : 0;
    if (strcmp(root, "/") != 0 && (strncmp(real, root, length) != 0 || real[length] != '/'))
        return "it is a link that leaves the scripts folder";
    if (file_read(script->told, real, text))
        return NULL;
    const char *problem = arena_string(script->told, failure()->message);
    fail_clear();
    return problem;
}

/* "lib/x.lua" -> its path and text, or its path, nil and why not. */
static int native_module(lua_State *L) {
    Script *script = sandbox_of(L);
    const char *folder = script->limits.folder ? script->limits.folder : ".";
    const char *path = file_join(script->told, folder, luaL_checkstring(L, 1));
    Bytes text = {NULL, 0};
    const char *problem = module_problem(script, path, &text);
    lua_pushstring(L, path);
    if (problem)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text.at, text.length);
    lua_pushstring(L, problem);
    return 3;
}

static int native_now(lua_State *L) {
    lua_pushinteger(L, clock_now());
    return 1;
}

static const luaL_Reg natives[] = {
    {"embedded", native_embedded},
    {"embedded_names", native_embedded_names},
    {"nearest", native_nearest},
    {"duration", native_duration},
    {"guard", native_guard},
    {"place", native_place},
    {"is_loading", native_is_loading},
    {"module", native_module},
    {"now", native_now},
    {"notify", lib_notify},
    {NULL, NULL},
};

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},
    {LUA_STRLIBNAME, luaopen_string},
    {LUA_TABLIBNAME, luaopen_table},
    {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},
    {LUA_OSLIBNAME, luaopen_os}, /* boot.lua keeps time and date */
    {NULL, NULL},
};

static void open_libraries(lua_State *L, const Script *script) {
    if (script->limits.unsafe) {
        luaL_openlibs(L);
        return;
    }
    for (const luaL_Reg *library = libraries; library->name; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
}

int lib_world_open(lua_State *L) {
    Script *script = sandbox_of(L);
    open_libraries(L, script);
    lib_error_open(L);
    lib_value_open(L);
    lib_db_open(L);
    lua_settop(L, 0);
    lua_pushcfunction(L, native_embedded);
    lua_pushliteral(L, "hooks/boot.lua");
    lua_call(L, 1, 1);
    size_t length;
    const char *text = lua_tolstring(L, 1, &length);
    if (luaL_loadbufferx(L, text, length, "=stint/hooks/boot.lua", "t") != LUA_OK)
        return lua_error(L);
    luaL_newlib(L, natives);
    lib_json_open(L);
    lua_setfield(L, -2, "json");
    lib_log_open(L);
    lua_setfield(L, -2, "log");
    lib_statement_add(L);
    lua_pushboolean(L, script->limits.unsafe);
    lua_setfield(L, -2, "unsafe");
    lua_call(L, 1, 1);
    script->world = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}
