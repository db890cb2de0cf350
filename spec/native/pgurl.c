/* The pgurl door, for the specs. */
#include "pgurl.h"

#include "fail.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_pgurl[];

static void field(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

/* read(url): a table; or nil, message, hint. */
static int read_url(lua_State *L) {
    Arena *a = arena_new();
    PgUrl url;
    if (!pgurl_read(a, luaL_checkstring(L, 1), &url)) {
        arena_free(a);
        lua_pushnil(L);
        lua_pushstring(L, failure()->message);
        lua_pushstring(L, failure()->hint);
        lua_pushinteger(L, failure()->kind);
        return 4;
    }
    lua_newtable(L);
    field(L, "conninfo", url.conninfo);
    field(L, "search_path", url.search_path);
    field(L, "dropped", url.dropped);
    field(L, "host", url.host);
    field(L, "port", url.port);
    field(L, "database", url.database);
    field(L, "user", url.user);
    lua_pushboolean(L, url.pooler_hint);
    lua_setfield(L, -2, "pooler_hint");
    arena_free(a);
    return 1;
}

/* with_database(url, name): the conninfo. */
static int with_database(lua_State *L) {
    Arena *a = arena_new();
    PgUrl url;
    const char *conninfo = pgurl_read(a, luaL_checkstring(L, 1), &url)
                               ? pgurl_with_database(a, &url, luaL_checkstring(L, 2))
                               : NULL;
    lua_pushstring(L, conninfo);
    arena_free(a);
    return 1;
}

static int redacted(lua_State *L) {
    lua_pushstring(L, fail_redacted(luaL_checkstring(L, 1)));
    return 1;
}

const luaL_Reg native_pgurl[] = {
    {"read", read_url},
    {"with_database", with_database},
    {"redacted", redacted},
    {NULL, NULL},
};
