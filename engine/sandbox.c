#include "sandbox.h"

#include "alarm.h"
#include "clock.h"
#include "embed.h"
#include "fail.h"
#include "stop.h"
#include "text.h"

#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Instructions between two looks at the clock. */
enum { LOOK_EVERY = 10000, MOST_FRAMES = 20 };

Script *sandbox_of(lua_State *L) {
    return *(Script **)lua_getextraspace(L);
}

/* Lua's heap, counted. Outside of calls there is no limit, so that reading a declaration or
 * telling an error cannot fail for the script's greed. */
static void *allocate(void *with, void *block, size_t old, size_t size) {
    Script *script = with;
    if (!block)
        old = 0; /* it says what the block is for */
    if (!size) {
        free(block);
        script->used -= old;
        return NULL;
    }
    size_t after = script->used - old + size;
    bool limited = script->phase != SANDBOX_IDLE && script->limits.memory > 0;
    if (limited && size > old && after > (size_t)script->limits.memory)
        return NULL;
    void *moved = realloc(block, size);
    if (moved)
        script->used = after;
    return moved;
}

static int panic(lua_State *L) {
    fprintf(stderr, "stint: Lua: %s\n", lua_tostring(L, -1));
    return 0; /* Lua aborts */
}

static void on_count(lua_State *L, lua_Debug *ar) {
    Script *script = sandbox_of(L);
    (void)ar;
    if (script->end == SANDBOX_ON && stop_asked())
        sandbox_end(L, SANDBOX_STOPPED);
    if (script->end == SANDBOX_ON && script->deadline && clock_ms() > script->deadline)
        sandbox_end(L, SANDBOX_LATE);
    if (script->end == SANDBOX_ON)
        return;
    lua_pushliteral(L, "this call is over");
    lua_error(L);
}

/* From now on every instruction raises, so that no pcall can go on. */
void sandbox_end(lua_State *L, SandboxEnd why) {
    Script *script = sandbox_of(L);
    script->end = why;
    script->place = sandbox_place(L, 0, NULL, NULL);
    lua_sethook(L, on_count, LUA_MASKCOUNT | LUA_MASKLINE, 1);
    lua_sethook(script->L, on_count, LUA_MASKCOUNT | LUA_MASKLINE, 1);
}

void sandbox_begin(Script *script, SandboxPhase phase) {
    long long time = script->limits.time;
    arena_reset(script->told);
    script->phase = phase;
    script->end = SANDBOX_ON;
    script->place = script->traceback = NULL;
    script->deadline = time ? clock_ms() + time : 0;
    lua_sethook(script->L, on_count, LUA_MASKCOUNT, LOOK_EVERY);
}

void sandbox_finish(Script *script) {
    script->phase = SANDBOX_IDLE;
    lua_sethook(script->L, NULL, 0, 0);
}

void sandbox_pause(Script *script) {
    alarm_pause();
    script->paused_at = clock_ms();
}

void sandbox_resume(Script *script) {
    if (script->deadline)
        script->deadline += clock_ms() - script->paused_at;
    alarm_resume();
}

/* The team's files are "@" and their path; what Stint ships is "=stint/...". */
static bool is_script(const lua_Debug *ar) {
    return *ar->source == '@';
}

const char *sandbox_place(lua_State *L, int level, const char **file, int *line) {
    lua_Debug ar;
    for (; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (!is_script(&ar))
            continue;
        if (file)
            *file = arena_string(sandbox_of(L)->told, ar.source + 1);
        if (line)
            *line = ar.currentline;
        return arena_format(sandbox_of(L)->told, "%s:%d", ar.source + 1, ar.currentline);
    }
    return NULL;
}

/* The script's file and line first; Lua cuts long file names down to "...", here they are whole. */
static const char *with_place(lua_State *L, Arena *a, const char *message) {
    lua_Debug ar;
    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "S", &ar);
        size_t n = strlen(ar.short_src);
        if (strncmp(message, ar.short_src, n) != 0 || message[n] != ':')
            continue;
        if (is_script(&ar))
            return arena_format(a, "%s%s", ar.source + 1, message + n);
        const char *bare = strstr(message + n, ": "); /* a place in what Stint ships helps nobody */
        message = bare ? bare + 2 : message;
        break;
    }
    const char *place = sandbox_place(L, 1, NULL, NULL);
    return place ? arena_format(a, "%s: %s", place, message) : arena_string(a, message);
}

static void add_frame(Text *text, const lua_Debug *ar) {
    text_addf(text, "%s%s:%d: in ", text->length ? "\n" : "", ar->source + 1, ar->currentline);
    if (strcmp(ar->what, "main") == 0)
        text_add(text, "the file itself");
    else if (ar->name)
        text_addf(text, "function '%s'", ar->name);
    else
        text_addf(text, "the function of line %d", ar->linedefined);
}

/* The frames of scripts; NULL if there is but one, which the message names already. */
static const char *traceback(lua_State *L, Arena *a) {
    Text text = text_on(a);
    lua_Debug ar;
    int frames = 0;
    for (int level = 1; frames < MOST_FRAMES && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Slnt", &ar);
        if (!is_script(&ar))
            continue;
        add_frame(&text, &ar);
        frames++;
    }
    return frames > 1 ? text.at : NULL;
}

int sandbox_on_error(lua_State *L) {
    Script *script = sandbox_of(L);
    if (script->end != SANDBOX_ON)
        return 1;
    bool ours = lib_error_is(L, 1);
    const char *message = ours ? NULL : luaL_tolstring(L, 1, NULL);
    SandboxPhase phase = script->phase;
    script->phase = SANDBOX_IDLE; /* the limit of memory must not keep the error from being told */
    script->traceback = traceback(L, script->told);
    if (!ours)
        lua_pushstring(L, with_place(L, script->told, message));
    else
        lua_settop(L, 1);
    script->phase = phase;
    return 1;
}

