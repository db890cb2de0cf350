/* A policy's window at a time of the spec's choice. */
#include "evidence.h"

#include "fail.h"
#include "hook.h"
#include "text.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

extern const luaL_Reg native_gate[];

static bool read_window(Arena *a, Script *script, const char *policy, Json **out) {
    Declaration declaration;
    Json *with = json_new_map(a), *paths = json_new_list(a), *wants;
    json_append_text(paths, "window.lua");
    json_set(with, "policies", paths);
    json_set_text(with, "command", "deploy");
    if (!script_declare(script, "window.lua", policy, strlen(policy), &declaration) ||
        !script_exchange(a, script, "gates_begin", "the policy", with, &wants))
        return false;
    *out = json_at(json_get(wants, "windows"), 0);
    return true;
}

/* window(URL, POLICY, NOW): what is so then, as JSON; or nil and why not */
static int window(lua_State *L) {
    const PgTarget target = {.conninfo = luaL_checkstring(L, 1), .what = "spec"};
    const char *policy = luaL_checkstring(L, 2), *now = luaL_checkstring(L, 3);
    Arena *a = arena_new();
    Json *wanted, *found;
    Script *script = script_open(a, &(ScriptLimits){.folder = "."});
    Pg *pg = pg_open(a, &target);
    bool ok = script && pg && read_window(a, script, policy, &wanted) &&
              evidence_window(pg, a, wanted, now, &found);
    if (ok)
        lua_pushstring(L, json_text(found));
    else {
        lua_pushnil(L);
        lua_pushstring(L, failure()->message);
    }
    pg_close(pg);
    script_close(script);
    arena_free(a);
    return ok ? 1 : 2;
}

const luaL_Reg native_gate[] = {{"window", window}, {NULL, NULL}};
