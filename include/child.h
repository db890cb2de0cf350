/* child: this program once more, exec'd (never a bare fork: libpq forbids it; and no shell). What
 * was given to us as a flag reaches it by its environment, never by its arguments, which everybody
 * can read. It is in a process group of its own: Ctrl-C is for the parent, which lets it come to a
 * good end. Refuses to know what it does. */
#ifndef CHILD_H
#define CHILD_H

#include "config.h"

#include <sys/types.h>

enum { CHILD_NOWHERE = -1 };

typedef struct {
    const Config *config;
    const char *const *words;     /* the command, its words and options, ended by NULL */
    const char *const *variables; /* "NAME=value", before all others; ended by NULL */
    int out, err;                 /* descriptors for what it writes, or CHILD_NOWHERE */
} Child;

bool child_start(const Child *child, pid_t *pid);

#endif
