/* lexer: SQL text to tokens, in linear time whatever the text. Knows PostgreSQL's strings
 * ('' E'' U&'' B'' X'' N''), quoted identifiers, dollar quotes, nested comments, numbers,
 * parameters, operators, psql's backslash lines. Refuses to know what words mean: statements are
 * statement.h's business. */
#ifndef LEXER_H
#define LEXER_H

#include "arena.h"
#include "fail.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    TOKEN_END,    /* of the text */
    TOKEN_WORD,   /* identifier or keyword, as written */
    TOKEN_QUOTED, /* "identifier" (U&"..." too), quotes included */
    TOKEN_STRING, /* every kind of string, dollar quotes too, quotes included */
    TOKEN_NUMBER,
    TOKEN_PARAMETER, /* $1 */
    TOKEN_OPERATOR,  /* operators, brackets, commas, dots, colons: PostgreSQL's longest run */
    TOKEN_SEMICOLON,
    TOKEN_COMMENT, /* -- to the end of its line (the end left out), or the whole of a block */
    TOKEN_META,    /* a psql line: a backslash outside all of the above, to the end of the line */
    TOKEN_BAD, /* a string, quoted identifier, dollar quote or comment that never ends, or NUL */
} TokenKind;

typedef struct {
    TokenKind kind;
    size_t at, length; /* bytes */
    size_t line;       /* from 1; LF, CRLF and a lone CR each end a line */
    size_t line_start; /* where that line begins, in bytes */
} Token;

typedef struct {
    const char *sql;
    size_t length;
    size_t at, line, line_start; /* where the next token is looked for */
    size_t escape_line; /* where an E'' string ended that may go on in another line; or 0 */
    size_t signs_until; /* up to here each + and - is an operator of its own */
} Lexer;

/* A BOM at the start is skipped. */
Lexer lexer_on(const char *sql, size_t length);
Token lexer_next(Lexer *lexer);
/* Skips to a byte offset at or after the present one, counting lines (for COPY data). */
void lexer_skip_to(Lexer *lexer, size_t at);

/* Is the token this word, whatever its case? Only for TOKEN_WORD. */
bool lexer_is(const Lexer *lexer, Token token, const char *word);
/* Is it these characters? Only for TOKEN_OPERATOR. */
bool lexer_is_operator(const Lexer *lexer, Token token, const char *characters);
/* Column of a token, in characters of UTF-8 (or bytes, where it is not UTF-8), from 1. */
size_t lexer_column(const Lexer *lexer, Token token);
/* The length of a text in characters of UTF-8 (or bytes, where it is not UTF-8). */
size_t lexer_characters(const char *text, size_t length);
/* The place of a byte of a text that ends with a NUL, for messages. */
FailPlace lexer_place(Arena *a, const char *file, const char *text, size_t byte);

#endif
