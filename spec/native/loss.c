/* What a text drops, for the specs. */
#include "fail.h"
#include "loss.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>

extern const luaL_Reg native_loss[];

/* of(sql): a list of lines. */
static int of(lua_State *L) {
    Arena *a = arena_new();
    SqlFile file;
    size_t length;
    const char *sql = luaL_checklstring(L, 1, &length);
    if (!sqlfile_read(a, "x.sql", (Bytes){sql, length}, NULL, (Bytes){NULL, 0}, &file)) {
        arena_free(a);
        return luaL_error(L, "%s", failure()->message);
    }
    Strings found = loss_of(a, &file.up);
    lua_newtable(L);
    for (size_t i = 0; i < found.count; i++) {
        lua_pushstring(L, found.at[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    arena_free(a);
    return 1;
}

const luaL_Reg native_loss[] = {{"of", of}, {NULL, NULL}};
