/* catalog: what a database holds, described object by object (tables, columns, constraints,
 * indexes, views, functions, types, rights, comments ...), and what differs between two such
 * descriptions. What extensions brought with them and the ledger's schema do not count; nor do
 * rows. Refuses to know why it differs. */
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

/* The same as part of a transaction. */
typedef struct {
    Pg *pg;
    Arena *arena;
    CatalogScope scope;
    const char *home; /* the one schema that counts; NULL: all do */
} CatalogLook;

/* Opens it with the statement `begin`; whoever opened it ends it. */
bool catalog_begin(CatalogLook *look, const char *begin);
bool catalog_list(const CatalogLook *look, PgRows *out);

/* Nothing is borrowed. */
CatalogDifferences catalog_compare(Arena *a, const PgRows *was, const PgRows *is);
/* For people: parts of a table that came or went as a whole are not told apart. */
CatalogDifferences catalog_wholes(Arena *a, const CatalogDifferences *all);
const char *catalog_change(CatalogChange change); /* "added" */
/* "changed column public.users.email" */
const char *catalog_name(Arena *a, const CatalogDifference *difference);
/* Its name, and below, behind `indent`, the lines that differ. */
const char *catalog_say(Arena *a, const CatalogDifference *difference, const char *indent);
/* A list of { change, kind, name, before, after }. */
Json *catalog_json(Arena *a, const CatalogDifferences *differences);

#endif
