/* pour: puts what is in an archive into a database, by pg_restore and psql, in one transaction with
 * SQL of ours before and after it: all of it is there at the end, or nothing has changed. Refuses
 * to know whether that is wanted. */
#ifndef POUR_H
#define POUR_H

#include "archive.h"
#include "client.h"
#include "script.h"

typedef struct {
    const Archive *archive;
    const Client *client;       /* of the database that takes it */
    const char *before, *after; /* scripts for psql; "" is fine */
    Strings schemas;            /* that are there and stay: they are not made again */
    Strings options;            /* for pg_restore, such as --no-owner */
} Pour;

/* False: failed, and the failure has the server's own SQLSTATE where it was the server's. */
bool pour_into(Arena *a, const Pour *pour);

/* What pg_restore lists of it; NULL: failed. */
const char *pour_list(Arena *a, const Client *client, const char *path);
/* Reads it to its end, as pouring would. */
bool pour_read(Arena *a, const Client *client, ArchiveFormat format, const char *path);

#endif
