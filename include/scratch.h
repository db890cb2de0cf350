/* scratch: throw-away databases on the scratch server (`scratch` in config.ini; local: is the
 * private one). Their names carry the run that made them, and the run's session holds an advisory
 * lock for as long as it lives: what a killed run has left is dropped by the next one, and what a
 * living run uses is left alone. Refuses to know what is put into them. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "config.h"
#include "pg.h"
#include "pgurl.h"

typedef struct {
    Arena *arena;
    const Config *config;
    Pg *pg; /* to the server's maintenance database; NULL: not open */
    PgUrl url;
    const char *run;   /* "20261122205541_1f0c2a_4711_815" */
    const char *place; /* for people */
    long made;
} Scratch;

/* Connects, and drops what killed runs have left. False: failed. */
bool scratch_open(Arena *a, const Config *config, Scratch *out);
/* A new database, a copy of `model` (nobody may be connected to that), or of template1 if it is
 * NULL. */
bool scratch_make(Scratch *scratch, Arena *a, const char *model, const char **name);
/* Ends its sessions and drops it. Not even a stop interrupts it. */
bool scratch_drop(Scratch *scratch, const char *name);
/* Drops all that is left of this run, whatever happened; the failure stays what it was. */
void scratch_close(Scratch *scratch);

/* A URL of a database there. It holds the password, if the server wants one. */
const char *scratch_url(Arena *a, const Scratch *scratch, const char *name);
/* The project's configuration, as it is for that database: unprotected, under the role of the
 * scratch server, with the search_path of the environment. */
Config *scratch_config(Arena *a, const Scratch *scratch, const char *name);
/* Is the present failure about something that a server may lack (an extension, a role)? */
bool scratch_lacks(void);
/* If the present failure is about something that this server lacks, its hint says so. */
bool scratch_explain(const Scratch *scratch);

#endif
