/* client: PostgreSQL's own client programs (pg_dump, pg_restore, psql), those of the server's
 * major version, and how they are told where that is: the password in their environment, all else
 * in their arguments. Refuses to know what they are to do. */
#ifndef CLIENT_H
#define CLIENT_H

#include "config.h"
#include "pg.h"

typedef struct {
    const char *folder;
    const char *conninfo;         /* without its password: for -d */
    const char *const *variables; /* for program.h */
} Client;

/* For the database that `pg` is connected to. False: FAIL_CONFIG, with what to install. */
bool client_find(Arena *a, const Config *config, const Pg *pg, Client *out);
/* The same programs for another database, whose URL this is. */
bool client_for(Arena *a, const Client *client, const char *url, Client *out);
/* Of what such a program says of its version ("pg_dump (PostgreSQL) 15.14"), the 15; 0: nothing. */
int client_major(Arena *a, const char *path);
/* "/usr/lib/postgresql/15/bin/psql" */
const char *client_program(Arena *a, const Client *client, const char *name);
/* An argument of pg_dump that leaves this schema out. */
const char *client_without(Arena *a, const char *schema);

#endif
