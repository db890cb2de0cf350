/* wipe: empties a database: drops it and makes it again where our role may, else drops, in one
 * transaction, what our role owns outside of extensions and of keep_schemas; the ledger goes with
 * it, and where our role may not drop that, nothing does. Refuses to ask whether that is meant. */
#ifndef WIPE_H
#define WIPE_H

#include "config.h"
#include "pg.h"
#include "script.h"

typedef enum { WIPE_DATABASE, WIPE_OBJECTS } WipeWay;

typedef struct {
    WipeWay way;
    const char *database;
    const char *size;     /* "8123 kB" */
    long long tables;     /* for WIPE_DATABASE */
    long long sessions;   /* of others, which will be ended; for WIPE_DATABASE */
    bool has_settings;    /* grants or ALTER DATABASE ... SET, which are lost; for WIPE_DATABASE */
    const char *create;   /* the statement that makes it again */
    Strings object, drop; /* for WIPE_OBJECTS, in the order of their dropping */
    const char *keep;     /* the schemas that stay, as an array */
} Wipe;

/* What would go, and how. */
bool wipe_look(Pg *pg, Arena *a, const Config *config, Wipe *out);
/* The same, where the database itself is to stay: WIPE_OBJECTS. */
bool wipe_look_inside(Pg *pg, Arena *a, const Config *config, Wipe *out);
/* For WIPE_DATABASE the session is dead afterwards. */
bool wipe_do(Pg *pg, Arena *a, const Config *config, const Wipe *wipe);
/* WIPE_OBJECTS as a script for psql, to be followed by more in the same transaction. It stops at
 * the first error, and where more would go than was looked at. */
bool wipe_script(Pg *pg, Arena *a, const Config *config, const Wipe *wipe, const char **out);
/* keep_schemas. False: it holds the ledger's (FAIL_CONFIG). */
bool wipe_keep(Arena *a, const Config *config, Strings *out);

#endif
