/* mould: a copy of a schema on the scratch server: of a database's, made by its own pg_dump and
 * psql, or of what is in a dump. What that server lacks is named, and the copy goes without it.
 * Refuses to know what the copy is for. */
#ifndef MOULD_H
#define MOULD_H

#include "client.h"
#include "scratch.h"
#include "script.h"

typedef struct {
    Scratch scratch;
    Config *config; /* for the copy */
    const char *database;
    Strings lacks; /* what it does not have, as people read it; none: it is the same */
} Mould;

/* `target` NULL: the database is not there yet, and the copy is an empty one. What is done with
 * mould_close must be done whatever this answers. */
bool mould_make(Arena *a, const Config *config, const Pg *target, Mould *out);
/* The same of a dump, whose schema alone is taken where it is one of pg_restore's formats. */
bool mould_take(Arena *a, const Config *config, const char *path, Mould *out);
/* Nothing is left. */
void mould_close(Mould *mould);
void mould_lacks(Arena *a, Mould *mould, const char *what);

#endif
