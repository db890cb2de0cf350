/* stage: a scratch database on which migrations go up and down, with all that Stint does for them
 * but gates, rules and checks; and what its schema is after each of them. Refuses to judge. */
#ifndef STAGE_H
#define STAGE_H

#include "catalog.h"
#include "fail.h"
#include "scratch.h"

/* One file; `name` tells its events, `version` how far to go up, `id` what goes down. */
typedef struct {
    const char *id, *version, *name;
} StageFile;

typedef struct {
    Arena *arena, *looks; /* its own; of what was looked at */
    Scratch *scratch;
    const char *model; /* what each database is a copy of; NULL: an empty one */
    const char *database;
    Config *config;
    Pg *eye;
    size_t count;
    const StageFile *file; /* in their order */
    size_t position;       /* so many are applied */
    PgRows *seen;          /* by file: where the present looks go */
    Failure blind;         /* why a look failed; kind FAIL_NONE: none did */
} Stage;

/* A new database in place of the present one. */
bool stage_begin(Stage *stage);
void stage_end(Stage *stage);
/* What it holds now, in `looks`. */
bool stage_look(Stage *stage, PgRows *out);
/* Applies the files before `end`; with the last, unless looks are wanted, repeatable ones too.
 * `seen`: a look after each file, by its index; or NULL. */
bool stage_climb(Stage *stage, size_t end, PgRows *seen);
/* Rolls back the last `count`, the newest first. */
bool stage_descend(Stage *stage, size_t count, PgRows *seen);

#endif
