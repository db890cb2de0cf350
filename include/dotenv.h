/* dotenv: variables: the environment first, then a .env file, which never overrides a variable
 * that is set; and ${VAR} in a text. Notes which values came from the file. Refuses to know
 * settings, and never changes the process's environment.
 *
 * .env: NAME=value, `export ` before it, 'literal', "with \n, \", \\, \$ and ${VAR}", # comments,
 * CRLF. A quoted value may go over several lines. */
#ifndef DOTENV_H
#define DOTENV_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    const char *name, *value;
    size_t line;
    bool used;
} DotenvEntry;

typedef struct {
    const char *file; /* as messages show it */
    size_t count;
    DotenvEntry *entry;
} Dotenv;

/* No file is an empty one. False: it is there and cannot be read. */
bool dotenv_read(Arena *a, const char *path, Dotenv *out);
/* NULL: not set. `*line` is 0 if it came from the environment; may be NULL. */
const char *dotenv_get(Dotenv *dotenv, const char *name, size_t *line);
/* The names of the values that were used, "A, B", or NULL; and the line of the first. */
const char *dotenv_used(Arena *a, const Dotenv *dotenv, size_t *line);

typedef enum {
    DOTENV_EXPANDED,
    DOTENV_UNSET,   /* a ${VAR} without a default is not set: FAIL_CONFIG names it */
    DOTENV_REFUSED, /* a ${VAR:?message} is not set: FAIL_CONFIG with its message */
    DOTENV_UNCLEAR, /* ${ without its end, or not followed by a name: FAIL_CONFIG */
} DotenvResult;

/* ${VAR}, ${VAR:-default} (which may hold another), ${VAR:?message}; `$$` and `$VAR` stay. */
DotenvResult dotenv_expand(Arena *a, Dotenv *dotenv, const char *text, const char **out);

#endif
