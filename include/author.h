/* author: whose text a migration is: the e-mail of the last commit that changed the file, by git,
 * and the database role that [people] of config.ini names for it. What cannot be known for certain
 * (changes that are not committed, a clone without its history) is unknown, and says why. Refuses
 * to know what follows from it. */
#ifndef AUTHOR_H
#define AUTHOR_H

#include "config.h"
#include "migration.h"

typedef struct {
    const char *email; /* NULL: unknown */
    const char *role;  /* NULL: unknown, or nobody in [people] has that e-mail */
    const char *why;   /* there is no role; NULL: there is one */
    const char *next;  /* what to do about that; NULL as well */
} Author;

Author author_of(Arena *a, const Config *config, const Migration *m);

#endif
