/* hook: the declarations found in scripts/checks and scripts/hooks, each folder in name order, and
 * the hooks' own life: they are told the events of a run and cannot stop it. Refuses to know what a
 * check asks (verify.h).
 *
 * A file that does not load is FAIL_CONFIG, before anything runs. */
#ifndef HOOK_H
#define HOOK_H

#include "config.h"
#include "script.h"

typedef struct {
    const char *name; /* the file's, without .lua */
    Declaration declaration;
    bool failed; /* it has been said once */
    bool silent; /* it took too long, and is told nothing more */
} Hook;

typedef struct {
    size_t count;
    Hook *at;
} Hooks;

/* What the *.lua of scripts/FOLDER declare, which must be of this kind; those that are not for the
 * environment are left out. `*script` is made when there is something to load. */
bool hook_load(Arena *a, const Config *config, const char *folder, const char *kind,
               Script **script, Hooks *out);
/* The world of a project's scripts. NULL: failed. */
Script *hook_world(Arena *a, const Config *config);

/* Loads the hooks of this process. */
bool hook_open(Arena *a, const Config *config);
/* At its end: nothing is told to them any more. Fine without hook_open. */
void hook_close(void);
/* From now on they are told what happens. One that fails is a warning, once. What happens while a
 * script is at work is told when that is over. */
void hook_listen(void);

#endif
