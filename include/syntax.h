/* syntax: one SQL statement to its parse tree. Only syntax.c knows libpg_query. Refuses to cut
 * texts into statements (statement.h) and to know what a tree means.
 *
 * No text crashes it: what the parser cannot hold (very long, very deep) is not handed over.
 * "Cannot parse" is an answer, no failure: the parser has the grammar of one version of PostgreSQL,
 * and the text may be for a newer one. */
#ifndef SYNTAX_H
#define SYNTAX_H

#include "arena.h"

#include <stddef.h>

typedef enum {
    SYNTAX_PARSED,
    SYNTAX_UNPARSED, /* the parser says no: `message`, at the character `at` (from 1; 0: unknown) */
    SYNTAX_OPAQUE,   /* too much for the parser: `message` */
} SyntaxState;

typedef struct {
    SyntaxState state;
    const char *json; /* of SYNTAX_PARSED, as libpg_query writes it */
    const char *message;
    size_t at;
} Syntax;

Syntax syntax_parse(Arena *a, const char *sql, size_t length);
/* The body of a CREATE FUNCTION ... LANGUAGE plpgsql, or of a DO block: what it consists of. */
Syntax syntax_routine(Arena *a, const char *sql, size_t length);

#endif
