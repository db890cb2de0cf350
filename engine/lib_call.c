#include "sandbox.h"

#include "clock.h"
#include "fail.h"

#include <math.h>

/* The calls of scripts that take or give more than a db. */

void script_on_statement(Script *script, ScriptEar ear) {
    script->ear = ear;
}

bool script_ask(Arena *a, const Declaration *declaration, const char *field, Pg *pg, bool *yes,
                const char **text) {
    Script *script = declaration->script;
    lua_State *L = script->L;
    if (!sandbox_push_function(declaration, field))
        return false;
    script->pg = pg;
    script->calls++;
    lib_db_push(L);
    bool ok = sandbox_call(script, 1, 2, SANDBOX_CALLING);
    script->pg = NULL;
    if (ok) {
        *yes = lua_toboolean(L, -2);
        *text = lua_type(L, -1) == LUA_TSTRING ? arena_string(a, lua_tostring(L, -1)) : NULL;
    }
    lua_settop(L, 0);
    return ok;
}

/* nil or false: go on. */
static bool read_pause(const Declaration *d, lua_State *L, ScriptPause *pause) {
    pause->ms = 0;
    if (!lua_toboolean(L, -2))
        return true;
    if (lua_type(L, -2) == LUA_TNUMBER) {
        pause->ms = (long long)lua_tonumber(L, -2);
        return true;
    }
    if (lua_type(L, -2) == LUA_TSTRING && clock_duration(lua_tostring(L, -2), &pause->ms))
        return true;
    return fail(FAIL_ERROR, "%s:%d: it must give a pause, in ms or such as \"10s\", or nil",
                d->file, d->line);
}

bool script_pause(Arena *a, const Declaration *declaration, const char *field, ScriptPause *pause) {
    lua_State *L = declaration->script->L;
    if (!sandbox_push_function(declaration, field))
        return false;
    lua_createtable(L, 0, (int)pause->count);
    for (size_t i = 0; i < pause->count; i++) {
        if (isnan(pause->value[i]))
            continue;
        lua_pushnumber(L, pause->value[i]);
        lua_setfield(L, -2, pause->name[i]);
    }
    bool ok = sandbox_call(declaration->script, 1, 2, SANDBOX_CALLING);
    if (ok) {
        ok = read_pause(declaration, L, pause);
        pause->reason =
            lua_type(L, -1) == LUA_TSTRING ? arena_string(a, lua_tostring(L, -1)) : NULL;
    }
    lua_settop(L, 0);
    return ok;
}

static void push_value(lua_State *L, const EventField *field) {
    if (field->type == EVENT_TEXT)
        lua_pushstring(L, field->text);
    else if (field->type == EVENT_INTEGER)
        lua_pushinteger(L, field->integer);
    else if (field->type == EVENT_YES_OR_NO)
        lua_pushboolean(L, field->integer != 0);
    else
        lua_pushnumber(L, field->number);
}

bool script_tell(const Declaration *declaration, const char *field, const Event *event) {
    Script *script = declaration->script;
    lua_State *L = script->L;
    if (!sandbox_push_function(declaration, field))
        return false;
    arena_reset(script->scratch);
    lua_createtable(L, 0, (int)event->count + 2);
    sandbox_set_text(L, "event", event->kind);
    if (!event_text(event, "at"))
        sandbox_set_text(L, "at", clock_stamp(script->scratch));
    for (size_t i = 0; i < event->count; i++) {
        push_value(L, &event->field[i]);
        lua_setfield(L, -2, event->field[i].name);
    }
    bool ok = sandbox_call(script, 1, 0, SANDBOX_CALLING);
    lua_settop(L, 0);
    return ok;
}

/* (function, text of JSON): its answer as such a text */
static int exchange(lua_State *L) {
    size_t length;
    const char *text = lua_tolstring(L, 2, &length);
    lib_json_push(L, text, length);
    arena_reset(sandbox_of(L)->cell);
    lua_replace(L, 2);
    lua_call(L, 1, 1);
    arena_reset(sandbox_of(L)->scratch);
    lua_pushstring(L, lib_json_text(L, -1));
    return 1;
}

bool script_exchange(Arena *a, Script *script, const char *function, const char *about,
                     const Json *in, Json **out) {
    lua_State *L = script->L;
    script->file = arena_string(script->arena, about);
    script_world(script, function);
    lua_pushcfunction(L, exchange);
    lua_insert(L, 1);
    lua_pushstring(L, json_text(in));
    bool ok = sandbox_call(script, 2, 1, SANDBOX_CALLING);
    if (ok) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        ok = json_parse(a, text, length, out);
    }
    lua_settop(L, 0);
    return ok;
}
