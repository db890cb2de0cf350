/* What a gate asks about approvals, for the specs. */
#include "approval.h"

#include "fail.h"
#include "session.h"

#include <lauxlib.h>
#include <lua.h>
#include <string.h>
#include <unistd.h>

extern const luaL_Reg native_approval[];

static const char *text_of(lua_State *L, const char *name) {
    lua_getfield(L, 1, name);
    const char *text = lua_tostring(L, -1); /* the table holds it */
    lua_pop(L, 1);
    return text;
}

static void set_string(lua_State *L, const char *field, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
}

static Strings roles_of(lua_State *L, Arena *a) {
    Strings roles = {0, arena_take(a, 16 * sizeof(char *))};
    lua_getfield(L, 1, "roles");
    for (lua_Integer i = 1; lua_istable(L, -1) && i <= (lua_Integer)lua_rawlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        roles.at[roles.count++] = arena_string(a, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return roles;
}

/* In the project's folder, as the desk works. */
static bool ask(Arena *a, const ConfigWanted *where, const char *version,
                const ApprovalWanted *wanted, Approvals *out) {
    Config *config;
    Migrations files;
    if (!config_load(a, where, &config))
        return false;
    if (chdir(config->folder) != 0)
        return fail_errno(FAIL_CONFIG, "cannot enter %s", config->folder);
    Pg *pg = session_open(a, config, "spec", SESSION_MUST_EXIST);
    bool ok = pg && migration_list(a, config->migrations, &files);
    Migration *m = ok ? migration_find(&files, version) : NULL;
    ok = m && migration_open(a, m, NULL) && approval_count(pg, a, config, m, wanted, out);
    pg_close(pg);
    return ok;
}

static void push_approvals(lua_State *L, const Approvals *all) {
    lua_newtable(L);
    for (size_t i = 0; i < all->count; i++) {
        lua_newtable(L);
        set_string(L, "by", all->approval[i].by);
        set_string(L, "comment", all->approval[i].comment);
        set_string(L, "refused", all->approval[i].refused);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, (lua_Integer)all->valid);
    lua_setfield(L, -2, "valid");
    set_string(L, "refused", all->refused);
    set_string(L, "next", all->next);
    set_string(L, "author", all->author.email);
    set_string(L, "author_role", all->author.role);
    set_string(L, "author_why", all->author.why);
    set_string(L, "author_next", all->author.next);
}

/* count{folder=, environment=, version=, not_author=, roles={}}: a list of approvals with valid and
 * refused; or nil and the failure's message */
static int count(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    char before[4096];
    Arena *a = arena_new();
    Approvals all;
    ConfigWanted where = {.folder = text_of(L, "folder"), .environment = text_of(L, "environment")};
    lua_getfield(L, 1, "not_author");
    ApprovalWanted wanted = {lua_toboolean(L, -1) ? APPROVAL_NOT_BY_AUTHOR : APPROVAL_BY_ANYBODY,
                             roles_of(L, a)};
    bool ok = getcwd(before, sizeof before) && ask(a, &where, text_of(L, "version"), &wanted, &all);
    ok = chdir(before) == 0 && ok;
    if (ok)
        push_approvals(L, &all);
    else {
        lua_pushnil(L);
        lua_pushstring(L, failure()->message);
    }
    arena_free(a);
    return ok ? 1 : 2;
}

const luaL_Reg native_approval[] = {{"count", count}, {NULL, NULL}};
