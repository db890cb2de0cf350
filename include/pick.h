/* pick: which of the backfills is meant, by the name that was typed or because it is the only one
 * that can be. Refuses to know what is to be done with it. */
#ifndef PICK_H
#define PICK_H

#include "config.h"
#include "standing.h"

typedef struct {
    Arena *arena;
    const Config *config;
    const Standings *all;
    const char *name; /* as it was typed, or NULL */
} Pick;

/* The one that is named, or the only one in one of `states` (ended by NULL), or else in the state
 * `so` (or NULL). NULL: failed; `word` is what was to be done. */
Standing *pick_one(const Pick *pick, const char *word, const char *const *states, const char *so);
/* The failure for a name that no backfill has. */
bool pick_unknown(const Pick *pick);

#endif
