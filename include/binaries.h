/* binaries: where PostgreSQL's own programs are installed. Refuses to run them (but for
 * pg_config, which knows where the others are). */
#ifndef BINARIES_H
#define BINARIES_H

#include "arena.h"

typedef struct {
    const char *server_bin; /* the setting; only this folder counts then. Or NULL */
    const char *project;    /* for node_modules; or NULL */
    int major;              /* this version first; 0: any, the newest first */
} BinariesWanted;

/* The folder that holds `program` (psql, pg_dump, initdb, postgres). NULL: FAIL_CONFIG, with what
 * to install. */
const char *binaries_folder(Arena *a, const BinariesWanted *wanted, const char *program);

#endif
