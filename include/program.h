/* program: one of somebody else's (pg_dump, psql), run to its end in a process group of its own, so
 * that a Ctrl-C reaches it by our hand alone. A stop (stop.h) ends it. What it says on stderr is
 * kept, for the failure that tells its end. Refuses to know what it does. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "arena.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct {
    const char *const *argv;      /* argv[0] is its path; ended by NULL */
    const char *const *variables; /* "NAME=value", before our own; ended by NULL, or NULL */
    int input, output;            /* its stdin and stdout; -1: nothing, and kept */
} ProgramWanted;

typedef struct Program Program;

/* NULL: it cannot be started. */
Program *program_start(Arena *a, const ProgramWanted *wanted);
/* Waits for its end and tells it: true if it ended with 0; else FAIL_ERROR with its last words as
 * DETAIL, or FAIL_INTERRUPTED after a stop. `tick` (or NULL) is called about every second. */
bool program_wait(Program *program, void (*tick)(void *with), void *with);
/* Asks it to end, by force if that does not help; it is over when this returns. */
void program_end(Program *program);
/* What it has written so far, when stdout was kept; what it has said on stderr. */
const char *program_output(Arena *a, const Program *program);
const char *program_words(Arena *a, const Program *program);

#endif
