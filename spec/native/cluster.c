/* The private PostgreSQL, for the specs. Each function takes the project's folder and, if it is
 * not nil, server_bin; it gives its answer, or nil, message, detail, hint. */
#include "cluster.h"

#include "binaries.h"
#include "fail.h"
#include "log.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_cluster[];

static int failed(lua_State *L) {
    const Failure *f = failure();
    lua_pushnil(L);
    lua_pushstring(L, f->message);
    lua_pushstring(L, f->detail);
    lua_pushstring(L, f->hint);
    fail_clear();
    return 4;
}

typedef bool Act(const Cluster *cluster);

static int act(lua_State *L, Act *work) {
    const char *project = luaL_checkstring(L, 1), *bin = luaL_optstring(L, 2, NULL);
    Arena *a = arena_new();
    Cluster cluster;
    log_level(LOG_QUIET);
    bool ok = cluster_at(a, project, bin, &cluster) && work(&cluster);
    arena_free(a);
    if (!ok)
        return failed(L);
    lua_pushboolean(L, true);
    return 1;
}

static int start(lua_State *L) {
    return act(L, cluster_start);
}

static int stop(lua_State *L) {
    return act(L, cluster_stop);
}

static int delete (lua_State *L) {
    return act(L, cluster_delete);
}

static void set(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static int at(lua_State *L) {
    static const char *const states[] = {"absent", "stopped", "running"};
    const char *project = luaL_checkstring(L, 1), *bin = luaL_optstring(L, 2, NULL);
    Arena *a = arena_new();
    Cluster cluster;
    bool ok = cluster_at(a, project, bin, &cluster);
    if (ok) {
        lua_newtable(L);
        set(L, "project", cluster.project);
        set(L, "home", cluster.home);
        set(L, "data", cluster.data);
        set(L, "socket", cluster.socket);
        set(L, "log", cluster.log);
        set(L, "account", cluster.account);
        set(L, "state", states[cluster_state(&cluster)]);
        set(L, "url", cluster_url(a, &cluster, "postgres"));
        set(L, "odd_url", cluster_url(a, &cluster, "a b/c?&\xc3\xa9"));
    }
    arena_free(a);
    return ok ? 1 : failed(L);
}

static int database(lua_State *L) {
    Arena *a = arena_new();
    lua_pushstring(L, cluster_database(a, luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    arena_free(a);
    return 1;
}

/* binaries(program, server_bin, project, major) */
static int binaries(lua_State *L) {
    BinariesWanted wanted = {luaL_optstring(L, 2, NULL), luaL_optstring(L, 3, NULL),
                             (int)luaL_optinteger(L, 4, 0)};
    const char *program = luaL_checkstring(L, 1);
    Arena *a = arena_new();
    const char *folder = binaries_folder(a, &wanted, program);
    if (folder)
        lua_pushstring(L, folder);
    arena_free(a);
    return folder ? 1 : failed(L);
}

const luaL_Reg native_cluster[] = {{"start", start}, {"stop", stop},         {"delete", delete},
                                   {"at", at},       {"database", database}, {"binaries", binaries},
                                   {NULL, NULL}};
