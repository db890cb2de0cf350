#include "walk.h"

#include <string.h>

enum { HEAD_FIRST, HEAD_CREATE, HEAD_OR, HEAD_REPLACE, HEAD_ROUTINE, HEAD_COPY, HEAD_OTHER };

/* From which head a word leads to which: CREATE [OR REPLACE] FUNCTION|PROCEDURE, and COPY. */
static const struct {
    int from;
    const char *word;
    int to;
} steps[] = {
    {HEAD_FIRST, "create", HEAD_CREATE},
    {HEAD_FIRST, "copy", HEAD_COPY},
    {HEAD_CREATE, "or", HEAD_OR},
    {HEAD_OR, "replace", HEAD_REPLACE},
    {HEAD_CREATE, "function", HEAD_ROUTINE},
    {HEAD_CREATE, "procedure", HEAD_ROUTINE},
    {HEAD_REPLACE, "function", HEAD_ROUTINE},
    {HEAD_REPLACE, "procedure", HEAD_ROUTINE},
};

Walk walk_on(const char *text, size_t from, size_t to) {
    Walk walk = {.lexer = lexer_on(text, to)};
    lexer_skip_to(&walk.lexer, from);
    return walk;
}

static int next_head(const Walk *walk, Token token) {
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].from == walk->head && lexer_is(&walk->lexer, token, steps[i].word))
            return steps[i].to;
    return HEAD_OTHER;
}

static bool is_line_end(char c) {
    return c == '\n' || c == '\r';
}

/* Does the line `\.` stand at `at`? */
static bool is_end_of_data(const Lexer *lexer, size_t at) {
    return lexer->length - at >= 2 && memcmp(lexer->sql + at, "\\.", 2) == 0 &&
           is_line_end(lexer->sql[at - 1]) &&
           (at + 2 == lexer->length || is_line_end(lexer->sql[at + 2]));
}

/* Where the data that begin at `at` end: at the line `\.`, or at the end of the text. */
static size_t end_of_data(const Lexer *lexer, size_t at) {
    const char *end = lexer->sql + lexer->length, *found = lexer->sql + at;
    while ((found = memchr(found, '\\', (size_t)(end - found)))) {
        size_t place = (size_t)(found - lexer->sql);
        if (is_end_of_data(lexer, place))
            return place;
        found++;
    }
    return lexer->length;
}

/* After the semicolon of a COPY FROM STDIN: only blanks and a comment may follow in its line, then
 * come its data. Looks at bytes: data are no tokens. */
static WalkKind after_copy(Walk *walk, Token *token) {
    Lexer *lexer = &walk->lexer;
    size_t at = lexer->at;
    while (at < lexer->length && (lexer->sql[at] == ' ' || lexer->sql[at] == '\t'))
        at++;
    if (at < lexer->length && !is_line_end(lexer->sql[at])) {
        *token = lexer_next(lexer);
        if (token->kind == TOKEN_COMMENT && lexer->sql[token->at] == '-')
            return WALK_COMMENT;
        walk->expects_data = false;
        return WALK_STRAY;
    }
    if (at < lexer->length)
        at +=
            lexer->sql[at] == '\r' && at + 1 < lexer->length && lexer->sql[at + 1] == '\n' ? 2 : 1;
    lexer_skip_to(lexer, at);
    size_t end = end_of_data(lexer, at);
    *token = (Token){.kind = TOKEN_STRING,
                     .at = at,
                     .length = end - at,
                     .line = lexer->line,
                     .line_start = lexer->line_start};
    lexer_skip_to(lexer, end + 2 < lexer->length ? end + 2 : lexer->length);
    walk->expects_data = false;
    return WALK_DATA;
}

/* In a routine: BEGIN ATOMIC opens a body, CASE nests in it, END closes. A word after a dot or AS
 * is a name. */
static void follow_body(Walk *walk, Token token) {
    const Lexer *lexer = &walk->lexer;
    if (walk->depth || lexer_is_operator(lexer, walk->last, ".") ||
        lexer_is(lexer, walk->last, "as"))
        return;
    if (!walk->body)
        walk->body = lexer_is(lexer, token, "atomic") && lexer_is(lexer, walk->last, "begin");
    else if (lexer_is(lexer, token, "case"))
        walk->body++;
    else if (lexer_is(lexer, token, "end"))
        walk->body--;
}

static void follow(Walk *walk, Token token) {
    const Lexer *lexer = &walk->lexer;
    if (token.kind == TOKEN_OPERATOR && token.length == 1) {
        char c = lexer->sql[token.at];
        if (c == '(')
            walk->depth++;
        else if (c == ')' && walk->depth)
            walk->depth--;
    }
    if (walk->head < HEAD_ROUTINE)
        walk->head = next_head(walk, token);
    else if (walk->head == HEAD_ROUTINE)
        follow_body(walk, token);
    else if (walk->head == HEAD_COPY && !walk->depth && lexer_is(lexer, token, "stdin"))
        walk->copies = walk->copies || lexer_is(lexer, walk->last, "from");
    walk->last = token;
    walk->count++;
}

static void begin_statement(Walk *walk) {
    walk->count = walk->depth = walk->body = 0;
    walk->head = HEAD_FIRST;
    walk->last = (Token){.kind = TOKEN_END};
    walk->copies = walk->ended = false;
}

WalkKind walk_next(Walk *walk, Token *token) {
    if (walk->ended) {
        walk->expects_data = walk->copies;
        begin_statement(walk);
    }
    if (walk->expects_data)
        return after_copy(walk, token);
    *token = lexer_next(&walk->lexer);
    switch (token->kind) {
    case TOKEN_END:
        return WALK_END;
    case TOKEN_BAD:
        return WALK_BAD;
    case TOKEN_COMMENT:
        return WALK_COMMENT;
    case TOKEN_META:
        return WALK_META;
    case TOKEN_SEMICOLON:
        walk->ended = !walk->depth && !walk->body;
        if (walk->ended)
            return WALK_CUT;
        break;
    default:
        break;
    }
    follow(walk, *token);
    return WALK_TOKEN;
}
