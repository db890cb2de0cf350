/* meta: psql's backslash lines in a migration: those that change nothing are let through, what
 * cannot be honoured is refused with what to write instead. Refuses to carry any of them out. */
#ifndef META_H
#define META_H

#include "lexer.h"

/* A line between two statements. */
bool meta_check(const char *file, const char *text, Token line);
/* A line within a statement: always refused. */
bool meta_refuse(const char *file, const char *text, Token line);

#endif
