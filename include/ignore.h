/* ignore: keeps files out of a git repository by a line in a .gitignore. Refuses to know what is in
 * them. */
#ifndef IGNORE_H
#define IGNORE_H

#include "arena.h"

#include <stdbool.h>

/* Adds a line to the end of a .gitignore, which is made where there is none. */
bool ignore_add(Arena *a, const char *path, const char *line);
/* The .gitignore beside a file that is nobody else's gets a line for it, and says so; nothing is
 * done outside of a repository, or where git ignores it already. */
bool ignore_secret(Arena *a, const char *path);

#endif