static int native_embedded(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const EmbeddedFile *file = embedded_files; file->name; file++) {
        if (strcmp(file->name, name) != 0)
            continue;
        lua_pushlstring(L, file->text, file->length);
        return 1;
    }
    return luaL_error(L, "%s is not in this binary", name);
}

static int native_nearest(lua_State *L) {
    const char *word = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_Integer count = luaL_len(L, 2);
    const char **names = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *names, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_rawgeti(L, 2, i + 1);
        names[i] = lua_tostring(L, -1); /* the table keeps it alive */
        lua_pop(L, 1);
    }
    names[count] = NULL;
    lua_pushstring(L, text_nearest(word, names));
    return 1;
}

static int native_duration(lua_State *L) {
    long long ms;
    if (clock_duration(luaL_checkstring(L, 1), &ms))
        lua_pushinteger(L, ms);
    else
        lua_pushnil(L);
    return 1;
}

/* The message handler of a script's xpcall, its upvalue: an error of the hook calls it with hooks
 * off, where it could stay for ever. */
static int guarded(lua_State *L) {
    if (sandbox_of(L)->end != SANDBOX_ON)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

static int native_guard(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_pushcclosure(L, guarded, 1);
    return 1;
}

/* The file and line of the script that is at work. */
static int native_place(lua_State *L) {
    const char *file = NULL;
    int line = 0;
    sandbox_place(L, 1, &file, &line);
    lua_pushstring(L, file);
    lua_pushinteger(L, line);
    return 2;
}

static int native_is_loading(lua_State *L) {
    lua_pushboolean(L, sandbox_of(L)->phase == SANDBOX_LOADING);
    return 1;
}

static const char *module_problem(Script *script, const char *path, Bytes *text) {
    const char *folder = script->limits.folder ? script->limits.folder : ".";
    char *root = arena_take(script->told, PATH_MAX), *real = arena_take(script->told, PATH_MAX);
    if (!realpath(path, real))
        return "there is no such file";
    size_t length = realpath(folder, root) ? strlen(root) : 0;
    if (strcmp(root, "/") != 0 && (strncmp(real, root, length) != 0 || real[length] != '/'))
        return "it is a link that leaves the scripts folder";
    if (file_read(script->told, real, text))
        return NULL;
    const char *problem = arena_string(script->told, failure()->message);
    fail_clear();
    return problem;
}

/* "lib/x.lua" -> its path and text, or its path, nil and why not. */
static int native_module(lua_State *L) {
    Script *script = sandbox_of(L);
    const char *folder = script->limits.folder ? script->limits.folder : ".";
    const char *path = file_join(script->told, folder, luaL_checkstring(L, 1));
    Bytes text = {NULL, 0};
    const char *problem = module_problem(script, path, &text);
    lua_pushstring(L, path);
    if (problem)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text.at, text.length);
    lua_pushstring(L, problem);
    return 3;
}

static const luaL_Reg natives[] = {
    {"embedded", native_embedded}, {"nearest", native_nearest},
    {"duration", native_duration}, {"guard", native_guard},
    {"place", native_place},       {"is_loading", native_is_loading},
    {"module", native_module},     {NULL, NULL},
};

static const luaL_Reg libraries[] = {
    {LUA_GNAME, luaopen_base},
    {LUA_STRLIBNAME, luaopen_string},
    {LUA_TABLIBNAME, luaopen_table},
    {LUA_MATHLIBNAME, luaopen_math},
    {LUA_UTF8LIBNAME, luaopen_utf8},
    {LUA_OSLIBNAME, luaopen_os}, /* boot.lua keeps time and date */
    {NULL, NULL},
};

static void open_libraries(lua_State *L, const Script *script) {
    if (script->limits.unsafe) {
        luaL_openlibs(L);
        return;
    }
    for (const luaL_Reg *library = libraries; library->name; library++) {
        luaL_requiref(L, library->name, library->func, 1);
        lua_pop(L, 1);
    }
}

static int open_world(lua_State *L) {
    Script *script = sandbox_of(L);
    open_libraries(L, script);
    lib_error_open(L);
    lib_value_open(L);
    lib_db_open(L);
    lua_settop(L, 0);
    lua_pushcfunction(L, native_embedded);
    lua_pushliteral(L, "hooks/boot.lua");
    lua_call(L, 1, 1);
    size_t length;
    const char *text = lua_tolstring(L, 1, &length);
    if (luaL_loadbufferx(L, text, length, "=stint/hooks/boot.lua", "t") != LUA_OK)
        return lua_error(L);
    luaL_newlib(L, natives);
    lib_json_open(L);
    lua_setfield(L, -2, "json");
    lib_log_open(L);
    lua_setfield(L, -2, "log");
    lua_pushboolean(L, script->limits.unsafe);
    lua_setfield(L, -2, "unsafe");
    lua_call(L, 1, 1);
    script->world = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

bool sandbox_open(Script *script) {
    script->L = lua_newstate(allocate, script);
    if (!script->L)
        return fail(FAIL_ERROR, "no memory for a Lua state");
    *(Script **)lua_getextraspace(script->L) = script;
    lua_atpanic(script->L, panic);
    lua_pushcfunction(script->L, open_world);
    if (lua_pcall(script->L, 0, 0, 0) == LUA_OK)
        return true;
    return fail(FAIL_ERROR, "Lua does not start: %s", lua_tostring(script->L, -1));
}
