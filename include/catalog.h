/* catalog: what a database holds, described object by object (tables, columns, constraints,
 * indexes, views, functions, types, rights, comments ...), the last such description in the ledger,
 * and what differs between two of them. What extensions brought with them and the ledger's schema
 * do not count; nor do rows. Refuses to know why it differs. */
#ifndef CATALOG_H
#define CATALOG_H

#include "config.h"
#include "json.h"
#include "pg.h"

typedef enum { CATALOG_ADDED, CATALOG_REMOVED, CATALOG_CHANGED } CatalogChange;

typedef struct {
    CatalogChange change;
    const char *kind, *name; /* "column", "public.users.email" */
    const char *was, *is;    /* how it is made; NULL: it was not there, it is gone */
} CatalogDifference;

typedef struct {
    size_t count;
    CatalogDifference *at; /* by name */
} CatalogDifferences;

/* What is left out. */
typedef struct {
    const char *ledger_schema;
    const char
        *others; /* schemas that are not the project's, as keep_schemas names them, or NULL */
} CatalogScope;

CatalogScope catalog_scope(const Config *config);
/* One row an object: kind, name, definition; by name. The session is in no transaction. */
bool catalog_read(Pg *pg, Arena *a, CatalogScope scope, PgRows *out);

/* Of what was kept in the ledger last. */
typedef struct {
    const char *at; /* RFC 3339; NULL: nothing is kept */
    const char *who, *command;
    long long run;          /* 0: people accepted it */
    int server, server_now; /* major versions: each words definitions its own way */
    PgRows objects;
} CatalogKept;

/* Is it kept at the end of each run? */
bool catalog_is_kept(const Config *config);
/* Into the ledger, in place of what was kept before. */
bool catalog_keep(Pg *pg, Arena *a, CatalogScope scope, long long run);
bool catalog_kept(Pg *pg, Arena *a, const char *ledger_schema, CatalogKept *out);

/* Parts of a table that came or went as a whole are not told apart. Nothing is borrowed. */
CatalogDifferences catalog_compare(Arena *a, const PgRows *was, const PgRows *is);
const char *catalog_change(CatalogChange change); /* "added" */
/* "changed column public.users.email", and below, behind `indent`, the lines that differ. */
const char *catalog_say(Arena *a, const CatalogDifference *difference, const char *indent);
/* A list of { change, kind, name, before, after }. */
Json *catalog_json(Arena *a, const CatalogDifferences *differences);

#endif
