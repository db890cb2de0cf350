/* The ground floor, for the specs: arena, text, fail, clock, file. */
#include "arena.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "text.h"

#include <lauxlib.h>
#include <lua.h>

#include <string.h>

extern const luaL_Reg native_ground[];

/* arena_holds(n): n pieces of 1 to n bytes; are all aligned, zero at first, and none overwritten?
 */
static int arena_holds(lua_State *L) {
    size_t n = (size_t)luaL_checkinteger(L, 1);
    Arena *a = arena_new();
    unsigned char **piece = arena_take(a, n * sizeof *piece);
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        piece[i] = arena_take(a, i + 1);
        for (size_t j = 0; j <= i; j++)
            good = good && piece[i][j] == 0;
        memset(piece[i], (int)(i % 255) + 1, i + 1);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            good = good && piece[i][j] == (unsigned char)(i % 255 + 1);
    arena_reset(a);
    good = good && strcmp(arena_string(a, "again"), "again") == 0;
    good = good && arena_string(a, NULL) == NULL;
    arena_free(a);
    lua_pushboolean(L, good);
    return 1;
}

/* text(piece, times): a text made of so many pieces, with another taken from the same arena
 * between each two, so that it must move. */
static int grown_text(lua_State *L) {
    size_t length;
    const char *piece = luaL_checklstring(L, 1, &length);
    lua_Integer times = luaL_checkinteger(L, 2);
    Arena *a = arena_new();
    Text text = text_on(a);
    for (lua_Integer i = 0; i < times; i++) {
        text_add_bytes(&text, piece, length);
        if (i % 7 == 0)
            arena_take(a, 3);
    }
    lua_pushlstring(L, text.at, text.length);
    lua_pushboolean(L, text.at[text.length] == 0);
    arena_free(a);
    return 2;
}

/* textf(word, number) */
static int formatted_text(lua_State *L) {
    const char *word = luaL_checkstring(L, 1);
    Arena *a = arena_new();
    Text text = text_on(a);
    text_addf(&text, "%s=%lld", word, (long long)luaL_checkinteger(L, 2));
    text_add_char(&text, ';');
    lua_pushlstring(L, text.at, text.length);
    arena_free(a);
    return 1;
}

static int nearest(lua_State *L) {
    const char *names[32];
    int count = lua_gettop(L) - 1;
    const char *word = luaL_checkstring(L, 1);
    luaL_argcheck(L, count < 32, 2, "too many names");
    for (int i = 0; i < count; i++)
        names[i] = luaL_checkstring(L, i + 2);
    names[count] = NULL;
    lua_pushstring(L, text_nearest(word, names));
    return 1;
}

