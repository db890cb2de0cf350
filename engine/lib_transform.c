#include "sandbox.h"

#include "clock.h"
#include "fail.h"
#include "text.h"

#include <string.h>

/* A call does so many ms of rows, so that the limit of time is one row's. */
enum { SLICE = 100 };

/* The names of the columns lie from NAMES on, so that they are made once. */
enum { NAMES = 3 };

static void push_names(lua_State *L, const ScriptRows *r) {
    luaL_checkstack(L, r->rows->width + LUA_MINSTACK, "too many columns");
    for (int c = r->from; c < r->rows->width; c++)
        lua_pushstring(L, r->rows->name[c]);
}

static void push_row(lua_State *L, const ScriptRows *r) {
    const PgRows *rows = r->rows;
    lua_createtable(L, 0, rows->width - r->from);
    for (int c = r->from; c < rows->width; c++) {
        const char *cell = pg_cell(rows, r->at, c);
        size_t at = r->at * (size_t)rows->width + (size_t)c;
        if (!cell)
            continue;
        lua_pushvalue(L, NAMES + c - r->from);
        lib_value_push(L, rows->type[c], cell, (size_t)rows->length[at]);
        lua_rawset(L, -3);
    }
}

/* Bytes are sent among texts, so they are hex here. */
static const char *value_of(lua_State *L, const ScriptRows *r, const ScriptColumn *column) {
    int length;
    bool encodes = column->is_json && lua_type(L, -1) != LUA_TSTRING;
    if (encodes)
        return arena_string(r->arena, lib_json_text(L, -1));
    if (lib_json_is_null(L, -1))
        return NULL;
    if (column->is_bytes && lua_type(L, -1) == LUA_TSTRING) {
        size_t size;
        const char *bytes = lua_tolstring(L, -1, &size);
        return lib_value_hex(r->arena, bytes, size);
    }
    const char *text = lib_value_text(L, -1, column->name, &length);
    return length >= 0 ? lib_value_hex(r->arena, text, (size_t)length)
                       : arena_string(r->arena, text);
}

/* A column that is not there is no row's fault: the whole transform is wrong. */
static int refuse(lua_State *L, const ScriptRows *r, const char *name, const char *why) {
    const char **names = arena_take(r->arena, (r->column_count + 1) * sizeof *names);
    for (size_t i = 0; i < r->column_count; i++)
        names[i] = r->column[i].name;
    const char *near = text_nearest(name, names);
    fail(FAIL_ERROR, "transform gave a column \"%s\", %s%s%s%s", name, why,
         near && strcmp(near, name) != 0 ? ": did you mean \"" : "",
         near && strcmp(near, name) != 0 ? near : "", near && strcmp(near, name) != 0 ? "\"?" : "");
    sandbox_end(L, SANDBOX_FAILED);
    return luaL_error(L, "this call is over");
}

static size_t find(lua_State *L, const ScriptRows *r) {
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "transform must return a table of columns by name, or nil");
    const char *name = lua_tostring(L, -2);
    for (size_t i = 0; i < r->column_count; i++) {
        if (strcmp(r->column[i].name, name) != 0)
            continue;
        return i;
    }
    refuse(L, r, name, "which the table does not have");
    return 0;
}

/* The row itself may be given back, its key with it. */
static bool is_as_read(const ScriptRows *r, const char *name, const char *value) {
    for (int c = r->from; c < r->rows->width; c++)
        if (strcmp(r->rows->name[c], name) == 0)
            return text_same(pg_cell(r->rows, r->at, c), value);
    return false;
}

static void keep_result(lua_State *L, const ScriptRows *r) {
    if (lua_isnil(L, -1))
        return;
    if (!lua_istable(L, -1))
        luaL_error(L, "transform must return a table of columns, or nil, not a %s",
                   luaL_typename(L, -1));
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        size_t column = find(L, r), at = r->at * r->column_count + column;
        const char *value = value_of(L, r, &r->column[column]);
        r->is_given[at] = r->column[column].is_writable;
        if (!r->is_given[at] && !is_as_read(r, r->column[column].name, value))
            refuse(L, r, r->column[column].name,
                   "which cannot be written (generated, or part of the key)");
        r->value[at] = value;
    }
}

static bool goes_on(const ScriptRows *r) {
    return r->at < r->rows->count && (r->at == 0 || arena_size(r->arena) <= r->most);
}

/* (function, rows) */
static int some_rows(lua_State *L) {
    Script *script = sandbox_of(L);
    ScriptRows *r = lua_touserdata(L, 2);
    long long until = clock_ms() + SLICE;
    lua_settop(L, 2);
    push_names(L, r);
    int top = lua_gettop(L);
    while (goes_on(r) && clock_ms() < until) {
        lua_settop(L, top);
        arena_reset(script->scratch);
        arena_reset(script->cell);
        lua_pushvalue(L, 1);
        push_row(L, r);
        lua_call(L, 1, 1);
        keep_result(L, r);
        r->at++;
    }
    return 0;
}

/* The row in hand failed: it gives nothing, and says why. */
static void keep_bad(ScriptRows *r) {
    const Failure *f = failure();
    for (size_t i = 0; i < r->column_count; i++)
        r->is_given[r->at * r->column_count + i] = false;
    r->bad[r->at] =
        (ScriptBad){arena_string(r->arena, f->message), arena_string(r->arena, f->context),
                    arena_string(r->arena, f->sqlstate)};
    r->at++;
    fail_clear();
}

bool script_transform(const Declaration *declaration, const char *field, ScriptRows *r) {
    Script *script = declaration->script;
    lua_State *L = script->L;
    while (goes_on(r)) {
        if (!sandbox_push_function(declaration, field))
            return false;
        lua_pushcfunction(L, some_rows);
        lua_insert(L, 1);
        lua_pushlightuserdata(L, r);
        bool ok = sandbox_call(script, 2, 0, SANDBOX_CALLING);
        lua_settop(L, 0);
        if (ok)
            continue;
        if (script->end == SANDBOX_STOPPED || script->end == SANDBOX_FAILED)
            return false;
        keep_bad(r);
    }
    return true;
}
