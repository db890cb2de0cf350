#include "sandbox.h"

#include "fail.h"
#include "lexer.h"
#include "sqlfile.h"
#include "syntax.h"
#include "variable.h"

/* Statements for Lua: hooks/tree.lua and hooks/statement.lua make more of them. */

static const char *const states[] = {
    [SYNTAX_PARSED] = "parsed",
    [SYNTAX_UNPARSED] = "unparsed",
    [SYNTAX_OPAQUE] = "opaque",
};

/* (sql, nodes, parents, metatable): "parsed" and the tree; or "unparsed", why, at which character;
 * or "opaque" and why. `nodes` gets a list of nodes by tag, `parents` the parent of each node. */
static int answer(lua_State *L, Syntax (*parse)(Arena *, const char *, size_t)) {
    size_t length;
    Arena *a = sandbox_of(L)->scratch;
    const char *sql = luaL_checklstring(L, 1, &length);
    for (int i = 2; i <= 4; i++)
        luaL_checktype(L, i, LUA_TTABLE);
    lua_settop(L, 4);
    arena_reset(a);
    Syntax syntax = parse(a, sql, length);
    lua_rotate(L, 1, -1); /* lib_tree_push wants the tables below */
    lua_pushstring(L, states[syntax.state]);
    if (syntax.state == SYNTAX_PARSED) {
        lib_tree_push(L, syntax.json);
        arena_reset(a);
        return 2;
    }
    lua_pushstring(L, syntax.message);
    lua_pushinteger(L, (lua_Integer)syntax.at);
    arena_reset(a);
    return 3;
}

static int statement_parse(lua_State *L) {
    return answer(L, syntax_parse);
}

static int statement_routine(lua_State *L) {
    return answer(L, syntax_routine);
}

static void set_number(lua_State *L, const char *name, long long number) {
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, int flag) {
    lua_pushboolean(L, flag);
    lua_setfield(L, -2, name);
}

/* (sql): a list of { kind, text, at }, comments left out; at is a byte, from 1. */
static int tokens_of(lua_State *L) {
    static const char *const kinds[] = {
        [TOKEN_WORD] = "word",           [TOKEN_QUOTED] = "quoted",
        [TOKEN_STRING] = "string",       [TOKEN_NUMBER] = "number",
        [TOKEN_PARAMETER] = "parameter", [TOKEN_OPERATOR] = "operator",
        [TOKEN_SEMICOLON] = "operator",  [TOKEN_COMMENT] = "comment",
        [TOKEN_META] = "meta",           [TOKEN_BAD] = "bad",
    };
    size_t length;
    const char *sql = luaL_checklstring(L, 1, &length);
    Lexer lexer = lexer_on(sql, length);
    lua_newtable(L);
    for (lua_Integer i = 1;;) {
        Token token = lexer_next(&lexer);
        if (token.kind == TOKEN_END)
            return 1;
        if (token.kind == TOKEN_COMMENT)
            continue;
        lua_createtable(L, 0, 3);
        sandbox_set_text(L, "kind", kinds[token.kind]);
        lua_pushlstring(L, sql + token.at, token.length);
        lua_setfield(L, -2, "text");
        set_number(L, "at", (long long)token.at + 1);
        lua_rawseti(L, -2, i++);
    }
}

/* --- whole files --- */

