/* testbed: the database that a spec file works with: a scratch database made when it is first asked
 * for, the session of `db` in it, models to copy it from. Refuses to know Lua and busted. */
#ifndef TESTBED_H
#define TESTBED_H

#include "scratch.h"

typedef struct TestbedModel TestbedModel;

typedef struct {
    Arena *arena, *here; /* the run's; the present database's */
    const Config *project;
    Scratch scratch;  /* open when the first database is asked for */
    const char *name; /* of the present database, or NULL */
    Config *config;   /* for it */
    Pg *pg;           /* a session in it, or NULL */
    TestbedModel *model;
} Testbed;

Testbed testbed_on(Arena *a, const Config *project);
/* There is a database from now on: the present one, or a new one. False: failed. */
bool testbed_database(Testbed *bed);
/* And a session in it. */
bool testbed_connect(Testbed *bed);
/* Drops the present database; with a model, makes a copy of that in its place. */
bool testbed_fresh(Testbed *bed, const char *model);
/* The present database becomes a model: its name. NULL: failed. */
const char *testbed_model(Testbed *bed);
/* A spec file is over: its database and its models are dropped. */
void testbed_forget(Testbed *bed);
/* The run is over. */
void testbed_close(Testbed *bed);

#endif
