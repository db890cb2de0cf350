/* SQL migrations, for the specs. */
#include "fail.h"
#include "sqlfile.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_sqlfile[];

static void set_string(lua_State *L, const char *field, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, long long value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, field);
}

static int push_failure(lua_State *L) {
    const Failure *f = failure();
    lua_pushnil(L);
    lua_newtable(L);
    set_number(L, "kind", f->kind);
    set_string(L, "message", f->message);
    set_string(L, "hint", f->hint);
    set_string(L, "file", f->place.file);
    set_string(L, "source", f->place.source);
    set_number(L, "line", (long long)f->place.line);
    set_number(L, "column", (long long)f->place.column);
    return 2;
}

static void set_list(lua_State *L, const char *field, const char **list, size_t count) {
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, field);
}

static void push_directives(lua_State *L, const Directives *d) {
    lua_newtable(L);
    lua_pushboolean(L, d->no_transaction);
    lua_setfield(L, -2, "no_transaction");
    set_number(L, "lock_timeout", d->lock_timeout);
    set_number(L, "statement_timeout", d->statement_timeout);
    set_list(L, "requires", d->requires, d->requires_count);
    set_list(L, "environments", d->environments, d->environments_count);
    set_string(L, "downtime", d->downtime);
    set_string(L, "rollback", d->rollback);
    lua_newtable(L);
    for (size_t i = 0; i < d->waiver_count; i++) {
        lua_newtable(L);
        set_string(L, "rule", d->waivers[i].rule);
        set_string(L, "object", d->waivers[i].object);
        set_string(L, "reason", d->waivers[i].reason);
        set_string(L, "until", d->waivers[i].until);
        set_number(L, "line", (long long)d->waivers[i].line);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "waivers");
}

static void push_half(lua_State *L, const SqlHalf *half) {
    lua_newtable(L);
    set_string(L, "file", half->file);
    set_string(L, "tokens", half->tokens);
    lua_pushlstring(L, half->text + half->from, half->to - half->from);
    lua_setfield(L, -2, "text");
    set_number(L, "parts", (long long)half->parts.count);
    lua_newtable(L);
    for (size_t i = 0; i < half->statements.count; i++) {
        const Statement *statement = &half->statements.at[i];
        lua_pushfstring(L, "%I: ", (lua_Integer)statement->line);
        lua_pushlstring(L, half->text + statement->at, statement->length);
        lua_concat(L, 2);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "statements");
}

/* read(text, down_text): {directives, down_directives, up, down}, or nil and the failure */
static int read_file(lua_State *L) {
    Bytes text, down = {NULL, 0};
    text.at = luaL_checklstring(L, 1, &text.length);
    if (!lua_isnoneornil(L, 2))
        down.at = luaL_checklstring(L, 2, &down.length);
    Arena *a = arena_new();
    SqlFile file;
    if (!sqlfile_read(a, "x.sql", text, "x.down.sql", down, &file)) {
        arena_free(a);
        return push_failure(L);
    }
    lua_newtable(L);
    push_directives(L, &file.up.directives);
    lua_setfield(L, -2, "directives");
    push_half(L, &file.up);
    lua_setfield(L, -2, "up");
    if (file.down) {
        push_directives(L, &file.down->directives);
        lua_setfield(L, -2, "down_directives");
        push_half(L, file.down);
        lua_setfield(L, -2, "down");
    }
    arena_free(a);
    return 1;
}

static int tokens(lua_State *L) {
    Bytes text;
    text.at = luaL_checklstring(L, 1, &text.length);
    Arena *a = arena_new();
    const char *hash;
    if (!sqlfile_tokens(a, "x.sql", text, &hash)) {
        arena_free(a);
        return push_failure(L);
    }
    lua_pushstring(L, hash);
    arena_free(a);
    return 1;
}

/* place(text, byte): line, column, source */
static int place(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    Arena *a = arena_new();
    FailPlace where = lexer_place(a, NULL, text, (size_t)luaL_checkinteger(L, 2));
    lua_pushinteger(L, (lua_Integer)where.line);
    lua_pushinteger(L, (lua_Integer)where.column);
    lua_pushstring(L, where.source);
    arena_free(a);
    return 3;
}

/* byte(text, from, characters) */
static int byte(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    lua_pushinteger(L, (lua_Integer)sqlfile_byte(text, length, (size_t)luaL_checkinteger(L, 2),
                                                 (size_t)luaL_checkinteger(L, 3)));
    return 1;
}

const luaL_Reg native_sqlfile[] = {
    {"read", read_file}, {"tokens", tokens}, {"place", place}, {"byte", byte}, {NULL, NULL},
};
