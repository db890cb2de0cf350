/* directive: a comment line `-- stint: WORD ...` of a SQL migration, told from other comments and
 * read into what it says. Refuses to know what is done about it. */
#ifndef DIRECTIVE_H
#define DIRECTIVE_H

#include "arena.h"
#include "lexer.h"

#include <stdbool.h>
#include <stddef.h>

/* `allow RULE [OBJECT] reason="..." [until=DATE] [for=STATEMENT]` */
typedef struct {
    const char *rule, *object, *reason, *until;
    const char *statement; /* the first digits of its fingerprint, or NULL */
    size_t line;
} Waiver;

typedef struct {
    bool no_transaction;
    long long lock_timeout, statement_timeout; /* ms; -1: not said */
    size_t requires_count;
    const char **requires; /* versions */
    size_t environments_count;
    const char **environments; /* names; none: everywhere */
    size_t waiver_count;
    Waiver *waivers;
    const char *downtime, *rollback; /* texts, or NULL */
} Directives;

/* Nothing said. */
Directives directive_none(void);
bool directive_is(const char *text, Token comment);
/* Is it the line `-- stint: down`, whatever may follow on it? */
bool directive_is_down(const char *text, Token comment);
/* One directive more. Fails with FAIL_CONFIG and the place of the wrong word. */
bool directive_read(Arena *a, const char *file, const char *text, Token comment, Directives *out);
/* What it says, each run of blanks one: what an edit is judged by. */
const char *directive_text(Arena *a, const char *text, Token comment);

#endif
