#include "lib_testing.h"

#include "embed.h"
#include "fail.h"
#include "text.h"

#include <string.h>

/* The open state: busted, and hooks/tester.lua, which tells it what to run. */

static void push_native(lua_State *L, Testing *t) {
    static const char *const reports[] = {"short", "long", "json"};
    const TestingWanted *wanted = t->wanted;
    lib_testing_push(L, t);
    lib_json_open(L);
    lua_setfield(L, -2, "json");
    sandbox_set_text(L, "scripts", wanted->config->scripts);
    sandbox_set_text(L, "filter", wanted->filter);
    sandbox_set_text(L, "report", reports[wanted->report]);
    lua_createtable(L, (int)wanted->count, 0);
    for (size_t i = 0; i < wanted->count; i++) {
        lua_pushstring(L, wanted->path[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "paths");
}

static void load_embedded(lua_State *L, const char *name) {
    for (const EmbeddedFile *file = embedded_files; file->name; file++)
        if (strcmp(file->name, name) == 0 &&
            luaL_loadbufferx(L, file->text, file->length,
                             arena_format(sandbox_of(L)->told, "=stint/%s", name), "t") == LUA_OK)
            return;
    luaL_error(L, "%s is not in this binary", name);
}

/* Upvalue 1: native. */
static int load_module(lua_State *L) {
    load_embedded(L, "hooks/testing.lua");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_call(L, 1, 1);
    return 1;
}

/* Gives how many failed; or nil and why no spec can run. */
static int run_specs(lua_State *L) {
    Testing *t = lua_touserdata(L, 1);
    push_native(L, t);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, load_module, 1);
    lua_setfield(L, -2, "stint.testing");
    lua_settop(L, 2);
    load_embedded(L, "hooks/tester.lua");
    lua_pushvalue(L, 2);
    lua_call(L, 1, LUA_MULTRET);
    return lua_gettop(L) - 2;
}

static bool no_busted(const char *why) {
    fail(FAIL_ERROR, "busted, which runs the specs, is not installed for Lua 5.4");
    fail_detail("%.*s", (int)strcspn(why, "\n"), why);
    return fail_hint(
        "sudo apt-get install lua-busted, or: luarocks --lua-version 5.4 install busted");
}

static bool no_spec(const char *where) {
    fail(FAIL_ERROR, "there is no spec in %s", where);
    return fail_hint("a spec is a file *_spec.lua: stint new --spec NAME makes one");
}

static bool read_result(lua_State *L, long *failed) {
    if (lua_isnil(L, 1)) {
        const char *problem = lua_tostring(L, 2), *text = lua_tostring(L, 3);
        return text_same(problem, "busted") ? no_busted(text) : no_spec(text);
    }
    *failed = (long)lua_tointeger(L, 1);
    return true;
}

static bool protect(Testing *t, long *failed) {
    lua_State *L = t->spec->L;
    lua_settop(L, 0);
    sandbox_begin(t->spec, SANDBOX_CALLING);
    lua_pushcfunction(L, run_specs);
    lua_pushlightuserdata(L, t);
    int status = lua_pcall(L, 1, 3, 0);
    SandboxEnd end = t->spec->end;
    sandbox_finish(t->spec);
    if (end == SANDBOX_STOPPED)
        return fail(FAIL_INTERRUPTED, "interrupted");
    if (end == SANDBOX_FAILED)
        return fail_in("the scratch server");
    if (status != LUA_OK)
        return fail(FAIL_ERROR, "the specs could not be run: %s", luaL_tolstring(L, -1, NULL));
    return read_result(L, failed);
}

bool testing_run(Arena *a, const TestingWanted *wanted, long *failed) {
    Testing t = {.arena = a, .wanted = wanted, .bed = testbed_on(a, wanted->config)};
    ScriptLimits open = {.folder = wanted->config->scripts, .unsafe = true};
    *failed = 0;
    t.spec = script_open(a, &open);
    bool ok = t.spec != NULL;
    if (ok) {
        t.spec->is_spec = true;
        t.spec->kind = "spec";
        t.spec->file = "the specs";
        ok = protect(&t, failed);
        t.spec->pg = NULL;
    }
    testbed_close(&t.bed);
    script_close(t.team);
    script_close(t.spec);
    return ok;
}
