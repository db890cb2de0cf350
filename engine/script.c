#include "script.h"

#include "alarm.h"
#include "clock.h"
#include "fail.h"
#include "sandbox.h"
#include "stop.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* After the time limit, C code that sees no hook has so long to come back. */
enum { GRACE = 2000 };

static int alarm_code = FAIL_MIGRATION;
static int calling;

void script_alarm_code(int code) {
    alarm_code = code;
}

Script *script_open(Arena *a, const ScriptLimits *limits) {
    Script *script = arena_take(a, sizeof *script);
    script->arena = a;
    script->limits = *limits;
    script->limits.folder = arena_string(a, limits->folder);
    script->scratch = arena_new();
    script->told = arena_new();
    script->cell = arena_new();
    script->deep = arena_new();
    if (sandbox_open(script))
        return script;
    script_close(script);
    return NULL;
}

void script_close(Script *script) {
    if (!script)
        return;
    if (script->L)
        lua_close(script->L);
    arena_free(script->scratch);
    arena_free(script->told);
    arena_free(script->cell);
    arena_free(script->deep);
    script->L = NULL;
    script->scratch = script->told = script->cell = script->deep = NULL;
}

static bool tell_end(Script *script, FailKind kind) {
    const char *place = script->place ? script->place : script->file;
    if (script->end == SANDBOX_STOPPED)
        return stop_failure();
    if (script->end == SANDBOX_FAILED)
        return fail_in("%s", place);
    fail(kind, "%s: ran for more than %s", place, clock_say(script->told, script->limits.time));
    return fail_hint("%s; time in the database does not count",
                     script->limit_hint ? script->limit_hint
                                        : "lua_time in config.ini is the limit of one call");
}

static bool tell_error(Script *script, FailKind kind, int status) {
    lua_State *L = script->L;
    if (script->end != SANDBOX_ON)
        return tell_end(script, kind);
    if (status == LUA_ERRMEM) {
        fail(kind, "%s: needs more memory than the %lld kB that scripts may hold", script->file,
             script->limits.memory / 1024);
        return fail_hint("lua_memory in config.ini is the limit; or read and change fewer rows at "
                         "a time");
    }
    if (lib_error_is(L, -1))
        return lib_error_fail(L, -1, script->traceback);
    const char *message = lua_tostring(L, -1);
    fail(kind, "%s", message ? message : "an error without a text");
    return script->traceback ? fail_context(script->traceback) : false;
}

static void start_alarm(Script *script, int code) {
    if (!script->limits.time)
        return;
    const char *limit = clock_say(script->told, script->limits.time);
    alarm_start(script->limits.time + GRACE, code,
                arena_format(script->told,
                             "ERROR: %s: ran for more than %s inside one call of Lua's library; "
                             "the process ends here, and the server rolls back",
                             script->file, limit));
}

bool script_is_calling(void) {
    return calling > 0;
}

void script_limit(Script *script, long long time, const char *hint) {
    script->limits.time = time;
    script->limit_hint = hint;
}

/* The one protected call: the function and its arguments are on the stack. */
bool sandbox_call(Script *script, int args, int results, SandboxPhase phase) {
    bool loading = phase == SANDBOX_LOADING;
    lua_State *L = script->L;
    int handler = lua_gettop(L) - args;
    lua_pushcfunction(L, sandbox_on_error);
    lua_insert(L, handler);
    sandbox_begin(script, phase);
    start_alarm(script, loading ? FAIL_CONFIG : alarm_code);
    calling++;
    int status = lua_pcall(L, args, results, handler);
    calling--;
    alarm_stop();
    sandbox_finish(script);
    bool ok = status == LUA_OK && script->end == SANDBOX_ON;
    if (!ok)
        tell_error(script, loading ? FAIL_CONFIG : FAIL_ERROR, status);
    return ok;
}

void script_world(Script *script, const char *name) {
    lua_settop(script->L, 0);
    lua_rawgeti(script->L, LUA_REGISTRYINDEX, script->world);
    lua_getfield(script->L, 1, name);
    lua_remove(script->L, 1);
}