static void push_waivers(lua_State *L, const Directives *d) {
    lua_createtable(L, (int)d->waiver_count, 0);
    for (size_t i = 0; i < d->waiver_count; i++) {
        const Waiver *w = &d->waivers[i];
        lua_createtable(L, 0, 6);
        sandbox_set_text(L, "rule", w->rule);
        sandbox_set_text(L, "object", w->object);
        sandbox_set_text(L, "reason", w->reason);
        sandbox_set_text(L, "until", w->until);
        sandbox_set_text(L, "for", w->statement);
        set_number(L, "line", (long long)w->line);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_names(lua_State *L, const char *const *names, size_t count) {
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, names[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_directives(lua_State *L, const Directives *d) {
    lua_newtable(L);
    set_flag(L, "no_transaction", d->no_transaction);
    if (d->lock_timeout >= 0)
        set_number(L, "lock_timeout", d->lock_timeout);
    if (d->statement_timeout >= 0)
        set_number(L, "statement_timeout", d->statement_timeout);
    sandbox_set_text(L, "downtime", d->downtime);
    sandbox_set_text(L, "rollback", d->rollback);
    push_names(L, d->requires, d->requires_count);
    lua_setfield(L, -2, "requires");
    push_names(L, d->environments, d->environments_count);
    lua_setfield(L, -2, "environments");
    push_waivers(L, d);
    lua_setfield(L, -2, "waivers");
}

static void push_statement(lua_State *L, const SqlHalf *half, const Statement *s) {
    Bytes sql = variable_sql(half, s);
    lua_createtable(L, 0, 6);
    lua_pushlstring(L, sql.at, sql.length);
    lua_setfield(L, -2, "sql");
    if (s->filled) {
        lua_pushlstring(L, half->text + s->at, s->length);
        lua_setfield(L, -2, "written");
    }
    set_number(L, "line", (long long)s->line);
    set_number(L, "column", (long long)s->column);
    sandbox_set_text(L, "words", s->words);
}

static const char *const part_kinds[] = {
    [PART_TRANSACTION] = "transaction",
    [PART_OWN] = "own",
    [PART_ROLLED_BACK] = "rolled_back",
    [PART_SOLO] = "solo",
};

/* { parts = { { kind, first, last } }, [i] = statement } */
static void push_half(lua_State *L, const SqlHalf *half) {
    lua_createtable(L, (int)half->statements.count, 1);
    for (size_t i = 0; i < half->statements.count; i++) {
        push_statement(L, half, &half->statements.at[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_createtable(L, (int)half->parts.count, 0);
    for (size_t i = 0; i < half->parts.count; i++) {
        const Part *part = &half->parts.at[i];
        lua_createtable(L, 0, 3);
        sandbox_set_text(L, "kind", part_kinds[part->kind]);
        set_number(L, "first", (long long)part->first + 1);
        set_number(L, "last", (long long)(part->first + part->count));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "parts");
}

static ConfigPairs variables_at(lua_State *L, int index, Arena *a) {
    ConfigPairs pairs = {0, NULL, NULL};
    size_t room = 0;
    if (!lua_istable(L, index))
        return pairs;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
        room++;
    pairs.name = arena_take(a, (room + 1) * sizeof(char *));
    pairs.value = arena_take(a, (room + 1) * sizeof(char *));
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        pairs.name[pairs.count] = luaL_checkstring(L, -2);
        pairs.value[pairs.count++] = luaL_checkstring(L, -1);
    }
    return pairs;
}

static bool fill(Arena *a, const ConfigPairs *variables, SqlFile *file) {
    return variable_fill(a, variables, &file->up) &&
           (!file->down || variable_fill(a, variables, file->down));
}

/* Nothing but the borders of its transactions is wrong with it: the statements of the way up are
 * there. */
static bool is_cut(const SqlFile *file) {
    return file->up.parts.at && !(file->down && file->down->tokens);
}

static int push_failure(lua_State *L, const SqlFile *cut) {
    const Failure *f = failure();
    lua_pushnil(L);
    lua_createtable(L, 0, 6);
    if (cut) {
        push_half(L, &cut->up);
        lua_setfield(L, -2, "up");
        push_directives(L, &cut->up.directives);
        lua_setfield(L, -2, "directives");
    }
    sandbox_set_text(L, "message", f->message);
    sandbox_set_text(L, "hint", f->hint);
    set_number(L, "line", f->place.line ? (long long)f->place.line : 1);
    set_number(L, "column", f->place.column ? (long long)f->place.column : 1);
    fail_clear();
    return 2;
}

/* (path, text, down_path, down_text, variables): { up, down, directives }; or nil and what keeps
 * it from being run, with its place: where only its transactions are wrong, with what it holds. */
static int statement_file(lua_State *L) {
    Arena *a = sandbox_of(L)->scratch;
    const char *path = luaL_checkstring(L, 1), *down_path = luaL_optstring(L, 3, NULL);
    Bytes text, down = {NULL, 0};
    text.at = luaL_checklstring(L, 2, &text.length);
    down.at = luaL_optlstring(L, 4, NULL, &down.length);
    arena_reset(a);
    ConfigPairs variables = variables_at(L, 5, a);
    SqlFile file;
    if (!sqlfile_read(a, path, text, down_path, down, &file))
        return push_failure(L, is_cut(&file) ? &file : NULL);
    if (!fill(a, &variables, &file))
        return push_failure(L, NULL);
    lua_createtable(L, 0, 3);
    push_half(L, &file.up);
    lua_setfield(L, -2, "up");
    if (file.down) {
        push_half(L, file.down);
        lua_setfield(L, -2, "down");
    }
    push_directives(L, &file.up.directives);
    lua_setfield(L, -2, "directives");
    arena_reset(a);
    return 1;
}

/* (text): the hash over its tokens that an edit is judged by */
static int statement_fingerprint(lua_State *L) {
    size_t length;
    Arena *a = sandbox_of(L)->scratch;
    const char *sql = luaL_checklstring(L, 1, &length);
    arena_reset(a);
    lua_pushstring(L, statement_tokens(a, sql, 0, length));
    return 1;
}

static const luaL_Reg functions[] = {
    {"parse", statement_parse},  {"routine", statement_routine},         {"tokens", tokens_of},
    {"sqlfile", statement_file}, {"fingerprint", statement_fingerprint}, {NULL, NULL},
};

void lib_statement_add(lua_State *L) {
    luaL_setfuncs(L, functions, 0);
}
