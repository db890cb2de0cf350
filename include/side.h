/* side: one of two schemas that are compared: what an environment's database holds, what the
 * project's files make of an empty one, what is in a dump. Refuses to change any of them. */
#ifndef SIDE_H
#define SIDE_H

#include "catalog.h"
#include "script.h"

typedef enum { SIDE_ENVIRONMENT, SIDE_FILES, SIDE_DUMP } SideKind;
/* Each server has roles of its own: are owners and grants looked at? */
typedef enum { SIDE_IMPERSONAL, SIDE_WITH_ROLES } SideSight;

typedef struct {
    SideKind kind;
    const char *word;   /* as it was typed */
    const char *called; /* for people */
    Config *config;     /* of the environment; of the others: the one that they are compared with */
    const char *others; /* schemas that are left out, as in CatalogScope */
    int server;         /* 150020 for 15.20 */
    Strings lacks;      /* what a copy of a dump goes without */
    PgRows objects;     /* catalog.h */
} Side;

/* What a word means: an environment of config.ini, `files:`, or a file that is there. */
bool side_choose(Arena *a, const Config *here, const char *word, Side *out);
/* Fills the rest; `config` and `others` are set. */
bool side_read(Arena *a, SideSight sight, Side *side);

#endif
