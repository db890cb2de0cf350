/* migration: one file under the migrations folder: version, name, kind, checksum. Refuses to know
 * what the ledger says of it. */
#ifndef MIGRATION_H
#define MIGRATION_H

#include "file.h"
#include "script.h"
#include "sqlfile.h"

/* A line of what `stint new` writes: a SQL file that has it and no statement was never written. */
#define MIGRATION_UNWRITTEN \
    "Runs in one transaction together with its entry in the ledger, unless it holds a statement"

typedef enum {
    MIGRATION_SQL,
    MIGRATION_LUA,
    MIGRATION_BACKFILL,
    MIGRATION_REPEATABLE
} MigrationKind;

typedef struct {
    const char *id;      /* what the ledger knows it by: here its version */
    const char *version; /* the leading digits */
    const char *name;    /* file name without its ending: "20260127120000_add_user_profile" */
    const char *path;
    const char *down_path; /* a twin NAME.down.sql, or NULL */
    MigrationKind kind;    /* a Lua file is MIGRATION_LUA until it is declared */
    Bytes text, down_text; /* after migration_read */
    const char *checksum;  /* SHA-256 of the bytes, after migration_read, or known without it */
    const char *tokens;    /* what an edit is judged by; after migration_tokens or _open */
    const char *down_tokens;
    SqlFile *sql;            /* after migration_open, for SQL, repeatable or not; else NULL */
    Declaration declaration; /* after migration_open, for Lua */
    bool is_open;
} Migration;

typedef struct {
    size_t count;
    Migration *at; /* in the order of their versions */
} Migrations;

/* Is it named as a migration's file is, its down file apart? */
bool migration_is_source(const char *name);
/* The files of a folder, unread. FAIL_LEDGER for two files of one version, FAIL_CONFIG for a
 * name without a version, a folder called x.sql, a down file without its up. */
bool migration_list(Arena *a, const char *folder, Migrations *out);
bool migration_read(Arena *a, Migration *m);   /* text and checksum */
bool migration_tokens(Arena *a, Migration *m); /* reads if need be */
/* Everything: statements of SQL, the declaration of Lua. `script` may be NULL for SQL. */
bool migration_open(Arena *a, Migration *m, Script *script);
/* Is `word` the name without its version? */
bool migration_is_called(const char *version, const char *name, const char *word);
/* Has it a way down? After migration_open, of which `sql` tells SQL from Lua. */
bool migration_has_down(const Migration *m);
/* By version, full name or path, or by the name without its version where only one has it; NULL:
 * FAIL_USAGE with the nearest. */
Migration *migration_find(const Migrations *all, const char *word);
const char *migration_kind(MigrationKind kind);
/* Versions are numbers of any length: <0, 0, >0. */
int migration_order(const char *version_a, const char *version_b);
/* SHA-256 of a text with its line ends normalised: what Lua is judged by. */
const char *migration_lua_tokens(Arena *a, const char *text, size_t length);

#endif
