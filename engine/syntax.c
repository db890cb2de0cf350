#include "syntax.h"

#include "lexer.h"

#include <pg_query.h>

#include <string.h>

/* What the parser is good for: beyond, it needs its stack or all of the memory. */
enum {
    MOST_BYTES = 4 << 20,
    MOST_TOKENS = 50000,
    MOST_IN_ONE = 10000, /* tokens without a comma: a||a||a nests to the left */
    MOST_NESTED = 1000,
};

typedef struct {
    size_t tokens, in_one, nested;
} Size;

static void add_token(Size *size, const Lexer *lexer, Token token) {
    char c = token.kind == TOKEN_OPERATOR ? lexer->sql[token.at] : 0;
    bool opens = c == '(' || c == '[' || lexer_is(lexer, token, "case");
    bool closes = c == ')' || c == ']' || lexer_is(lexer, token, "end");
    size->tokens++;
    size->in_one = c == ',' ? 0 : size->in_one + 1;
    if (opens)
        size->nested++;
    else if (closes && size->nested)
        size->nested--;
}

/* Why the parser does not get it, or NULL. */
static const char *too_much(const char *sql, size_t length) {
    Lexer lexer = lexer_on(sql, length);
    Size size = {0, 0, 0};
    if (length > MOST_BYTES)
        return "it is longer than 4 MB";
    if (memchr(sql, 0, length))
        return "it holds a NUL byte";
    for (Token token = lexer_next(&lexer); token.kind != TOKEN_END; token = lexer_next(&lexer)) {
        if (token.kind == TOKEN_COMMENT)
            continue;
        if (token.kind == TOKEN_BAD)
            return "it never ends";
        add_token(&size, &lexer, token);
        if (size.tokens > MOST_TOKENS)
            return "it has more than 50,000 words";
        if (size.in_one > MOST_IN_ONE)
            return "an expression of it has more than 10,000 words";
        if (size.nested > MOST_NESTED)
            return "it is nested deeper than 1,000 levels";
    }
    return NULL;
}

/* Without one libpg_query ends the process. */
static bool has_body(const char *sql, size_t length) {
    Lexer lexer = lexer_on(sql, length);
    Token first = {0}, before = {0}, token;
    bool found = false;
    for (; !found && (token = lexer_next(&lexer)).kind != TOKEN_END; before = token) {
        if (token.kind == TOKEN_COMMENT) {
            token = before;
            continue;
        }
        first = first.length ? first : token;
        found = token.kind == TOKEN_STRING &&
                (lexer_is(&lexer, first, "do") || lexer_is(&lexer, before, "as"));
    }
    return found;
}

static Syntax refused(Arena *a, const PgQueryError *error) {
    size_t at = error->cursorpos > 0 ? (size_t)error->cursorpos : 0;
    return (Syntax){.state = SYNTAX_UNPARSED, .message = arena_string(a, error->message), .at = at};
}

static Syntax parsed(Arena *a, const char *json) {
    return (Syntax){.state = SYNTAX_PARSED, .json = arena_string(a, json)};
}

Syntax syntax_parse(Arena *a, const char *sql, size_t length) {
    const char *why = too_much(sql, length);
    if (why)
        return (Syntax){.state = SYNTAX_OPAQUE, .message = why};
    PgQueryParseResult result = pg_query_parse(arena_bytes(a, sql, length));
    Syntax answer = result.error ? refused(a, result.error) : parsed(a, result.parse_tree);
    pg_query_free_parse_result(result);
    return answer;
}

Syntax syntax_routine(Arena *a, const char *sql, size_t length) {
    const char *why = too_much(sql, length);
    if (why)
        return (Syntax){.state = SYNTAX_OPAQUE, .message = why};
    if (!has_body(sql, length))
        return (Syntax){.state = SYNTAX_UNPARSED, .message = "it has no body"};
    PgQueryPlpgsqlParseResult result = pg_query_parse_plpgsql(arena_bytes(a, sql, length));
    Syntax answer = result.error ? refused(a, result.error) : parsed(a, result.plpgsql_funcs);
    pg_query_free_plpgsql_parse_result(result);
    return answer;
}
