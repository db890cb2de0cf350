/* Scripts, for the specs: what script.h offers, and two ways to look at a call from outside. */
#include "script.h"

#include "clock.h"
#include "fail.h"
#include "log.h"
#include "stop.h"
#include "text.h"

#include <lauxlib.h>
#include <lua.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern const luaL_Reg native_script[];

static const char type_name[] = "stint.spec.script";

typedef struct {
    Arena *arena;
    Script *script;
    Declaration declaration;
    Pg *pg;
} World;

static void set(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* True, or nil and the failure. */
static int answer(lua_State *L, bool ok) {
    const Failure *f = failure();
    if (ok) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushnil(L);
    lua_newtable(L);
    lua_pushinteger(L, f->kind);
    lua_setfield(L, -2, "kind");
    set(L, "message", f->message);
    set(L, "detail", f->detail);
    set(L, "hint", f->hint);
    set(L, "context", f->context);
    set(L, "sqlstate", f->sqlstate);
    fail_clear();
    return 2;
}

static int close_world(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    if (!world->arena)
        return 0;
    pg_close(world->pg);
    script_close(world->script);
    arena_free(world->arena);
    *world = (World){0};
    return 0;
}

static long long integer_in(lua_State *L, int index, const char *name) {
    lua_getfield(L, index, name);
    long long integer = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return integer;
}

/* open{folder, memory, time, unsafe} */
static int open_world(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    World *world = lua_newuserdatauv(L, sizeof *world, 0);
    *world = (World){.arena = arena_new()};
    if (luaL_newmetatable(L, type_name)) {
        lua_pushcfunction(L, close_world);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    ScriptLimits limits = {.memory = integer_in(L, 1, "memory"), .time = integer_in(L, 1, "time")};
    lua_getfield(L, 1, "folder");
    limits.folder = lua_tostring(L, -1);
    lua_getfield(L, 1, "unsafe");
    limits.unsafe = lua_toboolean(L, -1);
    world->script = script_open(world->arena, &limits);
    lua_pop(L, 2);
    return world->script ? 1 : answer(L, false);
}

/* declare(world, file, text): kind and line */
static int declare(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    size_t length;
    const char *file = luaL_checkstring(L, 2), *text = luaL_checklstring(L, 3, &length);
    if (!script_declare(world->script, file, text, length, &world->declaration))
        return answer(L, false);
    lua_pushstring(L, world->declaration.kind);
    lua_pushinteger(L, world->declaration.line);
    lua_pushstring(L, world->declaration.file);
    return 3;
}

/* field(world, name): what every accessor says of it */
static int field(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    const char *name = luaL_checkstring(L, 2);
    const Declaration *declaration = &world->declaration;
    Strings strings = script_strings(world->arena, declaration, name);
    Pairs pairs = script_pairs(world->arena, declaration, name);
    lua_newtable(L);
    lua_pushboolean(L, script_has(declaration, name));
    lua_setfield(L, -2, "has");
    lua_pushboolean(L, script_is_function(declaration, name));
    lua_setfield(L, -2, "is_function");
    set(L, "text", script_text(world->arena, declaration, name));
    lua_pushinteger(L, script_integer(declaration, name, -1));
    lua_setfield(L, -2, "integer");
    lua_pushinteger(L, script_duration(declaration, name, -1));
    lua_setfield(L, -2, "duration");
    lua_pushboolean(L, script_flag(declaration, name, false));
    lua_setfield(L, -2, "flag");
    lua_newtable(L);
    for (size_t i = 0; i < strings.count; i++) {
        lua_pushstring(L, strings.at[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "strings");
    lua_newtable(L);
    for (size_t i = 0; i < pairs.count; i++) {
        lua_pushfstring(L, "%s=%s", pairs.name[i], pairs.value[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "pairs");
    return 1;
}

static int connect(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    PgTarget target = {.conninfo = luaL_checkstring(L, 2), .what = "spec"};
    world->pg = pg_open(world->arena, &target);
    return answer(L, world->pg != NULL);
}

/* sql(world, text) outside of a script */
static int sql(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    return answer(L, pg_do(world->pg, luaL_checkstring(L, 2), PG_NONE));
}

static int pid(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    lua_pushinteger(L, pg_pid(world->pg));
    return 1;
}

/* call(world, field) */
static int call(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    return answer(L, script_call(&world->declaration, luaL_checkstring(L, 2), world->pg));
}

static int help(lua_State *L) {
    World *world = luaL_checkudata(L, 1, type_name);
    lua_pushstring(L, script_help(world->arena, world->script, luaL_checkstring(L, 2)));
    return 1;
}

static int alarm_code(lua_State *L) {
    script_alarm_code((int)luaL_checkinteger(L, 1));
    return 0;
}

static int push_captured(lua_State *L, int fd) {
    char bytes[8192];
    ssize_t length = pread(fd, bytes, sizeof bytes, 0);
    close(fd);
    lua_pushlstring(L, bytes, length > 0 ? (size_t)length : 0);
    return 1;
}

/* captured(f): what f writes to stderr, at log level -v */
static int captured(lua_State *L) {
    int fd = memfd_create("stderr", 0), before = dup(STDERR_FILENO);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    dup2(fd, STDERR_FILENO);
    log_level(LOG_VERBOSE);
    int status = lua_pcall(L, 0, 0, 0);
    log_level(LOG_NORMAL);
    dup2(before, STDERR_FILENO);
    close(before);
    if (status != LUA_OK) {
        close(fd);
        return lua_error(L);
    }
    return push_captured(L, fd);
}

/* forked(f): f in a process of its own, which ends with 0 after writing what f gives to stderr:
 * its exit code, or minus its signal, and its stderr. */
static int forked(lua_State *L) {
    int fd = memfd_create("stderr", 0), status = 0;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    pid_t child = fork();
    if (child == 0) {
        dup2(fd, STDERR_FILENO);
        bool ok = lua_pcall(L, 0, 1, 0) == LUA_OK;
        const char *said = lua_tostring(L, -1);
        ssize_t written = said ? write(STDERR_FILENO, said, strlen(said)) : 0;
        _exit(ok && written >= 0 ? 0 : 99);
    }
    waitpid(child, &status, 0);
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    return 1 + push_captured(L, fd);
}

/* As if Ctrl-C was pressed; only for a forked process, which it stays with. */
static int interrupt(lua_State *L) {
    (void)L;
    stop_listen();
    raise(SIGINT);
    return 0;
}

/* What hooks/declare.lua gets from C. */
static int nearest(lua_State *L) {
    const char *names[64];
    lua_Integer count = luaL_len(L, 2);
    luaL_argcheck(L, count < 64, 2, "too many names");
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, 2, i + 1);
        names[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    names[count] = NULL;
    lua_pushstring(L, text_nearest(luaL_checkstring(L, 1), names));
    return 1;
}

static int duration(lua_State *L) {
    long long ms;
    if (!clock_duration(luaL_checkstring(L, 1), &ms))
        return 0;
    lua_pushinteger(L, ms);
    return 1;
}

const luaL_Reg native_script[] = {
    {"open", open_world},
    {"close", close_world},
    {"declare", declare},
    {"field", field},
    {"connect", connect},
    {"sql", sql},
    {"pid", pid},
    {"call", call},
    {"help", help},
    {"alarm_code", alarm_code},
    {"captured", captured},
    {"forked", forked},
    {"interrupt", interrupt},
    {"nearest", nearest},
    {"duration", duration},
    {NULL, NULL},
};