bool script_declare(Script *script, const char *file, const char *text, size_t length,
                    Declaration *out) {
    lua_State *L = script->L;
    script->file = arena_string(script->arena, file);
    script_world(script, "declare");
    lua_pushstring(L, file);
    lua_pushlstring(L, text, length);
    bool ok = sandbox_call(script, 2, 3, SANDBOX_LOADING); /* kind line fields */
    if (ok) {
        out->script = script;
        out->file = script->file;
        out->kind = arena_string(script->arena, lua_tostring(L, -3));
        out->line = (int)lua_tointeger(L, -2);
        out->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_settop(L, 0);
    return ok;
}

bool script_at(const Declaration *declaration) {
    return fail_at((FailPlace){.file = declaration->file, .line = (size_t)declaration->line});
}

int sandbox_push_field(const Declaration *declaration, const char *field) {
    lua_State *L = declaration->script->L;
    lua_settop(L, 0);
    lua_rawgeti(L, LUA_REGISTRYINDEX, declaration->ref);
    lua_pushstring(L, field);
    int type = lua_rawget(L, 1);
    lua_remove(L, 1);
    return type;
}

bool sandbox_push_function(const Declaration *declaration, const char *field) {
    Script *script = declaration->script;
    script->file = declaration->file;
    script->kind = declaration->kind;
    return sandbox_push_field(declaration, field) == LUA_TFUNCTION ||
           fail(FAIL_ERROR, "%s:%d: this %s has no function \"%s\"", declaration->file,
                declaration->line, declaration->kind, field);
}

static const char *text_at(Arena *a, lua_State *L, int index) {
    if (lua_isboolean(L, index))
        return lua_toboolean(L, index) ? "true" : "false";
    if (!lua_isstring(L, index))
        return NULL;
    lua_pushvalue(L, index); /* lua_tostring changes a number in place */
    const char *text = arena_string(a, lua_tostring(L, -1));
    lua_pop(L, 1);
    return text;
}

bool script_has(const Declaration *declaration, const char *field) {
    return sandbox_push_field(declaration, field) != LUA_TNIL;
}

bool script_is_function(const Declaration *declaration, const char *field) {
    return sandbox_push_field(declaration, field) == LUA_TFUNCTION;
}

const char *script_text(Arena *a, const Declaration *declaration, const char *field) {
    sandbox_push_field(declaration, field);
    return text_at(a, declaration->script->L, 1);
}

long long script_integer(const Declaration *declaration, const char *field, long long otherwise) {
    int is_integer;
    sandbox_push_field(declaration, field);
    long long integer = lua_tointegerx(declaration->script->L, 1, &is_integer);
    return is_integer ? integer : otherwise;
}

long long script_duration(const Declaration *declaration, const char *field, long long otherwise) {
    long long ms;
    bool is_text = sandbox_push_field(declaration, field) == LUA_TSTRING;
    return is_text && clock_duration(lua_tostring(declaration->script->L, 1), &ms) ? ms : otherwise;
}

bool script_flag(const Declaration *declaration, const char *field, bool otherwise) {
    bool is_flag = sandbox_push_field(declaration, field) == LUA_TBOOLEAN;
    return is_flag ? lua_toboolean(declaration->script->L, 1) : otherwise;
}

Strings script_strings(Arena *a, const Declaration *declaration, const char *field) {
    lua_State *L = declaration->script->L;
    int type = sandbox_push_field(declaration, field);
    if (type == LUA_TNIL)
        return (Strings){0, NULL};
    size_t count = type == LUA_TTABLE ? (size_t)lua_rawlen(L, 1) : 1;
    Strings strings = {count, arena_take(a, count * sizeof *strings.at)};
    if (type != LUA_TTABLE) {
        strings.at[0] = text_at(a, L, 1);
        return strings;
    }
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i + 1);
        strings.at[i] = text_at(a, L, -1);
        lua_pop(L, 1);
    }
    return strings;
}

typedef struct {
    const char *name, *value;
} Pair;

static int by_name(const void *a, const void *b) {
    return strcmp(((const Pair *)a)->name, ((const Pair *)b)->name);
}

static Pair *read_pairs(Arena *a, lua_State *L, size_t *count) {
    size_t room = 8;
    Pair *pairs = arena_take(a, room * sizeof *pairs);
    *count = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        if (*count == room) {
            pairs = arena_grow(a, pairs, room * sizeof *pairs, room * 2 * sizeof *pairs);
            room *= 2;
        }
        const char *name = text_at(a, L, -2), *value = text_at(a, L, -1);
        pairs[(*count)++] = (Pair){name, value};
    }
    qsort(pairs, *count, sizeof *pairs, by_name);
    return pairs;
}

Pairs script_pairs(Arena *a, const Declaration *declaration, const char *field) {
    if (sandbox_push_field(declaration, field) != LUA_TTABLE)
        return (Pairs){0, NULL, NULL};
    size_t count;
    Pair *read = read_pairs(a, declaration->script->L, &count);
    Pairs pairs = {count, arena_take(a, count * sizeof(char *)),
                   arena_take(a, count * sizeof(char *))};
    for (size_t i = 0; i < count; i++) {
        pairs.name[i] = read[i].name;
        pairs.value[i] = read[i].value;
    }
    return pairs;
}

bool script_call(const Declaration *declaration, const char *field, Pg *pg) {
    Script *script = declaration->script;
    if (!sandbox_push_function(declaration, field))
        return false;
    script->pg = pg;
    script->calls++;
    lib_db_push(script->L);
    bool ok = sandbox_call(script, 1, 0, SANDBOX_CALLING);
    script->pg = NULL;
    lua_settop(script->L, 0);
    return ok;
}

const char *script_help(Arena *a, Script *script, const char *kind) {
    script->file = "stint/hooks/kinds.lua";
    script_world(script, "help");
    lua_pushstring(script->L, kind);
    const char *help = NULL;
    if (sandbox_call(script, 1, 1, SANDBOX_LOADING))
        help = text_at(a, script->L, -1);
    lua_settop(script->L, 0);
    return help;
}
