#include "lib_testing.h"

#include "clock.h"
#include "fail.h"
#include "migration.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static Testing *testing_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(1));
}

static const char *whole_text(Arena *a, const Failure *f) {
    Text text = text_on(a);
    text_add(&text, f->message);
    if (f->place.file)
        text_addf(&text, "\n  at %s:%zu", f->place.file, f->place.line);
    const char *const more[][2] = {{"DETAIL", f->detail}, {"HINT", f->hint}, {"NEXT", f->next}};
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (more[i][1])
            text_addf(&text, "\n%s: %s", more[i][0], more[i][1]);
    return arena_string(a, fail_redacted(text.at));
}

/* What the database said can be asked for its sqlstate, as in scripts; the rest is a text. */
int lib_testing_raise(lua_State *L) {
    Script *spec = sandbox_of(L);
    const Failure *f = failure();
    if (f->kind == FAIL_INTERRUPTED) {
        sandbox_end(L, SANDBOX_STOPPED);
        return luaL_error(L, "this call is over");
    }
    const char *sqlstate = arena_string(spec->told, f->sqlstate);
    const char *text = whole_text(spec->told, f);
    if (sqlstate) {
        fail(FAIL_ERROR, "%s", text);
        fail_sqlstate(sqlstate);
        return lib_error_raise(L, &(PgError){0}, NULL);
    }
    fail_clear();
    const char *place = sandbox_place(L, 1, NULL, NULL);
    lua_pushfstring(L, "%s%s%s", place ? place : "", place ? ": " : "", text);
    return lua_error(L);
}

/* The session of `db`, which goes from one database of a spec file to the next. */
static bool connect(Testing *t) {
    bool ok = testbed_connect(&t->bed);
    t->spec->pg = t->bed.pg;
    t->has_db |= ok;
    return ok;
}

static int testing_url(lua_State *L) {
    Testing *t = testing_of(L);
    if (!testbed_database(&t->bed))
        return lib_testing_raise(L);
    lua_pushstring(L, t->bed.config->url);
    return 1;
}

static int testing_db(lua_State *L) {
    Testing *t = testing_of(L);
    if (!connect(t))
        return lib_testing_raise(L);
    lib_db_push(L);
    return 1;
}

/* fresh(model): the next one is a copy of the model; without, an empty one. */
static int testing_fresh(lua_State *L) {
    Testing *t = testing_of(L);
    const char *model = luaL_optstring(L, 1, NULL);
    t->spec->pg = NULL;
    if (!testbed_fresh(&t->bed, model) || (t->has_db && !connect(t)))
        return lib_testing_raise(L);
    return 0;
}

/* model(): the present database becomes one; its name. */
static int testing_model(lua_State *L) {
    Testing *t = testing_of(L);
    t->spec->pg = NULL;
    const char *name = testbed_model(&t->bed);
    if (!name)
        return lib_testing_raise(L);
    lua_pushstring(L, name);
    return 1;
}

/* Several statements, as psql sends them. */
static int testing_sql(lua_State *L) {
    Testing *t = testing_of(L);
    size_t completed;
    const char *sql = luaL_checkstring(L, 1);
    if (!connect(t))
        return lib_testing_raise(L);
    if (pg_message(t->spec->pg, sql, (PgCopies){0, NULL}, &completed))
        return 0;
    pg_roll_back(t->spec->pg);
    fail_in("statement %zu", completed + 1);
    scratch_explain(&t->bed.scratch);
    return lib_testing_raise(L);
}

/* apply(to, only) */
static int testing_apply(lua_State *L) {
    Testing *t = testing_of(L);
    TestingFiles files = {luaL_optstring(L, 1, NULL), luaL_optstring(L, 2, NULL)};
    long done = 0;
    if (!testbed_database(&t->bed))
        return lib_testing_raise(L);
    if (!t->wanted->apply(t->bed.here, t->bed.config, &files, &done)) {
        scratch_explain(&t->bed.scratch);
        return lib_testing_raise(L);
    }
    lua_pushinteger(L, done);
    return 1;
}

static int testing_revert(lua_State *L) {
    Testing *t = testing_of(L);
    TestingFiles files = {luaL_optstring(L, 1, NULL), NULL};
    if (!testbed_database(&t->bed) || !t->wanted->revert(t->bed.here, t->bed.config, &files))
        return lib_testing_raise(L);
    return 0;
}

/* clock(seconds): for scripts it is always then; without: the real time again. */
static int testing_clock(lua_State *L) {
    long long seconds = luaL_optinteger(L, 1, 0);
    clock_pretend(lua_isnoneornil(L, 1) ? NULL : &seconds);
    return 0;
}