static int starts(lua_State *L) {
    lua_pushboolean(L, text_starts(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    return 1;
}

static int ends(lua_State *L) {
    lua_pushboolean(L, text_ends(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    return 1;
}

static void set(lua_State *L, const char *name, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

static int push_failure(lua_State *L) {
    const Failure *f = failure();
    lua_newtable(L);
    lua_pushinteger(L, f->kind);
    lua_setfield(L, -2, "kind");
    set(L, "message", f->message);
    set(L, "detail", f->detail);
    set(L, "hint", f->hint);
    set(L, "context", f->context);
    set(L, "sqlstate", f->sqlstate);
    set(L, "file", f->place.file);
    set(L, "source", f->place.source);
    lua_pushinteger(L, (lua_Integer)f->place.line);
    lua_setfield(L, -2, "line");
    fail_clear();
    return 1;
}

/* fails{kind, message, in, detail, hint, sqlstate, file}: what failure() says then. */
static int fails(lua_State *L) {
    static const struct {
        const char *name;
        bool (*add)(const char *format, ...);
    } adders[] = {{"within", fail_in}, {"detail", fail_detail}, {"hint", fail_hint}};
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "kind");
    lua_getfield(L, 1, "message");
    fail((FailKind)luaL_checkinteger(L, -2), "%s", luaL_checkstring(L, -1));
    for (size_t i = 0; i < sizeof adders / sizeof *adders; i++)
        if (lua_getfield(L, 1, adders[i].name) == LUA_TSTRING)
            adders[i].add("%s", lua_tostring(L, -1));
    if (lua_getfield(L, 1, "sqlstate") == LUA_TSTRING)
        fail_sqlstate(lua_tostring(L, -1));
    if (lua_getfield(L, 1, "file") == LUA_TSTRING)
        fail_at((FailPlace){lua_tostring(L, -1), 3, 7, "SELECT secret_word"});
    if (lua_getfield(L, 1, "as") == LUA_TNUMBER)
        fail_as((FailKind)lua_tointeger(L, -1));
    return push_failure(L);
}

static int secret(lua_State *L) {
    fail_secret(luaL_checkstring(L, 1));
    return 0;
}

static int redacted(lua_State *L) {
    lua_pushstring(L, fail_redacted(luaL_checkstring(L, 1)));
    return 1;
}

static int duration(lua_State *L) {
    long long ms = 0;
    if (!clock_duration(luaL_checkstring(L, 1), &ms))
        return 0;
    lua_pushinteger(L, ms);
    return 1;
}

static int say(lua_State *L) {
    Arena *a = arena_new();
    lua_pushstring(L, clock_say(a, luaL_checkinteger(L, 1)));
    arena_free(a);
    return 1;
}

static int stamp(lua_State *L) {
    Arena *a = arena_new();
    lua_pushstring(L, clock_stamp(a));
    lua_pushstring(L, clock_version(a));
    arena_free(a);
    return 2;
}

static int backoff(lua_State *L) {
    lua_pushinteger(L, clock_backoff(luaL_checkinteger(L, 1), luaL_checkinteger(L, 2),
                                     (int)luaL_checkinteger(L, 3)));
    return 1;
}

/* Each of these gives its answer, or nil and the failure. */
static int answer(lua_State *L, bool ok) {
    if (ok) {
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushnil(L);
    push_failure(L);
    return 2;
}

static int read_whole(lua_State *L) {
    Arena *a = arena_new();
    Bytes bytes = {NULL, 0};
    bool ok = file_read(a, luaL_checkstring(L, 1), &bytes);
    int pushed = ok ? 1 : answer(L, false);
    if (ok)
        lua_pushlstring(L, bytes.at, bytes.length);
    arena_free(a);
    return pushed;
}

static int create(lua_State *L) {
    return answer(L, file_create(luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
}

static int replace(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 2, &length);
    return answer(L, file_replace(luaL_checkstring(L, 1), text, length));
}

static int names(lua_State *L) {
    Arena *a = arena_new();
    FileNames found = {0, NULL, NULL};
    bool ok = file_names(a, luaL_checkstring(L, 1), &found);
    int pushed = ok ? 1 : answer(L, false);
    if (ok) {
        lua_newtable(L);
        for (size_t i = 0; i < found.count; i++) {
            lua_pushstring(L, found.name[i]);
            lua_seti(L, -2, (lua_Integer)i + 1);
        }
    }
    arena_free(a);
    return pushed;
}

static int join(lua_State *L) {
    Arena *a = arena_new();
    lua_pushstring(L, file_join(a, luaL_checkstring(L, 1), luaL_checkstring(L, 2)));
    arena_free(a);
    return 1;
}

static int split(lua_State *L) {
    Arena *a = arena_new();
    const char *path = luaL_checkstring(L, 1);
    lua_pushstring(L, file_folder(a, path));
    lua_pushstring(L, file_base(path));
    arena_free(a);
    return 2;
}

const luaL_Reg native_ground[] = {{"arena_holds", arena_holds},
                                  {"text", grown_text},
                                  {"textf", formatted_text},
                                  {"nearest", nearest},
                                  {"starts", starts},
                                  {"ends", ends},
                                  {"fails", fails},
                                  {"secret", secret},
                                  {"redacted", redacted},
                                  {"duration", duration},
                                  {"say", say},
                                  {"stamp", stamp},
                                  {"backoff", backoff},
                                  {"read", read_whole},
                                  {"create", create},
                                  {"replace", replace},
                                  {"names", names},
                                  {"join", join},
                                  {"split", split},
                                  {NULL, NULL}};
