/* manual: what is written about settings, made from their table: `stint help config` and the
 * config.ini that `stint init` writes. Refuses to know values. */
#ifndef MANUAL_H
#define MANUAL_H

#include "arena.h"

#include <stdio.h>

/* Every key with sections, type, default and meaning. */
void manual_help(FILE *out);
/* The config.ini that is checked in: every key of note, explained. */
const char *manual_sample(Arena *a);

#endif
