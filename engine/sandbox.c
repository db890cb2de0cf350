#include "sandbox.h"

#include "alarm.h"
#include "clock.h"
#include "fail.h"
#include "stop.h"
#include "text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Instructions between two looks at the clock. */
enum { LOOK_EVERY = 10000, MOST_FRAMES = 20, MOST_SHOWN = 8 };

Script *sandbox_of(lua_State *L) {
    return *(Script **)lua_getextraspace(L);
}

/* What C holds for the script: rows on their way, parameters, JSON. */
static size_t borrowed(const Script *script) {
    return arena_size(script->scratch) + arena_size(script->cell);
}

size_t sandbox_room(const Script *script) {
    size_t held = script->used + borrowed(script), most = (size_t)script->limits.memory;
    if (!most)
        return SIZE_MAX / 2;
    return held < most ? most - held : 0;
}

void sandbox_weigh(lua_State *L, const char *what) {
    Script *script = sandbox_of(L);
    char name[64]; /* `what` may live in what is emptied */
    if (script->phase == SANDBOX_IDLE || sandbox_room(script) > 0)
        return;
    snprintf(name, sizeof name, "%s", what);
    arena_reset(script->cell);
    arena_reset(script->scratch);
    luaL_error(L, "%s needs more memory than the %d kB that scripts may hold (lua_memory)", name,
               (int)(script->limits.memory / 1024));
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
    if (limited && size > old && after + borrowed(script) > (size_t)script->limits.memory)
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
    if (script->end == SANDBOX_ON && !script->limits.finishes && stop_asked())
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
    script->deep_error = NULL;
    script->deadline = time ? clock_ms() + time : 0;
    lua_sethook(script->L, on_count, LUA_MASKCOUNT, LOOK_EVERY);
}

void sandbox_finish(Script *script) {
    script->phase = SANDBOX_IDLE;
    arena_reset(script->scratch);
    arena_reset(script->cell);
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

bool sandbox_frame(lua_State *L, int level, lua_Debug *frame) {
    for (; lua_getstack(L, level, frame); level++) {
        lua_getinfo(L, "Sl", frame);
        if (is_script(frame))
            return true;
    }
    return false;
}

const char *sandbox_place(lua_State *L, int level, const char **file, int *line) {
    lua_Debug frame;
    if (!sandbox_frame(L, level, &frame))
        return NULL;
    if (file)
        *file = arena_string(sandbox_of(L)->told, frame.source + 1);
    if (line)
        *line = frame.currentline;
    return arena_format(sandbox_of(L)->told, "%s:%d", frame.source + 1, frame.currentline);
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
    return frames > 1 ? arena_format(a, "stack traceback:\n%s", text.at) : NULL;
}

int sandbox_remember(lua_State *L) {
    Script *script = sandbox_of(L);
    const void *error = lua_topointer(L, 1); /* of texts and tables: the value itself */
    if (script->end != SANDBOX_ON || !error || error == script->deep_error)
        return 1;
    arena_reset(script->deep);
    script->deep_trace = traceback(L, script->deep);
    script->deep_error = error;
    return 1;
}

/* error {code = 5}: its plain fields, for a table's address tells nothing. */
static const char *table_shown(lua_State *L) {
    luaL_Buffer out;
    bool any = false;
    lua_newtable(L); /* below the buffer: the names and values as text */
    int list = lua_gettop(L), count = 0;
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
        bool plain =
            lua_type(L, -2) == LUA_TSTRING && !lua_istable(L, -1) && !lua_isfunction(L, -1);
        if (!plain || count >= MOST_SHOWN)
            continue;
        luaL_tolstring(L, -1, NULL);
        lua_pushfstring(L, "%s = %s", lua_tostring(L, -3), lua_tostring(L, -1));
        lua_rawseti(L, list, ++count);
        lua_pop(L, 1);
    }
    luaL_buffinit(L, &out);
    luaL_addstring(&out, "an error that is a table: {");
    for (int i = 1; i <= count; i++) {
        luaL_addstring(&out, any ? ", " : "");
        lua_rawgeti(L, list, i);
        luaL_addvalue(&out);
        any = true;
    }
    luaL_addstring(&out, "}");
    luaL_pushresult(&out);
    return lua_tostring(L, -1);
}

static const char *error_shown(lua_State *L) {
    if (lua_isnil(L, 1))
        return "error was called without a message";
    if (!lua_istable(L, 1) || luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL)
        return luaL_tolstring(L, 1, NULL);
    lua_pushliteral(L, "message");
    if (lua_rawget(L, 1) == LUA_TSTRING)
        return lua_tostring(L, -1);
    return table_shown(L);
}

int sandbox_on_error(lua_State *L) {
    Script *script = sandbox_of(L);
    if (script->end != SANDBOX_ON)
        return 1;
    bool ours = lib_error_is(L, 1);
    const char *message = ours ? NULL : error_shown(L);
    SandboxPhase phase = script->phase;
    script->phase = SANDBOX_IDLE; /* the limit of memory must not keep the error from being told */
    bool deeper = script->deep_error && script->deep_error == lua_topointer(L, 1);
    script->traceback = deeper ? script->deep_trace : traceback(L, script->told);
    if (!ours)
        lua_pushstring(L, with_place(L, script->told, message));
    else
        lua_settop(L, 1);
    script->phase = phase;
    return 1;
}

void sandbox_set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

bool sandbox_is_marked(lua_State *L, int index, const char *metatable) {
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, metatable);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

bool sandbox_open(Script *script) {
    script->L = lua_newstate(allocate, script);
    if (!script->L)
        return fail(FAIL_ERROR, "no memory for a Lua state");
    *(Script **)lua_getextraspace(script->L) = script;
    lua_atpanic(script->L, panic);
    lua_pushcfunction(script->L, lib_world_open);
    if (lua_pcall(script->L, 0, 0, 0) == LUA_OK)
        return true;
    return fail(FAIL_ERROR, "Lua does not start: %s", lua_tostring(script->L, -1));
}
