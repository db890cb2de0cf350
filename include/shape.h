/* shape: what a statement is, told from its first words: a table of patterns. Refuses to know
 * what a parser knows, so that no text is too long or too new for it. */
#ifndef SHAPE_H
#define SHAPE_H

#include "lexer.h"
#include "statement.h"

enum { SHAPE_TOKENS = 64 }; /* that it wants to see of a statement at most */

typedef struct {
    const Lexer *lexer;
    const Token *at;
    size_t count; /* tokens at `at` */
    bool whole;   /* they are all of the statement */
} ShapeTokens;

/* Fills kind, solo, words, object, table and the flags that words tell. */
void shape_of(Arena *a, ShapeTokens tokens, Statement *out);

#endif
