/* option, for the specs: with two tables, as a command has them. */
#include "option.h"

#include "fail.h"

#include <lauxlib.h>
#include <lua.h>

#include <stdio.h>
#include <stdlib.h>

extern const luaL_Reg native_option[];

static const Option global[] = {
    {"environment", 'e', "ENV", "which environment"},
    {"verbose", 'v', NULL, "says more"},
    {"quiet", 'q', NULL, "says less"},
    {NULL, 0, NULL, NULL},
};
static const Option own[] = {
    {"to", 0, "VERSION", "up to this one"},
    {"count", 'n', "N", "so many"},
    {"dry-run", 0, NULL, "changes nothing"},
    {NULL, 0, NULL, NULL},
};

/* parse(words...): { given = {"name=value", ...}, words = {...} }; or nil, message, hint, kind. */
static int parse(lua_State *L) {
    const Option *const tables[] = {own, global, NULL};
    int argc = lua_gettop(L);
    Arena *a = arena_new();
    char **argv = arena_take(a, ((size_t)argc + 1) * sizeof *argv);
    for (int i = 0; i < argc; i++)
        argv[i] = arena_string(a, luaL_checkstring(L, i + 1));
    Given given;
    if (!option_parse(a, tables, argc, argv, &given)) {
        arena_free(a);
        lua_pushnil(L);
        lua_pushstring(L, failure()->message);
        lua_pushstring(L, failure()->hint);
        lua_pushinteger(L, failure()->kind);
        return 4;
    }
    lua_newtable(L);
    lua_newtable(L);
    for (size_t i = 0; i < given.count; i++) {
        lua_pushfstring(L, "%s=%s", given.option[i]->name, given.value[i] ? given.value[i] : "");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "given");
    lua_newtable(L);
    for (size_t i = 0; i < given.word_count; i++) {
        lua_pushstring(L, given.word[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "words");
    lua_pushstring(L, option_value(&given, "to"));
    lua_setfield(L, -2, "to");
    lua_pushboolean(L, option_given(&given, "dry-run"));
    lua_setfield(L, -2, "dry");
    arena_free(a);
    return 1;
}

static int help(lua_State *L) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    option_help(own, out);
    fclose(out);
    lua_pushlstring(L, text, length);
    free(text);
    return 1;
}

/* first_word(words...): its number, from 1. */
static int first_word(lua_State *L) {
    const Option *const tables[] = {own, global, NULL};
    int argc = lua_gettop(L);
    Arena *a = arena_new();
    char **argv = arena_take(a, ((size_t)argc + 1) * sizeof *argv);
    for (int i = 0; i < argc; i++)
        argv[i] = arena_string(a, luaL_checkstring(L, i + 1));
    lua_pushinteger(L, option_first_word(tables, argc, argv) + 1);
    arena_free(a);
    return 1;
}

const luaL_Reg native_option[] = {
    {"parse", parse}, {"first_word", first_word}, {"help", help}, {NULL, NULL}};
