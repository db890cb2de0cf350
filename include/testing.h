/* testing: a Lua state of its own, with the whole standard library, in which busted runs the specs
 * of the team; require "stint.testing" is their way to scratch databases, to the engine and to the
 * team's scripts, which stay in a sandbox beside it. Refuses to know how migrations are applied:
 * the desk brings that. */
#ifndef TESTING_H
#define TESTING_H

#include "config.h"

#include <stddef.h>

/* Which migrations a spec wants applied: the one called `only`, or all up to `to`, or all. */
typedef struct {
    const char *to, *only; /* version, name or path; or NULL */
} TestingFiles;

typedef enum { TESTING_SHORT, TESTING_LONG, TESTING_JSON } TestingReport;

typedef struct {
    const Config *config;
    size_t count;
    const char *const *path; /* spec files and folders */
    const char *filter;      /* a Lua pattern that a spec's name must match, or NULL */
    TestingReport report;
    /* Applies (or takes back) the files to the database of `config`; `*done` counts them. */
    bool (*apply)(Arena *a, const Config *config, const TestingFiles *files, long *done);
    bool (*revert)(Arena *a, const Config *config, const TestingFiles *files);
} TestingWanted;

/* Runs and prints them; scratch databases are dropped, whatever happens. `*failed` counts specs;
 * false is for what keeps them from running at all: no busted, no spec, Ctrl-C. */
bool testing_run(Arena *a, const TestingWanted *wanted, long *failed);

#endif
