/* Signatures, for the specs. */
#include "signature.h"

#include "fail.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_signature[];

/* The text, or nil and the failure's message. */
static int answer(lua_State *L, Arena *a, bool ok, const char *text) {
    lua_pushstring(L, ok ? text : NULL);
    if (!ok)
        lua_pushstring(L, failure()->message);
    arena_free(a);
    return ok ? 1 : 2;
}

static int new_key(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *key = NULL;
    Arena *a = arena_new();
    bool ok = signature_new_key(a, path, &key);
    return answer(L, a, ok, key);
}

static int public_key(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *key = NULL;
    Arena *a = arena_new();
    bool ok = signature_public_key(a, path, &key);
    return answer(L, a, ok, key);
}

static int read_key(lua_State *L) {
    const char *word = luaL_checkstring(L, 1);
    Arena *a = arena_new();
    return answer(L, a, true, signature_read_key(a, word));
}

static int make(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *text = luaL_checkstring(L, 2), *signature = NULL;
    Arena *a = arena_new();
    bool ok = signature_make(a, path, text, &signature);
    return answer(L, a, ok, signature);
}

/* fits(public key, text, signature) */
static int fits(lua_State *L) {
    SignatureAnswer answer =
        signature_check(luaL_checkstring(L, 1), luaL_checkstring(L, 2), luaL_checkstring(L, 3));
    lua_pushboolean(L, answer == SIGNATURE_FITS);
    return 1;
}

const luaL_Reg native_signature[] = {
    {"new_key", new_key},   {"public_key", public_key},
    {"read_key", read_key}, {"make", make},
    {"fits", fits},         {NULL, NULL},
};
