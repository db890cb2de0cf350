#include "sandbox.h"

#include "log.h"

#include <string.h>

/* log.say("rows", n): without a % the arguments stand one after the other, as print has them. */
static const char *joined(lua_State *L, int count) {
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
        if (i < count)
            luaL_addchar(&line, ' ');
    }
    luaL_pushresult(&line);
    return lua_tostring(L, -1);
}

/* log.say("moved %d rows", n): formatted as by string.format, the first upvalue; one argument alone
 * is taken as it is, so that a % in a text does no harm. */
static const char *formatted(lua_State *L) {
    int count = lua_gettop(L);
    luaL_checkany(L, 1);
    if (count > 1 && !(lua_type(L, 1) == LUA_TSTRING && strchr(lua_tostring(L, 1), '%')))
        return joined(L, count);
    if (count > 1) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, count, 1);
    }
    return luaL_tolstring(L, 1, NULL);
}

static int log_say_(lua_State *L) {
    log_say("%s", formatted(L));
    return 0;
}

static int log_detail_(lua_State *L) {
    log_detail("%s", formatted(L));
    return 0;
}

static int log_warn_(lua_State *L) {
    log_warn("%s", formatted(L));
    return 0;
}

static const luaL_Reg functions[] = {
    {"say", log_say_},
    {"detail", log_detail_},
    {"warn", log_warn_},
    {NULL, NULL},
};

int lib_log_open(lua_State *L) {
    luaL_newlibtable(L, functions);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_remove(L, -2);
    luaL_setfuncs(L, functions, 1);
    return 1;
}
