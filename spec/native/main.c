/* What the specs see of the engine: require "native" gives one table of plain functions for each
 * spec/native/NAME.c, which defines native_NAME[]. The list is made by the Makefile. */
#include <lauxlib.h>
#include <lua.h>

#define NATIVE(name) extern const luaL_Reg native_##name[];
#include "natives.h"
#undef NATIVE

static const struct {
    const char *name;
    const luaL_Reg *functions;
} modules[] = {
#define NATIVE(name) {#name, native_##name},
#include "natives.h"
#undef NATIVE
};

int luaopen_native(lua_State *L);

int luaopen_native(lua_State *L) {
    lua_newtable(L);
    for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
        lua_newtable(L);
        luaL_setfuncs(L, modules[i].functions, 0);
        lua_setfield(L, -2, modules[i].name);
    }
    return 1;
}
