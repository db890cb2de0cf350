/* The lexer and the hash, for the specs. */
#include "arena.h"
#include "digest.h"
#include "lexer.h"

#include <lauxlib.h>
#include <lua.h>

extern const luaL_Reg native_lexer[];

static const char *const kind_names[] = {
    [TOKEN_END] = "end",           [TOKEN_WORD] = "word",
    [TOKEN_QUOTED] = "quoted",     [TOKEN_STRING] = "string",
    [TOKEN_NUMBER] = "number",     [TOKEN_PARAMETER] = "parameter",
    [TOKEN_OPERATOR] = "operator", [TOKEN_SEMICOLON] = "semicolon",
    [TOKEN_COMMENT] = "comment",   [TOKEN_META] = "meta",
    [TOKEN_BAD] = "bad",
};

static Lexer lexer_of(lua_State *L, int i) {
    size_t length;
    const char *sql = luaL_checklstring(L, i, &length);
    return lexer_on(sql, length);
}

/* tokens(sql): a list of {kind, text, line, column} without the end */
static int tokens(lua_State *L) {
    Lexer lexer = lexer_of(L, 1);
    lua_newtable(L);
    for (lua_Integer i = 1;; i++) {
        Token token = lexer_next(&lexer);
        if (token.kind == TOKEN_END)
            return 1;
        lua_createtable(L, 0, 4);
        lua_pushstring(L, kind_names[token.kind]);
        lua_setfield(L, -2, "kind");
        lua_pushlstring(L, lexer.sql + token.at, token.length);
        lua_setfield(L, -2, "text");
        lua_pushinteger(L, (lua_Integer)token.line);
        lua_setfield(L, -2, "line");
        lua_pushinteger(L, (lua_Integer)lexer_column(&lexer, token));
        lua_setfield(L, -2, "column");
        lua_rawseti(L, -2, i);
    }
}

/* count(sql): how many tokens */
static int count_tokens(lua_State *L) {
    Lexer lexer = lexer_of(L, 1);
    lua_Integer n = 0;
    while (lexer_next(&lexer).kind != TOKEN_END)
        n++;
    lua_pushinteger(L, n);
    return 1;
}

/* is(sql, word): is the first token this word? */
static int first_is(lua_State *L) {
    Lexer lexer = lexer_of(L, 1);
    Token token = lexer_next(&lexer);
    lua_pushboolean(L, lexer_is(&lexer, token, luaL_checkstring(L, 2)));
    return 1;
}

/* is_operator(sql, characters) */
static int first_is_operator(lua_State *L) {
    Lexer lexer = lexer_of(L, 1);
    Token token = lexer_next(&lexer);
    lua_pushboolean(L, lexer_is_operator(&lexer, token, luaL_checkstring(L, 2)));
    return 1;
}

/* line_at(sql, byte): the line that the first token at or after a byte is in */
static int line_after(lua_State *L) {
    Lexer lexer = lexer_of(L, 1);
    lexer_skip_to(&lexer, (size_t)luaL_checkinteger(L, 2));
    lua_pushinteger(L, (lua_Integer)lexer_next(&lexer).line);
    return 1;
}

/* digest(piece, times): the SHA-256 of a piece so many times, added piece by piece */
static int digest(lua_State *L) {
    size_t length;
    const char *piece = luaL_checklstring(L, 1, &length);
    lua_Integer times = luaL_optinteger(L, 2, 1);
    Arena *a = arena_new();
    Digest *sum = digest_new();
    for (lua_Integer i = 0; i < times; i++)
        digest_add(sum, piece, length);
    lua_pushstring(L, digest_end(a, sum));
    lua_pushstring(L, digest_of(a, piece, length));
    arena_free(a);
    return 2;
}

const luaL_Reg native_lexer[] = {
    {"tokens", tokens},
    {"count", count_tokens},
    {"is", first_is},
    {"is_operator", first_is_operator},
    {"line_after", line_after},
    {"digest", digest},
    {NULL, NULL},
};
