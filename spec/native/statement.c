/* Statements and parts, for the specs. */
#include "fail.h"
#include "statement.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_statement[];

static const char *const kind_names[] = {
    [STATEMENT_PLAIN] = "plain",       [STATEMENT_BEGIN] = "begin", [STATEMENT_COMMIT] = "commit",
    [STATEMENT_ROLLBACK] = "rollback", [STATEMENT_SOLO] = "solo",   [STATEMENT_SESSION] = "session",
};
static const char *const solo_names[] = {
    [SOLO_REPEAT] = "repeat",
    [SOLO_CREATE_INDEX] = "create_index",
    [SOLO_DROP_INDEX] = "drop_index",
    [SOLO_CREATE_DATABASE] = "create_database",
    [SOLO_DROP_DATABASE] = "drop_database",
    [SOLO_CREATE_TABLESPACE] = "create_tablespace",
    [SOLO_DROP_TABLESPACE] = "drop_tablespace",
    [SOLO_CREATE_SUBSCRIPTION] = "create_subscription",
    [SOLO_DROP_SUBSCRIPTION] = "drop_subscription",
    [SOLO_DETACH_PARTITION] = "detach_partition",
    [SOLO_PREPARED] = "prepared",
    [SOLO_UNKNOWN] = "unknown",
};
static const char *const part_names[] = {
    [PART_TRANSACTION] = "transaction",
    [PART_OWN] = "own",
    [PART_ROLLED_BACK] = "rolled_back",
    [PART_SOLO] = "solo",
};

static void set_string(lua_State *L, const char *field, const char *value) {
    lua_pushstring(L, value);
    lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, size_t value) {
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, field);
}

static void set_truth(lua_State *L, const char *field, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, field);
}

/* nil and the failure as a table */
static int push_failure(lua_State *L) {
    const Failure *f = failure();
    lua_pushnil(L);
    lua_newtable(L);
    set_number(L, "kind", f->kind);
    set_string(L, "message", f->message);
    set_string(L, "hint", f->hint);
    set_string(L, "file", f->place.file);
    set_string(L, "source", f->place.source);
    set_number(L, "line", f->place.line);
    set_number(L, "column", f->place.column);
    return 2;
}

static void push_statement(lua_State *L, const char *text, const Statement *s) {
    lua_newtable(L);
    lua_pushlstring(L, text + s->at, s->length);
    lua_setfield(L, -2, "text");
    set_string(L, "kind", kind_names[s->kind]);
    if (s->kind == STATEMENT_SOLO)
        set_string(L, "solo", solo_names[s->solo]);
    set_number(L, "line", s->line);
    set_number(L, "column", s->column);
    set_string(L, "words", s->words);
    set_string(L, "object", s->object);
    set_string(L, "table", s->table);
    set_truth(L, "chain", s->chain);
    set_truth(L, "sets_transaction", s->sets_transaction);
    set_truth(L, "adds_enum_value", s->adds_enum_value);
    set_truth(L, "creates_type", s->creates_type);
    set_truth(L, "if_not_exists", s->if_not_exists);
    set_truth(L, "copies_in", s->copies_in);
    if (s->data_at) {
        lua_pushlstring(L, text + s->data_at, s->data_length);
        lua_setfield(L, -2, "data");
    }
}

/* cut(sql, from, to): a list of statements, or nil and the failure */
static int cut(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    size_t from = (size_t)luaL_optinteger(L, 2, 0);
    size_t to = (size_t)luaL_optinteger(L, 3, (lua_Integer)length);
    Arena *a = arena_new();
    Statements statements;
    if (!statement_cut(a, "x.sql", text, from, to, &statements)) {
        arena_free(a);
        return push_failure(L);
    }
    lua_createtable(L, (int)statements.count, 0);
    for (size_t i = 0; i < statements.count; i++) {
        push_statement(L, text, &statements.at[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    arena_free(a);
    return 1;
}

/* count(sql): how many statements */
static int count_statements(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    Statements statements;
    bool ok = statement_cut(a, "x.sql", text, 0, length, &statements);
    lua_pushinteger(L, ok ? (lua_Integer)statements.count : -1);
    arena_free(a);
    return 1;
}

/* tokens(sql): the hash over the tokens */
static int tokens(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    lua_pushstring(L, statement_tokens(a, text, 0, length));
    arena_free(a);
    return 1;
}

/* parts(sql, one_by_one): a list of "kind first-last" (from 1), or nil and the failure */
static int parts(lua_State *L) {
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    Arena *a = arena_new();
    Statements statements;
    Parts all;
    if (!statement_cut(a, "x.sql", text, 0, length, &statements) ||
        !statement_parts(a, "x.sql", text, &statements, lua_toboolean(L, 2), &all)) {
        arena_free(a);
        return push_failure(L);
    }
    lua_createtable(L, (int)all.count, 0);
    for (size_t i = 0; i < all.count; i++) {
        lua_pushfstring(L, "%s %I-%I", part_names[all.at[i].kind], (lua_Integer)all.at[i].first + 1,
                        (lua_Integer)(all.at[i].first + all.at[i].count));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    arena_free(a);
    return 1;
}

const luaL_Reg native_statement[] = {
    {"cut", cut}, {"count", count_statements}, {"tokens", tokens}, {"parts", parts}, {NULL, NULL},
};