/* The scripts' world, with the spec's notify in place of the command; as in a run, all share one.
 */
bool lib_testing_team(Testing *t, lua_State *L) {
    const Config *config = t->wanted->config;
    ScriptLimits limits = {.folder = config->scripts,
                           .memory = config->lua_memory,
                           .time = config->lua_time,
                           .unsafe = config->unsafe_lua};
    if (t->team)
        return true;
    t->team = script_open(t->arena, &limits);
    if (!t->team)
        return false;
    lua_State *T = t->team->L;
    t->team->kind = "spec";
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_getfield(L, 1, "notify");
    lua_rawgeti(T, LUA_REGISTRYINDEX, t->team->world);
    if (!lua_isnil(L, 2) && !lib_bridge_hand(L, 2, T))
        lua_setfield(T, -2, "notify");
    lua_settop(L, 0);
    lua_settop(T, 0);
    return true;
}

/* script(path): its fields, its kind */
static int testing_script(lua_State *L) {
    Testing *t = testing_of(L);
    Bytes text;
    Declaration declared;
    const char *path = arena_string(t->arena, luaL_checkstring(L, 1));
    if (!lib_testing_team(t, L) || !file_read(t->arena, path, &text) ||
        !script_declare(t->team, path, text.at, text.length, &declared))
        return lib_testing_raise(L);
    lua_State *T = t->team->L;
    lua_settop(L, 0);
    lua_settop(T, 0);
    lua_rawgeti(T, LUA_REGISTRYINDEX, declared.ref);
    const char *problem = lib_bridge_hand(T, 1, L);
    lua_settop(T, 0);
    if (problem)
        return luaL_error(L, "%s: %s", path, problem);
    lua_pushstring(L, declared.kind);
    return 2;
}

/* lib(name): what require "lib.NAME" gives to scripts */
static int testing_lib(lua_State *L) {
    Testing *t = testing_of(L);
    const char *name = arena_string(t->arena, luaL_checkstring(L, 1));
    if (!lib_testing_team(t, L))
        return lib_testing_raise(L);
    lua_State *T = t->team->L;
    t->team->file = arena_format(t->arena, "lib/%s.lua", name);
    script_world(t->team, "require");
    lua_pushfstring(T, "lib.%s", name);
    bool ok = sandbox_call(t->team, 1, 1, SANDBOX_CALLING);
    const char *problem = ok ? lib_bridge_hand(T, lua_gettop(T), L) : NULL;
    lua_settop(T, 0);
    if (!ok)
        return lib_testing_raise(L);
    return problem ? luaL_error(L, "lib.%s: %s", name, problem) : 1;
}

/* The path of a migration, by version, name or path. */
static int testing_migration(lua_State *L) {
    Testing *t = testing_of(L);
    Migrations all;
    const char *word = luaL_checkstring(L, 1);
    const Migration *found = migration_list(t->arena, t->wanted->config->migrations, &all)
                                 ? migration_find(&all, word)
                                 : NULL;
    if (!found)
        return lib_testing_raise(L);
    lua_pushstring(L, found->path);
    return 1;
}

/* A spec file is over. */
static int testing_forget(lua_State *L) {
    Testing *t = testing_of(L);
    t->spec->pg = NULL;
    t->spec->calls++; /* its db is over */
    t->has_db = false;
    testbed_forget(&t->bed);
    script_close(t->team);
    t->team = NULL;
    clock_pretend(NULL);
    return 0;
}

static int testing_redacted(lua_State *L) {
    lua_pushstring(L, fail_redacted(luaL_checkstring(L, 1)));
    return 1;
}

/* A line of the results, at once. */
static int testing_print(lua_State *L) {
    puts(fail_redacted(luaL_checkstring(L, 1)));
    fflush(stdout);
    return 0;
}

static const luaL_Reg functions[] = {
    {"url", testing_url},
    {"db", testing_db},
    {"fresh", testing_fresh},
    {"model", testing_model},
    {"sql", testing_sql},
    {"apply", testing_apply},
    {"revert", testing_revert},
    {"clock", testing_clock},
    {"script", testing_script},
    {"lib", testing_lib},
    {"migration", testing_migration},
    {"forget", testing_forget},
    {"redacted", testing_redacted},
    {"print", testing_print},
    {NULL, NULL},
};

void lib_testing_push(lua_State *L, Testing *testing) {
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, testing);
    lua_newtable(L); /* what specs put in the place of things that scripts call */
    lua_pushvalue(L, -1);
    lua_setfield(L, -4, "fakes");
    luaL_setfuncs(L, functions, 2);
    lua_pushlightuserdata(L, testing);
    lua_getfield(L, -2, "fakes");
    luaL_setfuncs(L, lib_testing_rules, 2);
}
