/* walk: the tokens of a SQL text in order, and where each statement ends, as psql cuts: not within
 * parentheses, not within the BEGIN ATOMIC ... END of a routine; the data lines of COPY FROM STDIN
 * come as one piece. Refuses to know what a statement does. */
#ifndef WALK_H
#define WALK_H

#include "lexer.h"

typedef enum {
    WALK_TOKEN, /* of a statement */
    WALK_COMMENT,
    WALK_META,  /* a psql line */
    WALK_CUT,   /* the semicolon that ends a statement (or an empty one) */
    WALK_DATA,  /* the data of the COPY before it; nothing is said where there is none */
    WALK_STRAY, /* what follows the semicolon of a COPY FROM STDIN in its line */
    WALK_BAD,   /* never ends, or a NUL; WALK_END comes next */
    WALK_END,
} WalkKind;

typedef struct {
    Lexer lexer;
    Token last;        /* the token before, within the statement */
    size_t count;      /* tokens of the statement so far; WALK_CUT leaves it until the next call */
    size_t depth;      /* of parentheses */
    size_t body;       /* of BEGIN ATOMIC and CASE */
    int head;          /* what the first words have told */
    bool copies;       /* the statement is COPY ... FROM STDIN */
    bool ended;        /* the call before gave WALK_CUT */
    bool expects_data; /* its data lines begin with the next line */
} Walk;

Walk walk_on(const char *text, size_t from, size_t to);
/* WALK_DATA's token is the data lines without the line "\." (its kind says nothing). */
WalkKind walk_next(Walk *walk, Token *token);

#endif
